//! Gives the shared library its name for the loader: what was linked with one version of libflymq
//! runs with each later one of the same major version.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let version = std::env::var("CARGO_PKG_VERSION_MAJOR").expect("cargo sets it");
    let system = std::env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    match system.as_str() {
        "macos" | "ios" => println!(
            "cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libflymq.{version}.dylib"
        ),
        "windows" => {}
        _ => println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libflymq.so.{version}"),
    }
}
