"""Encryption: keys, keyrings, rotation, and what is told without the key."""

from __future__ import annotations

import base64
import secrets

import flymq
import pytest

KEY = secrets.token_bytes(32)


def shown(key: bytes) -> list[str]:
    return [repr(key)[2:10], key.hex()[:8], base64.b64encode(key).decode()[:8]]


@pytest.mark.parametrize(
    "key",
    [KEY, bytearray(KEY), KEY.hex(), base64.b64encode(KEY).decode()],
    ids=["bytes", "bytearray", "hex", "base64"],
)
def test_every_way_to_give_a_key(
    broker: flymq.EmbeddedBroker, topic: str, key: bytes | bytearray | str
) -> None:
    with flymq.FlyMQClient(broker.address, encryption_key=key) as client:
        offset = client.produce(topic, "secret", key="k", headers={"h": "1"})
        message = client.consume(topic, offset)
        assert message is not None
        assert (message.key, message.value, message.headers) == (b"k", b"secret", (("h", b"1"),))
    with flymq.FlyMQClient(broker.address, encryption_key=KEY) as client:
        assert [m.value for m in client.fetch(topic, offset)] == [b"secret"]


def test_producers_encrypt_too(broker: flymq.EmbeddedBroker, topic: str) -> None:
    with flymq.FlyMQClient(broker.address, encryption_key=KEY, encrypt_headers=True) as client:
        with flymq.Producer(client) as producer:
            producer.send(topic, "secret", headers={"h": "1"})
            producer.send(topic, None, key="gone")
        with flymq.FlyMQClient(broker.address, decrypt=False) as raw:
            stored = raw.fetch(topic, 0)
        assert [[name for name, _ in m.headers] for m in stored] == [["flymq.enc"]] * 2
        assert b"secret" not in (stored[0].value or b"")
        read = client.fetch(topic, 0)
        assert [(m.value, m.headers) for m in read] == [(b"secret", (("h", b"1"),)), (None, ())]


def test_without_the_key(
    broker: flymq.EmbeddedBroker, client: flymq.FlyMQClient, topic: str
) -> None:
    with flymq.FlyMQClient(broker.address, encryption_keyring={"a": KEY}) as writer:
        writer.produce(topic, "secret")
    with pytest.raises(flymq.UnknownEncryptionKeyError) as caught:
        client.consume(topic, 0)
    assert (caught.value.code, caught.value.retriable) == (911, False)
    for part in [topic, "partition 0", "offset 0", '"a"']:
        assert part in caught.value.message
    other = {"a": secrets.token_bytes(32)}
    with flymq.FlyMQClient(broker.address, encryption_keyring=other) as impostor:
        with pytest.raises(flymq.DecryptionFailedError):
            impostor.fetch(topic, 0)


def test_keys_are_rotated_while_clients_run(broker: flymq.EmbeddedBroker, topic: str) -> None:
    keyring = flymq.Keyring({"2025": KEY})
    with flymq.FlyMQClient(broker.address, encryption_keyring=keyring) as client:
        client.produce(topic, "old")
        new = secrets.token_bytes(32)
        keyring.add("2026", new)
        keyring.encrypt_with("2026")
        client.produce(topic, "new")
        assert [m.value for m in client.fetch(topic, 0)] == [b"old", b"new"]
    with flymq.FlyMQClient(broker.address, encryption_keyring={"2026": new}) as late:
        assert [m.value for m in late.fetch(topic, 1)] == [b"new"]
        with pytest.raises(flymq.UnknownEncryptionKeyError):
            late.fetch(topic, 0)
    with pytest.raises(flymq.InvalidArgumentError):
        keyring.add("2026", KEY)
    with pytest.raises(flymq.InvalidArgumentError):
        keyring.encrypt_with("2027")


