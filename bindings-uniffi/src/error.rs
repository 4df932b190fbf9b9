//! Errors, in the classes of the table that all languages share.

use std::error::Error as _;
use std::fmt;

use flymq_core::{Error, ErrorCode};

/// What went wrong, as a number that never changes its meaning.
#[uniffi::remote(Enum)]
#[repr(u16)]
pub enum ErrorCode {
    /// The first byte of a frame was not 0xFB.
    BadMagic = 100,
    /// The frame's version byte is not one that the receiver speaks.
    UnsupportedVersion = 101,
    /// No operation has this number.
    UnknownOpcode = 102,
    /// The frame is longer than the receiver takes.
    FrameTooLarge = 103,
    /// The payload is not the MessagePack map that the operation wants.
    MalformedPayload = 104,
    /// A field's value is outside its documented bounds.
    InvalidRequest = 105,
    /// The connection's first request was not HELLO.
    HelloRequired = 106,
    /// This broker or engine does not offer the operation.
    UnsupportedOperation = 107,
    /// The operation needs an authenticated session.
    AuthRequired = 200,
    /// The credentials were not accepted.
    AuthFailed = 201,
    /// The broker does not take this authentication mechanism.
    UnsupportedMechanism = 202,
    /// The session's principal may not do this.
    NotAuthorized = 203,
    /// The broker has as many connections as it takes.
    TooManyConnections = 204,
    /// The broker takes connections within TLS only, and this one is not.
    TlsRequired = 205,
    /// There is no such user.
    UnknownUser = 206,
    /// The user is there already.
    UserExists = 207,
    /// There is no such topic.
    UnknownTopic = 300,
    /// The topic is there already.
    TopicExists = 301,
    /// The topic's name is not allowed.
    InvalidTopicName = 302,
    /// The topic has no partition of this number.
    UnknownPartition = 303,
    /// The partition count is not allowed.
    InvalidPartitions = 304,
    /// A topic configuration key or value is not allowed.
    InvalidConfig = 305,
    /// The offset lies outside the partition's valid range.
    OffsetOutOfRange = 400,
    /// A batch's checksum does not match its bytes.
    CorruptBatch = 401,
    /// A record is larger than the topic takes.
    RecordTooLarge = 402,
    /// A batch's records are not what its header says, or not well formed.
    InvalidBatch = 403,
    /// The batch's compression codec is not known.
    UnsupportedCodec = 404,
    /// A batch's sequence does not follow the producer's last one.
    OutOfOrderSequence = 405,
    /// A newer producer has taken this one's place.
    ProducerFenced = 406,
    /// The broker no longer knows this producer id.
    UnknownProducer = 407,
    /// The group does not know this member.
    UnknownMember = 500,
    /// The member's generation is over.
    StaleGeneration = 501,
    /// There is no such group.
    UnknownGroup = 502,
    /// The group still has members.
    GroupNotEmpty = 503,
    /// The group's name is not allowed.
    InvalidGroup = 504,
    /// Another consumer with the same instance id has taken the member's place.
    InstanceFenced = 505,
    /// A transaction that is still open has offsets of the partition.
    UnstableOffsets = 506,
    /// The group has as many members as the broker takes.
    GroupFull = 507,
    /// The transaction is not in a state that allows this.
    InvalidTxnState = 600,
    /// The transaction was aborted, by a time-out for instance.
    TxnAborted = 601,
    /// The broker met a state it should never be in.
    Internal = 700,
    /// The broker's disk is full; reading goes on.
    StorageFull = 701,
    /// The broker's storage failed.
    StorageFailed = 702,
    /// The broker is stopping.
    ShuttingDown = 703,
    /// The broker has more in flight than it takes.
    Overloaded = 704,
    /// The Kafka cluster behind a gateway cannot serve the request now.
    Unavailable = 705,
    /// No answer came in time.
    Timeout = 900,
    /// No connection to any broker could be made.
    ConnectFailed = 901,
    /// The connection was lost before the answer came.
    ConnectionLost = 902,
    /// The client, producer or consumer is closed.
    Closed = 903,
    /// An argument or option is not valid.
    InvalidArgument = 904,
    /// A value could not be turned into bytes, or back.
    Serialization = 905,
    /// The producer's buffer stayed full for as long as one was ready to wait.
    BufferFull = 906,
    /// The wait was interrupted by the host.
    Interrupted = 907,
    /// The connection could not be secured.
    TlsFailed = 908,
    /// An encrypted record does not fit its key, topic and record key, or was altered.
    DecryptionFailed = 910,
    /// The keyring has no key of the id that a record names.
    UnknownEncryptionKey = 911,
    /// A defect in FlyMQ itself was caught at the language boundary.
    Panic = 999,
}

