#!/usr/bin/env python3
"""Writes the scenarios of conformance/ as lines, which need no JSON library to read.

A line is fields "key=value" with tabs between: `scenario` begins one, `topic` creates a topic, `do` is a
step. Lists have commas between their items; what nests is flattened: "topic:partition",
"topic:partition:offset".
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def flat(key: str, value: Any) -> list[tuple[str, str]]:
    """The fields for a field of a step."""
    if isinstance(value, bool):
        return [(key, str(int(value)))]
    if isinstance(value, list):
        return [(key, ",".join(map(str, value)))]
    if key == "consumers":
        held = {
            name: sorted(f"{topic}:{p}" for topic, partitions in slots.items() for p in partitions)
            for name, slots in value.items()
        }
        names = (key, ",".join(held))
        return [names, *((f"held-{name}", ",".join(slots)) for name, slots in held.items())]
    if key == "offsets":
        entries = (f"{t}:{p}:{o}" for t, found in value.items() for p, o in found.items())
        return [(key, ",".join(sorted(entries)))]
    return [(key, str(value))]


def line(fields: dict[str, Any]) -> str:
    return "\t".join(f"{k}={v}" for key, value in fields.items() for k, v in flat(key, value))


engine = "kafka" if "FLYMQ_TEST_KAFKA" in os.environ else "embedded"
for path in map(Path, sys.argv[1:]):
    for scenario in json.loads(path.read_text()):
        if scenario.get("engine", engine) != engine:
            continue
        print(line({"scenario": scenario["name"]}))
        for topic, partitions in scenario.get("topics", {}).items():
            print(line({"do": "create_topic", "topic": topic, "partitions": partitions}))
        for step in scenario["steps"]:
            print(line(step))
