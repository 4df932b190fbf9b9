//! Passwords, and what a broker stores instead of one.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hash::Hash;
use crate::{AuthError, MAX_ITERATIONS, MIN_ITERATIONS};

/// Length of a SHA-256 digest, and so of every key that a broker stores.
pub const KEY_LEN: usize = 32;
/// Length of the salts that are made here.
pub const SALT_LEN: usize = 16;

/// HMAC-SHA-256 of all parts, one behind the other.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; KEY_LEN] {
    <Sha256 as Hash>::hmac(key, parts)
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; KEY_LEN] {
    <Sha256 as Hash>::digest(bytes)
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
    /// Of the hash that was asked for.
    keys: Box<dyn Any + Send>,
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
        self.derive_with::<Sha256>(salt, iterations)
    }

    /// As [`Password::derive`], with another hash than SHA-256.
    ///
    /// # Errors
    ///
    /// As [`Password::derive`].
    pub fn derive_with<H: Hash>(&self, salt: &[u8], iterations: u32) -> Result<Keys<H>, AuthError> {
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(AuthError::Iterations(iterations));
        }
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let same = last.as_ref().filter(|d| d.salt == salt && d.iterations == iterations);
        if let Some(keys) = same.and_then(|last| last.keys.downcast_ref::<Keys<H>>()) {
            return Ok(keys.clone());
        }
        let prepared = prepare(self.reveal(), "the password")?;
        let salted = Zeroizing::new(H::stretch(prepared.as_bytes(), salt, iterations));
        let key = |name: &[u8]| Zeroizing::new(H::hmac((*salted).as_ref(), &[name]));
        let keys = Keys::<H> { client: key(b"Client Key"), server: key(b"Server Key") };
        let remembered = Box::new(keys.clone());
        *last = Some(Derived { salt: salt.to_vec(), iterations, keys: remembered });
        Ok(keys)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What a client proves to know: derived from a password, a salt and an iteration count.
pub struct Keys<H: Hash = Sha256> {
    pub(crate) client: Zeroizing<H::Digest>,
    pub(crate) server: Zeroizing<H::Digest>,
}

impl<H: Hash> Clone for Keys<H> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), server: self.server.clone() }
    }
}

impl Keys {
    /// What the broker stores of them.
    pub fn verifier(&self, salt: &[u8], iterations: u32) -> Verifier {
        Verifier {
            salt: salt.to_vec(),
            iterations,
            stored_key: sha256(&*self.client),
            server_key: *self.server,
        }
    }
}

impl<H: Hash> fmt::Debug for Keys<H> {
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
        sha256(&*keys.client).ct_eq(&self.stored_key).into()
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
    use sha2::Sha512;

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
    fn each_hash_has_keys_of_its_own() {
        let password = Password::new("p");
        let short = password.derive(b"salt", MIN_ITERATIONS).unwrap();
        let long = password.derive_with::<Sha512>(b"salt", MIN_ITERATIONS).unwrap();
        assert_eq!((short.client.len(), long.client.len()), (32, 64));
        let again = password.derive_with::<Sha512>(b"salt", MIN_ITERATIONS).unwrap();
        assert_eq!(again.server, long.server);
        assert_eq!(password.derive(b"salt", MIN_ITERATIONS).unwrap().client, short.client);
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
