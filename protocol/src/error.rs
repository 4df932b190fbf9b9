//! The one table of numeric error codes, shared by the wire, the client core and every binding.
//!
//! 1xx the bytes, 2xx the session, 3xx topics, 4xx the log, 5xx groups, 6xx transactions, 7xx the
//! broker's own state, 9xx raised by a client and never sent.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal, $name:literal, $retriable:literal, $hint:literal;)*) => {
        /// What went wrong, as a number that never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum ErrorCode { $($(#[doc = $doc])* $variant = $code,)* }

        impl ErrorCode {
            /// The whole table, in the order of its numbers.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The code of a number, or `None` if this version does not know it.
            pub fn from_u16(code: u16) -> Option<Self> {
                match code { $($code => Some(ErrorCode::$variant),)* _ => None }
            }

            /// Stable upper-case name, such as `UNKNOWN_TOPIC`.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }

            /// What it says, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(ErrorCode::$variant => concat!($($doc),*).trim_ascii(),)* }
            }

            /// Whether the same request may succeed if sent again.
            pub fn is_retriable(self) -> bool {
                match self { $(ErrorCode::$variant => $retriable,)* }
            }

            /// What to do about it, in one sentence.
            pub fn hint(self) -> &'static str {
                match self { $(ErrorCode::$variant => $hint,)* }
            }
        }
    };
}

