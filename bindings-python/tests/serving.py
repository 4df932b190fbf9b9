"""A broker inside the test's process; or, where FLYMQ_TEST_KAFKA names a Kafka cluster, a gateway to it."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

from flymq import EmbeddedBroker, FlyMQClient, GroupNotEmptyError, UnknownGroupError
from helpers import DEADLINE

CLUSTER = os.environ.get("FLYMQ_TEST_KAFKA")
#: Which of the scenarios that are for one engine alone are run.
ENGINE = "kafka" if CLUSTER else "embedded"
COMMAND = os.environ.get("FLYMQ_BIN") or Path(sysconfig.get_path("scripts")) / "flymq"


class Broker(Protocol):
    @property
    def address(self) -> str: ...

    @property
    def port(self) -> int: ...

    def close(self) -> None: ...


class Gateway:
    """A gateway, as a process of its own."""

    def __init__(self, cluster: str, port: int, *options: str) -> None:
        self._process = subprocess.Popen(
            [COMMAND, "broker", "--engine", "kafka", "--kafka-bootstrap", cluster]
            + ["--listen", f"127.0.0.1:{port}", *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), f"the gateway said {line!r}"
        self.address = line.split()[-1]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def close(self) -> None:
        self._process.terminate()
        assert self._process.wait(DEADLINE) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()


def start(folder: Path, port: int = 0) -> Broker:
    """A broker with the data of a folder, or a gateway with those of the cluster."""
    if CLUSTER is None:
        return EmbeddedBroker(folder, port, durability="os")
    return Gateway(CLUSTER, port)


def guarded(folder: Path, name: str, password: str) -> Broker:
    """A broker that knows this administrator alone."""
    if CLUSTER is None:
        return EmbeddedBroker(folder, durability="os", users={name: password})
    empty_cluster()
    _forget_everybody(CLUSTER, folder)
    return _guarded_gateway(CLUSTER, folder, name, password)


def _guarded_gateway(cluster: str, folder: Path, name: str, password: str) -> Gateway:
    file = folder / f"password-of-{name}"
    file.write_text(password)
    options = ["--auth", "--bootstrap-admin", name, "--bootstrap-admin-password-file", str(file)]
    return Gateway(cluster, 0, *options)


def administer(broker: Broker, name: str, password: str, *arguments: str) -> str:
    """What `flymq` says that an administrator runs."""
    login = {"FLYMQ_USERNAME": name, "FLYMQ_PASSWORD": password}
    command = [COMMAND, "-a", broker.address, *arguments]
    return subprocess.check_output(command, env={**os.environ, **login}, text=True)


def _forget_everybody(cluster: str, folder: Path) -> None:
    """Deletes the users and rules of a cluster, as a new folder has none."""
    cleaner = ("cleaner", "secret")
    with closing(_guarded_gateway(cluster, folder, *cleaner)) as gateway:
        administer(gateway, *cleaner, "acl", "remove", "--all")
        users = json.loads(administer(gateway, *cleaner, "user", "list", "--format", "json"))
        # Itself last.
        for user in sorted((user["user"] for user in users), key=cleaner[0].__eq__):
            administer(gateway, *cleaner, "user", "remove", user)


def empty_cluster() -> None:
    """Makes the cluster, if there is one, what a new folder is."""
    if CLUSTER is None:
        return
    with closing(Gateway(CLUSTER, 0)) as gateway, FlyMQClient(gateway.address) as client:
        for topic in client.list_topics():
            client.delete_topic(topic)
        for group in client.list_groups():
            # Members with an instance id may still be expected back, and Kafka lets go of a group by
            # itself once there are no topics to its offsets.
            with suppress(GroupNotEmptyError, UnknownGroupError):
                client.delete_group(group.group)
