"""Where what was measured goes: a file of JSON, a page of the documentation. All benches share it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

#: The options that say so, which the Makefile gives.
_OPTIONS = ("--json", "--docs", "--plots")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, help="keep everything that was measured in this file")
    parser.add_argument("--docs", type=Path, help="replace the tables in this page")


def add_plots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plots", type=Path, help="draw into this folder, beside that page")


def command(target: str, arguments: list[str], *also: str) -> str:
    """The command, without where its results go and what else the Makefile gives."""
    words = list(arguments)
    for option in (*_OPTIONS, *also):
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return f"make {target} BENCH_ARGS='{' '.join(words)}'" if words else f"make {target}"


def keep(results: dict[str, Any], options: argparse.Namespace) -> None:
    """Writes the file, as far as there are results."""
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def show(text: str, section: str, options: argparse.Namespace) -> None:
    """Prints the tables, and puts them into the page."""
    print(text)
    if options.docs:
        try:
            replace_section(options.docs, section, text)
        except ValueError as error:
            sys.exit(str(error))


def replace_section(page: Path, name: str, text: str) -> None:
    """Writes the text into the page, between the comments that name it."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found_begin, rest = page.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{page} has no {begin} … {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
