//! What watches a broker: `flymq health`, logs for programs, and planning ahead.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::*;
use serde_json::Value;

#[test]
fn readiness_is_asked_for_over_http_without_a_user() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--http-listen", "127.0.0.1:0", "--auth"];
    let broker = Broker::start_with(dir.path(), "127.0.0.1:0", &options);
    let url = format!("http://{}", broker.http.as_ref().unwrap());
    assert_eq!(run(&["health", "--http", &url], b"").good(), "ok: broker ok, engine ok\n");
    let out = run(&["health", "--http", &url, "--format", "json"], b"").good();
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&said["status"], &said["engine"]["status"]), (&"ok".into(), &"ok".into()));

    let short = tempfile::tempdir().unwrap();
    let all = u64::MAX.to_string();
    let options = ["--http-listen", "127.0.0.1:0", "--min-free-bytes", &all];
    let broker = Broker::start_with(short.path(), "127.0.0.1:0", &options);
    let url = format!("http://{}/", broker.http.as_ref().unwrap());
    let told = run(&["health", "--http", &url], b"").good();
    assert!(told.starts_with("degraded: broker ok, engine degraded (the disk of "), "{told}");

    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let err = run(&["health", "--http", &format!("http://{gone}")], b"").bad(1);
    assert!(err.contains(&gone.to_string()), "{err}");
    let err = run(&["health", "--http", "127.0.0.1:9644"], b"").bad(1);
    assert!(err.contains("http://127.0.0.1:9644"), "{err}");
}

#[test]
fn readiness_is_asked_for_over_https() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join("certs").join(name).display().to_string();
    run(&["certs", "dev", &dir.path().join("certs").display().to_string()], b"").good();
    let (cert, key) = (file("server.pem"), file("server.key"));
    let options = ["--http-listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
    let broker = Broker::start_with(&dir.path().join("data"), "127.0.0.1:0", &options);
    let address = broker.http.as_ref().unwrap();
    let url = format!("https://{address}");
    let trusting = ["health", "--http", &url, "--tls-ca-file", &file("ca.pem")];
    assert_eq!(run(&trusting, b"").good(), "ok: broker ok, engine ok\n");
    run(&["health", "--http", &url], b"").bad(1);
    run(&["health", "--http", &format!("http://{address}")], b"").bad(1);
}

/// Runs a line of a shell, and returns what it printed.
fn shell(line: &str) -> String {
    let out = Command::new("bash").args(["-o", "pipefail", "-c", line]).output().unwrap();
    assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn requests_of_the_consoles_guide_are_answered() {
    let tools = Command::new("bash").args(["-c", "command -v curl jq"]).output();
    if !tools.is_ok_and(|found| found.stdout.split(|&b| b == b'\n').count() == 3) {
        return eprintln!("not tested: install bash, curl and jq");
    }
    let dir = tempfile::tempdir().unwrap();
    let options = ["--console", "--http-listen", "127.0.0.1:0"];
    let broker = Broker::start_with(dir.path(), "127.0.0.1:0", &options);
    broker.flymq(&["topic", "create", "orders"]).good();
    broker.flymq_with(&["produce", "orders"], "{\"id\": 1}\n{\"id\": 2}\n").good();

    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/console.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let answers: Vec<Vec<Value>> = guide
        .lines()
        .filter(|line| line.starts_with("curl -s 'http://127.0.0.1:9644/"))
        .map(|line| line.replace("127.0.0.1:9644", broker.http.as_ref().unwrap()))
        .map(|line| {
            let said = shell(&line);
            serde_json::Deserializer::from_str(&said).into_iter().map(Result::unwrap).collect()
        })
        .collect();
    assert_eq!(answers.len(), 2, "requests that need no other broker");
    assert_eq!(answers[0][0]["topics"][0]["name"], "orders");
    assert_eq!(answers[1], [serde_json::json!({"id": 1}), serde_json::json!({"id": 2})]);
}

#[test]
fn logs_are_objects_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(FLYMQ);
    command.args(["broker", "--listen", "127.0.0.1:0", "--log", "info", "--log-format", "json"]);
    command.arg("--data-dir").arg(dir.path());
    let mut broker = Broker::spawn(command.stderr(Stdio::piped()));
    broker.flymq(&["topic", "create", "t"]).good();
    broker.terminate();
    let lines = BufReader::new(broker.process.stderr.take().unwrap()).lines();
    let lines: Vec<Value> = lines.map(|l| serde_json::from_str(&l.unwrap()).unwrap()).collect();
    let created = lines.iter().find(|line| line["message"] == "created a topic").unwrap();
    assert_eq!((&created["level"], &created["topic"]), (&"INFO".into(), &"t".into()));
    assert!(created["timestamp"].is_string() && created["target"].is_string(), "{created}");
}

#[test]
fn capacity_is_worked_out() {
    let args = ["capacity", "--producers", "100", "--rate", "100", "--message-bytes", "1024"];
    let out = run(&[&args[..], &["--retention", "7d", "--format", "json"]].concat(), b"").good();
    let needed: Value = serde_json::from_str(&out).unwrap();
    // 10,000 messages a second of 1 KiB are 10,240,000 bytes; 604,800 seconds are a week.
    assert_eq!(needed["storage_bytes"], 10_240_000.0 * 604_800.0);
    assert_eq!(needed["replicated_storage_bytes"], 3.0 * 10_240_000.0 * 604_800.0);
    assert_eq!(needed["network_bytes_per_second"], 6.0 * 10_240_000.0);
    assert_eq!(needed["memory_bytes"], 12.0 * 1_048_576.0);
    assert_eq!(needed["tolerated_failures"], 1);
    let two = ["capacity", "--replication", "2", "--min-insync", "2"];
    let out = run(&two, b"").good();
    assert!(out.contains("0 may fail") && out.contains("warning     every copy"), "{out}");
    run(&["capacity", "--rate", "0"], b"").bad(2);
    run(&["capacity", "--retention", "1 month"], b"").bad(2);
    run(&["capacity", "--replication", "3", "--brokers", "2"], b"").bad(1);
}
