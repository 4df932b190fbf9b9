"""One run in a process of its own, so that processor time is that of this run and client alone.

Takes a job as JSON on standard input, writes what it measured as JSON to standard output.
"""

import importlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import values
from drivers import Driver, Secure
from sealed import Sealed

_TICKS = os.sysconf("SC_CLK_TCK")


class Stopwatch:
    """Seconds that pass, and that this process and the server compute, within the `with` block."""

    def __init__(self, server_pid: int) -> None:
        self._server_pid = server_pid
        self.seconds = self.client_cpu = self.server_cpu = 0.0

    def __enter__(self) -> Self:
        self._began = (self._client(), self._server(), time.perf_counter())
        return self

    def __exit__(self, *args: object) -> None:
        client, server, began = self._began
        self.seconds = time.perf_counter() - began
        self.client_cpu = self._client() - client
        self.server_cpu = self._server() - server

    def _client(self) -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    def _server(self) -> float:
        return server_cpu(self._server_pid)


def server_cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    # The command's name, which may contain anything, ends with the last bracket.
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS


def run(job: dict[str, Any]) -> dict[str, float]:
    module = importlib.import_module(f"drivers.{job['driver']}")
    secure = Secure(job["ca"], job["encrypted"])
    driver: Driver = module.Driver(job["address"], job["variant"], job["durability"], secure)
    topic, count = job["topic"], job["records"]
    written: Sequence[bytes] = values.make(count, job["record_bytes"])
    if secure.encrypted and not driver.encrypts:
        written = Sealed(written)
    clock = Stopwatch(job["server_pid"])
    measured: dict[str, float] = {}
    match job["kind"]:
        case "fill":
            driver.create(topic)
            driver.produce(topic, written, clock)
            return {}
        case "delete":
            driver.delete(topic)
            return {}
        case "consume":
            read = driver.consume(topic, count, clock)
        case kind:
            driver.create(topic)
            match kind:
                case "produce":
                    driver.produce(topic, written, clock)
                case "latency":
                    measured = _quantiles(driver.latency(topic, written, clock))
                case "delay":
                    measured = _quantiles(driver.delay(topic, written, job["per_second"], clock))
                case "transactions":
                    driver.transactions(topic, written, job["transaction_records"], clock)
                case "in-flight":
                    driver.in_flight(topic, written, job["tasks"], clock)
            read = driver.consume(topic, count, nullcontext())
            driver.delete(topic)
    if isinstance(written, Sealed):
        written, read = written.plain, [written.open(value) for value in read]
    check(written, read, ordered=job["kind"] != "in-flight")
    return {
        **measured,
        "records": count,
        "seconds": clock.seconds,
        "rate": count / clock.seconds,
        "client_cpu_us": clock.client_cpu / count * 1e6,
        "server_cpu_us": clock.server_cpu / count * 1e6,
    }


def _quantiles(durations: list[int]) -> dict[str, float]:
    cuts = statistics.quantiles(durations, n=100)
    return {"p50_us": cuts[49] / 1e3, "p99_us": cuts[98] / 1e3}


def check(written: Sequence[bytes], read: list[bytes], ordered: bool) -> None:
    """What was written is there, each once; from one task at a time, in order."""
    if len(read) != len(written):
        raise RuntimeError(f"{len(written)} records were written, {len(read)} read")
    if (read if ordered else sorted(read)) != list(written):
        raise RuntimeError("other records were read than were written")


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
