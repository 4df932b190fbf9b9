"""The tool's own test: `python3 tools/kafka/test_kafka.py`, about a minute."""

import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import ready
from cluster import Cluster

TOOL = [sys.executable, str(Path(__file__).with_name("kafka.py"))]


def processes(directory: str) -> list[int]:
    """The Java processes of nodes in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"kafka.Kafka" in command and directory.encode() in command:
            found.append(int(entry.name))
    return found


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = f"{temporary.name}/kafka"

    def run_tool(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [*TOOL, "run", "--directory", self.directory, *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def test_a_command_gets_the_address_and_its_code_is_returned(self) -> None:
        done = self.run_tool("--", "sh", "-c", 'echo "$KAFKA_BOOTSTRAP_SERVERS"; exit 7')
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertRegex(done.stdout, r"^127\.0\.0\.1:\d+\n$")
        self.assertEqual(processes(self.directory), [])

    def test_a_node_that_cannot_start_says_why(self) -> None:
        done = self.run_tool("--set", "min.insync.replicas=none", "--", "true")
        self.assertEqual(done.returncode, 1)
        self.assertIn("min.insync.replicas", done.stderr)

    def test_nodes_end_with_their_parent(self) -> None:
        for doomed in ("the tool", "its parent"):
            with self.subTest(doomed):
                directory = f"{self.directory}-{doomed}"
                # The shell would leave its child running.
                script = '"$@" & echo $!; wait'
                command = ["sh", "-c", script, "sh", *TOOL, "run", "--directory", directory]
                with subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                ) as shell:
                    assert shell.stdout is not None
                    tool = int(shell.stdout.readline())
                    self.assertIn("listening on", shell.stdout.readline())
                    self.assertEqual(len(processes(directory)), 1)
                    os.kill(tool if doomed == "the tool" else shell.pid, signal.SIGKILL)
                    # Standard output closes with the last who holds it.
                    shell.stdout.read()
                while processes(directory):
                    time.sleep(0.05)


class ThreeNodes(unittest.TestCase):
    def test_nodes_crash_pause_and_come_back(self) -> None:
        with Cluster(3) as cluster:
            addresses = cluster.bootstrap_servers.split(",")
            self.assertEqual(len({node.pid for node in cluster.nodes}), 3)
            cluster.nodes[0].kill()
            self.assertIsNone(cluster.nodes[0].pid)
            with self.assertRaises((OSError, ready.NotReady)):
                ready.check(addresses, 3)
            # The others go on without it, and it comes back to the same address.
            cluster.wait_until_ready()
            cluster.nodes[0].start()
            cluster.wait_until_ready()
            ready.check(addresses, 3)
            cluster.nodes[1].pause()
            with self.assertRaises(TimeoutError):
                cluster.wait_until_ready(timeout=0)
            cluster.nodes[1].resume()
            cluster.nodes[1].stop()
            cluster.nodes[1].start()
            cluster.wait_until_ready()
            directory = cluster.directory
        self.assertFalse(directory.exists())
        self.assertEqual(processes(str(directory)), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
