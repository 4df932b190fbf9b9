//! Transactions. Producer id and epoch come from INIT_PRODUCER with a `transactional_id`; records
//! join the transaction by PRODUCE with `transactional` set in their batch.

use serde::{Deserialize, Serialize};

use super::groups::{CommittedOffset, no_generation};

/// Starts a transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BeginTxnRequest {
    /// The producer's stable name.
    pub transactional_id: String,
    /// From INIT_PRODUCER or the last transaction's end.
    pub producer_id: i64,
    /// From INIT_PRODUCER or the last transaction's end.
    pub producer_epoch: i16,
}

/// It is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BeginTxnResponse {}

/// Makes a transaction's records and offsets visible.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommitTxnRequest {
    /// The producer's stable name.
    pub transactional_id: String,
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
}

/// Discards a transaction's records and offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AbortTxnRequest {
    /// The producer's stable name.
    pub transactional_id: String,
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
}

/// The transaction has ended; the identity for the next one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndTxnResponse {
    /// The producer id to use from now on.
    pub producer_id: i64,
    /// The epoch to use from now on.
    pub producer_epoch: i16,
}

/// Stores offsets of a group as part of the open transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TxnOffsetsRequest {
    /// The producer's stable name.
    pub transactional_id: String,
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The group.
    pub group: String,
    /// The member that processed the records, or empty.
    #[serde(default)]
    pub member_id: String,
    /// The member's generation; -1 without a member.
    #[serde(default = "no_generation")]
    pub generation: i32,
    /// What was processed.
    pub offsets: Vec<CommittedOffset>,
}

/// They are part of the transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TxnOffsetsResponse {}
