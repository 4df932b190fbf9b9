"""What the comparison says must be so. It needs no servers."""

import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import output
import report
import scenario
import values
from worker import check


def result(kind: str, target: dict[str, Any] | None, **rates: list[float]) -> dict[str, Any]:
    key = "p50_us" if kind == "latency" else "rate"
    rest = {"p99_us": 1.0, "client_cpu_us": 1.0, "server_cpu_us": 1.0}
    fields: dict[str, Any] = {
        "name": "it", "kind": kind, "record_bytes": 100, "records": 10, "durability": "os"
    }
    if target:
        fields["target"] = target
    named = {name.replace("_", " "): of for name, of in rates.items()}
    return {
        "scenario": fields,
        "servers": {name: "server" for name in named},
        "settings": {"server": "default"},
        "load": [1.0, 2.0],
        "runs": {name: [{key: rate, **rest} for rate in of] for name, of in named.items()},
    }


def markdown(of: dict[str, Any]) -> str:
    machine = {
        "processor": "p", "cpus": 2, "memory_mib": 1024, "filesystem": "ext4", "kernel": "6",
        "python": "3", "java": "17",
    }
    return report.markdown({
        "command": "make", "machine": machine, "runs": 3, "seconds": 2, "clients": {},
        "servers": {}, "absent": {"redis": "install it"}, "failed": {}, "results": [of],
    })


class Runs(unittest.TestCase):
    def test_values_differ_and_have_their_size(self) -> None:
        for size in (12, 100, 1024):
            made = values.make(70_000, size)
            self.assertEqual({len(value) for value in made}, {size})
            self.assertEqual(len(set(made)), 70_000)

    def test_a_run_that_lost_doubled_changed_or_reordered_records_fails(self) -> None:
        written = values.make(100, 100)
        check(written, list(written), ordered=True)
        check(written, written[::-1], ordered=False)
        wrong = {
            "lost": written[1:],
            "doubled": [*written, written[0]],
            "one for another": [*written[:-1], written[0]],
            "changed": [*written[:-1], bytes(100)],
        }
        for what, read in wrong.items():
            for ordered in (True, False):
                with self.subTest(what, ordered=ordered), self.assertRaises(RuntimeError):
                    check(written, read, ordered)
        with self.assertRaises(RuntimeError):
            check(written, written[::-1], ordered=True)


class Report(unittest.TestCase):
    def test_targets_are_of_the_best_configuration_turn_by_turn(self) -> None:
        target = {"peer": "peer", "min_ratio": 1.5}
        # The median of 15/10, 50/10 and 30/30, and not that of medians.
        of = result("produce", target, flymq=[15, 50, 30], peer=[1, 1, 1], peer_tuned=[10, 10, 30])
        self.assertIn("| it | ≥ 1.5 × peer | 1.50 × peer tuned | reached |", markdown(of))

    def test_latencies_are_better_when_smaller(self) -> None:
        target = {"peer": "peer", "max_ratio": 0.5}
        of = result("latency", target, flymq=[6], peer=[90], peer_tuned=[10])
        text = markdown(of)
        self.assertIn("| it | ≤ 0.5 × peer | 0.60 × peer tuned | **missed** |", text)
        self.assertIn("No peer was faster", text)

    def test_where_a_peer_is_faster_is_said_first(self) -> None:
        text = markdown(result("produce", None, flymq=[10], peer=[25]))
        self.assertIn("- it: peer has 2.50 times the rate of FlyMQ.", text)
        self.assertLess(text.index("2.50 times"), text.index("**it**"))
        text = markdown(result("latency", None, flymq=[30], peer=[20]))
        self.assertIn("- it: FlyMQ takes 1.50 times the time of peer.", text)

    def test_what_was_left_out_is_named(self) -> None:
        text = markdown(result("produce", {"peer": "absent", "min_ratio": 1.0}, flymq=[10]))
        self.assertIn("Without redis: install it.", text)

    def test_it_goes_between_its_comments(self) -> None:
        with TemporaryDirectory() as directory:
            page = Path(directory) / "page.md"
            page.write_text("before\n<!-- begin it -->\nold\n<!-- end it -->\nafter\n")
            output.replace_section(page, "it", "new")
            output.replace_section(page, "it", "newer")
            begin, end = "<!-- begin it -->", "<!-- end it -->"
            self.assertEqual(page.read_text(), f"before\n{begin}\n\nnewer\n\n{end}\nafter\n")
            with self.assertRaises(ValueError):
                output.replace_section(page, "other", "new")

    def test_scenarios_are_what_the_file_may_say(self) -> None:
        scenarios = scenario.load(Path(__file__).with_name("scenarios.toml"))
        self.assertEqual(len({of.name for of in scenarios}), len(scenarios))
        self.assertEqual(sum(of.target is not None for of in scenarios), 4)


if __name__ == "__main__":
    unittest.main()
