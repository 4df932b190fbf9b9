//! A little of the chaos that `make chaos` makes much of.

use std::process::Command;

const CLEAN: &str = "0 lost, 0 doubled, 0 reordered, 0 torn";

fn run(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_flymq-chaos")).args(args).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}: {out}\n{err}", output.status);
    out.lines().last().unwrap().to_owned()
}

#[test]
fn acknowledged_records_are_stored_once_and_in_order() {
    let tally = run(&["stream", "--stream-faults", "10"]);
    assert!(tally.ends_with(CLEAN), "{tally}");
}

#[test]
fn transfers_are_seen_whole_or_not_at_all() {
    let tally = run(&["bank", "--bank-faults", "10"]);
    assert!(tally.ends_with(CLEAN), "{tally}");
}

#[test]
fn what_goes_in_comes_out_once() {
    let tally = run(&["pipeline", "--pipeline-faults", "10", "--records", "10000"]);
    assert!(tally.contains(" 10000 records: ") && tally.ends_with(CLEAN), "{tally}");
}

#[test]
fn a_restart_in_good_order_is_no_error() {
    let tally = run(&["rolling", "--rolling-rounds", "2"]);
    assert!(tally.contains(" 2 restarts with 0 errors,") && tally.ends_with(CLEAN), "{tally}");
}
