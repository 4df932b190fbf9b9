"""A FlyMQ client written from docs/protocol.md alone: sockets, MessagePack and nothing of FlyMQ's.

It shows that the page suffices, and is small enough to be read beside it. One thread, no retries, no
TLS, and of the codecs none and lz4 (for reading). Not for production.
"""

import socket
import struct
import time

import msgpack

MAGIC, VERSION = 0xFB, 0x01
RESPONSE, ERROR = 0x80, 0xFF
HEADER = struct.Struct(">BBBI")

OPCODES = {
    "PRODUCE": 0x01,
    "CONSUME": 0x02,
    "CREATE_TOPIC": 0x03,
    "DELETE_TOPIC": 0x04,
    "LIST_TOPICS": 0x05,
    "FETCH": 0x06,
    "METADATA": 0x07,
    "LIST_OFFSETS": 0x08,
    "ADD_PARTITIONS": 0x09,
    "DESCRIBE_TOPIC": 0x0A,
    "ALTER_TOPIC": 0x0B,
    "INIT_PRODUCER": 0x0C,
    "CLUSTER_STATUS": 0x0D,
    "SUBSCRIBE": 0x10,
    "COMMIT": 0x11,
    "HEARTBEAT": 0x12,
    "LEAVE": 0x13,
    "COMMITTED": 0x14,
    "LIST_GROUPS": 0x15,
    "DESCRIBE_GROUP": 0x16,
    "DELETE_GROUP": 0x17,
    "BEGIN_TXN": 0x20,
    "COMMIT_TXN": 0x21,
    "ABORT_TXN": 0x22,
    "TXN_OFFSETS": 0x23,
    "HELLO": 0x30,
    "AUTH": 0x31,
    "PING": 0x32,
    "UPSERT_USER": 0x33,
    "DELETE_USER": 0x34,
    "LIST_USERS": 0x35,
    "ADD_ACLS": 0x36,
    "REMOVE_ACLS": 0x37,
    "LIST_ACLS": 0x38,
    "WHOAMI": 0x39,
}
LATEST, EARLIEST = -1, -2
READ_UNCOMMITTED, READ_COMMITTED = 0, 1
NONE, LZ4 = 0, 1


class FlyMQError(Exception):
    """An ERROR frame."""

    def __init__(self, payload):
        super().__init__(f"{payload['code']} {payload.get('name')}: {payload.get('message')}")
        self.id = payload.get("id", 0)
        self.code = payload["code"]
        self.name = payload.get("name", "")
        self.message = payload.get("message", "")
        self.retriable = payload.get("retriable", False)
        self.hint = payload.get("hint", "")


