//! Answers that are lost, on the way from the broker to the client, and from Kafka to a gateway: what was
//! asked for has happened, once.

mod common;

use common::cutter::{Cut, Cutter};
use common::kafka_cutter::KafkaCutter;
use common::members::*;
use common::*;
use flymq_core::*;
use flymq_protocol::OpCode;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Init,
    Produce,
    Offsets,
    End,
    Join,
    Heartbeat,
    Commit,
}

/// Where answers are lost.
enum Way {
    ToClient(Cutter),
    ToGateway(KafkaCutter),
}

impl Way {
    /// Loses the next answer to this.
    fn lose(&self, ask: Ask) {
        match self {
            Self::ToClient(cutter) => {
                let operation = match ask {
                    Ask::Init => OpCode::InitProducer,
                    Ask::Produce => OpCode::Produce,
                    Ask::Offsets => OpCode::TxnOffsets,
                    Ask::End => OpCode::CommitTxn,
                    Ask::Join => OpCode::Subscribe,
                    Ask::Heartbeat => OpCode::Heartbeat,
                    Ask::Commit => OpCode::Commit,
                };
                cutter.cut(operation, Cut::Answer);
            }
            Self::ToGateway(cutter) => cutter.cut(match ask {
                Ask::Init => 22,
                Ask::Produce => 0,
                Ask::Offsets => 28,
                Ask::End => 26,
                Ask::Join | Ask::Heartbeat => 68,
                Ask::Commit => 8,
            }),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::ToClient(cutter) => cutter.is_done(),
            Self::ToGateway(cutter) => cutter.is_done(),
        }
    }
}

/// Records, each stored once and in order.
async fn produce(client: &Client, way: &Way) {
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let producer = client.producer().build().unwrap();
    for number in 0..40 {
        if number % 4 == 0 {
            way.lose(Ask::Produce);
        }
        if number == 0 {
            way.lose(Ask::Init);
        }
        producer.send("t", Record::new(format!("{number}"))).await.unwrap().await.unwrap();
        assert!(way.is_done(), "{number}");
    }
    producer.close(LONG).await.unwrap();
    let stored = client.fetch("t", 0, 0, FetchOptions::default()).await.unwrap();
    assert!(stored.iter().map(number).eq(0..40), "{stored:?}");
}

/// Transactions, each committed once, with the offsets in it.
async fn transact(client: &Client, way: &Way) {
    client.create_topic(NewTopic::new("out")).await.unwrap();
    let mut expected = Vec::new();
    for ask in [Ask::Init, Ask::Produce, Ask::Offsets, Ask::End] {
        for round in 0..3 {
            way.lose(ask);
            let producer = client.transactional_producer("lost").build().await.unwrap();
            let transaction = producer.begin().await.unwrap();
            let value = format!("{ask:?}-{round}");
            let record = Record::new(value.clone());
            transaction.send("out", record).await.unwrap().await.unwrap();
            let processed = GroupOffset::new("t", 0, expected.len() as i64);
            let member = GroupMetadata::without_member("with-transactions");
            let offsets = GroupOffsets::new(member).processed(processed);
            transaction.send_offsets(offsets).await.unwrap();
            transaction.commit().await.unwrap();
            assert!(way.is_done(), "{value}");
            producer.close(LONG).await.unwrap();
            expected.push(value);
            let found = client.group_offsets("with-transactions").await.unwrap();
            assert_eq!(found[0].offset, expected.len() as i64 - 1);
        }
    }
    expected.sort();
    assert_eq!(contents(client, "out", Isolation::ReadCommitted).await, expected);
    assert_eq!(contents(client, "out", Isolation::ReadUncommitted).await, expected);
}

/// A group that reads each record once.
async fn consume(client: &Client, way: &Way) {
    let join = || {
        let consumer = client.consumer().group("g").auto_commit(None).build();
        consumer.subscribe(["t"]).unwrap();
        consumer
    };
    let mut tally = Tally::default();
    for _ in 0..4 {
        way.lose(Ask::Join);
        let mut consumer = join();
        tally.add(&take(&mut consumer, 5).await);
        assert!(way.is_done());
        way.lose(Ask::Heartbeat);
        let beating = async {
            while !way.is_done() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, beating).await.expect("it heartbeats");
        tally.add(&take(&mut consumer, 5).await);
        way.lose(Ask::Commit);
        consumer.commit().await.unwrap();
        assert!(way.is_done());
        consumer.close(LONG).await.unwrap();
    }
    tally.assert_each_once(40);
    assert_eq!(client.group_offsets("g").await.unwrap()[0].offset, 39);
}

async fn everything(client: &Client, way: &Way) {
    produce(client, way).await;
    transact(client, way).await;
    consume(client, way).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_way_to_the_client() {
    let (_dir, _broker, address) = broker().await;
    let cutter = Cutter::start(&address).await;
    let client = Client::with_config(config(&cutter.address)).await.unwrap();
    everything(&client, &Way::ToClient(cutter)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_way_to_a_gateway() {
    // Where there is a Kafka.
    let Some(cutter) = KafkaCutter::start().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let broker = gateway_to(&cutter.address, dir.path(), listen).await;
    let client = Client::with_config(config(&broker.local_addr().to_string())).await.unwrap();
    everything(&client, &Way::ToGateway(cutter)).await;
}