/// What an error tells.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Display)]
pub struct ErrorDetails {
    /// The entry in the table of error codes; none for a number that this version does not know.
    pub code: Option<ErrorCode>,
    /// The number in the table.
    pub number: u16,
    /// The code's stable name, such as `UNKNOWN_TOPIC`.
    pub name: String,
    /// What happened.
    pub text: String,
    /// What was being done, such as `produce`.
    pub operation: String,
    /// What to do next, in one sentence.
    pub hint: String,
    /// Whether the same call may succeed if made again.
    pub retriable: bool,
    /// Whether a transaction came to nothing that may succeed if it is run again from its beginning.
    pub abortable: bool,
    /// Whether the client, producer or consumer can do nothing more and is to be closed.
    pub fatal: bool,
    /// The entry of the error that led to this one, if one did.
    pub cause: Option<ErrorCode>,
}

impl fmt::Display for ErrorDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, name, text, operation, hint, .. } = self;
        write!(f, "{operation}: {text} ({name} {number}; {hint})")
    }
}

impl From<&Error> for ErrorDetails {
    fn from(error: &Error) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<Error>());
        Self {
            code: error.code(),
            number: error.code_number(),
            name: error.name().to_owned(),
            text: error.message().to_owned(),
            operation: error.operation().to_owned(),
            hint: error.hint().to_owned(),
            retriable: error.is_retriable(),
            abortable: error.is_abortable(),
            fatal: error.is_fatal(),
            cause: cause.and_then(Error::code),
        }
    }
}

/// Any error of FlyMQ. Its class is the hundred that its number is of.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum FlyMqError {
    /// 1xx: the bytes on the wire.
    Protocol {
        /// What it tells.
        details: ErrorDetails,
    },
    /// 2xx: the session, users and permissions.
    Session {
        /// What it tells.
        details: ErrorDetails,
    },
    /// 3xx: topics.
    Topic {
        /// What it tells.
        details: ErrorDetails,
    },
    /// 4xx: the log and its records.
    Log {
        /// What it tells.
        details: ErrorDetails,
    },
    /// 5xx: groups.
    Group {
        /// What it tells.
        details: ErrorDetails,
    },
    /// 6xx: transactions.
    Transaction {
        /// What it tells.
        details: ErrorDetails,
    },
    /// 7xx: the broker's own state.
    Broker {
        /// What it tells.
        details: ErrorDetails,
    },
    /// 9xx, and whatever a newer broker may bring: raised by the client.
    Client {
        /// What it tells.
        details: ErrorDetails,
    },
}

impl fmt::Display for FlyMqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.details().fmt(f)
    }
}

impl FlyMqError {
    fn details(&self) -> &ErrorDetails {
        match self {
            Self::Protocol { details }
            | Self::Session { details }
            | Self::Topic { details }
            | Self::Log { details }
            | Self::Group { details }
            | Self::Transaction { details }
            | Self::Broker { details }
            | Self::Client { details } => details,
        }
    }
}

impl From<Error> for FlyMqError {
    fn from(error: Error) -> Self {
        let details = ErrorDetails::from(&error);
        match details.number / 100 {
            1 => Self::Protocol { details },
            2 => Self::Session { details },
            3 => Self::Topic { details },
            4 => Self::Log { details },
            5 => Self::Group { details },
            6 => Self::Transaction { details },
            7 => Self::Broker { details },
            _ => Self::Client { details },
        }
    }
}

/// A result whose error the languages know.
pub type Result<T> = std::result::Result<T, FlyMqError>;

/// An entry in the table of error codes.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ErrorInfo {
    /// The entry.
    pub code: ErrorCode,
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// What it says, in one sentence.
    pub meaning: String,
    /// Whether the same call may succeed if made again.
    pub retriable: bool,
    /// What to do about it, in one sentence.
    pub hint: String,
}

/// The table of error codes, by number.
#[uniffi::export]
pub fn error_table() -> Vec<ErrorInfo> {
    let info = |&code: &ErrorCode| ErrorInfo {
        code,
        number: code as u16,
        name: code.name().to_owned(),
        meaning: code.meaning().to_owned(),
        retriable: code.is_retriable(),
        hint: code.hint().to_owned(),
    };
    ErrorCode::ALL.iter().map(info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_the_class_of_its_number() {
        for &code in ErrorCode::ALL {
            let error = FlyMqError::from(Error::new(code, "test", "why"));
            let class = format!("{error:?}");
            let class = class.split(' ').next().unwrap_or_default();
            let expected = match code as u16 / 100 {
                1 => "Protocol",
                2 => "Session",
                3 => "Topic",
                4 => "Log",
                5 => "Group",
                6 => "Transaction",
                7 => "Broker",
                _ => "Client",
            };
            assert_eq!(class, expected, "{code:?}");
            let details = error.details();
            assert_eq!((details.code, details.number), (Some(code), code as u16));
            assert_eq!(error.to_string(), Error::new(code, "test", "why").to_string());
        }
    }
}
