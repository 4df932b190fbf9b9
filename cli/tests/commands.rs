//! The commands against a real broker process.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use common::*;

fn start() -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(dir.path());
    (dir, broker)
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.split_terminator('\n').collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_cluster_of_one_broker_is_shown() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t", "--partitions", "3"]).good();
    let text = broker.flymq(&["cluster", "status"]).good();
    assert!(text.contains("engine embedded"), "{text}");
    assert!(text.contains(&broker.address), "{text}");
    assert!(text.ends_with("3 partitions, 0 under-replicated, 0 offline\n"), "{text}");
    let json = broker.flymq(&["cluster", "status", "--format", "json"]).good();
    let status: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status["partitions"], 3);
    assert_eq!(status["brokers"][0]["id"], 0);
}

#[test]
fn lines_go_in_and_come_out() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t"]).good();
    let input = "one\n\nzwei ö\r\n  three";
    let ran = broker.flymq_with(&["produce", "t"], input);
    assert_eq!(ran.err, "4 records stored in t\n");
    ran.good();
    assert_eq!(broker.flymq(&["consume", "t"]).good(), format!("{input}\n"));
    assert_eq!(broker.flymq(&["consume", "t", "--from", "2"]).good(), "zwei ö\r\n  three\n");
    assert_eq!(broker.flymq(&["consume", "t", "--max", "1"]).good(), "one\n");
    assert_eq!(broker.flymq(&["consume", "t", "--from", "latest"]).good(), "");
    assert_eq!(broker.flymq(&["consume", "t", "--from", "4"]).good(), "");
}

#[test]
fn many_lines_of_a_file_in_many_partitions_all_come_out() {
    let (dir, broker) = start();
    broker.flymq(&["topic", "create", "t", "--partitions", "7"]).good();
    let input: String = (0..200_000).map(|i| format!("line {i}\n")).collect();
    let file = dir.path().with_extension("txt");
    std::fs::write(&file, &input).unwrap();
    let path = file.to_str().unwrap();
    let ran = broker.flymq(&["produce", "t", "--compression", "zstd", "--file", path]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ran.good(), "");
    assert_eq!(lines(&broker.flymq(&["consume", "t"]).good()), lines(&input));
    // One partition has its share, in order.
    let one = broker.flymq(&["consume", "t", "--partition", "3"]).good();
    let numbers: Vec<u32> = one.lines().map(|l| l[5..].parse().unwrap()).collect();
    assert!(numbers.len().abs_diff(200_000 / 7) <= 1 && numbers.is_sorted(), "{}", numbers.len());
}

#[test]
fn keys_are_split_off_and_printed_again() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t", "--partitions", "3"]).good();
    let input = "a::1\nb::2\na::3::4\n";
    broker.flymq_with(&["produce", "t", "--key-separator", "::"], input).good();
    let out = broker.flymq(&["consume", "t", "--key-separator", "::"]).good();
    assert_eq!(lines(&out), lines(input));
    assert_eq!(lines(&broker.flymq(&["consume", "t"]).good()), ["1", "2", "3::4"]);
}

#[test]
fn a_line_without_its_separator_stops_there_and_says_so() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t"]).good();
    let ran = broker.flymq_with(&["produce", "t", "--key-separator", ":"], "a:1\nb\nc:3\n");
    let err = ran.bad(1);
    assert!(
        err.contains("line 1: ")
            && err.contains("separator \":\"")
            && err.contains("1 record stored in t"),
        "{err}"
    );
    assert_eq!(broker.flymq(&["consume", "t"]).good(), "1\n");
}

#[test]
fn a_line_that_is_refused_is_named_and_the_rest_is_stored() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t", "--config", "max_record_bytes=1000"]).good();
    // Far enough apart not to share a batch, all of which would be refused.
    let line = |c: char, n: usize| c.to_string().repeat(n) + "\n";
    let fill = line('a', 900).repeat(300);
    let input = format!("{fill}{}{fill}last\n", line('b', 200_000));
    let ran = broker.flymq_with(&["produce", "t", "--format", "json"], input);
    let err = ran.bad(1);
    assert!(err.contains("line 301 was not stored") && err.contains("RECORD_TOO_LARGE"), "{err}");
    assert!(err.contains("hint: send a smaller record"), "{err}");
    let tally: serde_json::Value = serde_json::from_str(err.lines().last().unwrap()).unwrap();
    let (stored, failed) = (tally["stored"].as_u64().unwrap(), tally["failed"].as_u64().unwrap());
    assert_eq!(stored + failed, 602, "{err}");
    let out = broker.flymq(&["consume", "t"]).good();
    assert_eq!(out.lines().count() as u64, stored);
    assert!(out.ends_with("\nlast\n"));
}

