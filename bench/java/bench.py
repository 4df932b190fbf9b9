#!/usr/bin/env python3
"""Measures the Java client and Spring listeners against Apache Kafka's, on this machine.

Starts the servers of each durability, and between them one JVM in which both clients are measured in turn.
It measures, and does not judge: it ends with 0 also when a target is missed.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "python"))

import machine  # noqa: E402
import output  # noqa: E402
from scenario import Durability  # noqa: E402
from servers import Servers  # noqa: E402

#: What a round measures, in which unit, and what ratio is wanted: at least, or at most.
MEASURES = {
    "produce": ("records/s", "≥ 1.2"),
    "consume": ("records/s", "≥ 1.2"),
    "listener": ("records/s", "≥ 1.2"),
    "sync_p50_us": ("µs", "≤ 0.6"),
    "sync_p99_us": ("µs", ""),
}
NAMES = {
    "produce": "produce",
    "consume": "consume",
    "listener": "`@FlyMQListener` against `@KafkaListener`",
    "sync_p50_us": "one at a time, p50",
    "sync_p99_us": "one at a time, p99",
}


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    results: dict[str, Any] = {
        "command": output.command("bench-java", arguments),
        "machine": machine.describe(options.data_dir),
        "rounds": options.rounds,
        "records": options.records,
        "sync": options.sync,
        "results": [],
    }
    for durability in options.durability:
        results["results"].append(_measure(durability, options))
        output.keep(results, options)
    output.show(markdown(results), "bench-java", options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    parser.add_argument("--records", type=int, default=300_000, help="how many a round has")
    parser.add_argument("--sync", type=int, default=2_000, help="how many of them one at a time")
    parser.add_argument("--durability", nargs="+", choices=("os", "fsync"), default=("os", "fsync"))
    parser.add_argument("--data-dir", type=Path, default=ROOT / "target" / "bench",
                        help="where servers keep their data, on the disk that is meant")
    output.add_options(parser)
    return parser


def _measure(durability: Durability, options: argparse.Namespace) -> dict[str, Any]:
    servers = Servers(options.data_dir, durability)
    try:
        flymq, kafka = servers.get("flymq"), servers.get("kafka")
        load_before = machine.load()
        target = ROOT / "bench" / "java" / "target"
        command = ["java", "-cp", f"{target}/classes:{target}/libraries/*", "io.flymq.bench.Bench"]
        command += [flymq.address, kafka.address, durability]
        command += [str(options.rounds), str(options.records), str(options.sync)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return {
            "durability": durability,
            "servers": {s.version: s.settings for s in (flymq, kafka)},
            "load": [load_before, machine.load()],
            "rounds": json.loads(done.stdout),
        }
    finally:
        servers.close()


def markdown(results: dict[str, Any]) -> str:
    on = results["machine"]
    lines = [
        f"`{results['command']}` on {machine.words(on)}, {on['java']}. Medians of "
        f"{results['rounds']} rounds with {results['records']:,} records of 100 bytes, "
        f"{results['sync']:,} of them one at a time; in brackets the least and the most. A ratio is the "
        "median of those of each round.",
    ]
    for result in results["results"]:
        servers = "; ".join(f"{name}: {setting}" for name, setting in result["servers"].items())
        lines += [
            "",
            f"**{result['durability']}** ({servers}), load of the machine "
            f"{result['load'][0]} to {result['load'][1]}",
            "",
            "| | FlyMQ | Kafka | FlyMQ ÷ Kafka | wanted | |",
            "| --- | ---: | ---: | ---: | --- | --- |",
            *(_row(result["rounds"], measure) for measure in MEASURES),
        ]
    return "\n".join(lines)


def _row(rounds: list[dict[str, dict[str, float]]], measure: str) -> str:
    unit, wanted = MEASURES[measure]
    ours = [one["flymq"][measure] for one in rounds]
    theirs = [one["kafka"][measure] for one in rounds]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    cells = [NAMES[measure], _cell(ours, unit), _cell(theirs, unit), f"{ratio:.2f}", wanted]
    return f"| {' | '.join(cells)} | {_verdict(ratio, wanted)} |"


def _cell(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):,.0f} {unit} ({min(values):,.0f}–{max(values):,.0f})"


def _verdict(ratio: float, wanted: str) -> str:
    if not wanted:
        return ""
    bound, limit = wanted.split()
    reached = ratio >= float(limit) if bound == "≥" else ratio <= float(limit)
    return "reached" if reached else "**missed**"


if __name__ == "__main__":
    main(sys.argv[1:])
