"""``python -m flymq`` and the ``flymq`` command: the Rust command line, in this process."""

from __future__ import annotations

import signal
import sys

from flymq import _native


def main() -> int:
    """Run the command line of this process and return its exit code."""
    # Python's own handlers would only take note of a signal until the command returns.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.cli(["flymq", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
