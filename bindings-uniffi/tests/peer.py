#!/usr/bin/env python3
"""What the tests of Kotlin and Ruby need from outside, over the raw client.

    peer.py seal ADDRESS   stores the records of conformance/encryption that a topic can have
    peer.py refuse         a broker, at the address that it prints, that refuses to delete a topic with
                           the error that the topic is called after; until its input ends
"""

import json
import pathlib
import re
import socketserver
import sys
import threading

import msgpack

CONFORMANCE = pathlib.Path(__file__).resolve().parents[2] / "conformance"
sys.path.insert(0, str(CONFORMANCE / "client"))
import flymq_raw as raw  # noqa: E402


def seal(address: str) -> None:
    host, port = address.split(":")
    document = json.loads((CONFORMANCE / "encryption/sealed.json").read_text())
    with raw.Connection(host, int(port)) as connection:
        for vector in document["vectors"] + document["refused"]:
            topic, sealed = vector["topic"], vector["sealed"]
            if re.fullmatch("[a-zA-Z0-9._-]+", topic):
                connection.call("CREATE_TOPIC", name=topic, partitions=1, if_not_exists=True)
                headers = [(name, data(value)) for name, value in sealed["headers"]]
                connection.produce(topic, data(sealed["value"]), data(sealed["key"]), headers=headers)


def data(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


ERRORS = {e["name"]: e for e in json.loads((CONFORMANCE / "errors.json").read_text())["errors"]}
NAMES = {number: name for name, number in raw.OPCODES.items()}
HELLO = {
    "cluster_id": "fake", "broker_version": "0", "auth_required": False, "mechanisms": [],
    "nonce": b"", "max_frame_bytes": 1 << 25, "features": [],
}  # fmt: skip


class Refusing(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while header := self.rfile.read(raw.HEADER.size):
            _, _, opcode, length = raw.HEADER.unpack(header)
            request = msgpack.unpackb(self.rfile.read(length))
            answer = opcode | raw.RESPONSE, {}
            if NAMES[opcode] == "HELLO":
                answer = opcode | raw.RESPONSE, HELLO
            elif NAMES[opcode] == "DELETE_TOPIC":
                answer = raw.ERROR, ERRORS[request["name"]] | {"message": "as it was asked to"}
            reply = msgpack.packb({"id": request["id"], **answer[1]})
            self.wfile.write(raw.frame(answer[0], reply))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def refuse() -> None:
    with Server(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print("{}:{}".format(*server.server_address), flush=True)
        sys.stdin.read()


match sys.argv[1:]:
    case ["seal", address]:
        seal(address)
    case ["refuse"]:
        refuse()
    case _:
        sys.exit(__doc__)
