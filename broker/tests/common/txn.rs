//! A transactional producer, and readers of both isolations.

use std::collections::HashMap;

use flymq_broker::{Broker, ErrorCode};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;
use flymq_protocol::{Record, RecordBatch};

use super::{Client, batch, fetch, produce, records, values};

/// A transactional producer that keeps its identity and sequences.
pub struct Txn {
    pub client: Client,
    pub id: String,
    pub producer_id: i64,
    pub epoch: i16,
    sequences: HashMap<(String, u32), i32>,
}

impl Txn {
    pub async fn init(broker: &Broker, id: &str) -> Self {
        Self::init_with(broker, id, 0).await
    }

    pub async fn init_with(broker: &Broker, id: &str, transaction_timeout_ms: u32) -> Self {
        let mut client = Client::connect(broker).await;
        let transactional_id = Some(id.to_owned());
        let request = InitProducerRequest { transactional_id, transaction_timeout_ms };
        let InitProducerResponse { producer_id, producer_epoch: epoch } =
            client.call(&request).await.unwrap();
        Self { client, id: id.into(), producer_id, epoch, sequences: HashMap::new() }
    }

    /// Goes on after the broker restarted.
    pub async fn reconnect(&mut self, broker: &Broker) {
        self.client = Client::connect(broker).await;
    }

    pub async fn begin(&mut self) {
        self.try_begin().await.unwrap();
    }

    pub async fn try_begin(&mut self) -> Result<BeginTxnResponse, ErrorReply> {
        let request = BeginTxnRequest {
            transactional_id: self.id.clone(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
        };
        self.client.call(&request).await
    }

    /// The request for the next batch.
    pub fn batch(&mut self, topic: &str, partition: u32, value: &str) -> ProduceRequest {
        let sequence = self.sequences.entry((topic.into(), partition)).or_default();
        *sequence += 1;
        let batch = RecordBatch {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            base_sequence: *sequence - 1,
            transactional: true,
            ..batch(&[value])
        };
        ProduceRequest {
            transactional_id: Some(self.id.clone()),
            ..produce(topic, partition, batch)
        }
    }

    pub async fn produce(&mut self, topic: &str, partition: u32, value: &str) -> u64 {
        self.try_produce(topic, partition, value).await.unwrap().base_offset
    }

    pub async fn try_produce(
        &mut self,
        topic: &str,
        partition: u32,
        value: &str,
    ) -> Result<ProduceResponse, ErrorReply> {
        let request = self.batch(topic, partition, value);
        self.client.call(&request).await
    }

    pub fn commit_request(&self) -> CommitTxnRequest {
        CommitTxnRequest {
            transactional_id: self.id.clone(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
        }
    }

    pub fn abort_request(&self) -> AbortTxnRequest {
        AbortTxnRequest {
            transactional_id: self.id.clone(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
        }
    }

    pub async fn commit(&mut self) {
        let next = self.client.call(&self.commit_request()).await.unwrap();
        self.go_on(next);
    }

    pub async fn abort(&mut self) {
        let next = self.client.call(&self.abort_request()).await.unwrap();
        self.go_on(next);
    }

    pub fn go_on(&mut self, next: EndTxnResponse) {
        self.producer_id = next.producer_id;
        self.epoch = next.producer_epoch;
        self.sequences.clear();
    }

    pub async fn add_offset(
        &mut self,
        group: &str,
        topic: &str,
        offset: i64,
    ) -> Result<TxnOffsetsResponse, ErrorReply> {
        let stored = CommittedOffset {
            topic: topic.into(),
            partition: 0,
            offset: Some(offset),
            ..Default::default()
        };
        let request = TxnOffsetsRequest {
            transactional_id: self.id.clone(),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            group: group.into(),
            generation: -1,
            offsets: vec![stored],
            ..Default::default()
        };
        self.client.call(&request).await
    }
}

/// The code of a refusal.
pub fn code<T: std::fmt::Debug>(result: Result<T, ErrorReply>) -> ErrorCode {
    ErrorCode::from_u16(result.unwrap_err().code).unwrap()
}

impl Client {
    /// What a reader of committed records finds in a partition.
    pub async fn committed(&mut self, topic: &str, partition: u32) -> Vec<String> {
        values(&self.read_all(topic, partition, 0).await)
    }

    /// What a reader of everything finds in a partition.
    pub async fn uncommitted(&mut self, topic: &str, partition: u32) -> Vec<String> {
        let isolation = Isolation::ReadUncommitted;
        let mut offset = 0;
        let mut found: Vec<Record> = Vec::new();
        loop {
            let request = FetchRequest { isolation, ..fetch(topic, partition, offset) };
            let Some(mut read) = self.call(&request).await.unwrap().topics.pop() else {
                return values(&found);
            };
            let read = read.partitions.remove(0);
            assert_eq!(read.error, 0, "{}", read.message);
            found.extend(read.batches.iter().flat_map(records));
            offset = read.next_offset;
        }
    }

    /// The end of a partition for readers of an isolation.
    pub async fn end(&mut self, topic: &str, partition: u32, isolation: Isolation) -> u64 {
        let partitions = vec![OffsetQuery { partition, timestamp: LATEST }];
        let request = ListOffsetsRequest { topic: topic.into(), partitions, isolation };
        self.call(&request).await.unwrap().partitions[0].offset
    }
}
