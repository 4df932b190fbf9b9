//! What went wrong, in words that say what to do.

use std::io;

use flymq_protocol::ErrorCode;
use rustls::{AlertDescription, CertificateError};

use crate::error::Error;

/// A connection that TLS, or the socket below it, has ended. What no repetition can mend is
/// TLS_FAILED, anything else `otherwise`.
pub(crate) fn refused(otherwise: ErrorCode, address: &str, error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => broken(otherwise, address, tls),
        None => Error::with_source(
            otherwise,
            "connect",
            format!("the connection to {address} ended during the TLS handshake: {error}"),
            error,
        ),
    }
}

/// The same for an error of TLS itself.
pub(crate) fn broken(otherwise: ErrorCode, address: &str, error: &rustls::Error) -> Error {
    match explain(error) {
        Some(why) => Error::with_source(
            ErrorCode::TlsFailed,
            "connect",
            format!("no TLS with {address}: {why}"),
            error.clone(),
        ),
        None => Error::with_source(
            otherwise,
            "connect",
            format!("TLS with {address} was disturbed: {error}"),
            error.clone(),
        ),
    }
}

/// Why a connection cannot be secured, unless it is by chance.
fn explain(error: &rustls::Error) -> Option<String> {
    use rustls::Error as Tls;
    Some(match error {
        Tls::InvalidCertificate(error) => certificate(error),
        // Also what a broker without TLS answers.
        Tls::AlertReceived(AlertDescription::UnexpectedMessage) | Tls::InvalidMessage(_) => {
            "the broker does not use TLS here; turn tls_enabled off, or use the broker's TLS port"
                .to_owned()
        }
        Tls::AlertReceived(alert) => return refused_by_broker(*alert),
        Tls::PeerIncompatible(_) => format!(
            "the two sides have no TLS version or cipher in common ({error}); see tls_min_version"
        ),
        Tls::NoCertificatesPresented => "the broker shows no certificate".to_owned(),
        _ => return None,
    })
}

fn certificate(error: &CertificateError) -> String {
    use CertificateError as Bad;
    match error {
        Bad::Expired | Bad::ExpiredContext { .. } => {
            format!("the broker's certificate has expired; renew it ({error})")
        }
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            format!(
                "the broker's certificate is not valid yet; check this machine's clock ({error})"
            )
        }
        Bad::UnknownIssuer => {
            "the broker's certificate is signed by an unknown CA; set tls_ca_file \
                               to the certificate of the CA that signed it"
                .to_owned()
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => format!(
            "the broker's certificate is for another name; connect by a name that it has, or set \
             tls_server_name to one ({error})"
        ),
        Bad::Revoked => "the broker's certificate is revoked; replace it".to_owned(),
        _ => format!("the broker's certificate is not accepted: {error}"),
    }
}

fn refused_by_broker(alert: AlertDescription) -> Option<String> {
    use AlertDescription as Alert;
    Some(match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            "the broker wants a client certificate; set tls_cert_file and tls_key_file".to_owned()
        }
        Alert::CertificateExpired => {
            "the broker says that the client's certificate has expired; renew it".to_owned()
        }
        Alert::UnknownCA => {
            "the broker does not know the CA that signed the client's certificate; \
                             use one of a CA that the broker trusts (--tls-client-ca)"
                .to_owned()
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateUnknown
        | Alert::AccessDenied
        | Alert::DecryptError => {
            format!("the broker does not accept the client's certificate ({alert:?})")
        }
        Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity => format!(
            "the two sides have no TLS version or cipher in common ({alert:?}); see tls_min_version"
        ),
        Alert::UnrecognisedName => {
            "the broker does not know the name it was asked for; see tls_server_name".to_owned()
        }
        _ => return None,
    })
}
