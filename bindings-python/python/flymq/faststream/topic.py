"""Topics as applications declare them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Topic:
    """A topic, and what it is created with if there is none of that name.

    Attributes:
        name: Its name.
        partitions: How many partitions a new one gets.
        config: The options of a new one, such as ``{"retention_ms": "3600000"}``.
    """

    name: str
    partitions: int = 1
    config: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, topic: str | Topic) -> Topic:
        """The topic of that name, or the topic itself."""
        return cls(topic) if isinstance(topic, str) else topic

    def behind(self, prefix: str) -> Topic:
        """The topic with the prefix of its routers."""
        return replace(self, name=f"{prefix}{self.name}") if prefix else self
