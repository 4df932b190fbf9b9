#!/usr/bin/env python3
"""Writes a C program that runs the snippets of docs/c.md, so that they compile and do what they say.

A snippet that begins with "static" is a function, and the next one may use it. Any other is put into a function
of its own, which has a `client`, a `broker`, and what is listed below.
"""

import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
snippets = re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
assert len(snippets) > 3
print('#include "check.h"\n')
names = []
for snippet in snippets:
    if snippet.startswith("static "):
        print(snippet)
        continue
    names.append(f"snippet_{len(names)}")
    print(f"static void {names[-1]}(flymq_broker *broker, flymq_client *client) {{")
    print("    const char *addresses = flymq_broker_address(broker);")
    print("    (void)client, (void)addresses;")
    print(f"{snippet}}}\n")
calls = "\n".join(f"    {name}(w.broker, w.client);" for name in names)
print(f"""int main(void) {{
    World w = world();
    create(w, "orders", 1);
{calls}
    end(w);
    return 0;
}}""")