class Connection:
    """One connection. Its operations are called by name: `connection.call("PING")`."""

    def __init__(self, host, port, timeout=10.0, hello=True):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.last_id = 0
        self.arrived = {}
        self.challenge = self.call("HELLO", client_id="raw", software="flymq_raw/1") if hello else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, operation, **fields):
        """Sends a request, and returns its id without waiting for the answer."""
        self.last_id += 1
        payload = msgpack.packb({"id": self.last_id, **fields})
        self.send_bytes(frame(OPCODES[operation], payload))
        return self.last_id

    def send_bytes(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next frame as (opcode, payload), or None where the broker has closed."""
        header = self._read(HEADER.size)
        if header is None:
            return None
        magic, version, opcode, length = HEADER.unpack(header)
        assert (magic, version) == (MAGIC, VERSION), header
        return opcode, msgpack.unpackb(self._read(length), strict_map_key=True)

    def _read(self, length):
        data = bytearray()
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                if data:
                    raise ConnectionError("the stream ends within a frame")
                return None
            data += piece
        return bytes(data)

    def wait(self, request_id):
        """The answer to a request, keeping what arrives for others in the meantime."""
        while request_id not in self.arrived:
            received = self.receive()
            if received is None:
                raise ConnectionError("the broker has closed the connection")
            opcode, payload = received
            if payload.get("id", 0) == 0:
                raise FlyMQError(payload)
            self.arrived[payload["id"]] = opcode, payload
        opcode, payload = self.arrived.pop(request_id)
        if opcode == ERROR:
            raise FlyMQError(payload)
        assert opcode & RESPONSE, opcode
        return payload

    def call(self, operation, **fields):
        return self.wait(self.send(operation, **fields))

    def produce(self, topic, value, key=None, partition=0, headers=(), timestamp=None):
        """Stores one record, and returns its offset."""
        record = (key, value, headers, now() if timestamp is None else timestamp)
        return self.produce_batch(topic, [record], partition)["base_offset"]

    def produce_batch(
        self, topic, records, partition=0, producer=None, sequence=-1, transactional_id=None
    ):
        """Stores records (key, value, headers, timestamp); with a transactional id, in a transaction."""
        fields = {"topic": topic, "partition": partition}
        fields["batch"] = make_batch(records, producer, sequence)
        if transactional_id is not None:
            fields["transactional_id"] = transactional_id
            fields["batch"]["transactional"] = True
        return self.call("PRODUCE", **fields)

    def fetch(self, topic, offset, partition=0, **limits):
        """One partition's records from an offset on, and where to read on."""
        wanted = {"topic": topic, "partitions": [{"partition": partition, "offset": offset}]}
        records = []
        for fetched in self.call("FETCH", topics=[wanted], **limits).get("topics", []):
            for part in fetched["partitions"]:
                if part["error"]:
                    raise FlyMQError({"code": part["error"], "message": part["message"]})
                for batch in part["batches"]:
                    records += [r for r in read_batch(batch) if r["offset"] >= offset]
                offset = part["next_offset"]
        return records, offset


def now():
    return time.time_ns() // 1_000_000


def frame(opcode, payload):
    return HEADER.pack(MAGIC, VERSION, opcode, len(payload)) + payload


def make_batch(records, producer=None, sequence=-1):
    """A batch of records (key, value, headers, timestamp); `producer` is INIT_PRODUCER's response."""
    base = records[0][3]
    packed = b"".join(
        msgpack.packb([key, value, [list(h) for h in headers] or None, timestamp - base])
        for key, value, headers, timestamp in records
    )
    batch = {
        "count": len(records),
        "base_timestamp": base,
        "crc32c": crc32c(packed),
        "records": packed,
    }
    if producer:
        batch["producer_id"] = producer["producer_id"]
        batch["producer_epoch"] = producer["producer_epoch"]
        batch["base_sequence"] = sequence
    return batch


def read_batch(batch):
    """A batch's records, checked."""
    packed = batch["records"]
    if crc32c(packed) != batch["crc32c"]:
        raise ValueError("the batch's checksum does not match")
    codec = batch.get("codec", NONE)
    if codec == LZ4:
        raw = lz4_block(packed, batch["raw_size"])
    elif codec == NONE:
        raw = packed
    else:
        raise ValueError(f"codec {codec} is not supported here")
    unpacker = msgpack.Unpacker(max_buffer_size=len(raw) + 1)
    unpacker.feed(raw)
    records = [
        {
            "offset": batch.get("base_offset", 0) + index,
            "key": key,
            "value": value,
            "headers": headers or [],
            "timestamp": batch["base_timestamp"] + delta,
        }
        for index, (key, value, headers, delta) in enumerate(unpacker)
    ]
    if len(records) != batch["count"]:
        raise ValueError(f"{len(records)} records where {batch['count']} were announced")
    return records


CRC_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    CRC_TABLE.append(_byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def lz4_block(packed, raw_size):
    """Expands one LZ4 block to exactly `raw_size` bytes."""
    out, at = bytearray(), 0

    def length(nibble):
        nonlocal at
        total = nibble
        while nibble == 15:
            byte = packed[at]
            at += 1
            total += byte
            if byte != 255:
                break
        return total

    while at < len(packed):
        token = packed[at]
        at += 1
        literals = length(token >> 4)
        out += packed[at : at + literals]
        at += literals
        if at == len(packed):
            break
        distance = int.from_bytes(packed[at : at + 2], "little")
        at += 2
        copy = length(token & 15) + 4
        if not 0 < distance <= len(out) or len(out) + copy > raw_size:
            raise ValueError("not an LZ4 block")
        for _ in range(copy):
            out.append(out[-distance])
    if len(out) != raw_size:
        raise ValueError(f"{len(out)} bytes where raw_size says {raw_size}")
    return bytes(out)


def murmur2(key):
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        h = h * m & mask ^ (k ^ k >> 24) * m & mask
    if len(key) > whole:
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions
