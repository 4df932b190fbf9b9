"""The format of an application's log lines: topic, group and message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faststream._internal.logger import DefaultLoggerStorage, make_logger_state
from faststream._internal.logger.logging import get_broker_logger

if TYPE_CHECKING:
    from faststream._internal.basic_types import LoggerProto
    from faststream._internal.context import ContextRepo
    from faststream._internal.logger import LoggerState

_MESSAGE_ID_WIDTH = 10


class _FlyMQLoggerStorage(DefaultLoggerStorage):
    def __init__(self) -> None:
        super().__init__()
        self._topic_width = 4
        self._group_width = 0

    def register_subscriber(self, params: dict[str, Any]) -> None:
        """Make room for the subscriber's names."""
        self._topic_width = max(self._topic_width, len(params.get("topic", "")))
        self._group_width = max(self._group_width, len(params.get("group", "")))

    def get_logger(self, *, context: ContextRepo) -> LoggerProto:
        """The logger of all subscribers."""
        found = self._get_logger_ref()
        if found is not None:
            return found
        group = f"%(group)-{self._group_width}s | " if self._group_width else ""
        logger = get_broker_logger(
            name="flymq",
            default_context={"topic": "", "group": ""},
            message_id_ln=_MESSAGE_ID_WIDTH,
            fmt=(
                f"%(asctime)s %(levelname)-8s - %(topic)-{self._topic_width}s | {group}"
                f"%(message_id)-{_MESSAGE_ID_WIDTH}s - %(message)s"
            ),
            context=context,
            log_level=self.logger_log_level,
        )
        self._logger_ref.add(logger)
        return logger


def make_logger(logger: LoggerProto | None, log_level: int) -> LoggerState:
    """The logger of a broker: its own one if none is given."""
    return make_logger_state(logger, log_level, _FlyMQLoggerStorage)
