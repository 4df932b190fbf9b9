"""What `scenarios.toml` may say."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["produce", "consume", "latency", "in-flight", "delay", "transactions"]
Durability = Literal["os", "fsync"]


@dataclass(frozen=True)
class Target:
    peer: str
    min_ratio: float | None = None
    max_ratio: float | None = None

    def reached(self, ratio: float) -> bool:
        return (self.min_ratio is None or ratio >= self.min_ratio) and (
            self.max_ratio is None or ratio <= self.max_ratio
        )

    def __str__(self) -> str:
        bound = f"≥ {self.min_ratio}" if self.max_ratio is None else f"≤ {self.max_ratio}"
        return f"{bound} × {self.peer}"


@dataclass(frozen=True)
class Scenario:
    name: str
    kind: Kind
    record_bytes: int
    records: int
    durability: Durability
    tasks: int = 1
    #: How many clients share the work, each with a connection of its own.
    connections: int = 1
    #: Of kind delay: how many records are due each second.
    per_second: int = 0
    #: Of kind transactions: how many records each has.
    transaction_records: int = 0
    tls: bool = False
    #: Whether values are encrypted by the client that writes them.
    encrypted: bool = False
    target: Target | None = None

    @property
    def timed(self) -> bool:
        """Whether a time is measured, which is better when smaller, and not a rate."""
        return self.kind in ("latency", "delay")

    @property
    def unit(self) -> str:
        return "µs" if self.timed else "records/s"

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Scenario":
        target = fields.get("target")
        return cls(**{**fields, "target": target and Target(**target)})


def load(file: Path) -> list[Scenario]:
    return [Scenario.from_dict(fields) for fields in tomllib.loads(file.read_text())["scenario"]]
