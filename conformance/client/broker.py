"""Starts the real broker for tests.

FLYMQ_BIN names the `flymq` command; without it, the one that `cargo build -p flymq-cli` makes.
FLYMQ_TEST_KAFKA names a Kafka cluster, such as localhost:9092: the broker is then a gateway to it,
and all topics there are deleted.
"""

import contextlib
import os
import pathlib
import subprocess

import flymq_raw as raw

REPOSITORY = pathlib.Path(__file__).parent.parent.parent
BINARY = pathlib.Path(os.environ.get("FLYMQ_BIN", REPOSITORY / "target" / "debug" / "flymq"))


@contextlib.contextmanager
def running(data_dir):
    """A broker on a free port; gives (host, port). It has to stop cleanly at the end."""
    with serving(data_dir, "listening") as (address,):
        host, _, port = address.rpartition(":")
        yield host, int(port)


@contextlib.contextmanager
def serving(data_dir, *what, options=()):
    """As `running`, for what a broker with these options says it serves; gives the address of each."""
    command = [BINARY, "broker", "--data-dir", data_dir, "--listen", "127.0.0.1:0", *options]
    cluster = os.environ.get("FLYMQ_TEST_KAFKA")
    if cluster:
        command += ["--engine", "kafka", "--kafka-bootstrap", cluster]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = {}
            while not said.keys() >= {*what}:
                line = process.stdout.readline()
                name, on, address = line.strip().partition(" on ")
                assert on, f"the broker said {line!r}"
                said[name] = address
            if cluster:
                host, _, port = said["listening"].rpartition(":")
                _empty(host, int(port))
            yield tuple(said[name] for name in what)
            assert process.poll() is None, "the broker has died"
        finally:
            process.terminate()
            status = process.wait(30)
        assert status == 0, f"the broker ended with status {status}"


def _empty(host, port):
    """Deletes all topics, as a new data folder has none."""
    connection = raw.Connection(host, port)
    for topic in connection.call("LIST_TOPICS")["topics"]:
        connection.call("DELETE_TOPIC", name=topic["name"])
    connection.close()
