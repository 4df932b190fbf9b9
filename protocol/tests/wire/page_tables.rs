//! The page's tables of operations, errors and limits, and its examples, against the code.

use flymq_protocol::{ErrorCode, OpCode, batch, bounds, frame, messages, opcode};

use crate::golden::payload;
use crate::json::{hex, read, to_json, unhex};
use crate::kinds;
use crate::page::{Page, table};

#[test]
fn operations_have_the_codes_numbers_and_names() {
    let page = Page::load();
    let rows = table(&page.text, "| opcode | operation | feature | purpose |");
    let listed: Vec<_> = rows
        .iter()
        .map(|row| {
            let name = row[1].trim_start_matches('[').split(']').next().unwrap();
            assert!(
                page.text.contains(&format!("\n### {name}\n"))
                    && row[1].ends_with(&format!("(#{})", name.to_lowercase())),
                "{row:?} links to a section of its own"
            );
            (u8::from_str_radix(&row[0][2..], 16).unwrap(), name)
        })
        .collect();
    let known: Vec<_> = OpCode::ALL.iter().map(|op| (*op as u8, op.name())).collect();
    assert_eq!(listed, known);
}

#[test]
fn messages_are_announced_with_their_opcodes() {
    let page = Page::load();
    for kind in kinds::all() {
        assert_eq!(page.opcodes.get(&kind.name), Some(&kind.opcode), "{}", kind.name);
    }
    assert_eq!(page.opcodes.len(), kinds::all().len());
    assert_eq!(page.opcodes["ERROR"], opcode::ERROR);
}

#[test]
fn errors_have_the_codes_numbers_names_and_retriability() {
    let page = Page::load();
    let listed: Vec<_> = table(&page.text, "| code | name | retriable | meaning |")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone(), row[2].clone()))
        .collect();
    let known: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let retriable = if code.is_retriable() { "yes" } else { "no" };
            ((*code as u16).to_string(), code.name().to_owned(), retriable.to_owned())
        })
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn errors_that_operations_list_exist() {
    let page = Page::load();
    let known: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    let mut sections = 0;
    for paragraph in page.text.split("\n\n").filter(|p| p.starts_with("Errors: ")) {
        sections += 1;
        // Every second piece between code marks is code.
        for name in paragraph.split('`').skip(1).step_by(2) {
            let is_field = name.chars().any(|c| c.is_ascii_lowercase());
            assert!(is_field || known.contains(&name), "{name} in: {paragraph}");
        }
    }
    assert!(sections > 15, "{sections}");
}

#[test]
fn limits_are_those_of_the_code() {
    let page = Page::load();
    let rows = table(&page.text, "| limit | value | exceeded |");
    let limit = |start: &str| -> u64 {
        let row = rows.iter().find(|row| row[0].starts_with(start)).unwrap();
        row[1].replace(',', "").parse().unwrap()
    };
    assert_eq!(limit("payload of a frame, bytes"), frame::DEFAULT_MAX_FRAME as u64);
    assert_eq!(limit("depth of arrays and maps"), bounds::MAX_DEPTH as u64);
    assert_eq!(limit("values in a payload"), bounds::MAX_VALUES);
    assert_eq!(limit("records in a batch"), u64::from(batch::MAX_RECORDS));
    assert_eq!(limit("headers of a record"), u64::from(batch::MAX_HEADERS));
    assert_eq!(limit("bytes of a batch's records"), batch::DEFAULT_MAX_RAW as u64);
    assert_eq!(limit("topics or partitions"), messages::MAX_NAMED as u64);
    assert_eq!(limit("batches in a FETCH"), messages::MAX_FETCHED_BATCHES as u64);
}

#[test]
fn examples_are_golden_vectors() {
    let page = Page::load();
    let mut shown = Vec::new();
    for (name, bytes) in page.examples() {
        let (area, vector) = name.split_once('/').unwrap();
        let file = read(&format!("wire/{area}.json"));
        let vectors = file["vectors"].as_array().unwrap();
        let golden = vectors.iter().find(|v| v["name"] == vector).expect(vector);
        assert_eq!(hex(&unhex(&bytes)), golden["frame"].as_str().unwrap(), "{name}");
        assert_eq!(to_json(&payload(&unhex(&bytes))), golden["payload"]);
        shown.push(name);
    }
    for needed in [
        "session/hello",
        "session/hello_response",
        "log/produce_one_record",
        "log/produce_response",
        "log/fetch",
        "log/fetch_response",
        "errors/unknown_topic",
    ] {
        assert!(shown.iter().any(|name| name == needed), "{needed} is not shown");
    }
}

#[test]
fn the_checksum_is_the_one_described() {
    let page = Page::load();
    assert!(page.text.contains("`0xE3069283`"));
    assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
}
