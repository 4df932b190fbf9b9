//! Passwords, and what a broker stores instead of one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{AuthError, MAX_ITERATIONS, MIN_ITERATIONS};

/// Length of a SHA-256 digest, and so of every key here.
pub const KEY_LEN: usize = 32;
/// Length of the salts that are made here.
pub const SALT_LEN: usize = 16;

/// HMAC-SHA-256 of all parts, one behind the other.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; KEY_LEN] {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; KEY_LEN] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; KEY_LEN] {
    Sha256::digest(bytes).into()
}

/// A password. It does not show in `Debug` and is wiped from memory when the last clone is dropped.
#[derive(Clone)]
pub struct Password(Arc<Inner>);

struct Inner {
    text: Zeroizing<String>,
    /// The keys that were derived last, for the next time they are asked for.
    last: Mutex<Option<Derived>>,
}

struct Derived {
    salt: Vec<u8>,
    iterations: u32,
    keys: Keys,
}

impl Password {
    /// Takes a password over.
    pub fn new(password: impl Into<String>) -> Self {
        let text = Zeroizing::new(password.into());
        Self(Arc::new(Inner { text, last: Mutex::new(None) }))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.text.is_empty()
    }

    /// The password itself, for PLAIN.
    pub fn reveal(&self) -> &str {
        &self.0.text
    }

    /// Stretches the password: PBKDF2, which is meant to take a while. Doing so again with the same
    /// salt and iterations takes none.
    ///
    /// # Errors
    ///
    /// For an iteration count out of bounds, and for characters that RFC 4013 prohibits.
    pub fn derive(&self, salt: &[u8], iterations: u32) -> Result<Keys, AuthError> {
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(AuthError::Iterations(iterations));
        }
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|d| d.salt == salt && d.iterations == iterations) {
            return Ok(last.keys.clone());
        }
        let prepared = prepare(self.reveal(), "the password")?;
        let mut salted = Zeroizing::new([0; KEY_LEN]);
        pbkdf2::pbkdf2_hmac::<Sha256>(prepared.as_bytes(), salt, iterations, &mut *salted);
        let keys = Keys {
            client: hmac(&*salted, &[b"Client Key"]),
            server: hmac(&*salted, &[b"Server Key"]),
        };
        *last = Some(Derived { salt: salt.to_vec(), iterations, keys: keys.clone() });
        Ok(keys)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What a client proves to know: derived from a password, a salt and an iteration count.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    pub(crate) client: [u8; KEY_LEN],
    pub(crate) server: [u8; KEY_LEN],
}

