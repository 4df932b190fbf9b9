"""Makes functions of the guide's Kotlin, for the tests to run: snippets.py GUIDE SOURCE."""

import pathlib
import re
import sys

guide, source = map(pathlib.Path, sys.argv[1:])
imports, functions = set(), []
for number, block in enumerate(re.findall("```kotlin\n(.*?)```", guide.read_text(), re.DOTALL)):
    lines = block.splitlines()
    imports |= {line for line in lines if line.startswith("import ")}
    body = "\n".join("    " + line for line in lines if not line.startswith("import "))
    functions.append(
        f"private suspend fun snippet{number}(broker: EmbeddedBroker, client: Client) {{\n{body}\n}}\n"
    )
calls = ", ".join(f"::snippet{number}" for number in range(len(functions)))
source.parent.mkdir(parents=True, exist_ok=True)
source.write_text(
    '@file:Suppress("UNUSED_PARAMETER")\n\npackage io.flymq.kotlin\n\n'
    + "\n".join(sorted(imports))
    + "\n\n"
    + "\n".join(functions)
    + f"\nval snippets: List<suspend (EmbeddedBroker, Client) -> Unit> = listOf({calls})\n"
)
