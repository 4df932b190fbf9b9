//! AUTH: from a connection to a user.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flymq_auth::scram::{self, ClientFirst};
use flymq_auth::{AuthError, Keys, Password, Verifier, plain};
use flymq_protocol::messages::{AuthRequest, AuthResponse};
use flymq_protocol::{ErrorCode, ProtocolError};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::session::{Auth, Identity, Peer, Proof, SessionAccess};
use super::users::StoredPassword;
use super::{Access, Snapshot};
use crate::Result;
use crate::engine::Reply;
use crate::topic::shorten;

const PLAIN: &str = "PLAIN";
const EXTERNAL: &str = "EXTERNAL";

/// A SCRAM exchange between its two steps.
pub struct Exchange {
    user: String,
    mechanism: &'static str,
    server: scram::Server,
    password: Option<StoredPassword>,
}

/// Marks a session as being authenticated, until it is dropped.
struct Step {
    access: Arc<Access>,
    auth: Arc<Auth>,
    peer: Arc<Peer>,
    mechanism: &'static str,
}

impl Drop for Step {
    fn drop(&mut self) {
        self.auth.lock().busy = false;
    }
}

impl Access {
    /// The mechanisms that a connection may use.
    pub fn mechanisms(&self, peer: &Peer) -> Vec<&'static str> {
        let mut mechanisms = Vec::new();
        if peer.binding.is_some() {
            mechanisms.push(scram::MECHANISM_PLUS);
        }
        mechanisms.push(scram::MECHANISM);
        if peer.encrypted || self.config.allow_plain_without_tls {
            mechanisms.push(PLAIN);
        }
        if peer.certificate.is_some() {
            mechanisms.push(EXTERNAL);
        }
        mechanisms
    }

    /// What checks a user's password, and the password as it is stored. For a user that does not
    /// exist, or has no password, it is one that nothing matches.
    fn verifier(&self, snapshot: &Snapshot, user: &str) -> (Verifier, Option<StoredPassword>) {
        // Made in any case, so that both cases are as much work.
        let secret = &snapshot.stored.secret.0;
        let imaginary = Verifier::imaginary(secret, user, self.config.iterations);
        let stored = snapshot.stored.users.get(user).and_then(|user| user.password.clone());
        match stored.as_ref().and_then(StoredPassword::verifier) {
            Some(verifier) => (verifier, stored),
            None => (imaginary, None),
        }
    }

    /// Checks a password, with `stretch` for the work that takes long.
    fn check_password(
        &self,
        user: &str,
        password: &Password,
        stretch: impl FnOnce(&Password, &Verifier) -> std::result::Result<Keys, AuthError>,
    ) -> Option<StoredPassword> {
        let (verifier, stored) = self.verifier(&self.snapshot(), user);
        let keys = stretch(password, &verifier).ok()?;
        stored.filter(|_| verifier.matches(&keys))
    }
}

impl SessionAccess {
    /// What the connection says of the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// Takes one step of authentication. `challenge` is the nonce of the connection.
pub fn auth(
    access: &Arc<Access>,
    session: &SessionAccess,
    challenge: &[u8],
    request: AuthRequest,
) -> Reply<AuthResponse> {
    let offered = access.mechanisms(&session.peer);
    let Some(mechanism) = offered.iter().copied().find(|name| *name == request.mechanism) else {
        return Reply::Ready(Err(ProtocolError::new(
            ErrorCode::UnsupportedMechanism,
            format!(
                "mechanism {:?} is not offered on this connection; there is {}",
                shorten(&request.mechanism),
                offered.join(", ")
            ),
        )));
    };
    {
        let mut state = session.auth.lock();
        if std::mem::replace(&mut state.busy, true) {
            return Reply::Ready(Err(ProtocolError::new(
                ErrorCode::InvalidRequest,
                "another AUTH of this connection is under way",
            )));
        }
    }
    let step = Step {
        access: access.clone(),
        auth: session.auth.clone(),
        peer: session.peer.clone(),
        mechanism,
    };
    match mechanism {
        PLAIN => step.plain(request.data.0.to_vec()),
        EXTERNAL => Reply::Ready(step.external()),
        _ if request.data.starts_with(b"c=") => step.scram_final(request.data.0.to_vec()),
        _ => Reply::Ready(step.scram_first(&request.data, challenge)),
    }
}

impl Step {
    fn scram_first(self, message: &[u8], challenge: &[u8]) -> Result<AuthResponse> {
        self.auth.lock().exchange = None;
        let begin = || {
            let first = ClientFirst::parse(message)?;
            if first.binds_channel() != (self.mechanism == scram::MECHANISM_PLUS) {
                return Err(AuthError::Exchange("channel binding and mechanism do not agree"));
            }
            let user = first.user().to_owned();
            let (verifier, password) = self.access.verifier(&self.access.snapshot(), &user);
            let binding = self.peer.binding.as_ref();
            let server = scram::Server::answer(first, &verifier, challenge, binding)?;
            Ok(Exchange { user, mechanism: self.mechanism, server, password })
        };
        let exchange = begin().map_err(|error| self.failed("", Some(error)))?;
        let data = exchange.server.first().as_bytes().to_vec().into();
        self.auth.lock().exchange = Some(exchange);
        Ok(AuthResponse { done: false, data, principal: String::new(), session_lifetime_ms: 0 })
    }

