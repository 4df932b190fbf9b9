"""What is known of consumer groups, and the partitions that they share."""

from __future__ import annotations

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class PartitionLag(NamedTuple):
    """How far a group is behind in a partition.

    Attributes:
        topic: The topic.
        partition: The partition.
        committed: The last offset processed; None if nothing is committed.
        end: The offset that the partition's next record will get.
        lag: How many offsets are yet to be processed, at most; None if nothing is committed.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int | None


class GroupListing(NamedTuple):
    """A group in a list.

    Attributes:
        group: The group.
        state: ``"empty"``, ``"rebalancing"``, ``"stable"``, or what a newer broker says.
        members: How many members it has.
    """

    group: str
    state: str
    members: int


class MemberDescription(NamedTuple):
    """A member of a group.

    Attributes:
        member_id: The member.
        instance_id: Its name that outlives restarts, if it has one.
        client_id: What its client calls itself.
        address: Where its client came from.
        generation: Its generation.
        topics: Topics that it subscribed to by name.
        pattern: The regular expression of the topics that it subscribed to, if any.
        assignment: The partitions that it holds.
        target: The partitions that it will hold once the rebalance is over.
    """

    member_id: str
    instance_id: str | None
    client_id: str
    address: str
    generation: int
    topics: list[str]
    pattern: str | None
    assignment: list[TopicPartition]
    target: list[TopicPartition]


class GroupDescription(NamedTuple):
    """A group and its members.

    Attributes:
        group: The group.
        state: ``"empty"``, ``"rebalancing"``, ``"stable"``, or what a newer broker says.
        generation: Counts assignments.
        assignor: How partitions are assigned: ``"sticky"`` or ``"range"``.
        members: The members, by id.
    """

    group: str
    state: str
    generation: int
    assignor: str
    members: list[MemberDescription]