impl Keys {
    /// What the broker stores of them.
    pub fn verifier(&self, salt: &[u8], iterations: u32) -> Verifier {
        Verifier {
            salt: salt.to_vec(),
            iterations,
            stored_key: sha256(&self.client),
            server_key: self.server,
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// What a broker stores of a password: enough to check a proof, not enough to make one.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Verifier {
    /// Random bytes of this user.
    pub salt: Vec<u8>,
    /// How often the password is hashed.
    pub iterations: u32,
    /// Checks the client's proof.
    pub stored_key: [u8; KEY_LEN],
    /// Makes the server's signature.
    pub server_key: [u8; KEY_LEN],
}

impl Verifier {
    /// For a new password, with a fresh salt.
    ///
    /// # Errors
    ///
    /// As [`Password::derive`].
    pub fn generate(password: &Password, iterations: u32) -> Result<Self, AuthError> {
        let salt: [u8; SALT_LEN] = rand::random();
        Ok(password.derive(&salt, iterations)?.verifier(&salt, iterations))
    }

    /// For a user that does not exist: always the same for a name, like that of one who does, and
    /// matched by no password. Only who knows `secret` can tell the two apart.
    pub fn imaginary(secret: &[u8], user: &str, iterations: u32) -> Self {
        let user = user.as_bytes();
        Self {
            salt: hmac(secret, &[b"salt", user])[..SALT_LEN].to_vec(),
            iterations,
            stored_key: hmac(secret, &[b"stored key", user]),
            server_key: hmac(secret, &[b"server key", user]),
        }
    }

    /// Whether `keys` come from this password. Takes the same time for any that do not.
    pub fn matches(&self, keys: &Keys) -> bool {
        sha256(&keys.client).ct_eq(&self.stored_key).into()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// A user name or password in the form in which it is compared (SASLprep, RFC 4013).
///
/// # Errors
///
/// For characters that it prohibits. `what` names the text in the error.
pub fn prepare(text: &str, what: &'static str) -> Result<Zeroizing<String>, AuthError> {
    match stringprep::saslprep(text) {
        Ok(prepared) => Ok(Zeroizing::new(prepared.into_owned())),
        Err(_) => Err(AuthError::Prohibited(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows() {
        let password = Password::new("hunter2");
        let verifier = Verifier::generate(&password, MIN_ITERATIONS).unwrap();
        let keys = password.derive(&verifier.salt, MIN_ITERATIONS).unwrap();
        let shown = format!("{password:?} {verifier:?} {keys:?}");
        assert_eq!(shown, "Password(…) Verifier { iterations: 4096, .. } Keys(…)");
        assert!(!password.is_empty() && Password::new("").is_empty());
    }

    #[test]
    fn verifiers_know_their_password_only() {
        let verifier = Verifier::generate(&Password::new("right"), MIN_ITERATIONS).unwrap();
        let keys = |text| Password::new(text).derive(&verifier.salt, MIN_ITERATIONS).unwrap();
        assert!(verifier.matches(&keys("right")));
        assert!(!verifier.matches(&keys("wrong")));
        let again = Verifier::generate(&Password::new("right"), MIN_ITERATIONS).unwrap();
        assert_ne!(again.salt, verifier.salt);
        let nobody = Verifier::imaginary(b"secret", "nobody", MIN_ITERATIONS);
        assert!(!nobody.matches(&Password::new("").derive(&nobody.salt, MIN_ITERATIONS).unwrap()));
        assert_eq!(nobody, Verifier::imaginary(b"secret", "nobody", MIN_ITERATIONS));
        assert_ne!(nobody.salt, Verifier::imaginary(b"secret", "other", MIN_ITERATIONS).salt);
        assert_ne!(nobody.salt, Verifier::imaginary(b"other", "nobody", MIN_ITERATIONS).salt);
    }

    #[test]
    fn keys_are_remembered_for_their_salt_and_iterations() {
        let password = Password::new("p");
        let first = password.derive(b"salt", MIN_ITERATIONS).unwrap();
        let clone = password.clone();
        assert_eq!(clone.derive(b"salt", MIN_ITERATIONS).unwrap().client, first.client);
        for (salt, iterations) in [(&b"tlas"[..], MIN_ITERATIONS), (b"salt", MIN_ITERATIONS + 1)] {
            let other = password.derive(salt, iterations).unwrap().client;
            assert_ne!(other, first.client);
            assert_eq!(other, Password::new("p").derive(salt, iterations).unwrap().client);
        }
    }

    #[test]
    fn iterations_are_bounded() {
        for iterations in [0, 1, MIN_ITERATIONS - 1, MAX_ITERATIONS + 1, u32::MAX] {
            let error = Password::new("x").derive(b"salt", iterations).unwrap_err();
            assert_eq!(error, AuthError::Iterations(iterations));
        }
    }

    #[test]
    fn passwords_are_normalised() {
        let derive = |text: &str| Password::new(text).derive(b"salt", MIN_ITERATIONS);
        // RFC 4013's examples: a soft hyphen vanishes, a ligature is the same as its letters.
        assert_eq!(derive("I\u{AD}X").unwrap().client, derive("IX").unwrap().client);
        assert_eq!(derive("\u{2168}").unwrap().client, derive("IX").unwrap().client);
        assert_eq!(derive("\u{7}").unwrap_err(), AuthError::Prohibited("the password"));
    }
}
