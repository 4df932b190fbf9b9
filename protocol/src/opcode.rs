//! Operation numbers. A response carries its request's number with the high bit set.

/// Set in the opcode byte of every response.
pub const RESPONSE_BIT: u8 = 0x80;

/// The opcode byte of an error response, whatever the request was.
pub const ERROR: u8 = 0xFF;

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $wire:literal;)*) => {
        /// An operation that a client may ask of a broker.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum OpCode { $($(#[$doc])* $name = $value,)* }

        impl OpCode {
            /// Every operation, in the order of its number.
            pub const ALL: &'static [OpCode] = &[$(OpCode::$name,)*];

            /// The operation of a request's opcode byte, or `None` if there is no such operation.
            pub fn from_u8(value: u8) -> Option<Self> {
                match value { $($value => Some(OpCode::$name),)* _ => None }
            }

            /// The operation's name as the protocol page writes it, such as `PRODUCE`.
            pub fn name(self) -> &'static str {
                match self { $(OpCode::$name => $wire,)* }
            }
        }
    };
}

opcodes! {
    /// Append a batch of records to a partition.
    Produce = 0x01, "PRODUCE";
    /// Read one record by its offset.
    Consume = 0x02, "CONSUME";
    /// Create a topic.
    CreateTopic = 0x03, "CREATE_TOPIC";
    /// Delete a topic and its records.
    DeleteTopic = 0x04, "DELETE_TOPIC";
    /// Names and partition counts of all topics.
    ListTopics = 0x05, "LIST_TOPICS";
    /// Read batches from many partitions, waiting for data if asked to.
    Fetch = 0x06, "FETCH";
    /// Brokers and the partition counts of given topics.
    Metadata = 0x07, "METADATA";
    /// Offsets by position in time: earliest, latest, or by timestamp.
    ListOffsets = 0x08, "LIST_OFFSETS";
    /// Raise a topic's partition count.
    AddPartitions = 0x09, "ADD_PARTITIONS";
    /// One topic's configuration and the offsets of its partitions.
    DescribeTopic = 0x0A, "DESCRIBE_TOPIC";
    /// Change a topic's configuration.
    AlterTopic = 0x0B, "ALTER_TOPIC";
    /// Obtain a producer id and epoch for idempotent or transactional produce.
    InitProducer = 0x0C, "INIT_PRODUCER";
    /// Brokers, the engine's nodes, and partitions that lack copies.
    ClusterStatus = 0x0D, "CLUSTER_STATUS";
    /// Join a consumer group.
    Subscribe = 0x10, "SUBSCRIBE";
    /// Store a group's offsets.
    Commit = 0x11, "COMMIT";
    /// Keep a group membership alive and learn its assignment.
    Heartbeat = 0x12, "HEARTBEAT";
    /// Leave a consumer group.
    Leave = 0x13, "LEAVE";
    /// Read a group's stored offsets.
    Committed = 0x14, "COMMITTED";
    /// Names of all groups, and how they are.
    ListGroups = 0x15, "LIST_GROUPS";
    /// One group's members and what they hold.
    DescribeGroup = 0x16, "DESCRIBE_GROUP";
    /// Delete a group that has no members, with its stored offsets.
    DeleteGroup = 0x17, "DELETE_GROUP";
    /// Start a transaction.
    BeginTxn = 0x20, "BEGIN_TXN";
    /// Make a transaction's records visible, all at once.
    CommitTxn = 0x21, "COMMIT_TXN";
    /// Discard a transaction's records.
    AbortTxn = 0x22, "ABORT_TXN";
    /// Store a group's offsets as part of a transaction.
    TxnOffsets = 0x23, "TXN_OFFSETS";
    /// Open a session; the response is the broker's challenge.
    Hello = 0x30, "HELLO";
    /// Answer the challenge.
    Auth = 0x31, "AUTH";
    /// Ask whether the broker is alive.
    Ping = 0x32, "PING";
    /// Create a user, or change its password, roles or certificate.
    UpsertUser = 0x33, "UPSERT_USER";
    /// Delete a user, with the ACLs that name it.
    DeleteUser = 0x34, "DELETE_USER";
    /// Users with their roles.
    ListUsers = 0x35, "LIST_USERS";
    /// Allow or deny operations.
    AddAcls = 0x36, "ADD_ACLS";
    /// Take back what was allowed or denied.
    RemoveAcls = 0x37, "REMOVE_ACLS";
    /// What is allowed and denied.
    ListAcls = 0x38, "LIST_ACLS";
    /// Who the session belongs to.
    Whoami = 0x39, "WHOAMI";
}

impl OpCode {
    /// The opcode byte of this operation's successful response.
    pub fn response(self) -> u8 {
        self as u8 | RESPONSE_BIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_leave_the_response_bit_free() {
        for &op in OpCode::ALL {
            assert_eq!(OpCode::from_u8(op as u8), Some(op));
            assert_eq!(op as u8 & RESPONSE_BIT, 0);
            assert_ne!(op.response(), ERROR);
        }
        assert_eq!(OpCode::from_u8(0x7F), None);
    }
}
