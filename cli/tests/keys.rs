//! Keys on the command line.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use common::*;

#[test]
fn keys_are_generated_for_their_owner_alone() {
    let printed = run(&["key", "generate"], b"").good();
    assert_eq!(printed.trim_end().len(), 44);
    assert_ne!(printed, run(&["key", "generate"], b"").good());
    assert!(run(&["key", "generate", "--id", "2026"], b"").good().starts_with("2026:"));
    assert!(run(&["key", "generate", "--id", "a b"], b"").bad(1).contains("a-z A-Z 0-9"));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let path = file.to_str().unwrap();
    let ran = run(&["key", "generate", "--out", path], b"");
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(!ran.err.contains(key.trim_end()), "{ran:?}");
    assert_eq!(ran.good(), "");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // A key that is there is never written over.
    assert!(run(&["key", "generate", "--out", path], b"").bad(1).contains(path));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);
}

#[test]
fn records_are_encrypted_on_the_way_in_and_decrypted_on_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(&dir.path().join("data"));
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let key = |id: &str| run(&["key", "generate", "--id", id], b"").good();
    let (old, new) = (key("2025"), key("2026"));
    let (first, both) = (file("first", &old), file("both", &format!("{new}{old}")));
    broker.flymq(&["topic", "create", "t"]).good();
    broker.flymq_with(&["produce", "t", "--encryption-key-file", &first], "one\n").good();
    let headers = ["--header", "secret=1", "--encrypt-headers"];
    let produce = ["produce", "t", "--encryption-key-file", &both];
    broker.flymq_with(&[&produce[..], &headers].concat(), "two\n").good();
    broker.flymq_with(&["produce", "t"], "plain\n").good();

    let read = broker.flymq(&["consume", "t", "--encryption-key-file", &both]).good();
    assert_eq!(read, "one\ntwo\nplain\n");
    let stored = broker.flymq(&["consume", "t", "--no-decrypt", "--format", "json"]).good();
    assert!(stored.contains("flymq.enc") && !stored.contains("secret"), "{stored}");
    let missing = broker.flymq(&["consume", "t", "--encryption-key-file", &first]);
    assert_eq!(missing.out, "one\n");
    let missing = missing.bad(1);
    for part in ["UNKNOWN_ENCRYPTION_KEY 911", "topic \"t\"", "partition 0", "offset 1", "\"2026\""]
    {
        assert!(missing.contains(part), "{part}: {missing}");
    }
    assert!(broker.flymq(&["consume", "t"]).bad(1).contains("offset 0"));
    let skip = ["consume", "t", "--on-undecryptable", "skip"];
    assert_eq!(broker.flymq(&skip).good(), "plain\n");
    broker.flymq(&["topic", "create", "t.dlq"]).good();
    let letters = ["consume", "t", "--on-undecryptable", "dead-letter"];
    assert_eq!(broker.flymq(&letters).good(), "plain\n");
    let letters = broker.flymq(&["consume", "t.dlq", "--no-decrypt", "--format", "json"]).good();
    assert_eq!(letters.lines().count(), 2);
    assert!(letters.contains("flymq.dlq.offset"), "{letters}");

    let error = broker.flymq_with(&["produce", "t", "--encrypt-headers"], "").bad(1);
    assert!(error.contains("--encryption-key-file"), "{error}");
}

#[test]
fn the_environment_names_a_key_and_no_error_repeats_it() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(&dir.path().join("data"));
    let flymq = |args: &[&str], name: &str, value: &str| {
        let mut command = Command::new(FLYMQ);
        clear_environment(&mut command);
        let out = command.args(["-a", &broker.address]).args(args).env(name, value);
        let out = out.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { status: out.status, out: text(out.stdout), err: text(out.stderr) }
    };
    let file = dir.path().join("key");
    run(&["key", "generate", "--out", file.to_str().unwrap()], b"").good();
    broker.flymq(&["topic", "create", "t"]).good();
    let produce = ["produce", "t", "--encryption-key-file", file.to_str().unwrap()];
    broker.flymq_with(&produce, "one\n").good();
    let key = std::fs::read_to_string(&file).unwrap();
    let consume = ["consume", "t"];
    assert_eq!(flymq(&consume, "FLYMQ_ENCRYPTION_KEY", &key).good(), "one\n");
    let path = file.to_str().unwrap();
    assert_eq!(flymq(&consume, "FLYMQ_ENCRYPTION_KEYRING", path).good(), "one\n");
    let bad = &key[..20];
    let error = flymq(&consume, "FLYMQ_ENCRYPTION_KEY", bad).bad(1);
    assert!(error.contains("FLYMQ_ENCRYPTION_KEY") && !error.contains(bad), "{error}");
}
