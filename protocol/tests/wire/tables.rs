//! `conformance/errors.json` and `conformance/partitioner/murmur2.json`.

use flymq_protocol::ErrorCode;
use flymq_protocol::partitioner::{murmur2, partition_for_key};
use serde_json::{Value as Json, json};

use crate::json::{check_or_bless, read, unhex};

#[test]
fn the_error_table_as_data() {
    let entry = |code: &ErrorCode| {
        json!({
            "code": *code as u16,
            "name": code.name(),
            "retriable": code.is_retriable(),
            "hint": code.hint(),
        })
    };
    let errors: Vec<Json> = ErrorCode::ALL.iter().map(entry).collect();
    check_or_bless("errors.json", &json!({"errors": errors}));
}

/// The vectors come from another implementation, `conformance/partitioner/murmur2.py`.
#[test]
fn partitions_of_keys() {
    let file = read("partitioner/murmur2.json");
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() > 100);
    for vector in vectors {
        let key = unhex(vector["key"].as_str().unwrap());
        assert_eq!(i64::from(murmur2(&key)), vector["murmur2"], "{vector}");
        for (count, partition) in vector["partitions"].as_object().unwrap() {
            let count = count.parse().unwrap();
            assert_eq!(u64::from(partition_for_key(&key, count)), *partition, "{vector}");
        }
    }
}
