"""One scenario with all systems that take part, in turn."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import machine
import report
from drivers import System
from scenario import Scenario
from servers import Missing, Servers

HERE = Path(__file__).resolve().parent
#: What share of the most records is tried first, to see how many a run can take.
FIRST_SHARE = 1000
#: How many times as many are tried next.
GROWTH = 8
#: How many times as long as a client takes to start a run lasts, at least.
STARTS = 9
#: How long a run may take before it is given up, in seconds.
PATIENCE = 300.0
#: Does a job, and returns what it measured; raises RuntimeError if it failed.
Work = Callable[[dict[str, Any]], dict[str, float]]


def ask(command: list[str], job: dict[str, Any]) -> dict[str, float]:
    """Has a process do a job, which it is told as JSON and answers with JSON."""
    try:
        done = subprocess.run(
            command, input=json.dumps(job), capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"it had not ended after {PATIENCE:g} s") from error
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def python_worker(job: dict[str, Any]) -> dict[str, float]:
    return ask([sys.executable, str(HERE / "worker.py")], job)


class Bench:
    """One scenario with all systems that take part."""

    def __init__(
        self,
        of: Scenario,
        systems: list[System],
        servers: Servers,
        results: dict[str, Any],
        work: Work = python_worker,
    ) -> None:
        self._scenario = of
        self._work = work
        self._servers = servers
        self._results = results
        self._topics = self._names()
        self._systems = [system for system in systems if self._available(system)]
        self._seconds = results["seconds"]

    def measure(self) -> dict[str, Any]:
        print(f"measuring {self._scenario.name} …", file=sys.stderr)
        load_before = machine.load()
        amounts: dict[str, int] = {}
        filled: dict[str, str] = {}
        for system in list(self._systems):
            with self._unless_it_fails(system):
                amounts[system.name] = self._amount(system)
                if self._scenario.kind == "consume":
                    filled[system.name] = next(self._topics)
                    self._run(system, "fill", amounts[system.name], filled[system.name])
        runs: dict[str, list[dict[str, float]]] = {s.name: [] for s in self._systems}
        # The first round warms up.
        for number in range(0 if self._seconds else 1, self._results["runs"] + 1):
            for system in list(self._systems):
                topic = filled.get(system.name)
                with self._unless_it_fails(system):
                    measured = self._run(system, self._scenario.kind, amounts[system.name], topic)
                    if number > 0:
                        runs[system.name].append(measured)
        for system in list(self._systems):
            if system.name in filled:
                with self._unless_it_fails(system):
                    self._run(system, "delete", 0, filled[system.name])
        runs = {system.name: runs[system.name] for system in self._systems}
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

    @contextlib.contextmanager
    def _unless_it_fails(self, system: System) -> Iterator[None]:
        """A system that fails is left out of this scenario, which is told; the others go on."""
        try:
            yield
        except RuntimeError as error:
            print(f"  {error}", file=sys.stderr)
            last = str(error).strip().splitlines()[-1]
            self._results["failed"][f"{self._scenario.name} with {system.name}"] = last
            self._systems.remove(system)

    def _amount(self, system: System) -> int:
        """How many records last as long as a run is to, and long beside the time that a client takes to
        start: tried with few, and then with more and more."""
        most = self._scenario.records
        if self._scenario.kind == "delay":
            return max(10, int(self._scenario.per_second * self._seconds))
        unit = max(1, self._scenario.transaction_records)
        most = most // unit * unit
        few = amount = max(10, most // FIRST_SHARE, unit, self._scenario.connections)
        if not self._seconds:
            return few // unit * unit
        took = self._tried(system, few)
        lasting = max(self._seconds, STARTS * took)
        while amount < most and took < lasting / 2:
            amount = min(most, int(amount * min(GROWTH, lasting / took))) // unit * unit
            took = self._tried(system, amount)
        return max(unit, int(min(most, amount * lasting / took)) // unit * unit)

    def _tried(self, system: System, amount: int) -> float:
        """How many seconds so many records take."""
        topic = None
        if self._scenario.kind == "consume":
            topic = next(self._topics)
            self._run(system, "fill", amount, topic)
        rate = self._run(system, self._scenario.kind, amount, topic)["rate"]
        if topic:
            self._run(system, "delete", 0, topic)
        return amount / rate

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
            "ca": self._servers.ca,
        }
        try:
            return self._work(job)
        except RuntimeError as error:
            raise RuntimeError(f"{self._scenario.name} with {system.name}:\n{error}") from error

    def _available(self, system: System) -> bool:
        absent = self._results["absent"]
        if system.server in absent:
            return False
        try:
            versions = machine.versions(system.packages)
        except PackageNotFoundError as missing:
            absent[f"the Python package {missing.name}"] = "install bench/python/requirements.txt"
            print(f"without {system.name}: there is no package {missing.name}", file=sys.stderr)
            return False
        try:
            server = self._servers.get(system.server)
        except (Missing, RuntimeError, TimeoutError) as missing:
            print(f"without {system.server}: {missing}", file=sys.stderr)
            absent[system.server] = str(missing)
            return False
        self._results["servers"][system.server] = server.version
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
