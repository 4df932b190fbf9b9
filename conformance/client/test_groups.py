"""Consumer groups, against the real broker, by a client that knows nothing but docs/protocol.md."""

import time
import uuid

import pytest
from flymq_raw import FlyMQError


class Member:
    """A consumer's side of a membership, without any reading."""

    def __init__(self, connection, group, topic, **options):
        self.connection, self.group = connection, group
        self.member_id = str(uuid.uuid4())
        self.instance = {k: v for k, v in options.items() if k == "instance_id"}
        answer = self.call("SUBSCRIBE", topics=[topic], **options)
        self.generation = answer["generation"]
        self.held = flat(answer["assignment"])

    def call(self, operation, **fields):
        fields = {"group": self.group, "member_id": self.member_id, **fields}
        return self.connection.call(operation, **fields)

    def beat(self):
        """One heartbeat, and at once the one that says what is left, if anything has to go."""
        answer = self.call("HEARTBEAT", generation=self.generation, **self.instance)
        if answer.get("assignment") is not None:
            self.held = flat(answer["assignment"])
            owned = [{"topic": t, "partitions": [p]} for t, p in sorted(self.held)]
            generation = answer["generation"]
            answer = self.call("HEARTBEAT", generation=generation, owned=owned, **self.instance)
            self.held = flat(answer["assignment"])
        self.generation = answer["generation"]

    def commit(self, topic, partition, offset, **fields):
        offsets = [{"topic": topic, "partition": partition, "offset": offset, **fields}]
        return self.call("COMMIT", generation=self.generation, offsets=offsets)["failed"]

    def leave(self, **fields):
        self.call("LEAVE", generation=self.generation, **fields)


def flat(assignment):
    return {(t["topic"], p) for t in assignment for p in t["partitions"]}


def settle(*members):
    """Has members heartbeat until their group is stable."""
    deadline = time.monotonic() + 30
    describe = members[0].connection.call
    while describe("DESCRIBE_GROUP", group=members[0].group)["state"] != "stable":
        assert time.monotonic() < deadline, [m.held for m in members]
        for member in members:
            member.beat()


@pytest.fixture
def group(request):
    return request.node.name


def code(refused):
    return refused.value.code, refused.value.name


def test_members_share_and_hand_over(connection, topic, group):
    one = Member(connection, group, topic)
    settle(one)
    assert one.held == {(topic, 0), (topic, 1), (topic, 2)}
    two = Member(connection, group, topic)
    assert two.held == set(), "nothing is given while somebody else holds it"
    settle(one, two)
    assert sorted(map(len, (one.held, two.held))) == [1, 2]
    assert not one.held & two.held
    assert one.generation == two.generation > 1

    one.leave()
    settle(two)
    assert len(two.held) == 3
    with pytest.raises(FlyMQError) as refused:
        one.beat()
    assert code(refused) == (500, "UNKNOWN_MEMBER")


def test_a_stale_commit_changes_nothing(connection, topic, group):
    member = Member(connection, group, topic)
    assert member.commit(topic, 0, 5, metadata="five") == []
    stale = member.generation
    settle(member, Member(connection, group, topic))
    member.generation, current = stale, member.generation
    with pytest.raises(FlyMQError) as refused:
        member.commit(topic, 0, 6)
    assert code(refused) == (501, "STALE_GENERATION")
    [stored] = connection.call("COMMITTED", group=group)["offsets"]
    assert (stored["offset"], stored["metadata"], stored["error"]) == (5, "five", 0)
    member.generation = current
    assert member.commit(topic, 0, 6) == []


def test_offsets_fail_one_by_one(connection, topic, group):
    member = Member(connection, group, topic)
    offsets = [
        {"topic": topic, "partition": 0, "offset": -1},
        {"topic": topic, "partition": 1, "offset": -2},
        {"topic": topic, "partition": 3, "offset": 0},
        {"topic": "nowhere", "partition": 0, "offset": 0},
        {"topic": topic, "partition": 2, "offset": 0, "metadata": "x" * 4097},
    ]
    failed = member.call("COMMIT", generation=member.generation, offsets=offsets)["failed"]
    errors = {(f["topic"], f["partition"]): f["error"] for f in failed}
    assert errors == {(topic, 1): 105, (topic, 3): 303, ("nowhere", 0): 300, (topic, 2): 105}
    wanted = [{"topic": topic, "partitions": [0, 1]}]
    answer = connection.call("COMMITTED", group=group, topics=wanted)["offsets"]
    assert [(o["partition"], o["offset"], o["error"]) for o in answer] == [(0, -1, 0), (1, None, 0)]


def test_offsets_of_an_empty_group_are_anybodys(connection, topic, group):
    offsets = [{"topic": topic, "partition": 0, "offset": 41}]
    assert connection.call("COMMIT", group=group, offsets=offsets)["failed"] == []
    member = Member(connection, group, topic)
    for operation, fields in [("COMMIT", {"offsets": offsets}), ("DELETE_GROUP", {})]:
        with pytest.raises(FlyMQError) as refused:
            connection.call(operation, group=group, **fields)
        assert code(refused) == (503, "GROUP_NOT_EMPTY")
    member.leave()
    connection.call("DELETE_GROUP", group=group)
    with pytest.raises(FlyMQError) as refused:
        connection.call("DESCRIBE_GROUP", group=group)
    assert code(refused) == (502, "UNKNOWN_GROUP")
    assert connection.call("COMMITTED", group=group)["offsets"] == []


def test_an_instance_is_replaced(connection, topic, group):
    first = Member(connection, group, topic, instance_id="i")
    second = Member(connection, group, topic, instance_id="i")
    assert (second.held, second.generation) == (first.held, first.generation)
    with pytest.raises(FlyMQError) as refused:
        first.beat()
    assert code(refused) == (505, "INSTANCE_FENCED")
    [member] = connection.call("DESCRIBE_GROUP", group=group)["members"]
    assert (member["member_id"], member["instance_id"]) == (second.member_id, "i")
    listed = {g["group"]: g for g in connection.call("LIST_GROUPS")["groups"]}
    assert listed[group] == {"group": group, "state": "stable", "members": 1}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"group": ""}, 504),
        ({"group": "g" * 256}, 504),
        ({"member_id": ""}, 105),
        ({"topics": []}, 105),
        ({"topics": [], "pattern": "("}, 105),
        ({"assignor": "best"}, 105),
        ({"session_timeout_ms": 499}, 105),
        ({"rebalance_timeout_ms": 3_600_001}, 105),
        ({"generation": 1}, 500),
    ],
    ids=str,
)
def test_bad_subscriptions(connection, fields, expected):
    request = {"group": "bad", "member_id": "m", "topics": ["t"], **fields}
    with pytest.raises(FlyMQError) as refused:
        connection.call("SUBSCRIBE", **request)
    assert refused.value.code == expected
