//! Sealing and opening, and everything that must not open.

use bytes::Bytes;
use flymq_protocol::{BatchBuilder, Codec, ErrorCode, Header, RecordBatch};
use proptest::prelude::*;

use super::*;

fn keyring(id: &str) -> Keyring {
    Keyring::new(EncryptionKey::generate().with_id(id).unwrap())
}

/// The record as a consumer gets it.
fn stored(topic: &str, record: &Record) -> Message {
    Message {
        topic: topic.into(),
        partition: 3,
        offset: 17,
        timestamp: 5,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
    }
}

fn sealed(encryption: &Encryption, record: Record) -> Message {
    stored("orders", &encryption.seal("orders", record).unwrap())
}

fn refused(encryption: &Encryption, message: &Message) -> Error {
    let mut opened = message.clone();
    let error = encryption.open(&message.topic.clone(), &mut opened).unwrap_err();
    assert_eq!(opened, *message, "a message that is refused stays as it was");
    error
}

fn shapes() -> Vec<Record> {
    let full = || Record::new("value").key("key").header("h", "1");
    vec![
        full(),
        full().headers([("h".to_owned(), None), ("".to_owned(), Some(Bytes::new()))]),
        Record::new("value"),
        Record::new("").key(""),
        Record::tombstone("key"),
        Record::tombstone("key").header("why", "gdpr"),
        Record::default(),
        Record::new(vec![7; 1 << 20]).key(vec![0; 300]),
    ]
}

#[test]
fn every_shape_of_record_comes_back_as_it_was() {
    for seal_headers in [false, true] {
        let encryption = Encryption::new(keyring("a")).seal_headers(seal_headers);
        // A reader need not know how headers were written.
        let reader = encryption.clone().seal_headers(false).refuse_plain(true);
        for record in shapes() {
            let mut message = sealed(&encryption, record.clone());
            assert_eq!(message.key, record.key);
            assert_eq!(message.value.is_some(), record.value.is_some());
            let visible = if seal_headers { 0 } else { record.headers.len() };
            assert_eq!(message.headers.len(), visible + 1);
            assert_ne!(message.value.as_deref(), Some(&b"value"[..]));
            reader.open("orders", &mut message).unwrap();
            assert_eq!(message, stored("orders", &record));
        }
    }
}

#[test]
fn a_record_cannot_be_moved_or_relabelled() {
    let encryption = Encryption::new(keyring("a"));
    for record in [Record::new("v").key("k"), Record::tombstone("k")] {
        let good = sealed(&encryption, record);
        let moved = Message { topic: "refunds".into(), ..good.clone() };
        let other_key = Message { key: Some("l".into()), ..good.clone() };
        let no_key = Message { key: None, ..good.clone() };
        let empty_key = Message { key: Some("".into()), ..good.clone() };
        for bad in [moved, other_key, no_key, empty_key] {
            let error = refused(&encryption, &bad);
            assert!(error.is(ErrorCode::DecryptionFailed), "{error}");
        }
        let mut moved_and_told = Message { topic: "orders.dlq".into(), ..good };
        encryption.open("orders", &mut moved_and_told).unwrap();
    }
}

#[test]
fn values_and_tombstones_are_not_taken_for_each_other() {
    let encryption = Encryption::new(keyring("a"));
    let value = sealed(&encryption, Record::new("").key("k"));
    let deleted = refused(&encryption, &Message { value: None, ..value });
    assert!(deleted.message().contains("its value was taken away"), "{deleted}");
    let tombstone = sealed(&encryption, Record::tombstone("k"));
    let revived = Message { value: Some("v".into()), ..tombstone.clone() };
    assert!(refused(&encryption, &revived).is(ErrorCode::DecryptionFailed));

    // The tag of a tombstone moved to where a value's is, and the flag with it.
    let header = tombstone.headers[0].1.clone().unwrap();
    let (head, tag) = header.split_at(header.len() - TAG_LEN);
    let mut head = head.to_vec();
    head[1] = 0;
    let headers = vec![(ENCRYPTION_HEADER.to_owned(), Some(head.into()))];
    let forged = Message { value: Some(Bytes::copy_from_slice(tag)), headers, ..tombstone };
    assert!(refused(&encryption, &forged).is(ErrorCode::DecryptionFailed));
}

