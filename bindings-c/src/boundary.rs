//! The boundary around each exported function: no panic gets out, every failure becomes a code.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flymq_core::{Error, ErrorCode, Result};

use crate::error::flymq_error;
use crate::key_source::check_not_asking;

/// Where a function puts a pointer to what it makes.
pub type Out<'a, T> = Option<&'a mut MaybeUninit<*mut T>>;
/// Where a function puts a number, unless the caller does not want it.
pub type Number<'a, T> = Option<&'a mut MaybeUninit<T>>;

/// The code of success.
const OK: i32 = 0;

/// Runs a function that may fail: returns its code, and gives the caller the error if there is one
/// and it is wanted.
pub fn call(error: Out<'_, flymq_error>, body: impl FnOnce() -> Result<()>) -> i32 {
    let (code, failure) = match guarded(|| check_not_asking().and_then(|()| body())) {
        Ok(()) => (OK, std::ptr::null_mut()),
        Err(failure) => {
            let code = failure.code_number().into();
            match error {
                Some(_) => (code, Box::into_raw(Box::new(flymq_error::new(failure)))),
                None => return code,
            }
        }
    };
    if let Some(error) = error {
        error.write(failure);
    }
    code
}

/// As [`call`], for a function that makes something: NULL where it fails.
pub fn make<T>(
    out: Out<'_, T>,
    error: Out<'_, flymq_error>,
    body: impl FnOnce() -> Result<T>,
) -> i32 {
    make_some(out, error, || body().map(Some))
}

/// As [`make`], for a function that may find nothing: then NULL, without an error.
pub fn make_some<T>(
    out: Out<'_, T>,
    error: Out<'_, flymq_error>,
    body: impl FnOnce() -> Result<Option<T>>,
) -> i32 {
    call(error, || {
        let out = out.ok_or_else(|| invalid("the place for the result is NULL"))?;
        out.write(std::ptr::null_mut());
        if let Some(made) = body()? {
            out.write(Box::into_raw(Box::new(made)));
        }
        Ok(())
    })
}

/// Runs a function that cannot fail but for a NULL argument, and returns `otherwise` then.
pub fn get<T>(otherwise: T, body: impl FnOnce() -> Option<T>) -> T {
    guarded(|| Ok(body())).ok().flatten().unwrap_or(otherwise)
}

/// Frees what the caller gives back. NULL is harmless.
pub fn free<T>(owned: Option<Box<T>>) {
    // A panic while dropping has nobody to be told to.
    let _ = guarded(|| {
        drop(owned);
        Ok(())
    });
}

/// Gives the caller a number.
pub fn put<T>(out: Number<'_, T>, value: T) {
    if let Some(out) = out {
        out.write(value);
    }
}

/// Turns a panic into an error.
pub fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("panic");
        Err(Error::new(ErrorCode::Panic, "call", message))
    })
}

/// The error for an argument that cannot be.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, "call", message)
}

/// What a pointer must point to.
pub fn given<'a, T: ?Sized>(argument: Option<&'a T>, name: &str) -> Result<&'a T> {
    argument.ok_or_else(|| invalid(format!("{name} is NULL")))
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::error::{flymq_error_free, flymq_error_message};

    #[test]
    fn a_panic_is_an_error() {
        let mut error = MaybeUninit::uninit();
        let code = call(Some(&mut error), || panic!("out of {}", "cheese"));
        assert_eq!(code, ErrorCode::Panic as i32);
        // SAFETY: it was written, and is not freed yet.
        let error = unsafe { Box::from_raw(error.assume_init()) };
        let message = flymq_error_message(Some(&error));
        // SAFETY: the message lives as long as the error.
        assert_eq!(unsafe { CStr::from_ptr(message) }, c"out of cheese");
        flymq_error_free(Some(error));
        assert_eq!(call(None, || panic!("unheard")), ErrorCode::Panic as i32);
        assert_eq!(get(7, || panic!("unheard")), 7);
    }

    #[test]
    fn success_leaves_no_error_and_failure_no_result() {
        let mut error = MaybeUninit::uninit();
        let mut made = MaybeUninit::uninit();
        assert_eq!(make(Some(&mut made), Some(&mut error), || Ok(5)), OK);
        // SAFETY: both were written.
        let (made, none) = unsafe { (Box::from_raw(made.assume_init()), error.assume_init()) };
        assert!(*made == 5 && none.is_null());
        let mut made = MaybeUninit::<*mut i32>::uninit();
        assert_ne!(make(Some(&mut made), None, || Err(invalid("no"))), OK);
        // SAFETY: it was written.
        assert!(unsafe { made.assume_init() }.is_null());
        assert_ne!(make(None::<&mut MaybeUninit<*mut i32>>, None, || Ok(5)), OK);
    }

    /// Every exported function has to be inside the boundary, accessors too.
    #[test]
    fn no_function_is_exported_without_the_boundary() {
        let mut functions = 0;
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
            let path = file.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            for exported in source.split("#[unsafe(no_mangle)]\n").skip(1) {
                let (signature, body) = exported.split_once(" {\n").unwrap();
                let within = body.trim_start().starts_with("boundary::");
                assert!(within, "{}: {signature}", path.display());
                functions += 1;
            }
        }
        assert!(functions > 100, "{functions}");
    }
}
