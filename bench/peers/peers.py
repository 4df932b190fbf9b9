#!/usr/bin/env python3
"""Measures FlyMQ against Apache Kafka, NATS JetStream and Redis Streams, from four languages, in one sitting.

| file | holds |
| --- | --- |
| `peers.py` | the command |
| `scenarios.toml` | what is measured, in which languages |
| `systems.py` | the clients of each language |
| `workers.py` | the programs that use them: a job in, a measurement out |
| `footprint.py` | how quickly servers start, and the memory they take |
| `tables.py`, `plots.py` | what the documentation shows |
| `async-nats/` | the worker of async-nats |

The workers of Python and the servers are those of `bench/python`, those of the other languages theirs. A peer
that is missing is named and left out. It measures, and does not judge: it ends with 0 also where a peer wins.
"""

import argparse
import contextlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent / "python"))

import footprint  # noqa: E402
import machine  # noqa: E402
import output  # noqa: E402
import plots  # noqa: E402
import tables  # noqa: E402
from scenario import Durability, Scenario  # noqa: E402
from servers import ROOT, Servers  # noqa: E402
from systems import SYSTEMS  # noqa: E402
from turns import Bench  # noqa: E402
from workers import Workers  # noqa: E402


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    seconds, runs = {"full": (2.0, 5), "quick": (0.3, 3), "smoke": (0, 1)}[options.size]
    results: dict[str, Any] = {
        "command": output.command("bench-peers", arguments),
        "machine": machine.describe(options.data_dir),
        "runs": options.runs or runs,
        "seconds": seconds,
        "clients": {},
        "servers": {},
        "absent": {},
        "failed": {},
        "results": [],
        "footprint": {},
    }
    wanted = [
        (language, each)
        for language, each in _load(options.scenarios)
        if not options.only or any(part in f"{each.name} {language}" for part in options.only)
    ]
    if not wanted:
        sys.exit("peers.py: no scenario has such a name")
    with contextlib.ExitStack() as stack:
        workers = stack.enter_context(Workers(results["absent"], build=not options.no_build))
        servers: dict[tuple[Durability, bool], Servers] = {}
        for language, each in wanted:
            place = (each.durability, each.tls)
            if place not in servers:
                servers[place] = Servers(options.data_dir, *place)
                stack.callback(servers[place].close)
            systems = [
                system
                for system in SYSTEMS[language]
                if each.kind in system.kinds
                and system.server not in options.without
                and workers.available(language, system.driver)
            ]
            if not systems:
                continue
            work = workers.of(language)
            # Systems of several languages have one name.
            own = {key: results[key].setdefault(language, {}) for key in ("clients", "failed")}
            bench = Bench(each, systems, servers[place], {**results, **own}, work)
            results["results"].append({**bench.measure(), "language": language})
            output.keep(results, options)
        names = [name for name in ("flymq", "kafka", "nats", "redis") if name in results["servers"]]
        used = {name: footprint.resident(at.running[name].pid)
                for name in names for at in [servers.get(("os", False))] if at and name in at.running}
        results["footprint"] = footprint.measure(names, options.data_dir, results["runs"], used)
        output.keep(results, options)
    text = tables.markdown(results)
    if options.plots:
        text += "\n" + plots.draw(results, options.plots)
    output.show(text, "bench-peers", options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="peers.py", description=__doc__.partition("\n")[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", default="full",
                      help="short runs, about 15 minutes: figures vary more")
    size.add_argument("--smoke", dest="size", action="store_const", const="smoke",
                      help="seconds, to see that it works: figures mean nothing")
    parser.add_argument("--runs", type=int, help="how often each is measured")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only scenarios whose names and language contain this; may be repeated")
    parser.add_argument("--without", action="append", default=[], metavar="SERVER",
                        choices=("kafka", "nats", "redis"), help="leave one out; may be repeated")
    parser.add_argument("--no-build", action="store_true",
                        help="build no worker: a language whose worker is not there is left out")
    parser.add_argument("--scenarios", type=Path, default=HERE / "scenarios.toml")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "target" / "bench",
                        help="where servers keep their data, on the disk that is meant")
    output.add_options(parser)
    output.add_plots(parser)
    return parser


def _load(file: Path) -> Iterator[tuple[str, Scenario]]:
    """Every scenario, in every language that it names."""
    for fields in tomllib.loads(file.read_text())["scenario"]:
        languages = fields.pop("languages")
        for language in languages:
            yield language, Scenario.from_dict(fields)


if __name__ == "__main__":
    main(sys.argv[1:])
