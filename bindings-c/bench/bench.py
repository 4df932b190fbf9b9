#!/usr/bin/env python3
"""Measures libflymq against the Rust core that it wraps, and against librdkafka on a real Kafka.

Everybody sends and reads the same records, of which a broker has told before they count. Both brokers answer
once the operating system has the records (FlyMQ: --durability os; Kafka: acks=all without flush.messages).
One after the other in turns, so that whatever else the machine does meets all; a ratio is the median of the
turns'. It wants gcc, and for Kafka what tools/kafka/README.md says and librdkafka-dev.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bindings-c" / "bench"
RELEASE = ROOT / "target" / "release"
sys.path[:0] = [str(ROOT / "tools" / "kafka"), str(ROOT / "bench" / "python")]

import machine  # noqa: E402
import output  # noqa: E402

KINDS = ("produce", "consume")
#: Against whom, in what, and at least how many times its rate.
TARGETS = [("librdkafka", "produce", 1.2), ("librdkafka", "consume", 1.2),
           ("core", "produce", 1 / 1.1), ("core", "consume", 1 / 1.1)]  # fmt: skip


def build(folder: Path, options: argparse.Namespace) -> dict[str, list[str]]:
    """The programs, by name."""
    # At once, so that they share what they depend on.
    what = ["-p", "flymq-c", "-p", "flymq-cli", "--lib", "--bins", "--example", "core"]
    if not options.no_build:
        subprocess.run(["cargo", "build", "--release", *what], cwd=ROOT, check=True)
    soname = folder / "libflymq.so.0"
    soname.symlink_to(RELEASE / "libflymq.so")
    cc = ["gcc", "-O2", "-D_GNU_SOURCE"]
    c = [*cc, BENCH / "flymq.c", f"-I{ROOT}/bindings-c/include", "-o", folder / "flymq"]
    subprocess.run([*c, soname, f"-Wl,-rpath,{folder}"], check=True)
    programs = {"c": [str(folder / "flymq")], "core": [str(RELEASE / "examples" / "core")]}
    if not options.no_kafka:
        command = [*cc, BENCH / "rdkafka.c", "-o", folder / "rdkafka", "-lrdkafka"]
        subprocess.run(command, check=True)
        programs["librdkafka"] = [str(folder / "rdkafka")]
    return programs


def run(program: list[str], *arguments: str) -> dict[str, float]:
    """Records a second, and microseconds of processor time for each, with starting and connecting; of
    `latency` also p50 and p99 in microseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*program, *arguments], check=True, capture_output=True, text=True, timeout=300
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    count = int(arguments[3])
    rate, *quantiles = map(float, done.stdout.split())
    times = dict(zip(("p50_us", "p99_us"), quantiles, strict=False))
    return {"rate": rate, **times, "cpu_us": spent / count * 1e6, "load": machine.load()}


@contextlib.contextmanager
def flymq_broker(folder: Path) -> Iterator[str]:
    broker = subprocess.Popen(
        [RELEASE / "flymq", "broker", "--data-dir", folder / "data", "--listen", "127.0.0.1:0",
         "--durability", "os"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert broker.stdout is not None
    try:
        for line in broker.stdout:
            if "listening on" in line:
                yield line.split("listening on")[1].split()[0]
                return
        raise SystemExit("the broker did not start")
    finally:
        broker.terminate()
        broker.wait()


def topic_command(address: str, *words: str) -> None:
    subprocess.run([RELEASE / "flymq", "-a", address, "topic", *words], check=True, capture_output=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    count, size = str(options.records), str(options.size)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        programs = build(folder, options)
        address = stack.enter_context(flymq_broker(folder))
        addresses = {"c": address, "core": address}
        if not options.no_kafka:
            from cluster import STANDARD, Cluster

            properties = {"auto.create.topics.enable": "true"}
            cluster = stack.enter_context(Cluster(1, properties=properties, jvm_options=STANDARD))
            addresses["librdkafka"] = cluster.bootstrap_servers
            run(programs["librdkafka"], "produce", cluster.bootstrap_servers, "warm", count, size)
        results: dict[str, dict[str, list[dict[str, float]]]] = {
            kind: {name: [] for name in programs} for kind in KINDS
        }
        for turn in range(options.rounds):
            for name, program in programs.items():
                topic = f"bench-{name}-{turn}"
                if name != "librdkafka":
                    topic_command(address, "create", topic, "--partitions", "1")
                for kind in KINDS:
                    done = run(program, kind, addresses[name], topic, count, size)
                    results[kind][name].append(done)
                    print(f"{kind} {name}: {done['rate']:,.0f}/s (load {done['load']})", flush=True)
        described = machine.describe(folder)
        return {
            "command": f"make bench-c BENCH_ARGS='--records {count} --size {size} --rounds {options.rounds}'",
            "machine": described,
            "records": options.records,
            "size": options.size,
            "results": results,
        }


def ratio(results: dict[str, Any], kind: str, other: str, key: str = "rate") -> float:
    """The median of the turns' ratios of C to another."""
    pairs = zip(results[kind]["c"], results[kind][other], strict=True)
    return statistics.median(c[key] / o[key] for c, o in pairs)


def markdown(measured: dict[str, Any]) -> str:
    on, results = measured["machine"], measured["results"]
    runs = [run for by_name in results.values() for turns in by_name.values() for run in turns]
    loads = [run["load"] for run in runs]
    names = {"c": "libflymq", "core": "the Rust core", "librdkafka": "librdkafka on Kafka"}
    lines = [
        f"`{measured['command']}` on {machine.words(on)}, at a load of {min(loads)} to {max(loads)}. "
        f"{measured['records']:,} records of {measured['size']} bytes a run, {len(results['produce']['c'])} turns; "
        "in brackets the least and the most.",
        "",
        "| target | wanted | measured | |",
        "| --- | --- | ---: | --- |",
    ]
    for other, kind, least in TARGETS:
        if other in results[kind]:
            found = ratio(results, kind, other)
            verdict = "reached" if found >= least else "**missed**"
            lines.append(f"| {kind} | ≥ {least:.2f} × {names[other]} | {found:.2f} | {verdict} |")
    for kind in KINDS:
        lines += ["", f"| {kind} | records/s | libflymq ÷ it | processor time of the client | libflymq ÷ it |",
                  "| --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
        for name, turns in results[kind].items():
            rates = [run["rate"] for run in turns]
            spent = statistics.median(run["cpu_us"] for run in turns)
            ratios = ["", ""] if name == "c" else [f"{ratio(results, kind, name, k):.2f}" for k in ("rate", "cpu_us")]
            lines.append(
                f"| {names[name]} | {statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f}) "
                f"| {ratios[0]} | {spent:.2f} µs | {ratios[1]} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-kafka", action="store_true", help="only against the core")
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    output.add_options(parser)
    options = parser.parse_args()
    measured = measure(options)
    output.keep(measured, options)
    output.show(markdown(measured), "bench-c", options)


if __name__ == "__main__":
    main()
