#!/usr/bin/env python3
"""Writes the corpus that fuzzing starts from: frames and encrypted records of conformance/."""

import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent
WIRE = HERE.parent / "conformance" / "wire"
LARGEST = 64 << 10
# Exchanges: flags, then messages with a byte 0 between them.
AUTH = [
    b"\x00n,,n=ada,r=abc\0c=biws,r=abc,p=" + b"A" * 43 + b"=",
    b"\x02n,,n=ada,r=abc\0c=biws,r=,p=" + b"A" * 43 + b"=",
    b"\x03p=tls-exporter,,n=ada,r=abc\0c=biws,r=,p=" + b"A" * 43 + b"=",
    b"\x01y,a=a=2Cb,n=a=2Cb,r=x,e=1",
    b"\x00r=Y2hhbGxlbmdlfresh,s=c2FsdA==,i=4096",
    b"\0ada\0secret",
]


def frame_of(parts) -> bytes:
    if isinstance(parts, str):
        return bytes.fromhex(parts)
    return b"".join(
        bytes.fromhex(part)
        if isinstance(part, str)
        else bytes.fromhex(part["repeat"]) * min(part["times"], LARGEST)
        for part in parts
    )


def write(target: str, seed: bytes) -> None:
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed[:LARGEST])


def main() -> None:
    for path in sorted(WIRE.glob("*.json")):
        for vector in json.loads(path.read_text())["vectors"]:
            write("messages", frame_of(vector["frame"]))
            batch = vector.get("batch")
            if batch:
                head = bytes([batch["codec"]])
                head += batch["count"].to_bytes(4, "big") + batch["raw_size"].to_bytes(4, "big")
                write("batch", head + bytes.fromhex(batch["records"]["$bin"]))
                raw = bytes.fromhex(vector["raw"])
                write("batch", b"\0" + batch["count"].to_bytes(4, "big") + b"\0\0\0\0" + raw)
    vectors = json.loads((HERE.parent / "conformance" / "encryption" / "sealed.json").read_text())
    for vector in vectors["vectors"] + vectors["refused"]:
        sealed = vector["sealed"]
        header = bytes.fromhex(dict(sealed["headers"]).get("flymq.enc") or "")
        value = sealed["value"]
        write("encrypted", bytes([value is None, len(header)]) + header + bytes.fromhex(value or ""))


    for seed in AUTH:
        write("auth", seed)


if __name__ == "__main__":
    main()
