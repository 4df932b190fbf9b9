"""The exceptions of FlyMQ: one tree, one class for each numeric error code.

``FlyMQError`` is the root, a family class stands for each hundred of codes (``TopicError`` for
3xx), and a leaf for each code (``UnknownTopicError`` for 300). Codes never change their meaning;
they are the same in every language and on the wire.
"""

from __future__ import annotations

from typing import Any, ClassVar

_LEAVES: dict[int, type[FlyMQError]] = {}
_FAMILIES: dict[int, type[FlyMQError]] = {}


class FlyMQError(Exception):
    """The root of all errors that FlyMQ raises.

    Attributes:
        code: The number in the table of error codes; 0 only on a hand-made ``FlyMQError``.
        name: The code's stable upper-case name, such as ``"UNKNOWN_TOPIC"``.
        message: What happened, with the names and numbers that matter.
        retriable: Whether the same call may succeed if made again.
        hint: What to do about it, in one sentence; may be empty.
    """

    default_code: ClassVar[int] = 0
    default_name: ClassVar[str] = ""
    default_retriable: ClassVar[bool] = False

    code: int
    name: str
    message: str
    retriable: bool
    hint: str

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        name: str | None = None,
        retriable: bool | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.name = self.default_name if name is None else name
        self.retriable = self.default_retriable if retriable is None else retriable
        self.hint = hint

    def __init_subclass__(
        cls, *, code: int | None = None, name: str = "", retriable: bool = False, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if code is not None:
            cls.default_code, cls.default_name, cls.default_retriable = code, name, retriable
            _LEAVES[code] = cls
            _FAMILIES.setdefault(code // 100, cls.__mro__[1])

    def __str__(self) -> str:
        text = f"{self.name} ({self.code}): {self.message}" if self.name else self.message
        return f"{text}; {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,), vars(self).copy()


class ProtocolError(FlyMQError):
    """The bytes of a request or a response were wrong. Codes 100 to 199."""


class BadMagicError(ProtocolError, code=100, name="BAD_MAGIC"):
    """The first byte of a frame was not 0xFB."""


class UnsupportedVersionError(ProtocolError, code=101, name="UNSUPPORTED_VERSION"):
    """The frame's version byte is not one that the receiver speaks."""


class UnknownOpcodeError(ProtocolError, code=102, name="UNKNOWN_OPCODE"):
    """No operation has this number."""


class FrameTooLargeError(ProtocolError, code=103, name="FRAME_TOO_LARGE"):
    """The frame is longer than the receiver takes."""


class MalformedPayloadError(ProtocolError, code=104, name="MALFORMED_PAYLOAD"):
    """The payload is not the MessagePack map that the operation wants."""


class InvalidRequestError(ProtocolError, code=105, name="INVALID_REQUEST"):
    """A field's value is outside its documented bounds."""


class HelloRequiredError(ProtocolError, code=106, name="HELLO_REQUIRED"):
    """The connection's first request was not HELLO."""


class UnsupportedOperationError(ProtocolError, code=107, name="UNSUPPORTED_OPERATION"):
    """This broker or engine does not offer the operation."""


class SessionError(FlyMQError):
    """The session with the broker: authentication, permission, connection limits. Codes 200 to 299."""


class AuthRequiredError(SessionError, code=200, name="AUTH_REQUIRED"):
    """The operation needs an authenticated session."""


class AuthFailedError(SessionError, code=201, name="AUTH_FAILED"):
    """The credentials were not accepted."""


class UnsupportedMechanismError(SessionError, code=202, name="UNSUPPORTED_MECHANISM"):
    """The broker does not take this authentication mechanism."""


class NotAuthorizedError(SessionError, code=203, name="NOT_AUTHORIZED"):
    """The session's principal may not do this."""


class TooManyConnectionsError(SessionError, code=204, name="TOO_MANY_CONNECTIONS", retriable=True):
    """The broker has as many connections as it takes."""


class TlsRequiredError(SessionError, code=205, name="TLS_REQUIRED"):
    """The broker takes connections within TLS only, and this one is not."""


class UnknownUserError(SessionError, code=206, name="UNKNOWN_USER"):
    """There is no such user."""


class UserExistsError(SessionError, code=207, name="USER_EXISTS"):
    """The user is there already."""


class TopicError(FlyMQError):
    """A topic, its partitions or its configuration. Codes 300 to 399."""


class UnknownTopicError(TopicError, code=300, name="UNKNOWN_TOPIC"):
    """There is no such topic."""


class TopicExistsError(TopicError, code=301, name="TOPIC_EXISTS"):
    """The topic is there already."""


class InvalidTopicNameError(TopicError, code=302, name="INVALID_TOPIC_NAME"):
    """The topic's name is not allowed."""


class UnknownPartitionError(TopicError, code=303, name="UNKNOWN_PARTITION"):
    """The topic has no partition of this number."""


class InvalidPartitionsError(TopicError, code=304, name="INVALID_PARTITIONS"):
    """The partition count is not allowed."""


class InvalidConfigError(TopicError, code=305, name="INVALID_CONFIG"):
    """A topic configuration key or value is not allowed."""


class LogError(FlyMQError):
    """Reading from or writing to a partition. Codes 400 to 499."""


class OffsetOutOfRangeError(LogError, code=400, name="OFFSET_OUT_OF_RANGE"):
    """The offset lies outside the partition's valid range."""


class CorruptBatchError(LogError, code=401, name="CORRUPT_BATCH", retriable=True):
    """A batch's checksum does not match its bytes."""


class RecordTooLargeError(LogError, code=402, name="RECORD_TOO_LARGE"):
    """A record is larger than the topic takes."""


class InvalidBatchError(LogError, code=403, name="INVALID_BATCH"):
    """A batch's records are not what its header says, or not well formed."""


class UnsupportedCodecError(LogError, code=404, name="UNSUPPORTED_CODEC"):
    """The batch's compression codec is not known."""


class OutOfOrderSequenceError(LogError, code=405, name="OUT_OF_ORDER_SEQUENCE"):
    """A batch's sequence does not follow the producer's last one."""


class ProducerFencedError(LogError, code=406, name="PRODUCER_FENCED"):
    """A newer producer has taken this one's place."""


class UnknownProducerError(LogError, code=407, name="UNKNOWN_PRODUCER"):
    """The broker no longer knows this producer id."""


class GroupError(FlyMQError):
    """Consumer groups. Codes 500 to 599."""


class UnknownMemberError(GroupError, code=500, name="UNKNOWN_MEMBER"):
    """The group does not know this member."""


class StaleGenerationError(GroupError, code=501, name="STALE_GENERATION"):
    """The member's generation is over."""


class UnknownGroupError(GroupError, code=502, name="UNKNOWN_GROUP"):
    """There is no such group."""


class GroupNotEmptyError(GroupError, code=503, name="GROUP_NOT_EMPTY"):
    """The group still has members."""


class InvalidGroupError(GroupError, code=504, name="INVALID_GROUP"):
    """The group's name is not allowed."""


class InstanceFencedError(GroupError, code=505, name="INSTANCE_FENCED"):
    """A newer member with the same instance id has taken this one's place."""


class UnstableOffsetsError(GroupError, code=506, name="UNSTABLE_OFFSETS", retriable=True):
    """A transaction that is still open may yet change the group's offsets."""


class GroupFullError(GroupError, code=507, name="GROUP_FULL"):
    """The group has as many members as the broker takes."""


class TransactionError(FlyMQError):
    """Transactions. Codes 600 to 699."""


class InvalidTxnStateError(TransactionError, code=600, name="INVALID_TXN_STATE"):
    """The transaction is not in a state that allows this."""


class TxnAbortedError(TransactionError, code=601, name="TXN_ABORTED"):
    """The transaction was aborted, by a time-out for instance."""


class BrokerError(FlyMQError):
    """The broker's own state. Codes 700 to 799."""


class InternalError(BrokerError, code=700, name="INTERNAL"):
    """The broker met a state it should never be in."""


class StorageFullError(BrokerError, code=701, name="STORAGE_FULL", retriable=True):
    """The broker's disk is full; reading goes on."""


class StorageFailedError(BrokerError, code=702, name="STORAGE_FAILED"):
    """The broker's storage failed."""


class ShuttingDownError(BrokerError, code=703, name="SHUTTING_DOWN", retriable=True):
    """The broker is stopping."""


class OverloadedError(BrokerError, code=704, name="OVERLOADED", retriable=True):
    """The broker has more in flight than it takes."""


class UnavailableError(BrokerError, code=705, name="UNAVAILABLE", retriable=True):
    """The Kafka cluster behind a gateway cannot serve the request now."""


class ClientError(FlyMQError):
    """Raised by the client, never sent by a broker. Codes 900 to 999."""


class RequestTimeoutError(ClientError, code=900, name="TIMEOUT", retriable=True):
    """No answer came in time."""


class ConnectFailedError(ClientError, code=901, name="CONNECT_FAILED", retriable=True):
    """No connection to any broker could be made."""


class ConnectionLostError(ClientError, code=902, name="CONNECTION_LOST", retriable=True):
    """The connection was lost before the answer came."""


class ClosedError(ClientError, code=903, name="CLOSED"):
    """The client, producer or consumer is closed."""


class ForkError(ClosedError):
    """The object was made before a fork and is used in the child process.

    Sockets and threads do not survive a fork: open a new client in the child.
    """


class InvalidArgumentError(ClientError, ValueError, code=904, name="INVALID_ARGUMENT"):
    """An argument or option is not valid."""


class SerializationError(ClientError, code=905, name="SERIALIZATION"):
    """A value could not be turned into bytes, or back. The cause is what the serializer raised.

    Attributes:
        topic: The topic.
        partition: The partition of a record that was read; None for one that was to be sent.
        offset: Its offset; None for a record that was to be sent.
    """

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


class BufferFullError(ClientError, code=906, name="BUFFER_FULL", retriable=True):
    """The producer's buffer stayed full for as long as one was ready to wait."""


class WaitInterruptedError(ClientError, code=907, name="INTERRUPTED"):
    """The wait was interrupted by the host."""


class TlsFailedError(ClientError, code=908, name="TLS_FAILED"):
    """The connection could not be secured."""


class DecryptionFailedError(ClientError, code=910, name="DECRYPTION_FAILED"):
    """An encrypted record does not fit its key, topic and record key, or was altered."""


class UnknownEncryptionKeyError(ClientError, code=911, name="UNKNOWN_ENCRYPTION_KEY"):
    """The keyring has no key of the id that a record names."""


class PanicError(ClientError, code=999, name="PANIC"):
    """A defect in FlyMQ itself was caught at the language boundary."""


def from_code(code: int, name: str, message: str, retriable: bool, hint: str) -> FlyMQError:
    """The exception for an error code; a code that a newer broker has added falls to its family."""
    kind = _LEAVES.get(code) or _FAMILIES.get(code // 100) or FlyMQError
    return kind(message, code=code, name=name, retriable=retriable, hint=hint)
