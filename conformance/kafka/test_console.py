"""What the console and the metrics of a gateway tell of the cluster's topics and groups.

FLYMQ_TEST_KAFKA names the cluster; without it there is nothing to test.
"""

import json
import os
import pathlib
import sys
import time
import urllib.parse
import urllib.request
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "client"))

import broker  # noqa: E402
import flymq_raw as raw  # noqa: E402

CLUSTER = os.environ.get("FLYMQ_TEST_KAFKA", "")
pytestmark = pytest.mark.skipif(not CLUSTER, reason="FLYMQ_TEST_KAFKA names no cluster")

OPTIONS = ["--console", "--http-listen", "127.0.0.1:0"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Where the gateway listens, and its console."""
    data = tmp_path_factory.mktemp("data")
    with broker.serving(data, "listening", "console", options=OPTIONS) as addresses:
        yield addresses


def eventually(question, patience=30):
    """The first answer that is not None."""
    until = time.monotonic() + patience
    while (answer := question()) is None:
        assert time.monotonic() < until, f"no answer within {patience} s"
        time.sleep(0.1)
    return answer


@pytest.fixture
def connection(served):
    host, _, port = served[0].rpartition(":")
    with raw.Connection(host, int(port)) as connection:
        yield connection


@pytest.fixture
def ask(served):
    def ask(what, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{served[1]}api/v1/{what}?{query}", timeout=30) as answer:
            return json.load(answer)

    return ask


@pytest.fixture
def scrape(served):
    def scrape():
        with urllib.request.urlopen(f"{served[1]}metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in samples}

    return scrape


@pytest.fixture
def topic(connection):
    name = f"console-{uuid.uuid4().hex}"
    connection.call("CREATE_TOPIC", name=name, partitions=2)
    for value in (b"apples", b"\xff", b"pears"):
        connection.produce(name, value, partition=1)
    return name


def test_topics_and_their_records(ask, topic):
    assert ask("overview")["engine"] == "kafka"
    assert topic in [each["name"] for each in ask("topics")["topics"]]
    described = ask("topic", name=topic)
    assert described["config"]["retention_ms"] == "604800000"
    assert [(p["earliest"], p["latest"]) for p in described["partitions"]] == [(0, 0), (0, 3)]
    records = ask("records", topic=topic)["records"]
    assert [record["offset"] for record in records] == [0, 1, 2]
    assert records[0]["value"]["text"] == "apples"
    assert records[1]["value"]["base64"] == "/w=="


def test_groups_and_what_they_have_yet_to_read(ask, connection, topic):
    group = f"readers-{uuid.uuid4().hex}"
    offsets = [{"topic": topic, "partition": 1, "offset": 1}]
    connection.call("COMMIT", group=group, offsets=offsets)

    # Figures may be some seconds old.
    def lag():
        (partition,) = ask("group", name=group)["partitions"]
        assert (partition["topic"], partition["partition"]) == (topic, 1)
        assert (partition["committed"], partition["latest"]) == (1, 3)
        return partition["lag"]

    behind = eventually(lag)
    assert behind["records"] == 1
    (listed,) = [each for each in ask("groups")["groups"] if each["name"] == group]
    assert (listed["members"], listed["lag"]["records"]) == (0, 1)


def test_metrics_of_topics_and_groups(scrape, connection, topic):
    group = f"readers-{uuid.uuid4().hex}"
    offsets = [{"topic": topic, "partition": 1, "offset": 0}]
    connection.call("COMMIT", group=group, offsets=offsets)
    behind = f'flymq_consumer_group_lag{{group="{group}",partition="1",topic="{topic}"}}'
    assert eventually(lambda: scrape().get(behind)) == 2
    # Asking does not forget what was counted.
    for _ in range(2):
        metrics = scrape()
        assert metrics[f'flymq_messages_produced_total{{topic="{topic}"}}'] == 3
        assert metrics[f'flymq_topic_partitions{{topic="{topic}"}}'] == 2
        assert metrics[f'flymq_storage_bytes{{topic="{topic}"}}'] > 0


def test_the_machine_and_who_is_connected(ask, connection):
    assert ask("connections")["count"] >= 1
    assert "CREATE_TOPIC" in [each["operation"] for each in ask("latencies")["operations"]]
    assert [node["id"] for node in ask("engine")["cluster"]["nodes"]] == [1]
