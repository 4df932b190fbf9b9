//! Arguments about TLS.

use std::path::PathBuf;

use flymq_broker::ClientAuth;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::Data;

/// What two arguments say of which one may be given: a file, or what would be in it.
pub fn pem<P>(
    name: &str,
    file: Option<PathBuf>,
    text: Option<Data>,
    from_file: fn(PathBuf) -> P,
    from_text: fn(Vec<u8>) -> P,
) -> PyResult<Option<P>> {
    match (file, text) {
        (Some(_), Some(_)) => Err(PyValueError::new_err(format!(
            "give one of tls_{name}_file and tls_{name}_pem, not both"
        ))),
        (Some(file), None) => Ok(Some(from_file(file))),
        (None, text) => Ok(text.map(|text| from_text(text.0.to_vec()))),
    }
}

/// Whether a `tls_min_version` is 1.3 rather than 1.2.
pub fn is_1_3(version: &str) -> PyResult<bool> {
    match version {
        "1.2" => Ok(false),
        "1.3" => Ok(true),
        other => Err(PyValueError::new_err(format!(
            "tls_min_version must be \"1.2\" or \"1.3\", not {other:?}"
        ))),
    }
}

/// A broker's `tls_client_auth`.
pub fn client_auth(name: Option<&str>, has_ca: bool) -> PyResult<ClientAuth> {
    match name {
        None if has_ca => Ok(ClientAuth::Required),
        None | Some("none") => Ok(ClientAuth::None),
        Some("optional") => Ok(ClientAuth::Optional),
        Some("required") => Ok(ClientAuth::Required),
        Some(other) => Err(PyValueError::new_err(format!(
            "tls_client_auth must be \"none\", \"optional\" or \"required\", not {other:?}"
        ))),
    }
}
