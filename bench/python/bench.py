#!/usr/bin/env python3
"""Measures FlyMQ for Python against what else a Python program could use, on this machine.

Every scenario is measured with one system after another, again and again, so that what the machine
does meanwhile meets them all; each run is a process of its own that reads back what it wrote. It
measures, and does not judge: it ends with 0 also when a target is missed.
"""

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
import report
import scenario
from drivers import SYSTEMS, System
from scenario import Durability, Scenario
from servers import ROOT, Missing, Servers

HERE = Path(__file__).resolve().parent
#: How long a run is to last.
SECONDS, QUICK_SECONDS = 2.0, 0.5
#: What share of the most records is tried first, to see how many a run can take.
FIRST_SHARE = 1000


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    scenarios = [s for s in scenario.load(options.scenarios) if _wanted(s.name, options.only)]
    if not scenarios:
        sys.exit("bench.py: no scenario has such a name")
    results: dict[str, Any] = {
        "command": _command(arguments),
        "machine": machine.describe(options.data_dir),
        "runs": options.runs,
        "seconds": QUICK_SECONDS if options.quick else SECONDS,
        "clients": {},
        "servers": {},
        "absent": {},
        "results": [],
    }
    with contextlib.ExitStack() as stack:
        servers: dict[Durability, Servers] = {}
        for each in scenarios:
            if each.durability not in servers:
                servers[each.durability] = Servers(options.data_dir, each.durability)
                stack.callback(servers[each.durability].close)
            systems = [s for s in SYSTEMS if each.kind in s.kinds and _wanted(s.name, options.systems)]
            bench = Bench(each, systems, servers[each.durability], results)
            results["results"].append(bench.measure())
            if options.json:
                options.json.parent.mkdir(parents=True, exist_ok=True)
                options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    text = report.markdown(results)
    print(text)
    if options.docs:
        report.replace_section(options.docs, "bench-python", text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs: figures vary more")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only scenarios whose names contain this; may be repeated")
    parser.add_argument("--systems", action="append", default=[], metavar="NAME",
                        help="only systems whose names contain this; may be repeated")
    parser.add_argument("--scenarios", type=Path, default=HERE / "scenarios.toml")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "target" / "bench",
                        help="where servers keep their data, on the disk that is meant")
    parser.add_argument("--json", type=Path, help="keep everything that was measured in this file")
    parser.add_argument("--docs", type=Path, help="replace the table in this page")
    return parser


def _command(arguments: list[str]) -> str:
    """The command, without where its results go, which the Makefile says."""
    words = list(arguments)
    for option in ("--json", "--docs"):
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return f"make bench-python BENCH_ARGS='{' '.join(words)}'" if words else "make bench-python"


def _wanted(name: str, parts: list[str]) -> bool:
    return not parts or any(part in name for part in parts)


class Bench:
    """One scenario with all systems that take part."""

    def __init__(
        self, of: Scenario, systems: list[System], servers: Servers, results: dict[str, Any]
    ) -> None:
        self._scenario = of
        self._servers = servers
        self._results = results
        self._topics = self._names()
        self._systems = [system for system in systems if self._available(system)]
        self._seconds = results["seconds"]

    def measure(self) -> dict[str, Any]:
        print(f"measuring {self._scenario.name} …", file=sys.stderr)
        load_before = machine.load()
        amounts = {s.name: self._amount(s) for s in self._systems}
        filled = {}
        if self._scenario.kind == "consume":
            for system in self._systems:
                filled[system.name] = next(self._topics)
                self._run(system, "fill", amounts[system.name], filled[system.name])
        runs: dict[str, list[dict[str, float]]] = {s.name: [] for s in self._systems}
        # The first round warms up.
        for number in range(self._results["runs"] + 1):
            for system in self._systems:
                topic = filled.get(system.name)
                measured = self._run(system, self._scenario.kind, amounts[system.name], topic)
                if number > 0:
                    runs[system.name].append(measured)
        for system in self._systems:
            if system.name in filled:
                self._run(system, "delete", 0, filled[system.name])
        result = {
            "scenario": scenario_fields(self._scenario),
            "servers": {s.name: s.server for s in self._systems},
            "settings": {
                s.server: self._servers.get(s.server).settings for s in self._systems
            },
            "load": [load_before, machine.load()],
            "runs": runs,
        }
        for line in report.lines(result):
            print(f"  {line}", file=sys.stderr)
        return result

    def _amount(self, system: System) -> int:
        """How many records last as long as a run is to: tried with few, and then with some more."""
        most = self._scenario.records
        few = amount = most // FIRST_SHARE
        for share in (0.1, 1.0):
            topic = None
            if self._scenario.kind == "consume":
                topic = next(self._topics)
                self._run(system, "fill", amount, topic)
            rate = self._run(system, self._scenario.kind, amount, topic)["rate"]
            if topic:
                self._run(system, "delete", 0, topic)
            amount = int(min(most, max(few, rate * self._seconds * share)))
        return amount

    def _run(
        self, system: System, kind: str, records: int, topic: str | None = None
    ) -> dict[str, float]:
        server = self._servers.get(system.server)
        job = {
            **scenario_fields(self._scenario),
            "kind": kind,
            "records": records,
            "topic": topic or next(self._topics),
            "driver": system.driver,
            "variant": system.variant,
            "address": server.address,
            "server_pid": server.pid,
        }
        worker = [sys.executable, str(HERE / "worker.py")]
        done = subprocess.run(worker, input=json.dumps(job), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self._scenario.name} with {system.name}:\n{done.stderr}")
        measured: dict[str, float] = json.loads(done.stdout)
        return measured

    def _available(self, system: System) -> bool:
        absent = self._results["absent"]
        if system.server in absent:
            return False
        try:
            server = self._servers.get(system.server)
        except Missing as missing:
            print(f"without {system.server}: {missing}", file=sys.stderr)
            absent[system.server] = str(missing)
            return False
        self._results["servers"][system.server] = server.version
        versions = machine.versions(system.packages)
        self._results["clients"][system.name] = {
            "versions": versions, "use": system.description
        }
        return True

    def _names(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"{self._scenario.name}-{number}"


def scenario_fields(of: Scenario) -> dict[str, Any]:
    """The scenario as its file says it."""
    fields = {key: value for key, value in vars(of).items() if key != "target"}
    if of.target:
        fields["target"] = {key: value for key, value in vars(of.target).items() if value is not None}
    return fields


if __name__ == "__main__":
    main(sys.argv[1:])
