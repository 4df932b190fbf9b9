"""Which methods are traced, and what is done around them, blocking or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from functools import wraps
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import flymq
from flymq import Message, RecordMetadata

if TYPE_CHECKING:
    from flymq.otel._telemetry import Telemetry

# Around a call: yields the arguments to make it with, and is sent what it returned.
_Steps: TypeAlias = Generator[tuple[tuple[Any, ...], dict[str, Any]], Any, None]
_Advice: TypeAlias = Callable[..., _Steps]


def traced_methods(traced_class: type) -> dict[str, _Advice]:
    """The methods of a class that are traced; none of a class that is not."""
    return _METHODS.get(traced_class, {})


def traced_classes() -> list[type]:
    """The classes that have such methods."""
    return list(_METHODS)


def advised(traced_class: type, name: str, telemetry: Telemetry) -> Callable[..., Any]:
    """A class's method, with what is to be done around it."""
    method = getattr(traced_class, name)
    if name == "batches":
        return _batches(method, telemetry)
    return _around(method, _METHODS[traced_class][name], telemetry, traced_class.__name__)


def _batches(method: Any, telemetry: Telemetry) -> Callable[..., Any]:
    """The method that makes an iterator, with what is to be done around each step of it."""

    @wraps(method)
    def batches(self: Any, *args: Any, **options: Any) -> Any:
        return _Batches(self, method(self, *args, **options), telemetry)

    return batches


class _Batches:
    """An iterator over lists of messages."""

    def __init__(self, consumer: Any, batches: Any, telemetry: Telemetry) -> None:
        def next_of(_consumer: Any) -> Any:
            return next(batches)

        def anext_of(_consumer: Any) -> Any:
            return anext(batches)

        self._consumer = consumer
        self._next = _around(next_of, _receive, telemetry, "")
        self._anext = _around(anext_of, _receive, telemetry, "Async")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._next(self._consumer)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await self._anext(self._consumer)


def _around(method: Any, advice: _Advice, telemetry: Telemetry, name: str) -> Callable[..., Any]:
    """The method of a class of that name with the advice around it."""

    @wraps(method)
    def blocking(self: Any, *args: Any, **options: Any) -> Any:
        steps = advice(telemetry, self, *args, **options)
        args, options = next(steps)
        try:
            result = method(self, *args, **options)
        except BaseException as error:
            _finish(steps.throw, error)
            raise
        _finish(steps.send, result)
        return result

    @wraps(method)
    async def asynchronous(self: Any, *args: Any, **options: Any) -> Any:
        steps = advice(telemetry, self, *args, **options)
        args, options = next(steps)
        try:
            result = await method(self, *args, **options)
        except BaseException as error:
            _finish(steps.throw, error)
            raise
        _finish(steps.send, result)
        return result

    return asynchronous if name.startswith("Async") else blocking


def _finish(step: Callable[[Any], Any], outcome: Any) -> None:
    try:
        step(outcome)
    except StopIteration:
        pass
    except BaseException as error:
        if error is not outcome:
            raise


def _produce(
    telemetry: Telemetry,
    client: Any,
    topic: str,
    data: Any,
    key: Any = None,
    headers: Any = None,
    *args: Any,
    **options: Any,
) -> _Steps:
    with telemetry.send(_there(client, topic)) as operation:
        stored = yield (topic, data, key, operation.injected(headers), *args), options
        if isinstance(stored, RecordMetadata):
            operation.at(stored.partition)


def _produce_batch(
    telemetry: Telemetry, client: Any, topic: str, records: Any, *args: Any, **options: Any
) -> _Steps:
    records = list(records)
    with telemetry.send(_there(client, topic), len(records)):
        yield (topic, records, *args), options


def _send(
    telemetry: Telemetry,
    producer: Any,
    topic: str,
    data: Any,
    key: Any = None,
    headers: Any = None,
    *args: Any,
    **options: Any,
) -> _Steps:
    with telemetry.send(_there(producer, topic)) as operation:
        operation.later()
        delivery = yield (topic, data, key, operation.injected(headers), *args), options

        def decided(delivery: Any) -> None:
            error: BaseException | None = _ready(delivery.exception())
            if error is None:
                operation.at(_ready(delivery.result()).partition)
            operation.end(error)

        delivery.add_done_callback(decided)


def _ready(outcome: Any) -> Any:
    """The outcome of a delivery that is decided, which asyncio's would have awaited."""
    if not hasattr(outcome, "__await__"):
        return outcome
    try:
        next(outcome.__await__())
    except StopIteration as done:
        return done.value
    raise RuntimeError("a delivery that is decided has an outcome")


def _receive(telemetry: Telemetry, reader: Any, *args: Any, **options: Any) -> _Steps:
    began = time.time_ns()
    try:
        received = yield args, options
    except Exception as error:
        telemetry.receive(where([], _group(reader), reader), [], began, single=False, error=error)
        raise
    # Where nothing has come there is nothing to say, and that happens all the time.
    if received is None:
        return
    if isinstance(received, Message):
        only = [cast("Message", received)]
        telemetry.receive(where(only, _group(reader), reader), only, began, single=True)
        return
    messages = cast("list[Message]", received)
    for _, of_one in groupby(sorted(messages, key=_topic), key=_topic):
        of_topic = list(of_one)
        here = where(of_topic, _group(reader), reader)
        telemetry.receive(here, of_topic, began, single=False)


def _topic(message: Message) -> str:
    return message.topic


def where(messages: Sequence[Message], group: str | None, reader: Any = None) -> dict[str, Any]:
    """The attributes of messages that were received: what they have in common."""
    attributes = _server(reader)
    topics = {message.topic for message in messages}
    if len(topics) == 1:
        attributes["messaging.destination.name"] = topics.pop()
        partitions = {message.partition for message in messages}
        if len(partitions) == 1:
            attributes["messaging.destination.partition.id"] = str(partitions.pop())
    if group is not None:
        attributes["messaging.consumer.group.name"] = group
    return attributes


def _there(target: Any, topic: str) -> dict[str, Any]:
    return {**_server(target), "messaging.destination.name": topic}


def _group(reader: Any) -> str | None:
    """The group of a consumer; clients have none."""
    group: str | None = _known(reader, "group")
    return group


def _server(target: Any) -> dict[str, Any]:
    """The address, where there is but one that it can be."""
    addresses: list[str] = _known(target, "addresses") or []
    if len(addresses) != 1:
        return {}
    host, _, port = addresses[0].rpartition(":")
    return {"server.address": host, "server.port": int(port)}


def _known(target: Any, name: str) -> Any:
    """A property, if there is one. What is closed tells nothing, and its methods say why."""
    try:
        return getattr(target, name, None)
    except flymq.FlyMQError:
        return None


_CLIENT: dict[str, _Advice] = {
    "produce": _produce,
    "produce_record": _produce,
    "produce_batch": _produce_batch,
    "consume": _receive,
    "fetch": _receive,
}

_METHODS: dict[type, dict[str, _Advice]] = {
    flymq.FlyMQClient: _CLIENT,
    flymq.AsyncFlyMQClient: _CLIENT,
    flymq.Producer: {"send": _send},
    flymq.AsyncProducer: {"send": _send},
    flymq.Transaction: {"produce": _send},
    flymq.AsyncTransaction: {"produce": _send},
    # What they begin is traced.
    flymq.TransactionalProducer: {},
    flymq.AsyncTransactionalProducer: {},
    flymq.Consumer: {"poll": _receive, "__next__": _receive, "batches": _receive},
    flymq.AsyncConsumer: {"poll": _receive, "__anext__": _receive, "batches": _receive},
}
