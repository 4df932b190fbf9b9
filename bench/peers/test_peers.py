"""The comparison works: every peer that is here, with a handful of records."""

import json
import shutil
import subprocess
import sys
import unittest
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "python")]

import tables  # noqa: E402
from test_bench import result  # noqa: E402


class Comparison(unittest.TestCase):
    def test_it_measures_who_is_here_and_keeps_what_it_says(self) -> None:
        # Kafka takes longest to start; the tests of tools/kafka start it.
        absent = {"kafka"}
        if find_spec("nats") is None:
            absent.add("nats")
        if find_spec("redis") is None or shutil.which("redis-server") is None:
            absent.add("redis")
        with TemporaryDirectory() as directory:
            folder = Path(directory)
            page, kept = folder / "page.md", folder / "peers.json"
            page.write_text("before\n<!-- begin bench-peers -->\n<!-- end bench-peers -->\nafter\n")
            command = [sys.executable, str(HERE / "peers.py"), "--smoke", "--no-build"]
            command += ["--only", "produce-100b python", "--only", "delay-100b-at-2000 python"]
            command += ["--only", "transactions-100b python"]
            for server in sorted(absent):
                command += ["--without", server]
            command += ["--data-dir", str(folder / "data"), "--json", str(kept), "--docs", str(page)]
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            measured = json.loads(kept.read_text())
            text = page.read_text()
        self.assertEqual(measured["failed"], {"python": {}})
        self.assertIn("make bench-peers BENCH_ARGS='--smoke", measured["command"])
        servers = {"flymq", "nats", "redis"} - absent
        self.assertEqual(set(measured["servers"]), servers)
        self.assertEqual(set(measured["footprint"]), servers)
        self.assertEqual(len(measured["results"]), 3)
        for each in measured["results"]:
            for runs in each["runs"].values():
                self.assertGreater(runs[0]["rate"], 0)
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
        self.assertIn("**From Python**", text)
        self.assertIn("| produce-100b | ", text)


class Tables(unittest.TestCase):
    def results(self, *results: dict[str, Any]) -> dict[str, Any]:
        return {"results": results, "footprint": {}}

    def test_losses_come_first_and_the_largest_of_them(self) -> None:
        near = {**result("produce", None, flymq=[10], near=[11]), "language": "c"}
        far = {**result("latency", None, flymq=[90], far=[30]), "language": "java"}
        found = tables.losses(self.results(near, far))
        self.assertIn("FlyMQ takes 3.00 times the time of far", found[2])
        self.assertIn("near has 1.10 times the rate of FlyMQ", found[3])

    def test_a_lead_is_no_loss_also_where_less_is_better(self) -> None:
        ours = {**result("latency", None, flymq=[30], slow=[90]), "language": "c"}
        self.assertEqual(tables.losses(self.results(ours)), ["No peer was better in any scenario."])
        self.assertEqual(tables.advantage(ours, "slow"), 3)

    def test_starting_slower_is_a_loss_too(self) -> None:
        of = {"start_ms": [20], "idle_mib": [10], "used_mib": None}
        results = {**self.results(), "footprint": {"flymq": of, "redis": {**of, "start_ms": [5]}}}
        self.assertIn("time to start: FlyMQ takes 4.00 times that of Redis", tables.losses(results)[2])


if __name__ == "__main__":
    unittest.main()
