"""Other processes, and a look at what goes over the wire."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FETCH = 0x06
PRODUCE = 0x01
_HEADER = 7

# Far more than anything here takes; a test that gets there has hung.
DEADLINE = 30.0


@contextmanager
def script(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another interpreter that runs the code; gone at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # With the children that it forked, which may have hung.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def run(code: str, *arguments: str, deadline: float = DEADLINE) -> str:
    """The output of the code in another interpreter; it must end well and in time."""
    with script(code, *arguments) as process:
        output, errors = process.communicate(timeout=deadline)
        assert process.returncode == 0, errors
        return output


class Proxy:
    """Passes connections on to a broker and notes the operations that clients ask for.

    Without a broker it takes connections, reads, and never answers. An operation to withhold is
    noted but not passed on.
    """

    def __init__(self, broker: str | None, withhold: int | None = None) -> None:
        self._broker = broker
        self._withhold = withhold
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._seen: set[int] = set()
        self._silent = broker is None
        self._changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def fall_silent(self) -> None:
        """From now on note what clients ask for, and pass nothing on."""
        self._silent = True

    def wait_for(self, *opcodes: int) -> None:
        """Return once a client has asked for one of the operations; for anything if none."""
        with self._changed:
            wanted = set(opcodes)
            assert self._changed.wait_for(
                lambda: self._seen & wanted if wanted else self._seen, DEADLINE
            )

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                broker = None
                if self._broker is not None:
                    host, port = self._broker.rsplit(":", 1)
                    broker = socket.create_connection((host, int(port)))
                    self._sockets.append(broker)
                    threading.Thread(target=self._answers, args=(broker, client), daemon=True).start()
                threading.Thread(target=self._requests, args=(client, broker), daemon=True).start()
        except OSError:
            pass

    def _requests(self, client: socket.socket, broker: socket.socket | None) -> None:
        try:
            while header := _exactly(client, _HEADER):
                payload = _exactly(client, int.from_bytes(header[3:], "big"))
                if broker is not None and header[2] != self._withhold and not self._silent:
                    broker.sendall(header + payload)
                with self._changed:
                    self._seen.add(header[2])
                    self._changed.notify_all()
            if broker is not None:
                broker.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _answers(self, broker: socket.socket, client: socket.socket) -> None:
        try:
            while data := broker.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            return b""
        data += more
    return data
