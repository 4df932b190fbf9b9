"""Words and tables from what was measured."""

import statistics
from collections.abc import Iterator
from typing import Any

import machine
from scenario import Scenario

OURS = "flymq"
Result = dict[str, Any]


def markdown(results: Result) -> str:
    """The tables; first where a peer does better."""
    lines = [_introduction(results), "", *_losses(results), "", *_targets(results)]
    for result in results["results"]:
        lines += ["", *_table(result)]
    return "\n".join([*lines, "", *_notes(results)])


def lines(result: Result) -> Iterator[str]:
    """One system a line."""
    of = Scenario.from_dict(result["scenario"])
    for system in result["runs"]:
        ratio = ratio_to(result, system)
        compared = "" if ratio is None else f", flymq is {ratio:.2f} of it"
        yield f"{system}: {number(_median(result, system))} {of.unit}{compared}"


def _introduction(results: Result) -> str:
    on = results["machine"]
    return (
        f"`{results['command']}` on {machine.words(on)}, Python {on['python']}. "
        f"Medians of {results['runs']} runs of about {results['seconds']:g} s, all systems in turn; in "
        "brackets the least and the most. Processor time is of all threads of the process, per record."
    )


def _losses(results: Result) -> list[str]:
    """Where a peer does better than FlyMQ."""
    losses = []
    for result in results["results"]:
        of = Scenario.from_dict(result["scenario"])
        for system in result["runs"]:
            ratio = ratio_to(result, system)
            if ratio is None or (ratio <= 1 if of.timed else ratio >= 1):
                continue
            how = f"{ratio:.2f} times the time" if of.timed else f"{1 / ratio:.2f} times the rate"
            who = "FlyMQ takes" if of.timed else f"{system} has"
            than = f"of {system}" if of.timed else "of FlyMQ"
            losses.append(f"- {of.name}: {who} {how} {than}.")
    if not losses:
        return ["No peer was faster in any scenario."]
    return ["Where a peer was faster:", "", *losses]


def _targets(results: Result) -> list[str]:
    rows = ["| target | wanted | measured | |", "| --- | --- | ---: | --- |"]
    for result in results["results"]:
        of = Scenario.from_dict(result["scenario"])
        best = of.target and _best(result, of.target.peer)
        if not of.target or not best:
            continue
        ratio = ratio_to(result, best)
        if ratio is None:
            rows.append(f"| {of.name} | {of.target} | not measured | |")
            continue
        verdict = "reached" if of.target.reached(ratio) else "**missed**"
        rows.append(f"| {of.name} | {of.target} | {ratio:.2f} × {best} | {verdict} |")
    return rows if len(rows) > 2 else []


def _table(result: Result) -> list[str]:
    of = Scenario.from_dict(result["scenario"])
    value = "p50" if of.timed else of.unit
    heads = [value, "FlyMQ ÷ it"]
    if of.timed:
        heads.append("p99")
    heads += ["client CPU", "server CPU", "durability"]
    rows = [
        f"**{of.name}**, load of the machine {result['load'][0]} to {result['load'][1]}",
        "",
        f"| | {' | '.join(heads)} |",
        f"| --- | {'---: | ' * (len(heads) - 1)}--- |",
    ]
    suffix = " µs" if of.timed else ""
    for system, runs in result["runs"].items():
        values = values_of(result, system)
        ratio = ratio_to(result, system)
        cells = [
            f"{number(statistics.median(values))}{suffix} "
            f"({number(min(values))}–{number(max(values))})",
            "" if ratio is None else f"{ratio:.2f}",
        ]
        if of.timed:
            cells.append(f"{number(_of(runs, 'p99_us'))} µs")
        cells += [
            f"{_of(runs, 'client_cpu_us'):.2f} µs",
            f"{_of(runs, 'server_cpu_us'):.2f} µs",
            result["settings"][result["servers"][system]],
        ]
        rows.append(f"| {system} | {' | '.join(cells)} |")
    return rows


def _notes(results: Result) -> list[str]:
    notes = ["How each is used:", ""]
    for system, client in results["clients"].items():
        versions = ", ".join(f"{name} {number}" for name, number in client["versions"].items())
        notes.append(f"- {system} ({versions}): {client['use']}.")
    notes += ["", "Servers: " + "; ".join(results["servers"].values()) + "."]
    for server, why in results["absent"].items():
        notes.append(f"Without {server}: {why}.")
    for what, why in results["failed"].items():
        notes.append(f"Failed, and not in the tables: {what}: {why}.")
    return notes


def values_of(result: Result, system: str) -> list[float]:
    """What each run measured: a rate, or a time in µs."""
    key = "p50_us" if Scenario.from_dict(result["scenario"]).timed else "rate"
    return [run[key] for run in result["runs"][system]]


def _median(result: Result, system: str) -> float:
    return statistics.median(values_of(result, system))


def ratio_to(result: Result, system: str) -> float | None:
    """The median of FlyMQ's ratios to the system in each run; none to itself, or without either."""
    if system == OURS or OURS not in result["runs"]:
        return None
    pairs = zip(values_of(result, OURS), values_of(result, system), strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def _best(result: Result, peer: str) -> str | None:
    """The configuration in which the peer does best."""
    systems = [system for system in result["runs"] if system.partition(" ")[0] == peer]
    least = min if Scenario.from_dict(result["scenario"]).timed else max
    return least(systems, key=lambda system: _median(result, system), default=None)


def _of(runs: list[dict[str, float]], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
