#!/usr/bin/env python3
"""Writes conformance/partitioner/murmur2.json as lines "KEY PARTITIONS PARTITION", the key in hex or "-"."""

import json
import sys

#: More partitions take a test longer to make, and tell no more.
MOST = 50

for vector in json.load(open(sys.argv[1], encoding="utf-8"))["vectors"]:
    for partitions, partition in vector["partitions"].items():
        if int(partitions) <= MOST:
            print(vector["key"] or "-", partitions, partition)