#[test]
fn json_has_everything_also_bytes_that_are_not_text() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t", "--partitions", "2"]).good();
    let args = ["produce", "t", "--key-separator", "=", "--partition", "1", "--header", "h=a=b"];
    broker.flymq_with(&args, b"k=v\n\xff=\xfe\n").good();
    let out = broker.flymq(&["consume", "t", "--format", "json"]).good();
    let records: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["topic"], "t");
    assert_eq!((&records[0]["partition"], &records[0]["offset"]), (&1.into(), &0.into()));
    assert_eq!((&records[0]["key"], &records[0]["value"]), (&"k".into(), &"v".into()));
    assert_eq!(records[0]["headers"], serde_json::json!([{"name": "h", "value": "a=b"}]));
    assert!(records[0]["timestamp"].as_i64().unwrap() > 1_600_000_000_000);
    assert_eq!(records[1]["key_base64"], "/w==");
    assert_eq!(records[1]["value_base64"], "/g==");
    assert!(records[1].get("value").is_none());
    let time = records[0]["timestamp"].to_string();
    let from = |from: &str| broker.flymq(&["consume", "t", "--from", from, "--max", "1"]);
    assert_eq!(from(&format!("@{time}")).good(), "v\n");
    assert_eq!(from("2999-01-01T00:00:00Z").good(), "");
}

#[test]
fn topics() {
    let (_dir, broker) = start();
    let json = |args: &[&str]| -> serde_json::Value {
        let args = [&["topic"], args, &["--format", "json"]].concat();
        serde_json::from_str(&broker.flymq(&args).good()).unwrap()
    };
    let create = ["create", "t", "--partitions", "2", "--config", "retention_ms=1000000"];
    assert_eq!(json(&create)["created"], true);
    let again = json(&[&create[..], &["--if-not-exists"]].concat());
    assert_eq!((&again["created"], &again["partitions"]), (&false.into(), &2.into()));
    let err = broker.flymq(&["topic", "create", "t"]).bad(1);
    assert!(err.contains("TOPIC_EXISTS 301") && err.contains("\nhint: "), "{err}");

    broker.flymq_with(&["produce", "t", "--partition", "1"], "a\nb\n").good();
    let described = json(&["describe", "t"]);
    assert_eq!(described["config"]["retention_ms"], "1000000");
    assert_eq!(
        described["partitions"],
        serde_json::json!([
            {"partition": 0, "earliest": 0, "latest": 0},
            {"partition": 1, "earliest": 0, "latest": 2}
        ])
    );
    let altered = json(&["alter", "t", "--set", "segment_ms=5000", "--unset", "retention_ms"]);
    assert_eq!(altered["config"]["segment_ms"], "5000");
    assert_eq!(altered["config"]["retention_ms"], "604800000");
    assert_eq!(json(&["add-partitions", "t", "4"])["partitions"], 4);
    assert_eq!(json(&["list"]), serde_json::json!([{"topic": "t", "partitions": 4}]));
    assert_eq!(broker.flymq(&["topic", "list"]).good(), "TOPIC  PARTITIONS\nt      4\n");
    assert!(broker.flymq(&["topic", "info", "t"]).good().starts_with("t: 4 partitions"));
    broker.flymq(&["topic", "delete", "t"]).good();
    assert_eq!(json(&["list"]), serde_json::json!([]));
}

#[test]
fn errors_name_what_is_wrong_and_what_to_do() {
    let (_dir, broker) = start();
    let unknown = "flymq: there is no topic \"nope\" (UNKNOWN_TOPIC 300)\n\
                   hint: create the topic first, or check its name\n";
    assert_eq!(broker.flymq(&["consume", "nope"]).bad(1), unknown);
    assert_eq!(broker.flymq_with(&["produce", "nope"], "x\n").bad(1), unknown);
    for args in [["topic", "describe", "nope"], ["topic", "delete", "nope"]] {
        assert!(broker.flymq(&args).bad(1).contains("UNKNOWN_TOPIC 300"));
    }
    broker.flymq(&["topic", "create", "t"]).good();
    let err = broker.flymq(&["consume", "t", "--from", "9"]).bad(1);
    assert!(err.contains("OFFSET_OUT_OF_RANGE 400") && err.contains("0 to 0"), "{err}");
    let err = broker.flymq(&["consume", "t", "--partition", "1"]).bad(1);
    assert!(err.contains("UNKNOWN_PARTITION 303"), "{err}");
    let err = broker.flymq(&["topic", "create", "x", "--config", "retension_ms=1"]).bad(1);
    assert!(err.contains("INVALID_CONFIG 305") && err.contains("retension_ms"), "{err}");
    let err = broker.flymq(&["produce", "t", "--file", "/no/such/file"]).bad(1);
    assert!(err.contains("/no/such/file") && err.contains("No such file"), "{err}");
}

