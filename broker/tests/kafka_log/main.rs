//! The log through gateways over one real Kafka.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/kafka.rs"]
mod kafka;

mod appends;
mod reads;
mod secured;
mod topics;
mod trouble;

use std::sync::atomic::{AtomicU32, Ordering};

use common::Client;
use flymq_broker::Broker;

/// Two gateways, a client of each, and a topic of its own for the test.
struct Setup {
    brokers: [Broker; 2],
    clients: [Client; 2],
    topic: String,
}

impl Setup {
    async fn new(partitions: u32) -> Self {
        Self::with(partitions, &[]).await
    }

    async fn with(partitions: u32, config: &[(&str, &str)]) -> Self {
        let brokers = [kafka::gateway().await, kafka::gateway().await];
        let mut clients = [Client::connect(&brokers[0]).await, Client::connect(&brokers[1]).await];
        let topic = unique("log");
        clients[0].create(&topic, partitions, config).await;
        Self { brokers, clients, topic }
    }
}

/// A name that no other test has, nor had in an earlier run.
fn unique(kind: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{kind}-{}-{number}", std::process::id())
}
