#!/usr/bin/env python3
"""Writes a C program that misuses every function of flymq.h, so that none is forgotten.

Each function is called with NULL for every pointer, and, where it takes a handle that can be closed,
with one that is, and NULL or a harmless value for the rest. A function that may fail has to do so with
INVALID_ARGUMENT or CLOSED and an error, and to leave NULL where it would put what it makes; those named
below succeed. Any other has to return its neutral value.
"""

from __future__ import annotations

import re
import sys

# Those that have nothing to complain of, without any argument.
FINE_WITH_NULL = {
    "flymq_log_to": "NULL ends logging",
    "flymq_client_connect": None,  # connects to where the environment says
    "flymq_broker_start": None,  # starts with the defaults
    "flymq_queue_new": None,
    "flymq_partitions_new": None,
    "flymq_record_new": None,
}
CLOSABLE = ["client", "pool", "producer", "consumer", "transactional_producer", "queue", "broker"]
# Closing twice is harmless, and these do not need their handle to be open.
FINE_WHEN_CLOSED = {*(f"flymq_{kind}_close" for kind in CLOSABLE), "flymq_broker_address"}

header = re.sub(r"/\*.*?\*/", "", open(sys.argv[1], encoding="utf-8").read(), flags=re.DOTALL)
functions = re.findall(r"FLYMQ_API\s+([\w\s*]+?)\b(flymq_\w+)\(([^;]*)\);", header)
assert len(functions) == len(re.findall(r"^FLYMQ_API\b", header, re.MULTILINE))


def parameters(text: str) -> list[tuple[str, str]]:
    """Type and name of each."""
    found = []
    for parameter in text.split(","):
        match = re.fullmatch(r"\s*(.*?)(\w+)\s*", parameter, flags=re.DOTALL)
        assert match is not None, parameter
        if match[2] != "void":
            found.append((" ".join(match[1].split()), match[2]))
    return found


def is_pointer(kind: str) -> bool:
    return kind.endswith("*") or kind.endswith("_fn")


def made(kind: str) -> str | None:
    """What a parameter takes a pointer to, if it is a place for what the function makes."""
    match = re.fullmatch(r"(flymq_\w+) \*\*", kind)
    return match[1] if match and match[1] != "flymq_error" else None


def call(name: str, result: str, args: list[tuple[str, str]], closed: str | None) -> list[str]:
    values = []
    lines = []
    places = []
    for kind, parameter in args:
        if kind == "flymq_error **":
            values.append("&error")
        elif made(kind):
            lines.append(f"{made(kind)} *made_{parameter} = POISON;")
            places.append(parameter)
            values.append(f"&made_{parameter}")
        elif closed and re.fullmatch(rf"(const )?flymq_{closed} \*", kind):
            values.append(f"closed_{closed}")
        elif is_pointer(kind):
            values.append("NULL")
        else:
            values.append("0")
    called = f"{name}({', '.join(values)})"
    if not any(kind == "flymq_error **" for kind, _ in args):
        if result == "void":
            return [f"{called};"]
        if name in ("flymq_version", "flymq_version_number"):
            return [f"CHECK({called} != 0);"]
        neutral = "!= NULL" if closed and name in FINE_WHEN_CLOSED else "== (void *)0"
        return [f"CHECK({called} {neutral if '*' in result else '== 0'});"]
    lines.append("flymq_error *error = POISON;")
    fine = name in FINE_WITH_NULL if closed is None else name in FINE_WHEN_CLOSED
    if fine:
        lines.append(f"CHECK({called} == FLYMQ_OK && error == NULL);")
        return lines
    lines += [
        f"int32_t code = {called};",
        "CHECK(code == FLYMQ_ERROR_INVALID_ARGUMENT || code == FLYMQ_ERROR_CLOSED);",
        "CHECK(flymq_error_code(error) == code && flymq_error_message(error) != NULL);",
        *(f"CHECK(made_{place} == NULL);" for place in places),
        "flymq_error_free(error);",
    ]
    # Nobody has to want the error.
    again = called.replace("&error", "NULL")
    lines.append(f"CHECK({again} == code);")
    return lines


body = []
count = 0
for result, name, text in functions:
    result = " ".join(result.split())
    args = parameters(text)
    takes = [k for k in CLOSABLE if any(re.fullmatch(rf"(const )?flymq_{k} \*", t) for t, _ in args)]
    variants: list[str | None] = [*takes] if not name.endswith("_free") else []
    if FINE_WITH_NULL.get(name, "") is not None:
        variants.insert(0, None)
    for closed in variants:
        if name == "flymq_log_to" and closed:
            continue  # its level is looked at first
        body.append(f"    {{ /* {name}, {closed or 'NULL'} */")
        body += [f"        {line}" for line in call(name, result, args, closed)]
        body.append("    }")
        count += 1
    # And with no place for what it would make.
    if any(made(kind) for kind, _ in args):
        values = ["NULL" if is_pointer(kind) else "0" for kind, _ in args]
        body.append(f"    CHECK({name}({', '.join(values)}) == FLYMQ_ERROR_INVALID_ARGUMENT);")
        count += 1

print(f"""/* Made by misuse.py: {count} calls of {len(functions)} functions. */
#include "check.h"

/* What was there before a function has put something. */
#define POISON ((void *)1)

int main(void) {{
    World w = world();
    flymq_queue *closed_queue;
    OK(flymq_queue_new(&closed_queue, &error));
    flymq_client *closed_client;
    OK(flymq_client_connect(flymq_broker_address(w.broker), NULL, &closed_client, &error));
    flymq_pool *closed_pool;
    OK(flymq_pool_new(flymq_broker_address(w.broker), NULL, 1, &closed_pool, &error));
    OK(flymq_pool_close(closed_pool, DEADLINE_MS, &error));
    flymq_producer *closed_producer;
    OK(flymq_producer_new(closed_client, NULL, NULL, &closed_producer, &error));
    flymq_consumer *closed_consumer = consumer((World){{w.broker, closed_client}}, NULL, NULL);
    flymq_transactional_producer *closed_transactional_producer;
    OK(flymq_transactional_producer_new(closed_client, "closed", NULL, &closed_transactional_producer,
                                        &error));
    flymq_broker *closed_broker;
    OK(flymq_broker_start(NULL, &closed_broker, &error));
    OK(flymq_broker_close(closed_broker, DEADLINE_MS, &error));
    OK(flymq_producer_close(closed_producer, DEADLINE_MS, &error));
    OK(flymq_consumer_close(closed_consumer, DEADLINE_MS, &error));
    OK(flymq_transactional_producer_close(closed_transactional_producer, DEADLINE_MS, &error));
    OK(flymq_client_close(closed_client, DEADLINE_MS, &error));
    OK(flymq_queue_close(closed_queue, &error));
""")
print("\n".join(body))
print("""
    flymq_broker_free(closed_broker);
    flymq_producer_free(closed_producer);
    flymq_consumer_free(closed_consumer);
    flymq_transactional_producer_free(closed_transactional_producer);
    flymq_client_free(closed_client);
    flymq_pool_free(closed_pool);
    flymq_queue_free(closed_queue);
    end(w);
    return 0;
}""")
