#!/usr/bin/env python3
"""Measures FlyMQ for Python against what else a Python program could use, on this machine.

Every scenario is measured with one system after another, again and again, so that what the machine
does meanwhile meets them all; each run is a process of its own that reads back what it wrote. It
measures, and does not judge: it ends with 0 also when a target is missed.
"""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import machine
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
        "command": _command(arguments),
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


if __name__ == "__main__":
    main(sys.argv[1:])
