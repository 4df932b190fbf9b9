#!/usr/bin/env python3
"""Measures FlyMQ for Python against what else a Python program could use, on this machine.

Every scenario is measured with one system after another, again and again, so that what the machine
does meanwhile meets them all; each run is a process of its own that reads back what it wrote. It
measures, and does not judge: it ends with 0 also when a target is missed.
"""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any

import machine
import output
import report
import scenario
from drivers import SYSTEMS
from scenario import Durability
from servers import ROOT, Servers
from turns import Bench

HERE = Path(__file__).resolve().parent
#: How long a run is to last.
SECONDS, QUICK_SECONDS = 2.0, 0.5


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    scenarios = [s for s in scenario.load(options.scenarios) if _wanted(s.name, options.only)]
    if not scenarios:
        sys.exit("bench.py: no scenario has such a name")
    results: dict[str, Any] = {
        "command": output.command("bench-python", arguments),
        "machine": machine.describe(options.data_dir),
        "runs": options.runs,
        "seconds": QUICK_SECONDS if options.quick else SECONDS,
        "clients": {},
        "servers": {},
        "absent": {},
        "failed": {},
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
            output.keep(results, options)
    output.show(report.markdown(results), "bench-python", options)


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
    output.add_options(parser)
    return parser


def _wanted(name: str, parts: list[str]) -> bool:
    return not parts or any(part in name for part in parts)


if __name__ == "__main__":
    main(sys.argv[1:])
