#!/usr/bin/env python3
"""Measures libflymq against the Rust core that it wraps, and against librdkafka on a real Kafka.

Everybody sends and reads the same records, of which a broker has told before they count. Both brokers answer
once the operating system has the records (FlyMQ: --durability os; Kafka: acks=all without flush.messages).
One after the other in turns, so that whatever else the machine does meets all; the ratio is the median of the
turns'.

    python3 bindings-c/bench/bench.py [--records N] [--size BYTES] [--rounds N] [--no-kafka]

It wants a release build, gcc, and for Kafka what tools/kafka/README.md says and librdkafka-dev.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bindings-c" / "bench"
RELEASE = ROOT / "target" / "release"
sys.path.insert(0, str(ROOT / "tools" / "kafka"))


def build(folder: Path, kafka: bool) -> dict[str, list[str]]:
    """The programs, by name."""
    # At once, so that they share what they depend on.
    what = ["-p", "flymq-c", "-p", "flymq-cli", "--lib", "--bins", "--example", "core"]
    subprocess.run(["cargo", "build", "--release", *what], cwd=ROOT, check=True)
    soname = folder / "libflymq.so.0"
    soname.symlink_to(RELEASE / "libflymq.so")
    cc = ["gcc", "-O2", "-D_GNU_SOURCE"]
    c = [*cc, BENCH / "flymq.c", f"-I{ROOT}/bindings-c/include", "-o", folder / "flymq"]
    subprocess.run([*c, soname, f"-Wl,-rpath,{folder}"], check=True)
    programs = {"c": [str(folder / "flymq")], "core": [str(RELEASE / "examples" / "core")]}
    if kafka:
        command = [*cc, BENCH / "rdkafka.c", "-o", folder / "rdkafka", "-lrdkafka"]
        subprocess.run(command, check=True)
        programs["librdkafka"] = [str(folder / "rdkafka")]
    return programs


def rate(program: list[str], *arguments: str) -> float:
    """Records a second."""
    done = subprocess.run(
        [*program, *arguments], check=True, capture_output=True, text=True, timeout=300
    )
    return float(done.stdout)


@contextlib.contextmanager
def flymq_broker(folder: Path):
    broker = subprocess.Popen(
        [RELEASE / "flymq", "broker", "--data-dir", folder / "data", "--listen", "127.0.0.1:0",
         "--durability", "os"],
        stdout=subprocess.PIPE, text=True,
    )
    try:
        for line in broker.stdout:
            if "listening on" in line:
                yield line.split("listening on")[1].split()[0]
                return
        raise SystemExit("the broker did not start")
    finally:
        broker.terminate()
        broker.wait()


def create(address: str, topic: str) -> None:
    command = [RELEASE / "flymq", "-a", address, "topic", "create", topic, "--partitions", "1"]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-kafka", action="store_true")
    options = parser.parse_args()
    count, size = str(options.records), str(options.size)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        programs = build(folder, not options.no_kafka)
        address = stack.enter_context(flymq_broker(folder))
        addresses = {"c": address, "core": address}
        if not options.no_kafka:
            from cluster import STANDARD, Cluster

            properties = {"auto.create.topics.enable": "true"}
            cluster = stack.enter_context(Cluster(1, properties=properties, jvm_options=STANDARD))
            addresses["librdkafka"] = cluster.bootstrap_servers
            rate(programs["librdkafka"], "produce", cluster.bootstrap_servers, "warm", count, size)
        rates: dict[str, dict[str, list[float]]] = {"produce": {}, "consume": {}}
        for turn in range(options.rounds):
            for name, program in programs.items():
                topic = f"bench-{name}-{turn}"
                if name != "librdkafka":
                    create(address, topic)
                for what in rates:
                    found = rate(program, what, addresses[name], topic, count, size)
                    rates[what].setdefault(name, []).append(found)
                    print(f"{what} {name}: {found:,.0f}/s (load {os.getloadavg()[0]:.1f})", flush=True)
        for what, by_name in rates.items():
            for other in [name for name in by_name if name != "c"]:
                ratios = [c / o for c, o in zip(by_name["c"], by_name[other], strict=True)]
                each = " ".join(f"{ratio:.2f}" for ratio in ratios)
                print(f"{what}: C is {statistics.median(ratios):.2f} times {other} ({each})")


main()
