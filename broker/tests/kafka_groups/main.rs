//! Groups and transactions of two gateways over one real Kafka.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/kafka.rs"]
mod kafka;

mod access;
mod gateways;
mod groups;
mod transactions;

use std::sync::atomic::{AtomicU32, Ordering};

use common::{Client, create};
use flymq_broker::Broker;

/// Two gateways, a client of each, and a topic of its own for the test.
struct Setup {
    brokers: [Broker; 2],
    clients: [Client; 2],
    topic: String,
    group: String,
}

impl Setup {
    async fn new(partitions: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let brokers = [kafka::gateway().await, kafka::gateway().await];
        let mut clients = [Client::connect(&brokers[0]).await, Client::connect(&brokers[1]).await];
        let topic = format!("topic-{number}");
        clients[0].call(&create(&topic, partitions, &[])).await.unwrap();
        Self { brokers, clients, topic, group: format!("group-{number}") }
    }
}
