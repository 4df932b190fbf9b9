//! Keys: how they are written, named and kept out of sight.

use std::fmt;

use aws_lc_rs::{aead, hkdf};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use flymq_protocol::ErrorCode;

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 32;
/// Bytes of the salt that a sealing key is derived with.
pub(super) const SALT_LEN: usize = 16;
/// How long the id of a key may be.
pub const MAX_KEY_ID_LEN: usize = 64;

/// Keeps sealing keys and key ids apart, and both from other uses of the same key.
const SEALING: &[u8] = b"flymq.enc.1 seal";
const NAMING: &[u8] = b"flymq.enc.1 id";

/// A key for AES-256-GCM with the id that encrypted records name it by. Never printed, and wiped from
/// memory when the last copy is dropped.
///
/// ```
/// use flymq_core::EncryptionKey;
///
/// let key = EncryptionKey::generate();
/// assert_eq!(EncryptionKey::parse(&key.to_base64())?, key);
/// assert_eq!(format!("{key:?}"), format!("EncryptionKey({:?}, ..)", key.id()));
/// # flymq_core::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct EncryptionKey {
    id: String,
    secret: Zeroizing<[u8; KEY_LEN]>,
}

impl EncryptionKey {
    /// A new random key.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers to give.
    pub fn generate() -> Self {
        let mut secret = Zeroizing::new([0; KEY_LEN]);
        SysRng.try_fill_bytes(&mut *secret).expect("the system gives random numbers");
        Self::named_by_itself(secret)
    }

    /// A key of 32 bytes.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let secret: [u8; KEY_LEN] = bytes.try_into().map_err(|_| {
            invalid(format!("an encryption key has {KEY_LEN} bytes, not {}", bytes.len()))
        })?;
        Ok(Self::named_by_itself(Zeroizing::new(secret)))
    }

    /// A key of 32 bytes, written as base64 (either alphabet, with or without padding) or as hex.
    /// White space around it does not matter.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for anything else. The error does not repeat what was given.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let bytes = hex(text).or_else(|| base64(text)).ok_or_else(|| {
            invalid(format!(
                "an encryption key is {KEY_LEN} bytes, written as 44 characters of base64 or 64 of \
                 hex; the {} characters given are neither",
                text.chars().count()
            ))
        })?;
        Self::from_bytes(&bytes)
    }

    /// Gives the key another id: 1 to 64 of the characters a-z A-Z 0-9 . _ -
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for any other id.
    pub fn with_id(self, id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        if !is_key_id(&id) {
            return Err(invalid(format!(
                "an encryption key's id is 1 to {MAX_KEY_ID_LEN} of the characters a-z A-Z 0-9 . _ -"
            )));
        }
        Ok(Self { id, ..self })
    }

    /// What encrypted records call the key. Unless it was given another, its id follows from the key
    /// itself, and tells nothing of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as base64, for storing it.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(*self.secret))
    }

    fn named_by_itself(secret: Zeroizing<[u8; KEY_LEN]>) -> Self {
        let mut name = [0; 8];
        derive(&secret, &[], NAMING, Length(name.len()), |okm| okm.fill(&mut name))
            .expect("HKDF gives 8 bytes");
        let id = name.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id, secret }
    }

    /// The AES-256-GCM key for the records that were sealed with this salt.
    pub(super) fn derive(&self, salt: &[u8; SALT_LEN]) -> aead::LessSafeKey {
        let derived = |okm: hkdf::Okm<'_, _>| Ok(aead::UnboundKey::from(okm));
        let key = derive(&self.secret, salt, SEALING, &aead::AES_256_GCM, derived)
            .expect("HKDF gives 32 bytes");
        aead::LessSafeKey::new(key)
    }
}

/// Lengths of HKDF's output that are no key's.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<L: hkdf::KeyType, T>(
    secret: &[u8; KEY_LEN],
    salt: &[u8],
    info: &[u8],
    length: L,
    take: impl FnOnce(hkdf::Okm<'_, L>) -> std::result::Result<T, aws_lc_rs::error::Unspecified>,
) -> std::result::Result<T, aws_lc_rs::error::Unspecified> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    take(prk.expand(&[info], length)?)
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({:?}, ..)", self.id)
    }
}

impl PartialEq for EncryptionKey {
    /// Takes the same time wherever the keys differ.
    fn eq(&self, other: &Self) -> bool {
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(&*self.secret, &*other.secret);
        same.is_ok() && self.id == other.id
    }
}

impl Eq for EncryptionKey {}

pub(super) fn is_key_id(id: &str) -> bool {
    (1..=MAX_KEY_ID_LEN).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, "encryption", message)
}

const EITHER_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, EITHER_PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING);

fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > 44 {
        return None;
    }
    let decoded = BASE64.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
    Some(Zeroizing::new(decoded)).filter(|bytes| bytes.len() == KEY_LEN)
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() != 2 * KEY_LEN || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..KEY_LEN).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok());
    pairs.collect::<Option<Vec<_>>>().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";

    #[test]
    fn every_way_to_write_a_key_means_the_same() {
        let bytes: Vec<u8> = (0..31).chain([0xff]).collect();
        let key = EncryptionKey::from_bytes(&bytes).unwrap();
        let base64 = key.to_base64();
        let url_safe = base64.replace('+', "-").replace('/', "_");
        for text in [HEX, &HEX.to_uppercase(), &base64, base64.trim_end_matches('='), &url_safe] {
            assert_eq!(EncryptionKey::parse(&format!(" {text}\n")).unwrap(), key, "{text}");
        }
        assert_eq!(key.clone().with_id("a").unwrap().id(), "a");
        assert_ne!(key.clone().with_id("a").unwrap(), key);
        assert_ne!(EncryptionKey::generate(), EncryptionKey::generate());
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        let long = format!("{HEX}00");
        for bad in
            ["", "secret", &HEX[..62], &long, &HEX.replace("00", "zz"), "é".repeat(32).as_str()]
        {
            let error = EncryptionKey::parse(bad).unwrap_err();
            assert_eq!(error.code(), Some(ErrorCode::InvalidArgument), "{bad}");
            assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
        }
        let error = EncryptionKey::from_bytes(&[7; 16]).unwrap_err().to_string();
        assert!(error.contains("32 bytes, not 16"), "{error}");
        for bad in ["", "a b", "ä", &"x".repeat(65)] {
            assert!(EncryptionKey::generate().with_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = EncryptionKey::parse(HEX).unwrap();
        let shown = format!("{key:?} {key:#?}");
        let base64 = key.to_base64();
        assert!(!shown.contains(&base64[..10]) && !shown.contains(&HEX[..10]), "{shown}");
        assert!(!shown.contains("0, 1, 2"), "{shown}");
    }
}
