"""Words and tables from what was measured."""

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scenario import Scenario

OURS = "flymq"
Result = dict[str, Any]


def markdown(results: Result) -> str:
    """The tables; first where a peer does better."""
    lines = [_introduction(results), "", *_losses(results), "", *_targets(results)]
    for result in results["results"]:
        lines += ["", *_table(result)]
    return "\n".join([*lines, "", *_notes(results)])


def replace_section(page: Path, name: str, text: str) -> None:
    """Writes the text into the page, between the comments that name it."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found_begin, rest = page.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{page} has no {begin} … {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def lines(result: Result) -> Iterator[str]:
    """One system a line."""
    of = Scenario.from_dict(result["scenario"])
    for system in result["runs"]:
        ratio = _ratio(result, system)
        compared = "" if ratio is None else f", flymq is {ratio:.2f} of it"
        yield f"{system}: {_number(_median(result, system))} {of.unit}{compared}"


def _introduction(results: Result) -> str:
    machine = results["machine"]
    return (
        f"`{results['command']}` on {machine['cpus']} × {machine['processor']}, "
        f"{machine['memory_mib'] / 1024:.0f} GiB, {machine['filesystem']}, "
        f"Linux {machine['kernel']}, Python {machine['python']}. Medians of {results['runs']} runs "
        f"of about {results['seconds']:g} s, all systems in turn; in brackets the least and the most. "
        "Processor time is of all threads of the process, per record."
    )


def _losses(results: Result) -> list[str]:
    """Where a peer does better than FlyMQ."""
    losses = []
    for result in results["results"]:
        of = Scenario.from_dict(result["scenario"])
        for system in result["runs"]:
            ratio = _ratio(result, system)
            if ratio is None or (ratio <= 1 if of.kind == "latency" else ratio >= 1):
                continue
            how = f"{ratio:.2f} times the time" if of.kind == "latency" else f"{1 / ratio:.2f} times the rate"
            who = "FlyMQ takes" if of.kind == "latency" else f"{system} has"
            than = f"of {system}" if of.kind == "latency" else "of FlyMQ"
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
        ratio = _ratio(result, best)
        if ratio is None:
            rows.append(f"| {of.name} | {of.target} | not measured | |")
            continue
        verdict = "reached" if of.target.reached(ratio) else "**missed**"
        rows.append(f"| {of.name} | {of.target} | {ratio:.2f} × {best} | {verdict} |")
    return rows if len(rows) > 2 else []


def _table(result: Result) -> list[str]:
    of = Scenario.from_dict(result["scenario"])
    value = "p50" if of.kind == "latency" else of.unit
    heads = [value, "FlyMQ ÷ it"]
    if of.kind == "latency":
        heads.append("p99")
    heads += ["client CPU", "server CPU", "durability"]
    rows = [
        f"**{of.name}**, load of the machine {result['load'][0]} to {result['load'][1]}",
        "",
        f"| | {' | '.join(heads)} |",
        f"| --- | {'---: | ' * (len(heads) - 1)}--- |",
    ]
    suffix = " µs" if of.kind == "latency" else ""
    for system, runs in result["runs"].items():
        values = _values(result, system)
        ratio = _ratio(result, system)
        cells = [
            f"{_number(statistics.median(values))}{suffix} "
            f"({_number(min(values))}–{_number(max(values))})",
            "" if ratio is None else f"{ratio:.2f}",
        ]
        if of.kind == "latency":
            cells.append(f"{_number(_of(runs, 'p99_us'))} µs")
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
    return notes


def _values(result: Result, system: str) -> list[float]:
    key = "p50_us" if result["scenario"]["kind"] == "latency" else "rate"
    return [run[key] for run in result["runs"][system]]


def _median(result: Result, system: str) -> float:
    return statistics.median(_values(result, system))


def _ratio(result: Result, system: str) -> float | None:
    """The median of FlyMQ's ratios to the system in each run; none to itself, or without either."""
    if system == OURS or OURS not in result["runs"]:
        return None
    pairs = zip(_values(result, OURS), _values(result, system), strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def _best(result: Result, peer: str) -> str | None:
    """The configuration in which the peer does best."""
    systems = [system for system in result["runs"] if system.partition(" ")[0] == peer]
    least = min if result["scenario"]["kind"] == "latency" else max
    return least(systems, key=lambda system: _median(result, system), default=None)


def _of(runs: list[dict[str, float]], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
