#!/usr/bin/env python3
"""Runs what shows that a gateway keeps the promises of a broker, against the Kafka cluster that
KAFKA_BOOTSTRAP_SERVERS names. Deletes the cluster's topics. The last line is the tally.
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

#: What runs, and what it is called. The tests of the Rust client have the cluster to themselves, one
#: after the other, as their topics have the same names.
SUITES = {
    "two gateways": [*CARGO_TEST, "--test", "kafka_log", "--test", "kafka_groups"],
    "a gateway that is killed": [*CARGO_TEST, "--test", "gateways"],
    "the raw client": [*PYTEST, "conformance/client"],
    "Kafka's own clients": [*PYTEST, "conformance/kafka"],
    "the Rust client": [*CARGO_TEST, "--test", "round_trip", "--test", "admin", "--", "--test-threads=1"],
}


def main() -> int:
    cluster = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if not cluster:
        sys.exit("KAFKA_BOOTSTRAP_SERVERS names no cluster; see tools/kafka/README.md")
    env = {**os.environ, "FLYMQ_TEST_KAFKA": cluster}
    scenarios, failed = 0, []
    for name, command in SUITES.items():
        begun = time.monotonic()
        done = subprocess.run(command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True)
        passed = sum(int(count) for count in re.findall(r"(\d+) passed", done.stdout))
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
