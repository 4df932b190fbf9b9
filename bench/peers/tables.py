"""Words and tables: first where a peer does better, in the tables too."""

import statistics
from typing import Any

import footprint
import machine
import report
from scenario import Scenario

Result = dict[str, Any]
NAMES = {"python": "Python", "rust": "Rust", "java": "Java", "c": "C"}
SERVERS = {"flymq": "FlyMQ", "kafka": "Apache Kafka", "nats": "NATS JetStream", "redis": "Redis"}


def markdown(results: Result) -> str:
    lines = [_introduction(results), "", *losses(results), "", *_servers(results)]
    for language, name in NAMES.items():
        measured = [result for result in results["results"] if result["language"] == language]
        if measured:
            lines += ["", f"**From {name}**", "", *_table(measured)]
    return "\n".join([*lines, "", *_notes(results)])


def losses(results: Result) -> list[str]:
    """Where a peer does better than FlyMQ, the worst first."""
    found = []
    for result in results["results"]:
        of = Scenario.from_dict(result["scenario"])
        for system in result["runs"]:
            better = advantage(result, system)
            if better is not None and better < 1:
                what = "the time" if of.timed else "the rate"
                factor = f"FlyMQ takes {1 / better:.2f} times {what} of {system}"
                if not of.timed:
                    factor = f"{system} has {1 / better:.2f} times {what} of FlyMQ"
                found.append((better, f"- {of.name}, {NAMES[result['language']]}: {factor}."))
    measured = footprint.medians(results["footprint"])
    for at, what in enumerate(("time to start", "memory when idle", "memory after the measurements")):
        ours = measured["flymq"][at] if "flymq" in measured else None
        for name, values in measured.items():
            theirs = values[at]
            if ours and theirs and theirs < ours:
                found.append(
                    (theirs / ours,
                     f"- {what}: FlyMQ takes {ours / theirs:.2f} times that of {SERVERS[name]}.")
                )  # fmt: skip
    if not found:
        return ["No peer was better in any scenario."]
    return ["Where a peer was better, the largest difference first:", "", *(line for _, line in sorted(found))]


def advantage(result: Result, system: str) -> float | None:
    """How many times as well FlyMQ does, above 1 if better; none to itself, or without either."""
    ratio = report.ratio_to(result, system)
    if ratio is None:
        return None
    return 1 / ratio if Scenario.from_dict(result["scenario"]).timed else ratio


def _introduction(results: Result) -> str:
    on = results["machine"]
    loads = [load for result in results["results"] for load in result["load"]]
    return (
        f"`{results['command']}` on {machine.words(on)}, Python {on['python']}, {on['java']}, "
        f"at a load of {min(loads):g} to {max(loads):g}. "
        f"Medians of {results['runs']} runs of about {results['seconds']:g} s, all systems in turn; in "
        "brackets the least and the most. FlyMQ ÷ it is the median of each turn's ratio, **bold** where the "
        "peer does better: those rows come first. CPU is in seconds for a million records, of the client's "
        "process and of the server's."
    )


def _servers(results: Result) -> list[str]:
    rows = [
        "| server | start until it takes connections | memory, idle | memory, after the measurements |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, (start, idle, used) in footprint.medians(results["footprint"]).items():
        after = "" if used is None else f"{used:,.0f} MiB"
        rows.append(f"| {SERVERS[name]} | {start:,.0f} ms | {idle:,.0f} MiB | {after} |")
    return rows if len(rows) > 2 else []


def _table(measured: list[Result]) -> list[str]:
    rows = []
    for result in measured:
        of = Scenario.from_dict(result["scenario"])
        for system, runs in result["runs"].items():
            better = advantage(result, system)
            if system == report.OURS and len(result["runs"]) > 1:
                continue
            ratio = report.ratio_to(result, system)
            ratio_cell = "" if ratio is None else f"{ratio:.2f}"
            if better is not None and better < 1:
                ratio_cell = f"**{ratio_cell}**"
            server = result["servers"][system]
            cells = [
                of.name, result["settings"][server],
                _value(result, report.OURS), _cpu(result["runs"].get(report.OURS, [])),
                system if system != report.OURS else "",
                _value(result, system) if system != report.OURS else "",
                _cpu(runs) if system != report.OURS else "", ratio_cell,
            ]  # fmt: skip
            rows.append((better if better is not None else 2, cells))
    # Losses first, the others as they are in the file.
    rows.sort(key=lambda row: min(row[0], 1))
    return [
        "| scenario | durability of the peer | FlyMQ | CPU | peer | | CPU | FlyMQ ÷ it |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |",
        *(f"| {' | '.join(cells)} |" for _, cells in rows),
    ]


def _value(result: Result, system: str) -> str:
    if system not in result["runs"]:
        return "not measured"
    of = Scenario.from_dict(result["scenario"])
    values = report.values_of(result, system)
    unit = " µs" if of.timed else "/s"
    number = report.number
    text = f"{number(statistics.median(values))}{unit} ({number(min(values))}–{number(max(values))})"
    if of.timed:
        p99 = statistics.median(run["p99_us"] for run in result["runs"][system])
        text += f", p99 {number(p99)} µs"
    return text


def _cpu(runs: list[dict[str, float]]) -> str:
    if not runs:
        return ""
    client, server = (
        statistics.median(run[key] for run in runs) for key in ("client_cpu_us", "server_cpu_us")
    )
    return f"{client:.2f} + {server:.2f}"


def _notes(results: Result) -> list[str]:
    ours = {
        durability: next(
            (r["settings"]["flymq"] for r in results["results"]
             if r["scenario"]["durability"] == durability and "flymq" in r["settings"]), ""
        )
        for durability in ("os", "fsync")
    }  # fmt: skip
    notes = [
        "Durability is equal within a row: os (acknowledged once the operating system has the record; FlyMQ: "
        f"`{ours['os'] or '--durability os'}`) unless the scenario's name ends in -fsync (acknowledged once the "
        f"disk has it; `{ours['fsync'] or '--durability fsync'}`). One topic of one partition, no compression. "
        "Values differ from record to record, and what was written is read back and counted. Scenarios named "
        "delay tell how long after a record was due a consumer had it, at so many a second. With encrypted, "
        "FlyMQ encrypts by itself and the peers' program with AES-256-GCM of the cryptography package.",
        "",
        "How each is used:",
        "",
    ]
    for language, clients in results["clients"].items():
        for name, client in clients.items():
            versions = ", ".join(f"{of} {number}" for of, number in client["versions"].items())
            bracket = f" ({versions})" if versions else ""
            notes.append(f"- {NAMES[language]}, {name}{bracket}: {client['use']}.")
    notes += ["", "Servers: " + "; ".join(results["servers"].values()) + "."]
    notes += [f"Without {name}: {why}." for name, why in results["absent"].items()]
    for language, failed in results["failed"].items():
        for what, why in failed.items():
            notes.append(f"Failed from {NAMES[language]}, and not in the table: {what}: {why}")
    return notes
