//! FlyMQ's client, the one that all bindings wrap.
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`] | [`Client`]: produce, consume, fetch; what it shares with all it makes |
//! | [`pool`] | [`ClientPool`]: clients to be borrowed |
//! | [`access`] | users and what they may do |
//! | [`admin`] | topics and offsets |
//! | [`cluster`] | how the cluster is |
//! | [`groups`] | groups from outside: members, offsets, lag |
//! | [`producer`] | [`Producer`]: batches, back-pressure, idempotence, retries; [`TransactionalProducer`] |
//! | [`consumer`] | [`Consumer`]: reading ahead, positions, groups |
//! | [`record`] | what goes in and what comes out |
//! | [`encryption`] | [`Encryption`]: AES-256-GCM from producer to consumer |
//! | `link` | connections, and which broker to talk to |
//! | [`tls`] | TLS: options, handshakes |
//! | [`builder`], [`config`] | options of a client, one by one or from a URL |
//! | [`options`] | options of all builders by their names |
//! | [`error`], [`metrics`] | the one error type, counters |
//! | `otel` | traces through records, with the feature of that name |
//! | [`blocking`] | a runtime for callers that are not asynchronous |

#![forbid(unsafe_code)]

pub mod access;
pub mod admin;
pub mod blocking;
pub mod builder;
pub mod client;
mod clock;
pub mod cluster;
pub mod config;
pub mod consumer;
pub mod encryption;
pub mod error;
pub mod groups;
mod link;
pub mod metrics;
pub mod options;
#[cfg(feature = "otel")]
pub mod otel;
pub mod pool;
pub mod producer;
pub mod record;
pub mod tls;

pub use access::{Acl, AclFilter, UserChange, UserInfo, WhoAmI};
pub use admin::{
    BrokerAddress, NewTopic, OffsetSpec, PartitionDescription, TopicDescription, TopicListing,
};
pub use builder::ClientBuilder;
pub use client::{BrokerVersion, Client, FetchOptions};
pub use cluster::{ClusterNode, ClusterStatus, PartitionStatus};
pub use config::{Config, Mechanism};
pub use consumer::{
    Assignor, Commit, Consumer, ConsumerBuilder, Event, GroupMetadata, OffsetReset, OnUnreadable,
    Rebalance, SharedConsumer, StartOffset,
};
pub use encryption::{Encryption, EncryptionKey, KeyProvider, Keyring};
pub use error::{Error, Result};
pub use flymq_auth::Password;
pub use flymq_protocol::ErrorCode;
pub use flymq_protocol::messages::Isolation;
pub use groups::{GroupDescription, GroupListing, GroupState, MemberDescription, PartitionLag};
pub use metrics::{Circuit, EndpointMetrics, MetricsSnapshot, OperationMetrics};
pub use options::OptionInfo;
pub use pool::{ClientPool, PooledClient};
pub use producer::{
    Compression, Delivery, DeliveryListener, DeliveryReport, GroupOffsets, Producer,
    ProducerBuilder, Transaction, TransactionalProducer, TransactionalProducerBuilder,
};
pub use record::{GroupOffset, Header, Message, Record, RecordMetadata, TopicPartition};
pub use tls::{Pem, TlsConfig, TlsVersion};
