"""Starts the real broker for tests.

FLYMQ_BIN names the `flymq` command; without it, the one that `cargo build -p flymq-cli` makes.
"""

import contextlib
import os
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).parent.parent.parent
BINARY = pathlib.Path(os.environ.get("FLYMQ_BIN", REPOSITORY / "target" / "debug" / "flymq"))


@contextlib.contextmanager
def running(data_dir):
    """A broker on a free port; gives (host, port). It has to stop cleanly at the end."""
    command = [BINARY, "broker", "--data-dir", data_dir, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on "), f"the broker said {line!r}"
            host, _, port = line.split()[-1].rpartition(":")
            yield host, int(port)
            assert process.poll() is None, "the broker has died"
        finally:
            process.terminate()
            status = process.wait(30)
        assert status == 0, f"the broker ended with status {status}"
