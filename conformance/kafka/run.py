#!/usr/bin/env python3
"""Runs what shows that a gateway keeps the promises of a broker, against the Kafka cluster that
KAFKA_BOOTSTRAP_SERVERS names, secured as KAFKA_SECRETS says. Deletes the cluster's topics and groups. The last
line is the tally.
"""

import os
import pathlib
import re
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).parent.parent.parent
CARGO_TEST = ["cargo", "test", "--quiet", "--workspace"]
PYTEST = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"]
PYTHON = REPOSITORY / "bindings-python"
PYTHON_TESTS = ("scenarios", "failover", "cluster", "users", "encryption")
JAVA_TESTS = (
    *("ScenariosTest", "FailoverTest", "ConformanceTest", "ClusterStatusTest"),
    "SecurityTest#users*+recordsAreEncrypted*",
)
COMMAND = REPOSITORY / "target" / "debug" / "flymq"
MAVEN = ["mvn", "--batch-mode", "--no-transfer-progress", "--file", str(REPOSITORY / "bindings-java")]

#: What runs, and what it is called, from each library its tests that read conformance/ or have a seam for
#: gateways. They have the cluster to themselves, one after the other, as their topics have the same names.
SUITES = {
    "two gateways": [*CARGO_TEST, "--test", "kafka_log", "--test", "kafka_groups"],
    "a gateway that is killed": [*CARGO_TEST, "--test", "gateways"],
    "the raw client": [*PYTEST, "conformance/client"],
    "Kafka's own clients": [*PYTEST, "conformance/kafka"],
    "the Rust client": [
        *CARGO_TEST,
        *("--test", "round_trip", "--test", "admin", "--test", "scenarios", "--test", "lost_answers"),
        *("--test", "auth", "--test", "auth_tls", "--test", "encryption"),
        *("--", "--test-threads=1"),
    ],
    "failover in Rust": [*CARGO_TEST, "--test", "endpoints", "--", "scenarios_of_all_libraries"],
    "the Python client": [
        *(*PYTEST, "-c", str(PYTHON / "pyproject.toml"), "--rootdir", str(PYTHON)),
        *(str(PYTHON / "tests" / f"test_{name}.py") for name in PYTHON_TESTS),
    ],
    "the Java client": [
        *(*MAVEN, "-pl", ".,flymq-client", "-Dsurefire.failIfNoSpecifiedTests=false"),
        *("-Dflymq.cargo.profile=dev", "-Dflymq.cargo.folder=debug", "-Dflymq.cargo.packages=--workspace"),
        f"-Dflymq.cli={COMMAND}",
        "-Dtest=" + ",".join(JAVA_TESTS),
        "test",
    ],
    "the C client": [str(REPOSITORY / "bindings-c" / "tests" / "gateways.sh"), str(COMMAND.parent)],
}

#: How many tests or scenarios have passed, as the tools say it.
PASSED = re.compile(r"(\d+) passed|^(\d+) scenarios$|Tests run: (\d+),.* -- in ", re.MULTILINE)


def main() -> int:
    cluster = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if not cluster:
        sys.exit("KAFKA_BOOTSTRAP_SERVERS names no cluster; see tools/kafka/README.md")
    env = {**os.environ, "FLYMQ_TEST_KAFKA": cluster, "FLYMQ_BIN": str(COMMAND)}
    scenarios, failed = 0, []
    for name, command in SUITES.items():
        begun = time.monotonic()
        done = subprocess.run(command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True)
        passed = sum(int(count) for found in PASSED.findall(done.stdout) for count in found if count)
        scenarios += passed
        if done.returncode != 0 or passed == 0:
            print(done.stdout)
            failed.append(name)
        print(f"{name}: {passed} passed in {time.monotonic() - begun:.0f} s", flush=True)
    if failed:
        print(f"{scenarios} scenarios passed through gateways; failures in: {', '.join(failed)}")
        return 1
    print(f"{scenarios} scenarios passed through gateways to Kafka")
    return 0


if __name__ == "__main__":
    sys.exit(main())