#[test]
fn following_shows_new_records_and_ends_cleanly_on_ctrl_c() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t"]).good();
    broker.flymq_with(&["produce", "t"], "old\n").good();
    let mut consume = Command::new(FLYMQ)
        .args(["-a", &broker.address, "consume", "t", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(consume.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "old\n");
    broker.flymq_with(&["produce", "t"], "new\n").good();
    line.clear();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "new\n");
    let interrupt = Command::new("kill").args(["-INT", &consume.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    assert_eq!(consume.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t"]).good();
    // More than fits into a pipe.
    broker.flymq_with(&["produce", "t"], "0123456789\n".repeat(100_000)).good();
    let mut consume = Command::new(FLYMQ)
        .args(["-a", &broker.address, "consume", "t"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(consume.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "0123456789\n");
    let output = consume.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn lines_are_stored_while_the_input_stays_open() {
    let (_dir, broker) = start();
    broker.flymq(&["topic", "create", "t"]).good();
    let mut produce = Command::new(FLYMQ)
        .args(["-a", &broker.address, "produce", "t"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = produce.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    let out = broker.flymq(&["consume", "t", "--follow", "--max", "1"]).good();
    assert_eq!(out, "first\n");
    // Ctrl-C stops it, and what was read is stored; a line without an end was not read.
    stdin.write_all(b"second").unwrap();
    let interrupt = Command::new("kill").args(["-INT", &produce.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    let output = produce.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("1 record stored") && err.contains("line 1: interrupted"), "{err}");
}

#[test]
fn ctrl_c_twice_ends_a_produce_that_waits_for_a_broker() {
    let (_dir, mut broker) = start();
    broker.flymq(&["topic", "create", "t"]).good();
    let mut produce = Command::new(FLYMQ)
        .args(["-a", &broker.address, "produce", "t"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = produce.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    broker.flymq(&["consume", "t", "--follow", "--max", "1"]).good();
    broker.kill();
    // More than lies unread on the way: some of it is with the producer when this is written.
    stdin.write_all("0123456789\n".repeat(400_000).as_bytes()).unwrap();
    let interrupt = |id: u32| {
        let killed = Command::new("kill").args(["-INT", &id.to_string()]).status().unwrap();
        assert!(killed.success());
    };
    interrupt(produce.id());
    let mut err = BufReader::new(produce.stderr.take().unwrap());
    // Warnings that the broker is gone may come first.
    let mut line = String::new();
    while !line.contains("Ctrl-C gives them up") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended at once");
    }
    interrupt(produce.id());
    assert_eq!(produce.wait().unwrap().code(), Some(1));
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("1 record stored in t, ") && rest.contains("NOT stored"), "{rest}");
}

#[test]
fn bench_prints_figures() {
    let (_dir, broker) = start();
    let json = |args: &[&str]| -> serde_json::Value {
        let args = [&["bench"], args, &["--format", "json"]].concat();
        serde_json::from_str(&broker.flymq(&args).good()).unwrap()
    };
    let args = ["produce", "--msgs", "10001", "--clients", "2", "--partitions", "3"];
    let produced = json(&args);
    assert_eq!(produced["records"], 10_001);
    assert!(produced["latency_us"]["p99"].as_f64() > produced["latency_us"]["p50"].as_f64());
    assert_eq!(json(&["consume", "--clients", "2"])["records"], 10_001);
    assert_eq!(json(&["consume", "--msgs", "10"])["records"], 10);
    assert_eq!(json(&["latency", "--msgs", "10"])["records"], 10);
    let out = broker.flymq(&["bench", "latency", "--msgs", "10", "--topic", "other"]).good();
    assert!(out.contains("10 records in") && out.contains("p999"), "{out}");
}