error_codes! {
    /// The first byte of a frame was not 0xFB.
    BadMagic = 100, "BAD_MAGIC", false, "check that the address is a FlyMQ broker's, and that both sides use TLS or neither does";
    /// The frame's version byte is not one that the receiver speaks.
    UnsupportedVersion = 101, "UNSUPPORTED_VERSION", false, "upgrade the older of client and broker";
    /// No operation has this number.
    UnknownOpcode = 102, "UNKNOWN_OPCODE", false, "upgrade the broker, or do not use this operation";
    /// The frame is longer than the receiver takes.
    FrameTooLarge = 103, "FRAME_TOO_LARGE", false, "send smaller batches, or raise the broker's --max-frame-bytes";
    /// The payload is not the MessagePack map that the operation wants.
    MalformedPayload = 104, "MALFORMED_PAYLOAD", false, "compare the payload with docs/protocol.md";
    /// A field's value is outside its documented bounds.
    InvalidRequest = 105, "INVALID_REQUEST", false, "correct the field that the message names";
    /// The connection's first request was not HELLO.
    HelloRequired = 106, "HELLO_REQUIRED", false, "send HELLO first on every connection";
    /// This broker or engine does not offer the operation.
    UnsupportedOperation = 107, "UNSUPPORTED_OPERATION", false, "use a broker that offers it; HELLO lists its features";

    /// The operation needs an authenticated session.
    AuthRequired = 200, "AUTH_REQUIRED", false, "configure a user and password, or a client certificate";
    /// The credentials were not accepted.
    AuthFailed = 201, "AUTH_FAILED", false, "check user name and password";
    /// The broker does not take this authentication mechanism.
    UnsupportedMechanism = 202, "UNSUPPORTED_MECHANISM", false, "use one of the mechanisms in the broker's challenge";
    /// The session's principal may not do this.
    NotAuthorized = 203, "NOT_AUTHORIZED", false, "ask the operator for the missing permission";
    /// The broker has as many connections as it takes.
    TooManyConnections = 204, "TOO_MANY_CONNECTIONS", true, "close idle clients, or raise the broker's --max-connections";
    /// The broker takes connections within TLS only, and this one is not.
    TlsRequired = 205, "TLS_REQUIRED", false, "turn TLS on in the client: tls_enabled, or a flymqs:// address";
    /// There is no such user.
    UnknownUser = 206, "UNKNOWN_USER", false, "check the user's name, or add the user first";
    /// The user is there already.
    UserExists = 207, "USER_EXISTS", false, "change the existing user, or choose another name";

    /// There is no such topic.
    UnknownTopic = 300, "UNKNOWN_TOPIC", false, "create the topic first, or check its name";
    /// The topic is there already.
    TopicExists = 301, "TOPIC_EXISTS", false, "use the existing topic, or pass if_not_exists";
    /// The topic's name is not allowed.
    InvalidTopicName = 302, "INVALID_TOPIC_NAME", false, "use 1 to 249 of the characters a-z A-Z 0-9 . _ - and not . or ..";
    /// The topic has no partition of this number.
    UnknownPartition = 303, "UNKNOWN_PARTITION", false, "use a partition below the topic's partition count";
    /// The partition count is not allowed.
    InvalidPartitions = 304, "INVALID_PARTITIONS", false, "use a count within the broker's limit; it can only be raised";
    /// A topic configuration key or value is not allowed.
    InvalidConfig = 305, "INVALID_CONFIG", false, "correct the key that the message names";

    /// The offset lies outside the partition's valid range.
    OffsetOutOfRange = 400, "OFFSET_OUT_OF_RANGE", false, "seek to an offset within the range that the message names";
    /// A batch's checksum does not match its bytes.
    CorruptBatch = 401, "CORRUPT_BATCH", true, "send it again; if it recurs, memory or network corrupts data";
    /// A record is larger than the topic takes.
    RecordTooLarge = 402, "RECORD_TOO_LARGE", false, "send a smaller record, or raise the topic's max_record_bytes";
    /// A batch's records are not what its header says, or not well formed.
    InvalidBatch = 403, "INVALID_BATCH", false, "compare the batch with docs/protocol.md";
    /// The batch's compression codec is not known.
    UnsupportedCodec = 404, "UNSUPPORTED_CODEC", false, "use codec none, lz4 or zstd";
    /// A batch's sequence does not follow the producer's last one.
    OutOfOrderSequence = 405, "OUT_OF_ORDER_SEQUENCE", false, "an earlier batch of this producer is missing; start a new producer";
    /// A newer producer has taken this one's place.
    ProducerFenced = 406, "PRODUCER_FENCED", false, "another instance with the same identity has started; stop this one";
    /// The broker no longer knows this producer id.
    UnknownProducer = 407, "UNKNOWN_PRODUCER", false, "obtain a new producer id";

    /// The group does not know this member.
    UnknownMember = 500, "UNKNOWN_MEMBER", false, "join the group again";
    /// The member's generation is over.
    StaleGeneration = 501, "STALE_GENERATION", false, "join the group again; do not commit for partitions that were taken away";
    /// There is no such group.
    UnknownGroup = 502, "UNKNOWN_GROUP", false, "check the group's name";
    /// The group still has members.
    GroupNotEmpty = 503, "GROUP_NOT_EMPTY", false, "stop the group's consumers first";
    /// The group's name is not allowed.
    InvalidGroup = 504, "INVALID_GROUP", false, "use 1 to 255 bytes";
    /// Another consumer with the same instance id has taken the member's place.
    InstanceFenced = 505, "INSTANCE_FENCED", false, "give each running consumer an instance_id of its own";
    /// A transaction that is still open has offsets of the partition.
    UnstableOffsets = 506, "UNSTABLE_OFFSETS", true, "ask again; the transaction ends at the latest when its time-out is over";
    /// The group has as many members as the broker takes.
    GroupFull = 507, "GROUP_FULL", false, "use fewer consumers, or raise the broker's limit";

    /// The transaction is not in a state that allows this.
    InvalidTxnState = 600, "INVALID_TXN_STATE", false, "begin a transaction first, and end it once";
    /// The transaction was aborted, by a time-out for instance.
    TxnAborted = 601, "TXN_ABORTED", false, "abort it here too, and start it again from the beginning";

    /// The broker met a state it should never be in.
    Internal = 700, "INTERNAL", false, "report it with the broker's log";
    /// The broker's disk is full; reading goes on.
    StorageFull = 701, "STORAGE_FULL", true, "free space on the broker's disk or shorten retention";
    /// The broker's storage failed.
    StorageFailed = 702, "STORAGE_FAILED", false, "look into the broker's log, mend the disk and restart the broker";
    /// The broker is stopping.
    ShuttingDown = 703, "SHUTTING_DOWN", true, "try again on another broker, or when this one is back";
    /// The broker has more in flight than it takes.
    Overloaded = 704, "OVERLOADED", true, "try again after a pause";
    /// The Kafka cluster behind a gateway cannot serve the request now.
    Unavailable = 705, "UNAVAILABLE", true, "try again after a pause; if it lasts, look at the Kafka cluster behind the gateway";

    /// No answer came in time.
    Timeout = 900, "TIMEOUT", true, "check the broker's load, or raise the time-out";
    /// No connection to any broker could be made.
    ConnectFailed = 901, "CONNECT_FAILED", true, "check the addresses and that a broker is listening there";
    /// The connection was lost before the answer came.
    ConnectionLost = 902, "CONNECTION_LOST", true, "try again; an idempotent producer does so by itself";
    /// The client, producer or consumer is closed.
    Closed = 903, "CLOSED", false, "open a new one";
    /// An argument or option is not valid.
    InvalidArgument = 904, "INVALID_ARGUMENT", false, "correct the argument that the message names";
    /// A value could not be turned into bytes, or back.
    Serialization = 905, "SERIALIZATION", false, "check the value against its serializer";
    /// The producer's buffer stayed full for as long as one was ready to wait.
    BufferFull = 906, "BUFFER_FULL", true, "raise buffer_bytes or the time-out, or send more slowly";
    /// The wait was interrupted by the host.
    Interrupted = 907, "INTERRUPTED", false, "nothing to do if the interruption was meant";
    /// The connection could not be secured.
    TlsFailed = 908, "TLS_FAILED", false, "correct the certificate or the option that the message names";
    /// An encrypted record does not fit its key, topic and record key, or was altered.
    DecryptionFailed = 910, "DECRYPTION_FAILED", false, "check the encryption key and where the record comes from; seek past it to go on without it";
    /// The keyring has no key of the id that a record names.
    UnknownEncryptionKey = 911, "UNKNOWN_ENCRYPTION_KEY", false, "add the key of this id to the keyring for reading; seek past the record to go on without it";
    /// A defect in FlyMQ itself was caught at the language boundary.
    Panic = 999, "PANIC", false, "report it with the message and the log";
}

