"""Kafka nodes on loopback, for as long as a `with` block."""

import base64
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import jars
import ready
from process import reserve_port, spawn
from security import LISTENERS, Secrets

#: Starts quickly and stays small: for tests.
SMALL = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
#: What Kafka's own start script sets: for measurements.
STANDARD = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)

_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
_READY_TIMEOUT = 120.0
_STOP_TIMEOUT = 60.0


class Node:
    """A broker that is a controller too, and its folder. A stopped one may be started again."""

    def __init__(
        self, number: int, directory: Path, jvm_options: Sequence[str], secured: bool = False
    ) -> None:
        self.number = number
        self.directory = directory
        self.log = directory / "log"
        self.uuid = _uuid()
        self._jvm_options = jvm_options
        # Bound and never listening, they keep the ports for the node, also while it is down.
        names = ["PLAINTEXT", "CONTROLLER", "TLS", *(LISTENERS if secured else ())]
        if secured:
            names.append("PROXY")
        self._ports = [reserve_port() for _ in names]
        #: Where its listeners are, by name.
        self.listeners = {
            name: f"127.0.0.1:{port.getsockname()[1]}" for name, port in zip(names, self._ports)
        }
        #: Where another listener is said to be that is reached through a proxy.
        self.proxy = self.listeners.pop("PROXY", None)
        self.tls_address = self.listeners.pop("TLS")
        self.address, self.controller = self.listeners["PLAINTEXT"], self.listeners["CONTROLLER"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it; `Cluster.wait_until_ready` tells when it can be used."""
        if not self.running:
            self._process = self._java("kafka.Kafka", str(self._config))

    def stop(self) -> None:
        """Ends it as an operator would: it hands its partitions over first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Lets it do nothing until `resume`, while its connections stay open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Ends a `pause`."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends it and gives its ports back."""
        self.kill()
        for port in self._ports:
            port.close()

    @property
    def _config(self) -> Path:
        return self.directory / "node.properties"

    def configure(
        self, properties: Mapping[str, object], tls: tuple[Path, Path] | None = None
    ) -> None:
        """Writes its configuration; with a certificate and its key it takes TLS at `tls_address`."""
        self.directory.mkdir(parents=True)
        listeners = dict(self.listeners)
        own: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.directory / "data",
        }
        if tls:
            listeners["TLS"] = self.tls_address
            store = self.directory / "server.pem"
            store.write_text("".join(file.read_text() for file in (tls[1], tls[0])))
            own |= {
                "listener.name.tls.ssl.keystore.type": "PEM",
                "listener.name.tls.ssl.keystore.location": store,
            }
        advertised = {**listeners, "PROXIED": self.proxy} if self.proxy else listeners
        kinds = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "TLS": "SSL", **LISTENERS}
        own |= {
            "listeners": ",".join(f"{n}://{address}" for n, address in listeners.items()),
            "advertised.listeners": ",".join(f"{n}://{a}" for n, a in advertised.items()),
            # The default is one only where all listeners are without TLS.
            "listener.security.protocol.map": ",".join(f"{n}:{kinds[n]}" for n in listeners),
        }
        lines = [f"{key}={value}\n" for key, value in {**own, **properties}.items()]
        self._config.write_text("".join(lines))

    def format(
        self, cluster_id: str, controllers: str, more: Sequence[str] = ()
    ) -> "subprocess.Popen[bytes]":
        """Begins to prepare its folder, which it needs before it first starts."""
        arguments = ("-t", cluster_id, "-c", str(self._config), "--initial-controllers", controllers)
        return self._java("kafka.tools.StorageTool", "format", *arguments, *more)

    def tail(self) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-30:])

    def _java(self, main: str, *arguments: str) -> "subprocess.Popen[bytes]":
        classpath = f"{jars.fetch()}/*"
        command = ["java", *self._jvm_options, *_LOGGING, "-cp", classpath, main, *arguments]
        with open(self.log, "ab") as log:
            return spawn(command, output=log)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


