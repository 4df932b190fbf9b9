#!/usr/bin/env python3
"""Prints what programs linked with libflymq rely on: signatures of functions, numbers of enumerators.

tests/abi.txt is what was printed when it was last changed on purpose. Lines may be added; one that is
gone or different breaks programs, and asks for a new major version.
"""

import re
import sys

header = open(sys.argv[1], encoding="utf-8").read()
header = re.sub(r"/\*.*?\*/|//[^\n]*", "", header, flags=re.DOTALL)
lines = []
for result, name, parameters in re.findall(r"FLYMQ_API\s+([\w\s*]+?)\b(flymq_\w+)\(([^;]*)\);", header):
    lines.append(" ".join(f"{result} {name}({parameters})".split()))
for result, name, parameters in re.findall(r"typedef (\w+) \(\*(\w+)\)\(([^;]*)\);", header):
    lines.append(" ".join(f"typedef {result} (*{name})({parameters})".split()))
lines += [f"{name} = {number}" for name, number in re.findall(r"\b(FLYMQ_\w+) = (\d+)", header)]
print("\n".join(sorted(lines)))
