//! FlyMQ's client, the one that all bindings wrap.
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`] | [`Client`]: produce, consume, fetch; what it shares with all it makes |
//! | [`access`] | users and what they may do |
//! | [`admin`] | topics and offsets |
//! | [`producer`] | [`Producer`]: batches, back-pressure, idempotence, retries |
//! | [`consumer`] | [`Consumer`]: reading ahead, positions |
//! | [`record`] | what goes in and what comes out |
//! | `link` | connections, and which broker to talk to |
//! | [`builder`], [`config`] | options of a client, one by one or from a URL |
//! | [`error`], [`metrics`] | the one error type, counters |
//! | [`blocking`] | a runtime for callers that are not asynchronous |

#![forbid(unsafe_code)]

pub mod access;
pub mod admin;
pub mod blocking;
pub mod builder;
pub mod client;
mod clock;
pub mod config;
pub mod consumer;
pub mod error;
mod link;
pub mod metrics;
pub mod producer;
pub mod record;

pub use access::{Acl, AclFilter, UserChange, UserInfo, WhoAmI};
pub use admin::{
    BrokerAddress, NewTopic, OffsetSpec, PartitionDescription, TopicDescription, TopicListing,
};
pub use builder::ClientBuilder;
pub use client::{BrokerVersion, Client, FetchOptions};
pub use config::{Config, Mechanism};
pub use consumer::{Consumer, ConsumerBuilder, OffsetReset, StartOffset};
pub use error::{Error, Result};
pub use flymq_auth::Password;
pub use flymq_protocol::ErrorCode;
pub use flymq_protocol::messages::Isolation;
pub use metrics::{MetricsSnapshot, OperationMetrics};
pub use producer::{Compression, Delivery, Producer, ProducerBuilder};
pub use record::{Header, Message, Record, RecordMetadata};
