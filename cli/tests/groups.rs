//! Groups on the command line, against a real broker process.

mod common;

use common::*;
use serde_json::{Value, json};

fn start() -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path());
    broker.flymq(&["topic", "create", "t", "--partitions", "2"]).good();
    (dir, broker)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_group_goes_on_where_it_has_come_to() {
    let (_dir, broker) = start();
    broker.flymq_with(&["produce", "t", "--partition", "1"], "a\nb\nc\n").good();
    let consume = ["consume", "t", "--group", "g"];
    assert_eq!(broker.flymq(&[&consume[..], &["--max", "2"]].concat()).good(), "a\nb\n");
    assert_eq!(broker.flymq(&consume).good(), "c\n");
    assert_eq!(broker.flymq(&consume).good(), "");
    broker.flymq_with(&["produce", "t", "--partition", "1"], "d\n").good();
    let lag = json(&broker.flymq(&["group", "lag", "g", "--format", "json"]).good());
    assert_eq!(lag["lag"], 1);
    assert_eq!(
        lag["partitions"][1],
        json!({"topic": "t", "partition": 1, "committed": 2, "latest": 4, "lag": 1})
    );
    let text = broker.flymq(&["group", "lag", "g"]).good();
    assert!(text.ends_with("group g is behind by 1\n"), "{text}");
    assert_eq!(broker.flymq(&consume).good(), "d\n");
    let from = [&consume[..], &["--from", "3"]].concat();
    let error = broker.flymq(&from).bad(1);
    assert!(error.contains("flymq group reset g t --to"), "{error}");
    let error = broker.flymq(&["consume", "nowhere", "--group", "g"]).bad(1);
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn groups_are_shown_reset_and_deleted() {
    let (_dir, broker) = start();
    assert_eq!(broker.flymq(&["group", "list", "--format", "json"]).good(), "[]\n");
    let error = broker.flymq(&["group", "describe", "g"]).bad(1);
    assert!(error.contains("UNKNOWN_GROUP"), "{error}");
    broker.flymq_with(&["produce", "t", "--partition", "0"], "a\nb\n").good();
    broker.flymq(&["consume", "t", "--group", "g"]).good();

    let list = broker.flymq(&["group", "list"]).good();
    assert_eq!(list, "GROUP  STATE  MEMBERS\ng      empty  0\n");
    let described = json(&broker.flymq(&["group", "describe", "g", "--format", "json"]).good());
    assert_eq!((&described["state"], &described["members"]), (&json!("empty"), &json!([])));
    assert_eq!(broker.flymq(&["group", "describe", "g"]).good(), "g: empty, 0 members\n");

    let reset = ["group", "reset", "g", "t", "--to", "earliest", "--partition", "0"];
    assert_eq!(broker.flymq(&reset).good(), "TOPIC  PARTITION  NEXT\nt      0          0\n");
    assert_eq!(broker.flymq(&["consume", "t", "--group", "g"]).good(), "a\nb\n");
    let reset = ["group", "reset", "g", "t", "--to", "1", "--format", "json"];
    broker.flymq(&reset[..]).bad(1); // partition 1 is empty, so there is no offset 1
    let reset = [&reset[..], &["--partition", "0"]].concat();
    let set = json(&broker.flymq(&reset).good());
    assert_eq!(set, json!([{"topic": "t", "partition": 0, "next": 1}]));

    broker.flymq(&["group", "delete", "g"]).good();
    let error = broker.flymq(&["group", "delete", "g"]).bad(1);
    assert!(error.contains("UNKNOWN_GROUP"), "{error}");
}

#[test]
fn members_are_shown_and_keep_their_group() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let (_dir, broker) = start();
    broker.flymq_with(&["produce", "t", "--partition", "0"], "a\n").good();
    let mut following = Command::new(FLYMQ)
        .args(["-a", &broker.address, "consume", "t", "--group", "g", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(following.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "a\n");
    let group = json(&broker.flymq(&["group", "describe", "g", "--format", "json"]).good());
    assert_eq!(group["state"], "stable");
    assert_eq!(group["members"].as_array().unwrap().len(), 1);
    let text = broker.flymq(&["group", "describe", "g"]).good();
    assert!(text.starts_with("g: stable, 1 member\n") && text.contains("t-0 t-1"), "{text}");
    for command in [&["group", "delete", "g"][..], &["group", "reset", "g", "t", "--to", "latest"]]
    {
        let error = broker.flymq(command).bad(1);
        assert!(error.contains("GROUP_NOT_EMPTY"), "{error}");
    }
    following.kill().unwrap();
    following.wait().unwrap();
}
