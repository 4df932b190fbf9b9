//! Runs every example as a reader of the documentation would.

use std::process::Command;

fn run(example: &str) -> String {
    // Cargo builds a package's examples together with its tests.
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().parent().unwrap().join("examples").join(example);
    let output = Command::new(program).env_remove("FLYMQ_BOOTSTRAP_SERVERS").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{example}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn quickstart() {
    let out = run("quickstart");
    assert_eq!(out, "stored at offset 0 of partition 0\nread Some(b\"hello\")\n");
}

#[test]
fn producer_consumer() {
    let out = run("producer_consumer");
    assert_eq!(out.lines().count(), 10, "{out}");
    assert!(out.contains("sensor-3: 10000 readings, 24.80 °C on average"), "{out}");
}

#[test]
fn exactly_once() {
    let out = run("exactly_once");
    assert_eq!(out, "crashed; starting again\n1000 words, 1000 counts\n");
}
