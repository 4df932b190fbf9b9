//! The table of error codes, for C.

/// What functions return: FLYMQ_OK, or what went wrong. The numbers never change their meaning; more
/// may come. 1xx are about the bytes, 2xx the session, 3xx topics, 4xx the log, 5xx groups, 6xx
/// transactions, 7xx the broker's own state, 9xx come from this library.
#[repr(i32)]
#[allow(dead_code)] // Only C uses it: here codes are those of the core.
pub enum flymq_code {
    /// Nothing went wrong.
    FLYMQ_OK = 0,
    /// The first byte of a frame was not 0xFB.
    FLYMQ_ERROR_BAD_MAGIC = 100,
    /// The frame's version byte is not one that the receiver speaks.
    FLYMQ_ERROR_UNSUPPORTED_VERSION = 101,
    /// No operation has this number.
    FLYMQ_ERROR_UNKNOWN_OPCODE = 102,
    /// The frame is longer than the receiver takes.
    FLYMQ_ERROR_FRAME_TOO_LARGE = 103,
    /// The payload is not the MessagePack map that the operation wants.
    FLYMQ_ERROR_MALFORMED_PAYLOAD = 104,
    /// A field's value is outside its documented bounds.
    FLYMQ_ERROR_INVALID_REQUEST = 105,
    /// The connection's first request was not HELLO.
    FLYMQ_ERROR_HELLO_REQUIRED = 106,
    /// This broker or engine does not offer the operation.
    FLYMQ_ERROR_UNSUPPORTED_OPERATION = 107,
    /// The operation needs an authenticated session.
    FLYMQ_ERROR_AUTH_REQUIRED = 200,
    /// The credentials were not accepted.
    FLYMQ_ERROR_AUTH_FAILED = 201,
    /// The broker does not take this authentication mechanism.
    FLYMQ_ERROR_UNSUPPORTED_MECHANISM = 202,
    /// The session's principal may not do this.
    FLYMQ_ERROR_NOT_AUTHORIZED = 203,
    /// The broker has as many connections as it takes.
    FLYMQ_ERROR_TOO_MANY_CONNECTIONS = 204,
    /// The broker takes connections within TLS only, and this one is not.
    FLYMQ_ERROR_TLS_REQUIRED = 205,
    /// There is no such user.
    FLYMQ_ERROR_UNKNOWN_USER = 206,
    /// The user is there already.
    FLYMQ_ERROR_USER_EXISTS = 207,
    /// There is no such topic.
    FLYMQ_ERROR_UNKNOWN_TOPIC = 300,
    /// The topic is there already.
    FLYMQ_ERROR_TOPIC_EXISTS = 301,
    /// The topic's name is not allowed.
    FLYMQ_ERROR_INVALID_TOPIC_NAME = 302,
    /// The topic has no partition of this number.
    FLYMQ_ERROR_UNKNOWN_PARTITION = 303,
    /// The partition count is not allowed.
    FLYMQ_ERROR_INVALID_PARTITIONS = 304,
    /// A topic configuration key or value is not allowed.
    FLYMQ_ERROR_INVALID_CONFIG = 305,
    /// The offset lies outside the partition's valid range.
    FLYMQ_ERROR_OFFSET_OUT_OF_RANGE = 400,
    /// A batch's checksum does not match its bytes.
    FLYMQ_ERROR_CORRUPT_BATCH = 401,
    /// A record is larger than the topic takes.
    FLYMQ_ERROR_RECORD_TOO_LARGE = 402,
    /// A batch's records are not what its header says, or not well formed.
    FLYMQ_ERROR_INVALID_BATCH = 403,
    /// The batch's compression codec is not known.
    FLYMQ_ERROR_UNSUPPORTED_CODEC = 404,
    /// A batch's sequence does not follow the producer's last one.
    FLYMQ_ERROR_OUT_OF_ORDER_SEQUENCE = 405,
    /// A newer producer has taken this one's place.
    FLYMQ_ERROR_PRODUCER_FENCED = 406,
    /// The broker no longer knows this producer id.
    FLYMQ_ERROR_UNKNOWN_PRODUCER = 407,
    /// The group does not know this member.
    FLYMQ_ERROR_UNKNOWN_MEMBER = 500,
    /// The member's generation is over.
    FLYMQ_ERROR_STALE_GENERATION = 501,
    /// There is no such group.
    FLYMQ_ERROR_UNKNOWN_GROUP = 502,
    /// The group still has members.
    FLYMQ_ERROR_GROUP_NOT_EMPTY = 503,
    /// The group's name is not allowed.
    FLYMQ_ERROR_INVALID_GROUP = 504,
    /// Another consumer with the same instance id has taken the member's place.
    FLYMQ_ERROR_INSTANCE_FENCED = 505,
    /// A transaction that is still open has offsets of the partition.
    FLYMQ_ERROR_UNSTABLE_OFFSETS = 506,
    /// The group has as many members as the broker takes.
    FLYMQ_ERROR_GROUP_FULL = 507,
    /// The transaction is not in a state that allows this.
    FLYMQ_ERROR_INVALID_TXN_STATE = 600,
    /// The transaction was aborted, by a time-out for instance.
    FLYMQ_ERROR_TXN_ABORTED = 601,
    /// The broker met a state it should never be in.
    FLYMQ_ERROR_INTERNAL = 700,
    /// The broker's disk is full; reading goes on.
    FLYMQ_ERROR_STORAGE_FULL = 701,
    /// The broker's storage failed.
    FLYMQ_ERROR_STORAGE_FAILED = 702,
    /// The broker is stopping.
    FLYMQ_ERROR_SHUTTING_DOWN = 703,
    /// The broker has more in flight than it takes.
    FLYMQ_ERROR_OVERLOADED = 704,
    /// The Kafka cluster behind a gateway cannot serve the request now.
    FLYMQ_ERROR_UNAVAILABLE = 705,
    /// No answer came in time.
    FLYMQ_ERROR_TIMEOUT = 900,
    /// No connection to any broker could be made.
    FLYMQ_ERROR_CONNECT_FAILED = 901,
    /// The connection was lost before the answer came.
    FLYMQ_ERROR_CONNECTION_LOST = 902,
    /// The client, producer or consumer is closed.
    FLYMQ_ERROR_CLOSED = 903,
    /// An argument or option is not valid.
    FLYMQ_ERROR_INVALID_ARGUMENT = 904,
    /// A value could not be turned into bytes, or back.
    FLYMQ_ERROR_SERIALIZATION = 905,
    /// The producer's buffer stayed full for as long as one was ready to wait.
    FLYMQ_ERROR_BUFFER_FULL = 906,
    /// The wait was interrupted by the host.
    FLYMQ_ERROR_INTERRUPTED = 907,
    /// The connection could not be secured.
    FLYMQ_ERROR_TLS_FAILED = 908,
    /// An encrypted record does not fit its key, topic and record key, or was altered.
    FLYMQ_ERROR_DECRYPTION_FAILED = 910,
    /// The keyring has no key of the id that a record names.
    FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY = 911,
    /// A defect in FlyMQ itself was caught at the language boundary.
    FLYMQ_ERROR_PANIC = 999,
}

#[cfg(test)]
mod tests {
    use flymq_core::ErrorCode;

    #[test]
    fn the_table_is_the_one_of_the_core() {
        let source = include_str!("codes.rs");
        for code in ErrorCode::ALL {
            let entry = format!("    FLYMQ_ERROR_{} = {},\n", code.name(), *code as i32);
            assert!(source.contains(&entry), "{entry}");
        }
        let entries = source.lines().filter(|line| line.starts_with("    FLYMQ_ERROR_")).count();
        assert_eq!(entries, ErrorCode::ALL.len());
    }
}
