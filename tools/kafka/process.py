"""Processes that do not outlive this one."""

import ctypes
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    *,
    output: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    new_session: bool = True,
) -> "subprocess.Popen[bytes]":
    """Starts a process that the kernel kills when this process ends, in whatever way.

    In a session of its own, Ctrl-C at the terminal does not reach it.
    """
    started: queue.SimpleQueue[subprocess.Popen[bytes] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if new_session else None,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                env=env,
                start_new_session=new_session,
                preexec_fn=_die_with_parent,
            )
        except Exception as error:
            started.put(error)
            return
        started.put(process)
        process.wait()

    # To the kernel the parent is the thread that forks, so one stays for as long as the process.
    threading.Thread(target=run, name=f"parent of {command[0]}", daemon=True).start()
    process = started.get()
    if isinstance(process, Exception):
        raise process
    return process


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
