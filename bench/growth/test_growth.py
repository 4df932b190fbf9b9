"""What the curves say is what was measured. It needs no broker: a program stands in for flymq-bench."""

import json
import sys
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import growth  # noqa: E402

#: Measures how many of the scenario's field there are, and of a log that grows its parts.
_STAND_IN = f"""#!{sys.executable}
import json, sys, tomllib
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
results = []
for of in tomllib.load(open(options["--scenarios"], "rb"))["scenario"]:
    curve = [4.0, 3.0, 2.0, 1.0] if of["kind"] == "growth" else []
    values = [float(of.get("clients", of.get("partitions", 0)))]
    results.append({{"unit": "ms", "values": values, "curve": curve, "scenario": of}})
json.dump({{"results": results}}, open(options["--json"], "w"))
"""


class Curves(unittest.TestCase):
    def test_every_curve_is_measured_and_told(self) -> None:
        with TemporaryDirectory() as directory:
            folder = Path(directory)
            bench, page, kept = folder / "bench", folder / "page.md", folder / "growth.json"
            bench.write_text(_STAND_IN)
            bench.chmod(0o755)
            page.write_text("<!-- begin bench-growth -->\n<!-- end bench-growth -->\n")
            growth.main(["--bench", str(bench), "--most", "100", "--data-dir", directory,
                         "--json", str(kept), "--docs", str(page)])  # fmt: skip
            curves = json.loads(kept.read_text())["curves"]
            text = page.read_text()
        members = curves["members"]["points"]
        self.assertEqual([(p["x"], p["values"]) for p in members],
                         [(1, [1]), (10, [10]), (50, [50]), (100, [100])])  # fmt: skip
        self.assertEqual([(p["x"], p["values"]) for p in curves["log"]["points"]],
                         [(5120, [4]), (10240, [3]), (15360, [2]), (20480, [1])])  # fmt: skip
        self.assertIn("| partitions | ms |\n| ---: | ---: |\n| 1 | 1 |\n| 10 | 10 |", text)
        self.assertIn("| 20,480 | 1 |", text)


if __name__ == "__main__":
    unittest.main()