/// The payload of an ERROR frame (opcode 0xFF).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// Number in the table of error codes.
    pub code: u16,
    /// The code's name.
    #[serde(default)]
    pub name: String,
    /// What happened, for a person.
    #[serde(default)]
    pub message: String,
    /// Whether the same request may succeed if sent again.
    #[serde(default)]
    pub retriable: bool,
    /// What to do next, for a person.
    #[serde(default)]
    pub hint: String,
}

/// An error found while reading or checking bytes of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct ProtocolError {
    /// Which entry of the table.
    pub code: ErrorCode,
    /// What happened, with the numbers that matter.
    pub message: String,
}

impl ProtocolError {
    /// An error of the given code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::MalformedPayload, message)
    }

    pub(crate) fn invalid_batch(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidBatch, message)
    }

    /// The same error as the payload of an ERROR frame.
    pub fn to_reply(&self) -> ErrorReply {
        ErrorReply {
            code: self.code as u16,
            name: self.code.name().to_owned(),
            message: self.message.clone(),
            retriable: self.code.is_retriable(),
            hint: self.code.hint().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_ordered_and_unambiguous() {
        let codes: Vec<u16> = ErrorCode::ALL.iter().map(|c| *c as u16).collect();
        assert!(codes.windows(2).all(|w| w[0] < w[1]), "numbers ascend and are unique");
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_u16(code as u16), Some(code));
            assert!(!code.hint().is_empty());
            assert!(code.name().chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        }
        assert_eq!(ErrorCode::from_u16(1), None);
    }
}
