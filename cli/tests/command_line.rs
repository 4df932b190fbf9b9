//! What needs no broker: help, completions, wrong command lines, and a broker that is not there.

mod common;

use common::*;

#[test]
fn help_tells_commands_variables_and_exit_codes() {
    let help = run(&["--help"], b"").good();
    for word in ["broker", "produce", "consume", "topic", "certs", "bench", "health", "completions"]
    {
        assert!(help.contains(&format!("\n  {word} ")), "{word} is missing in {help}");
    }
    assert!(help.contains("FLYMQ_BOOTSTRAP_SERVERS") && help.contains("FLYMQ_LOG"), "{help}");
    assert!(help.contains("Exit codes:"), "{help}");
    let help = run(&["consume", "--help"], b"").good();
    for option in ["--from", "--partition", "--follow", "--max", "--format", "--isolation"] {
        assert!(help.contains(option), "{option} is missing in {help}");
    }
    let version = run(&["--version"], b"").good();
    assert_eq!(version, format!("flymq {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_told_apart_from_a_failure() {
    for args in [
        &[][..],
        &["dance"],
        &["consume"],
        &["consume", "t", "--from", "yesterday"],
        &["consume", "t", "--format", "xml"],
        &["produce", "t", "--header", "novalue"],
        &["produce", "t", "--key-separator", ""],
        &["topic", "alter", "t"],
        &["topic", "create", "t", "--config", "=1"],
        &["-a", "http://x", "health"],
        &["-a", "", "health"],
        &["bench", "produce", "--msgs", "0"],
    ] {
        let err = run(args, b"").bad(2);
        assert!(err.contains("Usage") || err.contains("--help"), "{args:?}: {err}");
    }
}

#[test]
fn health_says_whether_a_broker_answers() {
    let dir = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(dir.path());
    let out = broker.flymq(&["health"]).good();
    let ok = format!("ok: {} answered in ", broker.address);
    assert!(out.starts_with(&ok) && out.contains(env!("CARGO_PKG_VERSION")), "{out}");
    let out = broker.flymq(&["health", "--format", "json"]).good();
    let healthy: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(healthy["healthy"], true);
    assert_eq!(healthy["address"], broker.address);
    assert!(healthy["latency_ms"].as_f64().unwrap() > 0.0);

    // Every address is asked, and one that does not answer is named.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let both = format!("{nobody},{}", broker.address);
    let ran = run(&["-a", &both, "health"], b"");
    assert!(ran.out.starts_with(&ok) && ran.err.contains(&nobody.to_string()), "{ran:?}");
    assert_eq!(ran.status.code(), Some(1));

    broker.kill();
    let err = run(&["-a", &both, "health"], b"").bad(1);
    assert!([&broker.address, &nobody.to_string()].iter().all(|a| err.contains(*a)), "{err}");
    let err = broker.flymq(&["health"]).bad(1);
    assert!(err.contains("CONNECT_FAILED 901") && err.contains("\nhint: "), "{err}");
    let ran = broker.flymq(&["health", "--format", "json"]);
    assert_eq!((ran.status.code(), ran.err.as_str()), (Some(1), ""));
    let down: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&down["healthy"], &down["error"]["code"]), (&false.into(), &901.into()));

    // Somebody who takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let err = run(&["-a", &address, "health", "--timeout-ms", "200"], b"").bad(1);
    // Whichever time-out is first to notice.
    let told = ["200 ms (CONNECT_FAILED 901)", "fell silent (CONNECTION_LOST 902)"];
    assert!(told.iter().any(|text| err.contains(text)), "{err}");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell], b"").good();
        assert!(script.contains("add-partitions") && script.contains("flymq"), "{shell}");
    }
    run(&["completions", "tcsh"], b"").bad(2);
}

#[test]
fn a_broker_stops_on_sigterm_and_refuses_a_folder_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(dir.path());
    let data = dir.path().to_str().unwrap();
    let err = run(&["broker", "--listen", "127.0.0.1:0", "--data-dir", data], b"").bad(1);
    assert!(err.contains("in use by another broker") && err.contains("\nhint: "), "{err}");
    let pid = broker.process.id().to_string();
    let stopped = std::process::Command::new("kill").arg(&pid).status().unwrap();
    assert!(stopped.success());
    assert_eq!(broker.process.wait().unwrap().code(), Some(0));
}
