//! MessagePack as JSON, the way the files in `conformance/` write it, and those files themselves.

use std::path::PathBuf;

use rmpv::Value;
use serde_json::{Value as Json, json};

/// Integers beyond this cannot be told apart by readers that hold numbers as doubles.
const EXACT: i128 = (1 << 53) - 1;

/// A value as JSON: binaries as `{"$bin": hex}`, large integers as `{"$int": decimal}`.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Boolean(b) => json!(b),
        Value::Integer(n) => {
            let wide = n.as_u64().map_or_else(|| n.as_i64().unwrap().into(), i128::from);
            if wide.abs() > EXACT { json!({"$int": wide.to_string()}) } else { json!(wide as i64) }
        }
        Value::String(s) => json!(s.as_str().expect("strings are UTF-8")),
        Value::Binary(bytes) => json!({"$bin": hex(bytes)}),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            let entry = |(k, v): &(Value, Value)| (k.as_str().unwrap().to_owned(), to_json(v));
            Json::Object(entries.iter().map(entry).collect())
        }
        other => panic!("the protocol has no {other:?}"),
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes of a hexadecimal string; blanks are ignored.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap() as u8)
        .collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of digits: {text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A path of the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// Reads a file of `conformance/`.
pub fn read(path: &str) -> Json {
    let path = repository("conformance").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Compares a file of `conformance/` with what the code says, or writes it if `BLESS` is set.
pub fn check_or_bless(path: &str, expected: &Json) {
    if std::env::var_os("BLESS").is_some() {
        let text = serde_json::to_string_pretty(expected).unwrap() + "\n";
        std::fs::write(repository("conformance").join(path), text).unwrap();
    }
    let found = read(path);
    if found == *expected {
        return;
    }
    let (Some(found), Some(expected)) =
        (found["vectors"].as_array(), expected["vectors"].as_array())
    else {
        panic!("conformance/{path} differs from the code")
    };
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "conformance/{path}");
    }
    panic!(
        "conformance/{path} has {} vectors, the code {}; or its heading differs",
        found.len(),
        expected.len()
    );
}

/// Compares a file of the repository with a text, or writes it if `BLESS` is set.
pub fn check_or_bless_text(path: &str, expected: &str) {
    let file = repository(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap();
    assert!(found == expected, "{path} differs from the code: BLESS=1 writes it anew");
}
