#!/usr/bin/env python3
"""A real Apache Kafka on loopback, without containers. See README.md beside it."""

import argparse
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

import jars
from cluster import SMALL, STANDARD, Cluster, Node
from process import spawn

#: How often it is looked whether the parent is still there, in seconds.
_WATCH = 0.25


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.command == "fetch":
        print(jars.fetch())
        return 0
    return _run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kafka.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="fetch the jars into .cache and print their folder")
    run = commands.add_parser("run", help="run nodes for as long as a command, or until ended")
    run.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    run.add_argument("--directory", type=Path, help="a new folder for data and logs, which stays")
    run.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="configuration of each node"
    )
    run.add_argument(
        "--standard-jvm", action="store_true", help="heap and collector as Kafka's own script sets"
    )
    run.add_argument(
        "--secured", action="store_true", help="more listeners: with TLS, and with TLS and SASL"
    )
    run.add_argument("program", nargs="*", metavar="-- COMMAND", help="what to run meanwhile")
    return parser


def _run(options: argparse.Namespace) -> int:
    parent = os.getppid()
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGHUP, _exit)
    properties = dict(setting.split("=", 1) for setting in options.set)
    jvm_options = STANDARD if options.standard_jvm else SMALL
    with Cluster(
        options.nodes,
        directory=options.directory,
        properties=properties,
        jvm_options=jvm_options,
        secured=options.secured,
    ) as cluster:
        try:
            if options.program:
                return _while_running(options.program, cluster, parent)
            _until_ended(cluster, parent)
        except KeyboardInterrupt:
            return 130
    return 0


def _while_running(program: list[str], cluster: Cluster, parent: int) -> int:
    env = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers}
    if cluster.secrets:
        env["KAFKA_SECRETS"] = str(cluster.secrets.folder)
    process = spawn(program, env=env, new_session=False)
    try:
        while os.getppid() == parent:
            try:
                code = process.wait(_WATCH)
                return code if code >= 0 else 128 - code
            except subprocess.TimeoutExpired:
                pass
        return 1
    finally:
        process.terminate()


def _until_ended(cluster: Cluster, parent: int) -> None:
    """Obeys lines such as `kill 2` from standard input until this process or its parent ends."""
    if cluster.secrets:
        print(f"secrets in {cluster.secrets.folder}")
    print(f"listening on {cluster.bootstrap_servers}", flush=True)
    inputs = [sys.stdin.fileno()]
    pending = b""
    while os.getppid() == parent:
        readable, _, _ = select.select(inputs, [], [], _WATCH)
        if not readable:
            continue
        read = os.read(inputs[0], 4096)
        if not read:
            inputs = []
        *lines, pending = (pending + read).split(b"\n")
        for line in lines:
            print(_obey(line.decode().split(), cluster), flush=True)


def _obey(words: list[str], cluster: Cluster) -> str:
    actions = {
        "start": Node.start,
        "stop": Node.stop,
        "kill": Node.kill,
        "pause": Node.pause,
        "resume": Node.resume,
    }
    try:
        if words == ["wait"]:
            cluster.wait_until_ready()
            return "ok"
        action, number = words
        node = {str(node.number): node for node in cluster.nodes}[number]
        actions[action](node)
        return "ok"
    except (KeyError, ValueError):
        return f"error: say wait, or one of {', '.join(actions)} and a node's number"
    except (RuntimeError, TimeoutError) as error:
        return f"error: {str(error).splitlines()[0]}"


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