#[test]
fn errors_name_topic_partition_offset_and_key() {
    let message = sealed(&Encryption::new(keyring("2025")), Record::new("v"));
    let wrong = refused(&Encryption::new(keyring("2025")), &message);
    assert!(wrong.is(ErrorCode::DecryptionFailed));
    let missing = refused(&Encryption::new(keyring("2026")), &message);
    assert!(missing.is(ErrorCode::UnknownEncryptionKey));
    let none = check_plain(&message).unwrap_err();
    assert!(none.is(ErrorCode::UnknownEncryptionKey));
    for error in [wrong, missing, none] {
        for part in ["topic \"orders\"", "partition 3", "offset 17", "key \"2025\""] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn plain_records_pass_unless_they_are_refused() {
    let plain = stored("orders", &Record::new("v").header("h", "1"));
    let encryption = Encryption::new(keyring("a"));
    let mut message = plain.clone();
    encryption.open("orders", &mut message).unwrap();
    assert_eq!(message, plain);
    check_plain(&plain).unwrap();
    let error = refused(&encryption.refuse_plain(true), &plain);
    assert!(error.is(ErrorCode::DecryptionFailed) && error.message().contains("not encrypted"));
}

#[test]
fn the_reserved_header_is_nobody_elses() {
    let encryption = Encryption::new(keyring("a"));
    let forged = Record::new("v").header(ENCRYPTION_HEADER, "x");
    assert!(encryption.seal("orders", forged.clone()).unwrap_err().is(ErrorCode::InvalidArgument));
    assert!(check_not_reserved(&forged).is_err());
    let mut message = sealed(&encryption, Record::new("v"));
    message.headers.push(message.headers[0].clone());
    assert!(refused(&encryption, &message).is(ErrorCode::DecryptionFailed));
    let empty = Message { headers: vec![(ENCRYPTION_HEADER.to_owned(), None)], ..message };
    assert!(refused(&encryption, &empty).is(ErrorCode::DecryptionFailed));
    assert!(check_plain(&empty).unwrap_err().is(ErrorCode::DecryptionFailed));
}

#[test]
fn what_is_cut_off_is_refused() {
    let encryption = Encryption::new(keyring("a"));
    for record in [Record::new("value").key("k"), Record::tombstone("k")] {
        let good = sealed(&encryption, record);
        let header = good.headers[0].1.clone().unwrap();
        for len in 0..header.len() {
            let headers = vec![(ENCRYPTION_HEADER.to_owned(), Some(header.slice(..len)))];
            refused(&encryption, &Message { headers, ..good.clone() });
        }
        for len in 0..good.value.as_ref().map_or(0, Bytes::len) {
            let value = good.value.as_ref().map(|value| value.slice(..len));
            refused(&encryption, &Message { value, ..good.clone() });
        }
    }
}

fn batch_of(record: &Record) -> RecordBatch {
    let mut builder = BatchBuilder::new();
    builder.push(record.key.as_deref(), record.value.as_deref(), &record.headers, 5);
    builder.build(Codec::None)
}

/// Reads the one record of a batch as a consumer does.
fn read(encryption: &Encryption, batch: &RecordBatch) -> Option<Message> {
    let record = batch.records(1 << 20).ok()?.next()?.ok()?;
    let mut message = Message::new("orders".into(), 0, record);
    encryption.open("orders", &mut message).ok()?;
    Some(message)
}

/// Whoever can alter the log can make checksums match too. In the record's own bytes, as they are
/// stored, every byte is flipped in turn, each of its bits and all of them.
#[test]
fn every_byte_of_a_stored_record_is_protected() {
    let encryption = Encryption::new(keyring("a")).seal_headers(true).refuse_plain(true);
    for record in [
        Record::new("value").key("key").header("h", "1"),
        Record::new("value"),
        Record::tombstone("key").header("h", "1"),
    ] {
        let batch = batch_of(&encryption.seal("orders", record).unwrap());
        let good = read(&encryption, &batch).unwrap();
        for at in 0..batch.records.len() {
            for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                let mut bytes = batch.records.to_vec();
                bytes[at] ^= flip;
                let bytes = Bytes::from(bytes);
                let crc32c = crc32c::crc32c(&bytes);
                let flipped = RecordBatch { records: bytes.into(), crc32c, ..batch.clone() };
                let Some(read) = read(&encryption, &flipped) else { continue };
                // The timestamp is not protected, and stands at the end.
                assert_eq!(at, batch.records.len() - 1, "byte {at} was flipped unnoticed");
                assert_eq!(Message { timestamp: 5, ..read }, good);
            }
        }
    }
}

#[test]
fn made_up_salts_do_not_drive_out_derived_keys() {
    let encryption = Encryption::new(keyring("a"));
    let good = sealed(&encryption, Record::new("v"));
    encryption.open("orders", &mut good.clone()).unwrap();
    for byte in 0..50 {
        let mut header = good.headers[0].1.clone().unwrap().to_vec();
        header[4] ^= byte + 1;
        let headers = vec![(ENCRYPTION_HEADER.to_owned(), Some(header.into()))];
        refused(&encryption, &Message { headers, ..good.clone() });
    }
    assert_eq!(encryption.opener.remembered(), 1);
}

#[test]
fn debug_tells_no_secrets() {
    let key = EncryptionKey::generate();
    let config = crate::Config {
        encryption: Some(Encryption::new(Keyring::new(key.clone()))),
        ..Default::default()
    };
    let shown = format!("{config:?}");
    assert!(shown.contains("Encryption {") && !shown.contains(&key.to_base64()[..8]), "{shown}");
}

prop_compose! {
    fn anything()(
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers in prop::collection::vec((".{0,9}", any::<Option<Vec<u8>>>()), 0..4),
    ) -> Record {
        let headers: Vec<Header> =
            headers.into_iter().map(|(n, v)| (n, v.map(Bytes::from))).collect();
        Record { key: key.map(Bytes::from), value: value.map(Bytes::from), headers, ..Record::default() }
    }
}

proptest! {
    #[test]
    fn any_record_comes_back(record in anything(), topic in ".{0,9}", seal_headers: bool) {
        let encryption = Encryption::new(keyring("a")).seal_headers(seal_headers);
        let mut message = stored(&topic, &encryption.seal(&topic, record.clone()).unwrap());
        encryption.open(&topic, &mut message).unwrap();
        prop_assert_eq!(message, stored(&topic, &record));
    }

    #[test]
    fn hostile_records_never_panic(header: Vec<u8>, id_len in 0u8..4, value: Option<Vec<u8>>) {
        let encryption = Encryption::new(keyring("a"));
        let made_up = [&[1, 2 * u8::from(value.is_none()), id_len], &b"aaa"[..usize::from(id_len)], &header].concat();
        for header in [header, made_up] {
            let headers = vec![(ENCRYPTION_HEADER.to_owned(), Some(header.into()))];
            let record = Record { value: value.clone().map(Bytes::from), headers, ..Record::default() };
            let message = stored("orders", &record);
            refused(&encryption, &message);
            prop_assert!(check_plain(&message).is_err());
        }
    }
}
