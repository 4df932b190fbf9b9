//! `conformance/errors.json`, `docs/errors.md` and `conformance/partitioner/murmur2.json`.

use flymq_protocol::ErrorCode;
use flymq_protocol::partitioner::{murmur2, partition_for_key};
use serde_json::{Value as Json, json};

use crate::json::{check_or_bless, check_or_bless_text, read, unhex};

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

#[test]
fn the_error_table_as_a_page() {
    let mut page = HEAD.to_owned();
    let mut hundreds = 0;
    for &code in ErrorCode::ALL {
        let number = code as u16;
        if number / 100 != hundreds {
            hundreds = number / 100;
            page += &format!("\n## {hundreds}xx: {}\n", FAMILIES[usize::from(hundreds)]);
        }
        // Two names are taken in other languages.
        let class = match code {
            ErrorCode::Timeout => "RequestTimeout".to_owned(),
            ErrorCode::Interrupted => "WaitInterrupted".to_owned(),
            code => format!("{code:?}"),
        };
        let again =
            if code.is_retriable() { "May pass: try again." } else { "Does not pass by itself." };
        page += &format!(
            "\n### {number} {name}\n\n{meaning} {again}\n\n- **What to do:** {hint}.\n- Rust \
             `ErrorCode::{code:?}`, Python `{class}Error`, Java `{class}Exception`, C \
             `FLYMQ_ERROR_{name}`.\n",
            name = code.name(),
            meaning = code.meaning(),
            hint = code.hint(),
        );
    }
    check_or_bless_text("docs/errors.md", &page);
}

const HEAD: &str = "\
# Errors by code

Every error has a number that never changes its meaning, in all languages and on the wire. What failed
and with which numbers is in its message; what to do next is in its hint, as here. This page is written
from the one table that all languages share.

Producers, consumers and clients repeat by themselves what may pass, within their time-outs: an error of
that kind that reaches the application has lasted for that long.
";

const FAMILIES: [&str; 10] = [
    "",
    "the bytes",
    "the session",
    "topics",
    "the log",
    "groups",
    "transactions",
    "the broker's own state",
    "",
    "raised by a client, never sent",
];

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