def test_plain_records_can_be_refused(
    broker: flymq.EmbeddedBroker, client: flymq.FlyMQClient, topic: str
) -> None:
    client.produce(topic, "plain")
    with flymq.FlyMQClient(broker.address, encryption_key=KEY) as reader:
        assert [m.value for m in reader.fetch(topic, 0)] == [b"plain"]
    with flymq.FlyMQClient(broker.address, encryption_key=KEY, refuse_plain=True) as strict:
        with pytest.raises(flymq.DecryptionFailedError):
            strict.fetch(topic, 0)


@pytest.mark.parametrize("bad", [b"short", "hunter2hunter2", KEY + b"x", "x" * 44])
def test_what_is_no_key_is_refused_without_being_repeated(
    broker: flymq.EmbeddedBroker, bad: bytes | str
) -> None:
    text = bad if isinstance(bad, str) else repr(bad)[2:10]
    for arguments in [{"encryption_key": bad}, {"encryption_keyring": {"a": bad}}]:
        with pytest.raises(flymq.InvalidArgumentError) as caught:
            flymq.FlyMQClient(broker.address, **arguments)  # type: ignore[arg-type]
        assert text not in str(caught.value)
        assert "32 bytes" in str(caught.value)


def test_arguments_that_make_no_sense(broker: flymq.EmbeddedBroker) -> None:
    with pytest.raises(ValueError, match="not both"):
        flymq.FlyMQClient(broker.address, encryption_key=KEY, encryption_keyring={"a": KEY})
    with pytest.raises(ValueError, match="need an encryption_key"):
        flymq.FlyMQClient(broker.address, encrypt_headers=True)
    with pytest.raises(ValueError, match="no key"):
        flymq.Keyring({})
    with pytest.raises(TypeError):
        flymq.FlyMQClient(broker.address, encryption_key=7)  # type: ignore[arg-type]


def test_the_environment_names_a_key(
    broker: flymq.EmbeddedBroker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYMQ_ENCRYPTION_KEY", KEY.hex())
    with flymq.Producer(broker.address) as producer:
        producer.send(topic, "secret")
    with flymq.FlyMQClient(broker.address) as client:
        assert [m.value for m in client.fetch(topic, 0)] == [b"secret"]
    monkeypatch.setenv("FLYMQ_ENCRYPTION_KEY", "nonsense")
    with pytest.raises(flymq.InvalidArgumentError, match="FLYMQ_ENCRYPTION_KEY"):
        flymq.FlyMQClient(broker.address)


def test_keys_are_not_shown(broker: flymq.EmbeddedBroker) -> None:
    keyring = flymq.Keyring({"b": KEY, "a": secrets.token_bytes(32)})
    assert repr(keyring) == '<flymq.Keyring of ["a", "b"]>'
    with flymq.FlyMQClient(broker.address, encryption_key=KEY) as client:
        for text in shown(KEY):
            assert text not in repr(client) + repr(keyring)


def test_consumers_and_transactions(
    broker: flymq.EmbeddedBroker, client: flymq.FlyMQClient, topic: str
) -> None:
    client.create_topic(f"{topic}.dlq")
    with flymq.FlyMQClient(broker.address, encryption_key=KEY) as writer:
        with writer.transaction() as txn:
            txn.produce(topic, "secret")
        with flymq.Consumer(writer, topic, group=topic) as consumer:
            assert next(consumer).value == b"secret"
        client.produce(topic, "plain")
        with flymq.Consumer(client) as consumer:
            consumer.assign([(topic, 0)])
            with pytest.raises(flymq.UnknownEncryptionKeyError):
                consumer.poll(timeout=30)
        with flymq.Consumer(client, on_undecryptable="skip") as consumer:
            consumer.assign([(topic, 0)])
            assert next(consumer).value == b"plain"
        assert client.latest(f"{topic}.dlq") == 0
        with flymq.Consumer(client, on_undecryptable="dead_letter") as consumer:
            consumer.assign([(topic, 0)])
            assert next(consumer).value == b"plain"
        assert client.latest(f"{topic}.dlq") == 1
