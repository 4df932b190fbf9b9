//! TLS on the command line, from `flymq certs dev` on.

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::*;

/// Makes certificates in a new folder.
fn certs(dir: &Path) -> String {
    let certs = dir.join("certs").display().to_string();
    let said = run(&["certs", "dev", &certs], b"").good();
    assert!(said.contains("--tls-cert") && said.contains("--tls-ca-file"), "{said}");
    certs
}

#[test]
fn development_certificates_secure_a_broker_and_its_clients() {
    let dir = tempfile::tempdir().unwrap();
    let certs = certs(dir.path());
    let file = |name: &str| format!("{certs}/{name}");
    let options = [
        "--tls-cert",
        &file("server.pem"),
        "--tls-key",
        &file("server.key"),
        "--tls-client-ca",
        &file("ca.pem"),
    ];
    let broker = Broker::start_with(&dir.path().join("data"), "127.0.0.1:0", &options);
    let ca = ["--tls-enabled", "--tls-ca-file", &file("ca.pem")];
    let client = ["--tls-cert-file", &file("client.pem"), "--tls-key-file", &file("client.key")];
    let known = [&ca[..], &client].concat();
    broker.flymq(&[&known[..], &["topic", "create", "t"]].concat()).good();
    let produce = [&known[..], &["produce", "t", "--tls-min-version", "1.3"]].concat();
    broker.flymq_with(&produce, "hello\n").good();
    assert_eq!(broker.flymq(&[&known[..], &["consume", "t"]].concat()).good(), "hello\n");
    // The URL says the same.
    let url = format!("flymqs://{}?tls_ca_file={}", broker.address, file("ca.pem"));
    run(&[&["-a", &url], &client[..], &["health"]].concat(), b"").good();

    let err = broker.flymq(&[&ca[..], &["health"]].concat()).bad(1);
    assert!(err.contains("TLS_FAILED 908") && err.contains("client certificate"), "{err}");
    let err = broker.flymq(&["health"]).bad(1);
    assert!(err.contains("TLS_REQUIRED 205") && err.contains("hint: turn TLS on"), "{err}");
    let err = broker.flymq(&["health", "--tls-enabled"]).bad(1);
    assert!(err.contains("unknown CA"), "{err}");
    let err = broker.flymq(&["health", "--tls-ca-file", &file("ca.pem")]).bad(1);
    assert!(err.contains("INVALID_ARGUMENT") && err.contains("tls_enabled"), "{err}");
}

#[test]
fn certificates_are_private_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let certs = certs(dir.path());
    for name in ["ca", "server", "client"] {
        let mode = |file: String| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(format!("{certs}/{name}.key")), 0o600);
        assert_eq!(mode(format!("{certs}/{name}.pem")) & 0o044, 0o044);
    }
    let before = std::fs::read(format!("{certs}/ca.pem")).unwrap();
    std::fs::remove_file(format!("{certs}/client.key")).unwrap();
    let err = run(&["certs", "dev", &certs], b"").bad(1);
    assert!(err.contains("there already"), "{err}");
    assert_eq!(std::fs::read(format!("{certs}/ca.pem")).unwrap(), before);
    assert!(!Path::new(&format!("{certs}/client.key")).exists());
}

#[test]
fn a_broker_that_would_not_be_secured_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let broker = ["broker", "--listen", "127.0.0.1:0", "--data-dir", &data];
    let err = run(&[&broker[..], &["--tls-cert", "x"]].concat(), b"").bad(2);
    assert!(err.contains("--tls-key"), "{err}");
    let err = run(&[&broker[..], &["--tls-client-auth", "required"]].concat(), b"").bad(2);
    assert!(err.contains("--tls-cert"), "{err}");
    let err = run(&[&broker[..], &["--tls-enabled"]].concat(), b"").bad(1);
    assert!(err.contains("--tls-cert and --tls-key"), "{err}");
    let err =
        run(&[&broker[..], &["--tls-cert", "/nowhere/x", "--tls-key", "y"]].concat(), b"").bad(1);
    assert!(err.contains("/nowhere/x"), "{err}");
}

#[test]
fn listening_for_others_unprotected_warns() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(FLYMQ);
    command.args(["broker", "--listen", "0.0.0.0:0", "--data-dir"]).arg(dir.path().join("data"));
    let mut broker = Broker::spawn(command.stderr(Stdio::piped()));
    let mut line = String::new();
    let stderr = broker.process.stderr.take().unwrap();
    BufReader::new(stderr).read_line(&mut line).unwrap();
    assert!(line.contains("WARN") && line.contains("neither TLS nor authentication"), "{line}");
}
