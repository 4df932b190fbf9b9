"""Processes that do not outlive this one, and ports for them."""

import ctypes
import queue
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

#: Below the ports that the kernel gives to connections.
_PORTS = range(20_000, 32_000)
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


def reserve_port() -> socket.socket:
    """A socket that keeps a free port for a server until it is closed.

    It is bound and never listens, so servers, which set SO_REUSEADDR, may listen there meanwhile.
    """
    while True:
        port = socket.socket()
        try:
            port.bind(("127.0.0.1", random.choice(_PORTS)))
        except OSError:
            port.close()
            continue
        # Only now: two who both set it before they bind would be given the same port.
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return port


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
