#!/usr/bin/env python3
"""Measures how what FlyMQ costs grows with partitions, connections, the log, a group's members and records' size.

`curves.toml` says what is measured; `flymq-bench` measures it, each curve from its least to its most.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(1, str(HERE.parent / "python"))

import machine  # noqa: E402
import output  # noqa: E402
from report import number  # noqa: E402

Curve = dict[str, Any]


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    curves = {
        name: curve
        for name, curve in tomllib.loads((HERE / "curves.toml").read_text()).items()
        if not options.only or any(part in name for part in options.only)
    }
    if not curves:
        sys.exit("growth.py: no curve has such a name")
    results: dict[str, Any] = {
        "command": output.command("bench-growth", arguments, "--bench"),
        "machine": machine.describe(options.data_dir),
        "curves": {},
    }
    for name, curve in curves.items():
        before = machine.load()
        points = measure(name, curve, options)
        results["curves"][name] = {**curve, "load": [before, machine.load()], "points": points}
        output.keep(results, options)
    text = markdown(results)
    if options.plots:
        text += "\n\n" + draw(results, options.plots)
    output.show(text, "bench-growth", options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="growth.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs with less data")
    parser.add_argument("--most", type=int, help="no point above this, to see that it works")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only curves whose names contain this; may be repeated")
    parser.add_argument("--bench", type=Path, help="flymq-bench, built already")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "target" / "bench",
                        help="where the broker keeps its data, on the disk that is meant")
    output.add_options(parser)
    output.add_plots(parser)
    return parser


def measure(name: str, curve: Curve, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The curve's points: `x`, what each run measured in `values`, and its `unit`."""
    at = [x for x in curve.get("at", []) if options.most is None or x <= options.most]
    if not at and "at" in curve:
        return []
    scenarios = [{**curve["scenario"], "name": f"{name}-{x}", curve["varies"]: x} for x in at]
    # A curve that varies nothing is a log that grows.
    scenarios = scenarios or [{**curve["scenario"], "name": name}]
    for scenario in scenarios:
        if most := curve.get("most_bytes"):
            scenario["records"] = min(scenario["records"], most // scenario["record_bytes"])
    with tempfile.TemporaryDirectory() as folder:
        file, found = Path(folder, "scenarios.toml"), Path(folder, "found.json")
        file.write_text("\n".join(_toml(scenario) for scenario in scenarios))
        bench = options.bench or ROOT / "target" / "release" / "flymq-bench"
        command = [bench, "--scenarios", file, "--json", found, "--data-dir", options.data_dir]
        subprocess.run([*command, *(["--quick"] if options.quick else [])],
                       check=True, stdout=subprocess.DEVNULL, env={**os.environ})  # fmt: skip
        results = json.loads(found.read_text())["results"]
    if "at" in curve:
        return [
            {"x": x, "values": result["values"], "unit": result["unit"]}
            for x, result in zip(at, results, strict=True)
        ]
    (result,) = results
    size = curve["scenario"]["quick_total_bytes" if options.quick else "total_bytes"]
    parts = len(result["curve"])
    return [
        {"x": round(size * (part + 1) / parts / (1 << 20)), "values": [rate], "unit": result["unit"]}
        for part, rate in enumerate(result["curve"])
    ]


def _toml(scenario: dict[str, Any]) -> str:
    # JSON's words, numbers and truths are TOML's as well.
    lines = (f"{key} = {json.dumps(value)}" for key, value in scenario.items())
    return "\n".join(["[[scenario]]", *lines, ""])


def markdown(results: dict[str, Any]) -> str:
    lines = [
        f"`{results['command']}` on {machine.words(results['machine'])}. Medians; in brackets the least and the "
        "most of the runs."
    ]
    for name, curve in results["curves"].items():
        if not curve["points"]:
            continue
        lines += [
            "",
            f"**{name}**: {curve['what']}; load of the machine {curve['load'][0]} to {curve['load'][1]}",
            "",
            f"| {curve['x']} | {curve['points'][0]['unit']} |",
            "| ---: | ---: |",
        ]
        for point in curve["points"]:
            values = point["values"]
            spread = f" ({number(min(values))}–{number(max(values))})" if len(values) > 1 else ""
            lines.append(f"| {point['x']:,} | {number(statistics.median(values))}{spread} |")
    return "\n".join(lines)


def draw(results: dict[str, Any], folder: Path) -> str:
    """Draws a plot a curve into the folder. Returns the words that show them in the page beside it."""
    import matplotlib

    matplotlib.use("svg")
    # The same bytes for the same figures.
    matplotlib.rcParams["svg.hashsalt"] = "flymq"
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for name, curve in results["curves"].items():
        points = curve["points"]
        if not points:
            continue
        figure, axes = pyplot.subplots(figsize=(6, 3), layout="constrained")
        xs = [point["x"] for point in points]
        middle = [statistics.median(point["values"]) for point in points]
        axes.fill_between(xs, [min(point["values"]) for point in points],
                          [max(point["values"]) for point in points], alpha=0.2)  # fmt: skip
        axes.plot(xs, middle, marker="o")
        if "at" in curve:
            axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(curve["x"])
        axes.set_ylabel(points[0]["unit"])
        file = folder / f"growth-{name}.svg"
        figure.savefig(file, metadata={"Date": None})
        pyplot.close(figure)
        shown.append(f"![{curve['what']}]({folder.name}/{file.name})")
    return "\n\n".join(shown)


if __name__ == "__main__":
    main(sys.argv[1:])
