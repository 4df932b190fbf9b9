#!/usr/bin/env python3
"""Fails if a comment of flymq.h lacks what its function's signature makes one ask.

What is made: which function frees it. A pointer that is returned: how long it lives. An error: which ones there
are, or as which other function. What is freed or closed: that no other call may be under way, or that it is
harmless to close twice.
"""

from __future__ import annotations

import re
import sys

header = open(sys.argv[1], encoding="utf-8").read()
pattern = r"/\*\*((?:(?!\*/).)*)\*/\s*FLYMQ_API\s+([\w\s*]+?)\b(flymq_\w+)\(([^;]*)\);"
functions = re.findall(pattern, header, re.DOTALL)
assert len(functions) == len(re.findall(r"^FLYMQ_API\b", header, re.MULTILINE)), "a function has no comment"

wrong = []
for raw, result, name, parameters in functions:
    comment = " ".join(raw.replace("\n *", " ").split())

    def wants(what: str, *words: str, name: str = name, comment: str = comment) -> None:
        if not any(re.search(word, comment) for word in words):
            wrong.append(f"{name}: does not say {what}")

    for made in re.findall(r"\b(flymq_\w+) \*\*(\w+)", parameters):
        if made[0] != "flymq_error":
            wants("who frees what it makes", rf"{made[0]}_free\(\)", r"\bAs flymq_")
    if "*" in result:
        wants("how long its result lives", r"\b[Ll]ives\b", r"[Nn]ever freed", r"\btag given\b")
    if "flymq_error **" in parameters:
        wants("its errors", r"Errors[:,]", r"\b[Aa]s flymq_")
    if name.endswith("_free") and "flymq_" in parameters:
        wants("that NULL is harmless", r"NULL is harmless")
    if name.endswith("_close"):
        wants("what a second close does", r"[Hh]armless when closed")
print("\n".join(wrong))
sys.exit(bool(wrong))