    fn scram_final(self, message: Vec<u8>) -> Reply<AuthResponse> {
        let exchange = self.auth.lock().exchange.take();
        let Some(exchange) = exchange.filter(|e| e.mechanism == self.mechanism) else {
            let error = AuthError::Exchange("the exchange has not begun");
            return Reply::Ready(Err(self.failed("", Some(error))));
        };
        let work = async move {
            let Exchange { user, server, password, .. } = exchange;
            self.wait(&user).await?;
            match (server.finish(&message), password) {
                (Ok(verdict), Some(password)) => {
                    self.succeeded(user, Proof::Password(password), verdict.into_bytes())
                }
                (Err(error @ AuthError::Exchange(_)), _) => Err(self.failed(&user, Some(error))),
                _ => Err(self.failed(&user, None)),
            }
        };
        Reply::Later(work.boxed())
    }

    fn plain(self, message: Vec<u8>) -> Reply<AuthResponse> {
        let message = zeroize(message);
        let work = async move {
            let (user, password) = match plain::parse(&message) {
                Ok((user, password)) => (user.to_owned(), password),
                Err(error) => return Err(self.failed("", Some(error))),
            };
            self.wait(&user).await?;
            let access = self.access.clone();
            // It is closed only together with everything else.
            let slot = access.stretching.acquire().await;
            let checking = (self.access.clone(), user.clone());
            let check = move || {
                let (access, user) = checking;
                let stretch = |p: &Password, v: &Verifier| p.derive(&v.salt, v.iterations);
                access.check_password(&user, &password, stretch)
            };
            let checked = tokio::task::spawn_blocking(check).await;
            drop(slot);
            match checked {
                Ok(Some(stored)) => self.succeeded(user, Proof::Password(stored), Vec::new()),
                _ => Err(self.failed(&user, None)),
            }
        };
        Reply::Later(work.boxed())
    }

    fn external(self) -> Result<AuthResponse> {
        let subject = self.peer.certificate.clone().unwrap_or_default();
        let snapshot = self.access.snapshot();
        match snapshot.user_with_certificate(&subject) {
            Some(user) => self.succeeded(user.to_owned(), Proof::Certificate(subject), Vec::new()),
            None => Err(self.failed(&subject, None)),
        }
    }

    /// Waits until the attempt may be checked.
    async fn wait(&self, user: &str) -> Result<()> {
        let wait = self.access.throttle.wait(std::time::Instant::now(), self.peer.address, user);
        if wait != Some(Duration::ZERO) {
            self.access.throttled.fetch_add(1, Ordering::Relaxed);
        }
        match wait {
            Some(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => Err(ProtocolError::new(
                ErrorCode::Overloaded,
                "too many attempts have failed and too many wait; try again later",
            )),
        }
    }

    fn succeeded(&self, user: String, proof: Proof, data: Vec<u8>) -> Result<AuthResponse> {
        let other = self.auth.lock().identity.as_ref().is_some_and(|old| old.user != user);
        if other {
            let error = AuthError::Exchange("the connection belongs to another user");
            return Err(self.failed(&user, Some(error)));
        }
        let Peer { address, .. } = *self.peer;
        self.access.throttle.succeeded(std::time::Instant::now(), address, &user);
        tracing::info!(target: "flymq::audit", principal = user, %address, mechanism = self.mechanism, "logged in");
        let lifetime = self.access.config.session_lifetime;
        let identity = Identity {
            user: user.clone(),
            mechanism: self.mechanism,
            proof,
            expires: lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)),
        };
        let mut state = self.auth.lock();
        state.identity = Some(Arc::new(identity));
        state.admitted = true;
        state.failures = 0;
        Ok(AuthResponse {
            done: true,
            data: data.into(),
            principal: user,
            session_lifetime_ms: lifetime
                .map_or(0, |lifetime| (lifetime.as_millis() as u64).max(1)),
        })
    }

    /// Counts a failure. What is said of it depends on the messages alone, never on whether the user
    /// exists.
    fn failed(&self, user: &str, error: Option<AuthError>) -> ProtocolError {
        let Peer { address, .. } = *self.peer;
        self.access.throttle.failed(std::time::Instant::now(), address, user);
        let user = shorten(user);
        tracing::warn!(target: "flymq::audit", principal = user, %address, mechanism = self.mechanism, "login failed");
        let mut state = self.auth.lock();
        state.failures += 1;
        state.over |= state.failures >= self.access.config.max_failures;
        let message = match error {
            Some(error) => error.to_string(),
            None => "user name and password, or certificate, are not accepted".to_owned(),
        };
        ProtocolError::new(ErrorCode::AuthFailed, message)
    }
}

/// Bytes that are wiped when dropped.
fn zeroize(bytes: Vec<u8>) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{AuthConfig, InitialUser};
    use flymq_auth::MIN_ITERATIONS;

    fn access(folder: &std::path::Path) -> Access {
        let user = |name: &str| InitialUser {
            name: name.into(),
            password: Password::new("right"),
            roles: Vec::new(),
        };
        let config = AuthConfig {
            min_iterations: MIN_ITERATIONS,
            iterations: MIN_ITERATIONS,
            users: vec![user("ada")],
            ..AuthConfig::default()
        };
        Access::open(folder, config).unwrap()
    }

    #[test]
    fn an_unknown_user_is_as_much_work_as_a_wrong_password() {
        let folder = tempfile::tempdir().unwrap();
        let access = access(folder.path());
        let work = |user: &str, password: &str| {
            let mut work = Vec::new();
            let stored = access.check_password(user, &Password::new(password), |p, v| {
                work.push((v.salt.len(), v.iterations));
                p.derive(&v.salt, v.iterations)
            });
            (work, stored.is_some())
        };
        let once = vec![(16, MIN_ITERATIONS)];
        assert_eq!(work("ada", "right"), (once.clone(), true));
        assert_eq!(work("ada", "wrong"), (once.clone(), false));
        assert_eq!(work("nobody", "right"), (once, false));
    }
}
