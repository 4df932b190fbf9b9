//! Users, rules and logging in from the command line.

mod common;

use common::{Broker, run};

fn with_root(folder: &std::path::Path, options: &[&str]) -> Broker {
    let folder_text = folder.to_str().unwrap();
    let add =
        ["user", "add", "root", "--role", "admin", "--password-stdin", "--data-dir", folder_text];
    assert_eq!(run(&add, b"toor\n").good(), "added user root\n");
    Broker::start_with(folder, "127.0.0.1:0", &[&["--auth"], options].concat())
}

#[test]
fn the_first_administrator_and_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let broker = with_root(&data, &[]);
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "toor\nnot this\n").unwrap();
    let root = ["-u", "root", "-P", secret.to_str().unwrap()];
    let root = |args: &[&str], input: &str| broker.flymq_with(&[&root[..], args].concat(), input);
    assert_eq!(root(&["whoami"], "").good(), "root (admin)\n");

    // While the broker runs, it makes the changes.
    let data = data.to_str().unwrap();
    let busy = run(&["user", "add", "x", "--password-stdin", "--data-dir", data], b"x\n").bad(1);
    assert!(busy.contains("a broker runs on this folder"), "{busy}");

    root(&["user", "add", "ada", "--password-stdin"], "lovelace\n").good();
    let again = root(&["user", "add", "ada", "--password-stdin"], "x\n").bad(1);
    assert!(again.contains("USER_EXISTS"), "{again}");
    std::fs::write(&secret, "toor").unwrap();
    let ada_secret = folder.path().join("ada");
    std::fs::write(&ada_secret, "lovelace").unwrap();
    let ada = ["-u", "ada", "-P", ada_secret.to_str().unwrap()];
    let ada = |args: &[&str]| broker.flymq(&[&ada[..], args].concat());

    let denied = ada(&["topic", "create", "orders-1"]).bad(1);
    assert!(denied.contains("NOT_AUTHORIZED") && denied.contains("topic create"), "{denied}");
    let rule =
        ["acl", "add", "--for", "ada", "--allow", "create,read", "--topic", "orders-", "--prefix"];
    assert_eq!(root(&rule, "").good(), "added 2 rule(s)\n");
    ada(&["topic", "create", "orders-1"]).good();
    ada(&["topic", "create", "bills"]).bad(1);
    let listed = root(&["acl", "list", "--operation", "read", "--format", "json"], "").good();
    assert!(
        listed.contains(r#""principal":"user:ada","permission":"allow","operation":"read""#),
        "{listed}"
    );
    let unsaid = root(&["acl", "remove"], "").bad(1);
    assert!(unsaid.contains("--all"), "{unsaid}");
    let removed = root(&["acl", "remove", "--principal", "user:ada", "--operation", "create"], "");
    assert_eq!(removed.good(), "removed 1 rule(s)\n");
    ada(&["topic", "create", "orders-2"]).bad(1);

    root(&["user", "alter", "ada", "--role", "reader"], "").good();
    let users = root(&["user", "list"], "").good();
    assert!(
        users.contains("ada") && users.contains("reader") && !users.contains("lovelace"),
        "{users}"
    );
    root(&["user", "passwd", "ada", "--password-stdin"], "byron\n").good();
    assert!(ada(&["whoami"]).bad(1).contains("AUTH_FAILED"));
    root(&["user", "remove", "ada"], "").good();
    assert!(root(&["user", "remove", "ada"], "").bad(1).contains("UNKNOWN_USER"));
    assert!(broker.flymq(&["topic", "list"]).bad(1).contains("AUTH_REQUIRED"));
}

#[test]
fn an_administrator_made_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "toor").unwrap();
    let secret = secret.to_str().unwrap();
    let options =
        ["--auth", "--bootstrap-admin", "root", "--bootstrap-admin-password-file", secret];
    let data = folder.path().join("data");
    let broker = Broker::start_with(&data, "127.0.0.1:0", &options);
    assert_eq!(broker.flymq(&["-u", "root", "-P", secret, "whoami"]).good(), "root (admin)\n");
    let url = format!("flymq://root@{}", broker.address);
    assert_eq!(run(&["-a", &url, "-P", secret, "whoami"], b"").good(), "root (admin)\n");
}

#[test]
fn an_open_broker_knows_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path());
    assert_eq!(broker.flymq(&["whoami"]).good(), "anonymous\n");
    assert!(broker.flymq(&["user", "list"]).bad(1).contains("UNSUPPORTED_OPERATION"));
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "x").unwrap();
    let named = broker.flymq(&["-u", "ada", "-P", secret.to_str().unwrap(), "whoami"]).bad(1);
    assert!(named.contains("asks for no authentication"), "{named}");
}

#[test]
fn command_lines_that_are_wrong() {
    for wrong in [
        &["acl", "add", "--allow", "read", "--topic", "t"][..],
        &["acl", "add", "--for", "a", "--topic", "t"],
        &["acl", "add", "--for", "a", "--allow", "read"],
        &["acl", "add", "--for", "a", "--everyone", "--allow", "read", "--topic", "t"],
        &["acl", "add", "--for", "a", "--allow", "read", "--topic", "t", "--group", "g"],
        &["user", "add", "a", "--no-password"],
        &["user", "alter", "a"],
        &["broker", "--bootstrap-admin", "root"],
    ] {
        run(wrong, b"").bad(2);
    }
}

#[test]
fn an_administrator_without_authentication_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data, secret) = (folder.path().join("data"), folder.path().join("secret"));
    std::fs::write(&secret, "toor").unwrap();
    let (data, secret) = (data.to_str().unwrap(), secret.to_str().unwrap());
    let admin = ["--bootstrap-admin", "root", "--bootstrap-admin-password-file", secret];
    let broker = ["broker", "--data-dir", data, "--listen", "127.0.0.1:0"];
    let refused = run(&[&broker[..], &admin].concat(), b"").bad(1);
    assert!(refused.contains("add --auth"), "{refused}");
}

#[test]
fn the_environment_may_turn_authentication_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flymq"));
    common::clear_environment(&mut command);
    command.args(["broker", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    let broker = Broker::spawn(command.env("FLYMQ_AUTH", "1"));
    let refused = broker.flymq(&["topic", "list"]).bad(1);
    assert!(refused.contains("AUTH_REQUIRED"), "{refused}");
}