class Cluster:
    """One or three Kafka nodes in a clean folder, ready to be used within the `with` block.

    `directory` keeps the data, logs and configuration, else they are in a temporary folder and go in
    the end; `properties` are added to each node's configuration. With `tls`, the files of a
    certificate and its key, nodes have a `tls_address` too. `secured` adds listeners with TLS and SASL;
    what they are secured with, and where they are, is in `secrets`. When this process dies, so do the
    nodes.
    """

    def __init__(
        self,
        nodes: int = 1,
        *,
        directory: Path | None = None,
        properties: Mapping[str, object] | None = None,
        jvm_options: Sequence[str] = SMALL,
        tls: tuple[Path, Path] | None = None,
        secured: bool = False,
    ) -> None:
        self._tls = tls
        self._temporary = directory is None
        self.directory = (directory or Path(tempfile.mkdtemp(prefix="kafka-"))).resolve()
        self._properties = properties or {}
        self.nodes = [
            Node(number, self.directory / f"node-{number}", jvm_options, secured)
            for number in range(1, nodes + 1)
        ]
        self._secured = secured
        self.secrets: Secrets | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The nodes' addresses, separated by commas."""
        return ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Formats and starts all nodes, and waits until they are ready."""
        cluster_id = _uuid()
        controllers = ",".join(f"{n.number}@{n.controller}:{n.uuid}" for n in self.nodes)
        shared, more = self._shared(), []
        if self._secured:
            self.secrets = Secrets(self.directory / "secrets")
            first = self.nodes[0]
            self.secrets.write_addresses({**first.listeners, "PROXY": str(first.proxy)})
            shared, more = shared | self.secrets.properties(), self.secrets.format_arguments()
        for node in self.nodes:
            node.configure({**shared, **self._properties}, self._tls)
        formats = [(node, node.format(cluster_id, controllers, more)) for node in self.nodes]
        for node, process in formats:
            if process.wait() != 0:
                raise RuntimeError(f"cannot format Kafka node {node.number}:\n{node.tail()}")
        began = time.monotonic()
        for node in self.nodes:
            node.start()
        self.wait_until_ready()
        #: Seconds from the nodes' start until they were ready.
        self.started_in = time.monotonic() - began

    def wait_until_ready(self, timeout: float = _READY_TIMEOUT) -> None:
        """Waits until the nodes that were started know each other and can be used; see `ready.check`.

        Raises RuntimeError with the end of its log if one has ended, and TimeoutError.
        """
        end = time.monotonic() + timeout
        started = [node for node in self.nodes if node.running]
        while True:
            ended = next((node for node in started if not node.running), None)
            if not started or ended:
                last = ended or self.nodes[0]
                raise RuntimeError(f"Kafka node {last.number} has ended:\n{last.tail()}")
            try:
                return ready.check([node.address for node in started], len(started))
            except (OSError, ready.NotReady) as error:
                if time.monotonic() > end:
                    tails = "\n".join(node.tail() for node in started)
                    raise TimeoutError(f"Kafka is not ready: {error}\n{tails}") from error
            time.sleep(0.1)

    def close(self) -> None:
        """Ends all nodes at once: their data is not needed any more, or made to survive that."""
        for node in self.nodes:
            node.close()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _shared(self) -> dict[str, object]:
        replicas = min(3, len(self.nodes))
        in_sync = max(1, replicas - 1)
        shared: dict[str, object] = {
            "controller.quorum.bootstrap.servers": ",".join(n.controller for n in self.nodes),
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "group.initial.rebalance.delay.ms": 0,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
            # A misspelt topic is an error.
            "auto.create.topics.enable": "false",
        }
        for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
            shared[f"{topic}.num.partitions"] = 4
            shared[f"{topic}.replication.factor"] = replicas
        for topic in ("transaction.state.log", "share.coordinator.state.topic"):
            shared[f"{topic}.min.isr"] = in_sync
        return shared

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _uuid() -> str:
    """An identifier as Kafka writes it; no leading hyphen, which its tools take for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
