//! The version of the library that runs, which may be newer than that of the header.

use std::ffi::c_char;

use crate::boundary;
use crate::text::c_string;

/// The version of the library, such as "0.1.0"; FLYMQ_VERSION is that of the header. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_version() -> *const c_char {
    boundary::get(std::ptr::null(), || {
        static VERSION: std::sync::OnceLock<std::ffi::CString> = std::sync::OnceLock::new();
        Some(VERSION.get_or_init(|| c_string(env!("CARGO_PKG_VERSION"))).as_ptr())
    })
}

/// The version of the library as one number: major × 1,000,000 + minor × 1,000 + patch.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_version_number() -> u32 {
    boundary::get(0, || {
        let part = |text: &str| text.parse::<u32>().ok();
        let major = part(env!("CARGO_PKG_VERSION_MAJOR"))?;
        let minor = part(env!("CARGO_PKG_VERSION_MINOR"))?;
        Some((major * 1_000 + minor) * 1_000 + part(env!("CARGO_PKG_VERSION_PATCH"))?)
    })
}
