//! Whoever asks, on one connection. It is to the console what a session is to the protocol, and may do
//! what a session of the same user may.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flymq_auth::plain;
use flymq_protocol::messages::AuthRequest;
use flymq_protocol::{ErrorCode, ProtocolError};
use hyper::header::HeaderValue;
use tokio::sync::{Mutex, MutexGuard};
use zeroize::Zeroizing;

use crate::Result;
use crate::access::{self, Access, Peer, SessionAccess};

const PLAIN: &str = "PLAIN";

/// The other end of a connection.
pub struct Visitor {
    peer: Peer,
    /// HTTP/1.1 has one request under way at a time, so nobody waits for this.
    login: Mutex<Login>,
}

/// How far it is authenticated.
pub struct Login {
    pub access: SessionAccess,
    /// What the user was authenticated with. Another header may be another user's: a proxy shares
    /// its connections among all of them.
    header: Option<Zeroizing<Vec<u8>>>,
}

impl Visitor {
    /// For a connection that has just come.
    pub fn new(address: IpAddr, tls: bool) -> Self {
        // Nobody else can read what stays on this machine.
        let encrypted = tls || address.to_canonical().is_loopback();
        let peer = Peer { address, encrypted, certificate: None, binding: None };
        let login = Mutex::new(Login { access: SessionAccess::new(peer.clone()), header: None });
        Self { peer, login }
    }

    /// Authenticates a request where that is needed.
    ///
    /// # Errors
    ///
    /// AUTH_REQUIRED without credentials, TLS_REQUIRED where they must not be sent, and what AUTH of
    /// the protocol answers.
    pub async fn log_in(
        &self,
        access: Option<&Arc<Access>>,
        header: Option<&HeaderValue>,
    ) -> Result<MutexGuard<'_, Login>> {
        let mut login = self.login.lock().await;
        let Some(access) = access else { return Ok(login) };
        if !access.mechanisms(&self.peer).contains(&PLAIN) {
            return Err(ProtocolError::new(
                ErrorCode::TlsRequired,
                "others could read the password on this connection: use https, or look from the \
                 broker's own machine",
            ));
        }
        let header = header.map(HeaderValue::as_bytes).ok_or_else(|| {
            ProtocolError::new(ErrorCode::AuthRequired, "user name and password are missing")
        })?;
        let same = login.header.as_deref().is_some_and(|known| known == header);
        if !same || login.access.whoami(access).is_err() {
            if login.header.take().is_some() {
                login.access = SessionAccess::new(self.peer.clone());
            }
            let data = credentials(header)?.to_vec().into();
            let request = AuthRequest { mechanism: PLAIN.to_owned(), data };
            access::auth(access, &login.access, &[], request).wait().await?;
            login.header = Some(Zeroizing::new(header.to_vec()));
        }
        Ok(login)
    }

    /// Whether it has failed too often to go on.
    pub async fn is_over(&self) -> bool {
        self.login.lock().await.access.is_over()
    }
}

/// The message of PLAIN for what a header of HTTP's Basic authentication says.
fn credentials(header: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let malformed =
        || ProtocolError::new(ErrorCode::AuthFailed, "Authorization is not \"Basic\" and base64");
    let (scheme, encoded) = header.split_at_checked(6).ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return Err(malformed());
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim_ascii()).map_err(|_| malformed())?);
    let text = std::str::from_utf8(&decoded).map_err(|_| malformed())?;
    let (user, password) = text.split_once(':').ok_or_else(malformed)?;
    Ok(plain::message(user, &flymq_auth::Password::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text)).into_bytes();
        for (text, message) in [
            ("ada:secret", "\0ada\0secret"),
            ("ada:a:b", "\0ada\0a:b"),
            ("é:ü", "\0é\0ü"),
            // Refused later, as the protocol refuses it.
            (":", "\0\0"),
        ] {
            assert_eq!(*credentials(&header(text)).unwrap(), message.as_bytes());
        }
        let lower = format!("basic {}", STANDARD.encode("ada:secret")).into_bytes();
        assert!(credentials(&lower).is_ok(), "the scheme has no case");
        let bad: [&[u8]; 7] =
            [b"", b"Basic", b"Basic ", b"Basic !", b"Bearer YTpi", b"Basic YQ==", b"Basic //8="];
        for bad in bad {
            let error = credentials(bad).unwrap_err();
            assert_eq!(error.code, ErrorCode::AuthFailed, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn passwords_are_asked_for_only_where_nobody_else_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let open = |allow_plain_without_tls| {
            let config = crate::AuthConfig { allow_plain_without_tls, ..Default::default() };
            Arc::new(
                Access::open(&folder.path().join(allow_plain_without_tls.to_string()), config)
                    .unwrap(),
            )
        };
        let (strict, lax) = (open(false), open(true));
        let ask = async |access: &Arc<Access>, address: &str, tls| {
            let visitor = Visitor::new(address.parse().unwrap(), tls);
            visitor.log_in(Some(access), None).await.err().unwrap().code
        };
        for (address, tls, code) in [
            ("192.0.2.1", false, ErrorCode::TlsRequired),
            ("192.0.2.1", true, ErrorCode::AuthRequired),
            ("127.0.0.1", false, ErrorCode::AuthRequired),
            ("::1", false, ErrorCode::AuthRequired),
            ("::ffff:127.0.0.1", false, ErrorCode::AuthRequired),
        ] {
            assert_eq!(ask(&strict, address, tls).await, code, "{address}");
        }
        assert_eq!(ask(&lax, "192.0.2.1", false).await, ErrorCode::AuthRequired);
    }
}
