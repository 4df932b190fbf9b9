//! The vectors of `conformance/encryption/`, which were made apart from this code.

use serde_json::Value;

use super::*;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../conformance/encryption/sealed.json")).unwrap()
}

fn bytes(value: &Value) -> Option<Bytes> {
    let text = value.as_str()?;
    let pairs = (0..text.len()).step_by(2);
    Some(pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect())
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).unwrap().as_ref().try_into().unwrap()
}

fn record(value: &Value) -> Record {
    let headers = value["headers"].as_array().unwrap().iter();
    let headers = headers.map(|h| (h[0].as_str().unwrap().to_owned(), bytes(&h[1]))).collect();
    let (key, value) = (bytes(&value["key"]), bytes(&value["value"]));
    Record { key, value, headers, ..Record::default() }
}

fn message(topic: &str, record: Record) -> Message {
    let Record { key, value, headers, .. } = record;
    Message { topic: topic.into(), partition: 0, offset: 0, timestamp: 0, key, value, headers }
}

fn key(value: &Value) -> EncryptionKey {
    EncryptionKey::parse(value["key"].as_str().unwrap()).unwrap()
}

#[test]
fn records_are_sealed_and_opened_as_the_vectors_say() {
    let all = vectors();
    let mut own_names = 0;
    for vector in all["vectors"].as_array().unwrap() {
        let name = &vector["name"];
        let (topic, id) = (vector["topic"].as_str().unwrap(), vector["key_id"].as_str().unwrap());
        let key = key(vector);
        own_names += u32::from(key.id() == id);
        let key = key.with_id(id).unwrap();
        let salt = array(&vector["salt"]);
        let derived = Arc::new(key.derive(&salt));
        let once = Once { derived, salt, nonce: array(&vector["nonce"]) };
        let plain = record(&vector["record"]);
        let headers_sealed = vector["headers_sealed"].as_bool().unwrap();
        let sealed = seal(topic, plain.clone(), id, &once, headers_sealed).unwrap();
        assert_eq!(sealed, record(&vector["sealed"]), "{name}");

        let mut read = message(topic, sealed);
        Encryption::new(Keyring::new(key)).open(topic, &mut read).unwrap();
        assert_eq!(read, message(topic, plain), "{name}");
    }
    assert!(own_names > 0, "ids that follow from their keys are among them");
}

#[test]
fn records_are_refused_as_the_vectors_say() {
    let all = vectors();
    let with = &all["refused_with"];
    let key = key(with).with_id(with["key_id"].as_str().unwrap()).unwrap();
    let encryption = Encryption::new(Keyring::new(key));
    for vector in all["refused"].as_array().unwrap() {
        let topic = vector["topic"].as_str().unwrap();
        let mut read = message(topic, record(&vector["sealed"]));
        let error = encryption.open(topic, &mut read).expect_err(&vector["name"].to_string());
        assert_eq!(error.name(), vector["error"].as_str().unwrap(), "{}", vector["name"]);
    }
}
