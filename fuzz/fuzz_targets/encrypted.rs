//! An encrypted record as a consumer gets it: from a sender without the key, whose record must not
//! open, and from one with it, who may seal whatever he likes. Never a panic.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::{aead, hkdf};
use bytes::Bytes;
use flymq_core::encryption::ENCRYPTION_HEADER;
use flymq_core::{Encryption, EncryptionKey, Keyring, Message};
use libfuzzer_sys::fuzz_target;

const TOPIC: &str = "orders";
const KEY: [u8; 32] = [7; 32];
/// Key id "a", salt and nonce of zeros.
const SEALED_HEADERS: [u8; 32] = {
    let mut preamble = [0; 32];
    preamble[0] = 1;
    preamble[1] = 1;
    preamble[2] = 1;
    preamble[3] = b'a';
    preamble
};

static ENCRYPTION: LazyLock<Encryption> = LazyLock::new(|| {
    let key = EncryptionKey::from_bytes(&KEY).unwrap().with_id("a").unwrap();
    Encryption::new(Keyring::new(key))
});

static SEALING_KEY: LazyLock<aead::LessSafeKey> = LazyLock::new(|| {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[0; 16]).extract(&KEY);
    let okm = prk.expand(&[b"flymq.enc.1 seal"], &aead::AES_256_GCM).unwrap();
    aead::LessSafeKey::new(okm.into())
});

fn message(header: Bytes, value: Option<Bytes>) -> Message {
    Message {
        topic: TOPIC.into(),
        partition: 0,
        offset: 0,
        timestamp: 0,
        key: None,
        value,
        headers: vec![(ENCRYPTION_HEADER.to_owned(), Some(header))],
    }
}

/// What a holder of the key seals.
fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut context = SEALED_HEADERS.to_vec();
    context.extend((TOPIC.len() as u32).to_be_bytes());
    context.extend(TOPIC.as_bytes());
    context.push(0);
    let mut sealed = plain.to_vec();
    let nonce = aead::Nonce::assume_unique_for_key([0; 12]);
    SEALING_KEY.seal_in_place_append_tag(nonce, aead::Aad::from(context), &mut sealed).unwrap();
    sealed
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[how, at], rest)) = bytes.split_first_chunk::<2>() else { return };
    let rest = Bytes::copy_from_slice(rest);
    let (header, value) = rest.split_at(rest.len().min(usize::from(at)));
    let value = (how & 1 == 0).then(|| rest.slice_ref(value));
    let mut forged = message(rest.slice_ref(header), value);
    assert!(ENCRYPTION.open(TOPIC, &mut forged).is_err(), "a forged record was opened");

    let header = Bytes::from_static(&SEALED_HEADERS);
    let mut value = sealed(&rest);
    let mut honest = message(header.clone(), Some(value.clone().into()));
    if ENCRYPTION.open(TOPIC, &mut honest).is_ok() {
        // Nothing is added on the way out.
        let values = honest.headers.iter().map(|(n, v)| n.len() + v.as_ref().map_or(0, Bytes::len));
        assert!(values.sum::<usize>() + honest.value.unwrap().len() <= rest.len());
    }
    let index = usize::from(at) % value.len();
    value[index] ^= 1 << (how & 7);
    let mut altered = message(header, Some(value.into()));
    assert!(ENCRYPTION.open(TOPIC, &mut altered).is_err(), "a flipped bit was not noticed");
});
