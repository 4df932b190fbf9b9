//! The page's field tables against the code: names, types, bounds and defaults of every field of
//! every message, nested ones too.
//!
//! Each golden frame is taken apart, changed in one field, and decoded again.

use flymq_protocol::{ErrorCode, Frame, OpCode};
use rmpv::Value;

use crate::golden::payload;
use crate::kinds::{self, Kind};
use crate::page::{Field, Page};
use crate::samples;

/// Where a value stands within a payload: keys and positions.
type Path = Vec<Step>;

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    At(usize),
}

fn get<'a>(mut value: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    for step in path {
        value = match (value, step) {
            (Value::Map(entries), Step::Key(key)) => {
                &mut entries.iter_mut().find(|(k, _)| k.as_str() == Some(key))?.1
            }
            (Value::Array(items), Step::At(at)) => items.get_mut(*at)?,
            _ => return None,
        };
    }
    Some(value)
}

fn keys(map: &Value) -> Vec<String> {
    let Value::Map(entries) = map else { panic!("{map} is no map") };
    entries.iter().map(|(k, _)| k.as_str().unwrap().to_owned()).collect()
}

/// A golden frame with its kind.
struct Subject {
    name: String,
    kind: Kind,
    payload: Value,
}

impl Subject {
    fn all() -> impl Iterator<Item = Self> {
        samples::areas().into_iter().flat_map(|(area, samples)| {
            samples.into_iter().map(move |sample| Self {
                name: format!("{area}/{}", sample.name),
                kind: kinds::all().into_iter().find(|k| k.opcode == sample.frame[2]).unwrap(),
                payload: payload(&sample.frame),
            })
        })
    }

    /// Decodes the payload after a change, and gives back what the code made of it.
    fn recode(&self, change: impl FnOnce(&mut Value)) -> Result<Value, ErrorCode> {
        let mut changed = self.payload.clone();
        change(&mut changed);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &changed).unwrap();
        let frame = Frame::new(self.kind.opcode, bytes.into()).map_err(|e| e.code)?;
        let recoded = (self.kind.recode)(&frame).map_err(|e| e.code)?;
        Ok(payload(&recoded.to_bytes()))
    }

    /// Calls `look` for every map with a field table of its own, and where it stands.
    fn each_map(&self, page: &Page, look: &mut impl FnMut(&Path, &str, &[Field])) {
        fn descend(
            page: &Page,
            table: &str,
            path: Path,
            value: &Value,
            look: &mut impl FnMut(&Path, &str, &[Field]),
        ) {
            let fields = page.fields.get(table).unwrap_or_else(|| panic!("no table {table}"));
            look(&path, table, fields);
            for field in fields {
                let mut path = [&path[..], &[Step::Key(field.name.clone())]].concat();
                let mut owner = value.clone();
                let Some(inner) = get(&mut owner, &path[path.len() - 1..]) else { continue };
                let ty = field.ty.trim_end_matches(" or nil");
                let element = ty.trim_start_matches("array of ");
                if !page.fields.contains_key(element) {
                    continue;
                }
                match inner {
                    Value::Array(items) => {
                        for (at, item) in items.iter().enumerate() {
                            path.push(Step::At(at));
                            descend(page, element, path.clone(), item, look);
                            path.pop();
                        }
                    }
                    Value::Nil => {}
                    map => descend(page, element, path, map, look),
                }
            }
        }
        descend(page, &self.kind.name, Vec::new(), &self.payload, look);
    }
}

#[test]
fn tables_have_exactly_the_fields_of_the_messages() {
    let page = Page::load();
    let mut seen = std::collections::BTreeSet::new();
    for subject in Subject::all() {
        let mut payload = subject.payload.clone();
        subject.each_map(&page, &mut |path, table, fields| {
            let mut found = keys(get(&mut payload, path).unwrap());
            if path.is_empty() {
                assert_eq!(found.remove(0), "id", "{}", subject.name);
            }
            let listed: Vec<_> = fields.iter().map(|field| field.name.clone()).collect();
            assert_eq!(listed, found, "{}: {table}", subject.name);
            seen.insert(table.to_owned());
        });
    }
    let tables: Vec<_> = page.fields.keys().cloned().collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), tables, "every table is that of some message");
    assert!(tables.len() > 2 * OpCode::ALL.len() + 1);
}

/// The default that a table gives, as the code would encode it.
fn default_value(text: &str) -> Value {
    match text {
        "nil" => Value::Nil,
        "empty" => Value::Binary(Vec::new()),
        "\"\"" => "".into(),
        "[]" => Value::Array(Vec::new()),
        "{}" => Value::Map(Vec::new()),
        "false" => false.into(),
        "true" => true.into(),
        number => number.parse::<i64>().unwrap_or_else(|_| panic!("default {number}")).into(),
    }
}

