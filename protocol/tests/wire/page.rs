//! Reading `docs/protocol.md`: its headings, tables and hexadecimal blocks.

use std::collections::BTreeMap;

use crate::json::repository;

/// A row of a field table.
#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub ty: String,
    pub default: String,
}

/// What the tests need of the page.
#[derive(Default)]
pub struct Page {
    pub text: String,
    /// Fields by message (`PRODUCE request`, `PRODUCE response`, `ERROR`) and by type name.
    pub fields: BTreeMap<String, Vec<Field>>,
    /// The opcode byte that the page gives each message.
    pub opcodes: BTreeMap<String, u8>,
}

/// The cells of a table's row, without the code marks around them.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

/// The rows of the first table whose heading is `heading`.
pub fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "the page has no table {heading}");
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

impl Page {
    pub fn load() -> Self {
        let text = std::fs::read_to_string(repository("docs/protocol.md")).unwrap();
        let mut page = Self::default();
        let (mut section, mut message) = (String::new(), String::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(heading) = line.strip_prefix("### ").or(line.strip_prefix("#### ")) {
                message = heading.to_owned();
                if line.starts_with("### ") {
                    section = heading.to_owned();
                }
            } else if let Some((kind, opcode)) = announcement(line) {
                message = match section.as_str() {
                    "ERROR" => section.clone(),
                    _ => format!("{section} {kind}"),
                };
                page.opcodes.insert(message.clone(), opcode);
                if line.ends_with(": no fields.") {
                    page.fields.insert(message.clone(), Vec::new());
                }
            } else if line == "| field | type | default | meaning |" {
                lines.next();
                let rows = lines.by_ref().take_while(|line| line.starts_with('|'));
                let fields: Vec<_> = rows.map(field).collect();
                let old = page.fields.insert(message.clone(), fields);
                assert!(old.is_none(), "{message} has two tables");
            }
        }
        page.text = text;
        page
    }

    /// The hexadecimal blocks, each with the vector it is said to show.
    pub fn examples(&self) -> Vec<(String, String)> {
        let mut examples = Vec::new();
        let blocks = self.text.split("```hex\n").collect::<Vec<_>>();
        for pair in blocks.windows(2) {
            let named = pair[0].trim_end().rsplit_once("<!-- vector: ").expect("a named block").1;
            let name = named.strip_suffix(" -->").expect("the name is right before the block");
            let block = pair[1].split_once("```").unwrap().0;
            let bytes: String = block
                .lines()
                .map(|line| line.split(';').next().unwrap())
                .collect::<Vec<_>>()
                .join(" ");
            examples.push((name.to_owned(), bytes));
        }
        examples
    }
}

/// `Request `0x01`:` and the like.
fn announcement(line: &str) -> Option<(&'static str, u8)> {
    let (kind, rest) = match line.split_once(" `0x")? {
        ("Request", rest) => ("request", rest),
        ("Response", rest) => ("response", rest),
        _ => return None,
    };
    Some((kind, u8::from_str_radix(rest.get(..2)?, 16).ok()?))
}

fn field(line: &str) -> Field {
    let [name, ty, default, _meaning] = <[String; 4]>::try_from(cells(line)).expect(line);
    Field { name, ty, default }
}
