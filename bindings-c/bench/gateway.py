#!/usr/bin/env python3
"""Measures libflymq through a gateway against librdkafka, on the same Kafka cluster.

Both write to and read from topics of one partition that the gateway made. One after the other in turns, so that
whatever else the machine does meets both; a ratio is the median of the turns'. Producing one record after
the other tells by how much the gateway delays a record. It wants what bench.py wants.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import RELEASE, build, run, topic_command  # It also tells where the following are.

import machine  # isort: skip
import output  # isort: skip

DIRECT, GATEWAY = "librdkafka", "c"
#: In what, and at least how many times the rate of librdkafka.
TARGETS = [("produce", 0.5), ("consume", 0.5)]
#: By how many microseconds a record may be later.
LATER = 500.0
#: How many records are produced one after the other.
SINGLE = 1_000


@contextlib.contextmanager
def gateway(cluster: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Where a gateway listens, and its process."""
    process = subprocess.Popen(
        [RELEASE / "flymq", "broker", "--engine", "kafka", "--kafka-bootstrap", cluster,
         "--data-dir", folder / "gateway", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "listening on" in line:
                yield line.split("listening on")[1].split()[0], process.pid
                return
        raise SystemExit("the gateway did not start")
    finally:
        process.terminate()
        process.wait()


def processor_time(pid: int) -> float:
    """Seconds that a process has spent so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    from cluster import STANDARD, Cluster

    count, size = options.records, str(options.size)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options.no_kafka = False
        programs = build(folder, options)
        cluster = stack.enter_context(Cluster(1, jvm_options=STANDARD))
        kafka = cluster.nodes[0].pid
        address, pid = stack.enter_context(gateway(cluster.bootstrap_servers, folder))
        assert kafka is not None
        addresses = {DIRECT: cluster.bootstrap_servers, GATEWAY: address}
        steps = [("produce", count), ("consume", count), ("latency", SINGLE)]
        results: dict[str, dict[str, list[dict[str, float]]]] = {
            kind: {name: [] for name in addresses} for kind, _ in steps
        }
        # The first turn warms up Kafka, and counts for nothing.
        for turn in range(options.rounds + 1):
            for name, where in addresses.items():
                topic = f"bench-{name}-{turn}"
                topic_command(address, "create", topic, "--partitions", "1")
                for kind, records in steps:
                    before = processor_time(pid), processor_time(kafka)
                    done = run(programs[name], kind, where, topic, str(records), size)
                    done["gateway_us"] = (processor_time(pid) - before[0]) / records * 1e6
                    done["kafka_us"] = (processor_time(kafka) - before[1]) / records * 1e6
                    unit = "µs" if kind == "latency" else "/s"
                    told = done["p50_us" if kind == "latency" else "rate"]
                    print(f"{turn} {kind} {name}: {told:,.0f} {unit} (load {done['load']})", flush=True)
                    if turn:
                        results[kind][name].append(done)
                topic_command(address, "delete", topic)
        return {
            "command": f"make bench-kafka BENCH_ARGS='--records {count} --size {size} --rounds {options.rounds}'",
            "machine": machine.describe(folder),
            "records": count,
            "size": options.size,
            "single": SINGLE,
            "results": results,
        }


def compare(results: dict[str, Any], kind: str) -> list[float]:
    """Of each turn, the gateway's rate as a part of librdkafka's, or what it takes longer."""
    pairs = zip(results[kind][GATEWAY], results[kind][DIRECT], strict=True)
    if kind == "latency":
        return [ours["p50_us"] - theirs["p50_us"] for ours, theirs in pairs]
    return [ours["rate"] / theirs["rate"] for ours, theirs in pairs]


def markdown(measured: dict[str, Any]) -> str:
    on, results = measured["machine"], measured["results"]
    runs = [run for by_name in results.values() for turns in by_name.values() for run in turns]
    loads = [run["load"] for run in runs]
    names = {GATEWAY: "libflymq, gateway", DIRECT: "librdkafka"}
    lines = [
        f"`{measured['command']}` on {machine.words(on)}, at a load of {min(loads)} to {max(loads)}. "
        f"{measured['records']:,} records of {measured['size']} bytes a run, {measured['single']:,} one after the "
        f"other, {len(results['produce'][GATEWAY])} turns; in brackets the least and the most.",
        "",
        "| target | wanted | measured | |",
        "| --- | --- | ---: | --- |",
    ]
    for kind, least in TARGETS:
        found = compare(results, kind)
        middle = statistics.median(found)
        lines.append(
            f"| {kind} | ≥ {least:.2f} × librdkafka | {middle:.2f} ({min(found):.2f}–{max(found):.2f}) "
            f"| {'reached' if middle >= least else '**missed**'} |"
        )
    later = compare(results, "latency")
    middle = statistics.median(later)
    lines.append(
        f"| one record, acks=all | ≤ {LATER:.0f} µs later | {middle:.0f} µs ({min(later):.0f}–{max(later):.0f}) "
        f"| {'reached' if middle <= LATER else '**missed**'} |"
    )
    for kind, turns_of in results.items():
        title = "half of all within" if kind == "latency" else "records/s"
        lines += ["", f"| {kind} | {title} | processor time of the client | of the gateway | of Kafka |",
                  "| --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
        for name, turns in turns_of.items():
            rates = [run["p50_us" if kind == "latency" else "rate"] for run in turns]
            unit = " µs" if kind == "latency" else ""
            spent = [
                f"{statistics.median(run[key] for run in turns):.2f} µs"
                for key in ("cpu_us", "gateway_us", "kafka_us")
            ]
            lines.append(
                f"| {names[name]} | {statistics.median(rates):,.0f}{unit} ({min(rates):,.0f}–{max(rates):,.0f}) "
                f"| {' | '.join(spent)} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    output.add_options(parser)
    options = parser.parse_args()
    measured = measure(options)
    output.keep(measured, options)
    output.show(markdown(measured), "bench-kafka", options)


if __name__ == "__main__":
    main()
