"""Tracing of all objects, of some, and of the application's own work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flymq import Message
from flymq.otel._calls import advised, traced_classes, traced_methods, where
from flymq.otel._telemetry import Telemetry

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

_T = TypeVar("_T")


class FlyMQInstrumentor:
    """Traces all clients, producers, consumers and transactions of this process, those that are there
    already included.

    It has the shape of OpenTelemetry's instrumentors, and `opentelemetry-instrument` finds it. All
    instances are one.
    """

    _instance: FlyMQInstrumentor | None = None
    _originals: list[tuple[type, str, Any]]

    def __new__(cls) -> FlyMQInstrumentor:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance._originals = []
        return cls._instance

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether calls are traced."""
        return bool(self._originals)

    def instrumentation_dependencies(self) -> Collection[str]:
        """The packages that are traced."""
        return ("flymq",)

    def instrument(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        **_ignored: Any,
    ) -> None:
        """Trace from now on, with the global providers if none are given. Harmless when done."""
        if self._originals:
            return
        telemetry = _use(tracer_provider, meter_provider)
        for traced_class in traced_classes():
            for name in traced_methods(traced_class):
                method = advised(traced_class, name, telemetry)
                self._originals.append((traced_class, name, getattr(traced_class, name)))
                setattr(traced_class, name, method)

    def uninstrument(self, **_ignored: Any) -> None:
        """Trace no more. Harmless when that is so."""
        while self._originals:
            traced_class, name, original = self._originals.pop()
            setattr(traced_class, name, original)
        _use(None, None)


def traced(
    target: _T,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> _T:
    """A stand-in for a client, producer, consumer or transaction, whose calls are traced.

    It is used like what it stands for, but FlyMQ's constructors want the original:
    `traced(flymq.Producer(client))`, not `flymq.Producer(traced(client))`.
    """
    if type(target) not in traced_classes():
        raise TypeError(f"a {type(target).__name__} has no calls that could be traced")
    return cast(_T, _Traced(target, Telemetry(tracer_provider, meter_provider)))


@contextmanager
def process(
    messages: Message | Sequence[Message], *, group: str | None = None
) -> Generator[None, None, None]:
    """A block that processes a message, or several: a span `process TOPIC`, and its duration.

    With one message the block belongs to the trace in which that was sent; with several it has links
    to theirs. An exception is noted, and goes on. `group` is the consumer's.
    """
    single = isinstance(messages, Message)
    given: Sequence[Message] = [messages] if isinstance(messages, Message) else messages
    with _telemetry.process(where(given, group), given, single):
        yield


_telemetry = Telemetry(None, None)


def _use(tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> Telemetry:
    global _telemetry
    _telemetry = Telemetry(tracer_provider, meter_provider)
    return _telemetry


class _Opening:
    """A transaction of asyncio that is begun when this is awaited, or entered."""

    def __init__(self, opening: Any, telemetry: Telemetry) -> None:
        self._opening = opening
        self._telemetry = telemetry

    def __await__(self) -> Any:
        return self._opened().__await__()

    async def _opened(self) -> Any:
        return _Traced(await self._opening, self._telemetry)

    async def __aenter__(self) -> Any:
        return _Traced(await self._opening.__aenter__(), self._telemetry)

    async def __aexit__(self, *exception: Any) -> Any:
        return await self._opening.__aexit__(*exception)


class _Traced:
    """Passes everything on, and traces what is traced."""

    def __init__(self, target: Any, telemetry: Telemetry) -> None:
        self._target = target
        self._class: type = type(target)
        self._telemetry = telemetry
        self._methods: dict[str, Callable[..., Any]] = {
            name: advised(self._class, name, telemetry) for name in traced_methods(self._class)
        }

    def __getattr__(self, name: str) -> Any:
        method = self._methods.get(name)
        if method is not None:
            return method.__get__(self._target)
        found = getattr(self._target, name)
        if name == "transaction":
            is_async = self._class.__name__.startswith("Async")
            begun = _Opening if is_async else _Traced
            return lambda: begun(found(), self._telemetry)
        return found

    # What Python looks up in the class rather than in the object.

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore
        return self._class

    def __repr__(self) -> str:
        return f"traced({self._target!r})"

    def __enter__(self) -> Any:
        self._target.__enter__()
        return self

    def __exit__(self, *exception: Any) -> Any:
        return self._target.__exit__(*exception)

    async def __aenter__(self) -> Any:
        await self._target.__aenter__()
        return self

    async def __aexit__(self, *exception: Any) -> Any:
        return await self._target.__aexit__(*exception)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self._methods["__next__"](self._target)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        return await self._methods["__anext__"](self._target)