#[test]
fn missing_fields_have_the_default_of_their_table() {
    let page = Page::load();
    for subject in Subject::all() {
        subject.each_map(&page, &mut |path, table, fields| {
            for field in fields {
                let at = [&path[..], &[Step::Key(field.name.clone())]].concat();
                let recoded = subject.recode(|payload| {
                    let Some(Value::Map(entries)) = get(payload, path) else { panic!() };
                    entries.retain(|(k, _)| k.as_str() != Some(&field.name));
                });
                let found = recoded.map(|mut value| get(&mut value, &at).unwrap().clone());
                let expected = match field.default.as_str() {
                    "required" => Err(ErrorCode::MalformedPayload),
                    default => Ok(default_value(default)),
                };
                assert_eq!(found, expected, "{}: {table}.{}", subject.name, field.name);
            }
        });
    }
}

/// Values that a type takes, and values that it does not.
fn examples(ty: &str) -> (Vec<Value>, Vec<Value>) {
    let text = || Value::from("text");
    let int = |least: i64, most: u64| {
        let mut bad = vec![text(), Value::F64(1.0), true.into(), Value::Binary(vec![1])];
        if least == 0 {
            bad.push((-1).into());
        } else if let Some(below) = least.checked_sub(1) {
            bad.push(below.into());
        }
        bad.extend(most.checked_add(1).map(Value::from));
        (vec![Value::from(least), Value::from(most)], bad)
    };
    let mut bad_container = vec![5.into(), text(), true.into()];
    if let Some(inner) = ty.strip_suffix(" or nil") {
        let (mut good, mut bad) = examples(inner);
        good.push(Value::Nil);
        bad.retain(|value| !value.is_nil());
        return (good, bad);
    }
    let (good, mut bad) = match ty {
        "u8" => int(0, u8::MAX.into()),
        "u16" => int(0, u16::MAX.into()),
        "u32" => int(0, u32::MAX.into()),
        "u64" => int(0, u64::MAX),
        "i16" => int(i16::MIN.into(), i16::MAX as u64),
        "i32" => int(i32::MIN.into(), i32::MAX as u64),
        "i64" => int(i64::MIN, i64::MAX as u64),
        "bool" => (vec![true.into(), false.into()], vec![0.into(), text()]),
        "str" => (vec!["".into(), "ключ".into()], vec![5.into(), true.into()]),
        "bin" => {
            (vec![Value::Binary(vec![]), Value::Binary(vec![0xff; 300])], vec![5.into(), text()])
        }
        array if array.starts_with("array of ") => {
            bad_container.push(Value::Array(vec![Value::F64(0.5)]));
            bad_container.push(Value::Map(vec![("a".into(), 1.into())]));
            (vec![Value::Array(vec![])], bad_container)
        }
        map if map.starts_with("map of str to ") => {
            let entry = |value: Value| Value::Map(vec![("key".into(), value)]);
            bad_container.push(entry(5.into()));
            let (good, bad) = (entry("value".into()), entry(Value::Nil));
            if map.ends_with("(str or nil)") {
                (vec![good, bad], bad_container)
            } else {
                bad_container.push(bad);
                (vec![good], bad_container)
            }
        }
        _ => (vec![], bad_container),
    };
    bad.push(Value::Nil);
    (good, bad)
}

#[test]
fn fields_take_what_their_type_says_and_nothing_else() {
    let page = Page::load();
    let mut checked = 0;
    for subject in Subject::all() {
        subject.each_map(&page, &mut |path, table, fields| {
            for field in fields {
                let at = [&path[..], &[Step::Key(field.name.clone())]].concat();
                let set = |value: &Value| {
                    let recoded =
                        subject.recode(|payload| *get(payload, &at).unwrap() = value.clone());
                    recoded.map(|mut value| get(&mut value, &at).unwrap().clone())
                };
                let what = format!("{}: {table}.{}", subject.name, field.name);
                let (mut good, bad) = examples(&field.ty);
                if field.name == "isolation" {
                    good = vec![0.into(), 1.into()];
                }
                for value in good {
                    assert_eq!(set(&value), Ok(value.clone()), "{what} takes {value}");
                    checked += 1;
                }
                for value in bad {
                    let refused = Err(ErrorCode::MalformedPayload);
                    assert_eq!(set(&value), refused, "{what} does not take {value}");
                    checked += 1;
                }
            }
        });
    }
    assert!(checked > 1000, "{checked}");
}
