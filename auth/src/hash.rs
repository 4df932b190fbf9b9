//! The hashes that SCRAM is used with.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroize;

/// A hash that SCRAM is used with: SHA-256 by FlyMQ, and SHA-512 by others, too.
pub trait Hash: 'static {
    /// The mechanism's name.
    const MECHANISM: &'static str;
    /// A digest.
    type Digest: AsRef<[u8]> + Clone + Zeroize + Send;

    /// The digest of bytes.
    fn digest(bytes: &[u8]) -> Self::Digest;

    /// HMAC of all parts, one behind the other.
    fn hmac(key: &[u8], parts: &[&[u8]]) -> Self::Digest;

    /// Stretches a password: PBKDF2.
    fn stretch(password: &[u8], salt: &[u8], iterations: u32) -> Self::Digest;
}

macro_rules! hash {
    ($hash:ty, $len:literal, $mechanism:literal) => {
        impl Hash for $hash {
            const MECHANISM: &'static str = $mechanism;
            type Digest = [u8; $len];

            fn digest(bytes: &[u8]) -> Self::Digest {
                <Self as Digest>::digest(bytes).into()
            }

            fn hmac(key: &[u8], parts: &[&[u8]]) -> Self::Digest {
                // A key of any length is taken.
                let Ok(mut mac) = Hmac::<Self>::new_from_slice(key) else { return [0; $len] };
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().into()
            }

            fn stretch(password: &[u8], salt: &[u8], iterations: u32) -> Self::Digest {
                let mut stretched = [0; $len];
                pbkdf2::pbkdf2_hmac::<Self>(password, salt, iterations, &mut stretched);
                stretched
            }
        }
    };
}

hash!(Sha256, 32, "SCRAM-SHA-256");
hash!(Sha512, 64, "SCRAM-SHA-512");
