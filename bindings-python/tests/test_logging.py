"""What the core logs arrives in `logging`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import flymq
from flymq import FlyMQClient, _native
from helpers import DEADLINE, run


class Kept(logging.Handler):
    """Keeps records, and can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._changed:
            self.records.append(record)
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[logging.LogRecord], bool]) -> logging.LogRecord:
        def find() -> logging.LogRecord | None:
            return next(filter(wanted, self.records), None)

        with self._changed:
            found = self._changed.wait_for(find, DEADLINE)
            assert found is not None, [record.getMessage() for record in self.records]
            return found


@contextmanager
def kept(level: int) -> Iterator[Kept]:
    logger, handler = logging.getLogger("flymq"), Kept()
    before = logger.level
    logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def test_lines_have_the_level_the_logger_and_the_text() -> None:
    with kept(logging.DEBUG) as lines, flymq.EmbeddedBroker(users={"ada": "a-secret-word"}) as broker:
        with FlyMQClient(broker.address, username="ada", password="a-secret-word") as client:
            client.ping()
        line = lines.wait_for(lambda record: record.getMessage().startswith("connected "))
        assert line.name == "flymq.link.connection" and line.levelno == logging.DEBUG
        assert f"endpoint={broker.address!r}".replace("'", "") in line.getMessage().replace('"', "")
        assert line.pathname.endswith(".rs") and line.lineno > 0
        lines.wait_for(lambda record: record.getMessage().startswith("connection ended"))
    assert not any("a-secret-word" in record.getMessage() for record in lines.records)


def test_the_level_is_that_of_the_logger(broker: flymq.EmbeddedBroker) -> None:
    with kept(logging.WARNING) as lines:
        with FlyMQClient(broker.address):
            pass
        _native._log("not wanted", 1)
        logging.getLogger("flymq").setLevel(logging.INFO)
        with FlyMQClient(broker.address):
            _native._log("wanted", 1)
        lines.wait_for(lambda record: record.getMessage() == "wanted")
    assert [record.getMessage() for record in lines.records] == ["wanted"]


def test_what_is_too_much_is_counted(broker: flymq.EmbeddedBroker) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entered.set()
            assert leave.wait(DEADLINE)

    with kept(logging.INFO) as lines:
        with FlyMQClient(broker.address):
            slow = Slow()
            logging.getLogger("flymq").addHandler(slow)
            _native._log("first", 1)
            assert entered.wait(DEADLINE)
            _native._log("more", 1500)
            leave.set()
            line = lines.wait_for(lambda record: "dropped" in record.getMessage())
            logging.getLogger("flymq").removeHandler(slow)
    assert line.levelno == logging.WARNING
    assert line.getMessage().startswith("500 lines were dropped")


EXIT = """
import logging, sys, threading, flymq
from flymq import _native
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(message)s")
if sys.argv[2] == "stuck":
    logging.getLogger("flymq.test").addFilter(lambda record: threading.Event().wait())
flymq.FlyMQClient(sys.argv[1])
_native._log("the last line", 3)
"""


def test_the_last_lines_are_not_lost(broker: flymq.EmbeddedBroker) -> None:
    assert run(EXIT, broker.address, "well").splitlines() == ["flymq.test the last line"] * 3


def test_a_filter_that_is_stuck_does_not_keep_the_program(broker: flymq.EmbeddedBroker) -> None:
    run(EXIT, broker.address, "stuck")
