//! The scenarios of `conformance/groups` and `conformance/transactions`, which every library is held to.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use common::members::LONG;
use common::*;
use flymq_broker::Broker;
use flymq_core::*;
use serde_json::Value;

const MOMENT: Duration = Duration::from_millis(20);

/// A broker, and what a scenario has opened by its name.
struct World {
    folder: tempfile::TempDir,
    broker: Option<Broker>,
    client: Client,
    consumers: HashMap<String, Consumer>,
    producers: HashMap<String, TransactionalProducer>,
    transactions: HashMap<String, Transaction>,
}

fn text<'a>(step: &'a Value, field: &str) -> &'a str {
    step[field].as_str().unwrap_or_else(|| panic!("no {field} in {step}"))
}

fn number(step: &Value, field: &str) -> u64 {
    step[field].as_u64().unwrap_or_default()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn values(messages: Vec<Message>) -> impl Iterator<Item = String> {
    messages.into_iter().map(|m| String::from_utf8(m.value.unwrap().to_vec()).unwrap())
}

/// Partitions by topic, of an object of lists.
fn slots(topics: &Value) -> BTreeSet<TopicPartition> {
    let topics = topics.as_object().unwrap().iter();
    let each = topics.flat_map(|(topic, partitions)| {
        let partitions = partitions.as_array().unwrap().iter();
        partitions.map(|p| TopicPartition::new(topic.as_str(), p.as_u64().unwrap() as u32))
    });
    each.collect()
}

impl World {
    async fn new() -> Self {
        let (folder, broker, address) = broker().await;
        let client = Client::with_config(config(&address)).await.unwrap();
        let (consumers, producers) = (HashMap::new(), HashMap::new());
        let transactions = HashMap::new();
        Self { folder, broker: Some(broker), client, consumers, producers, transactions }
    }

    async fn step(&mut self, step: &Value) -> Result<()> {
        let partition = number(step, "partition") as u32;
        match text(step, "do") {
            "create_topic" => {
                let topic = NewTopic::new(text(step, "topic"));
                let topic = topic.partitions(number(step, "partitions") as u32);
                self.client.create_topic(topic).await?;
            }
            "add_partitions" => {
                let partitions = number(step, "partitions") as u32;
                self.client.add_partitions(text(step, "topic"), partitions).await?;
            }
            "restart_broker" => self.restart().await,
            "produce" => {
                let records = texts(&step["values"]).into_iter();
                let records = records.map(|value| Record::new(value).partition(partition));
                self.client.produce_batch(text(step, "topic"), records).await?;
            }
            "read" => self.read(step, partition).await?,
            "join" => self.join(step)?,
            "assigned" => self.assigned(&step["consumers"]).await?,
            "shared" => self.shared(step).await?,
            "poll" => self.poll(step).await?,
            "position" => self.position(step, partition).await?,
            "seek" => {
                let offset = StartOffset::Offset(number(step, "offset"));
                self.consumer(step).seek(text(step, "topic"), partition, offset).await?;
            }
            "rewind" => self.consumer(step).rewind().await?,
            "committed" => self.committed(step).await?,
            "reset" => {
                let to = match text(step, "to") {
                    "latest" => StartOffset::Latest,
                    _ => StartOffset::Earliest,
                };
                let (group, topic) = (text(step, "group"), text(step, "topic"));
                self.client.reset_group_offsets(group, topic, None, to).await?;
            }
            "delete_group" => self.client.delete_group(text(step, "group")).await?,
            "open" => {
                let builder = self.client.transactional_producer(text(step, "transactional_id"));
                let producer = builder.build().await?;
                self.producers.insert(text(step, "producer").to_owned(), producer);
            }
            "begin" => {
                let producer = text(step, "producer");
                let transaction = self.producers[producer].begin().await?;
                self.transactions.insert(producer.to_owned(), transaction);
            }
            "commit" if step["producer"].is_string() => self.transaction(step).commit().await?,
            "commit" => self.consumer(step).commit().await?,
            "abort" => self.transaction(step).abort().await?,
            "send" => {
                for value in texts(&step["values"]) {
                    let record = Record::new(value).partition(partition);
                    self.transaction(step).send(text(step, "topic"), record).await?.await?;
                }
            }
            "send_offsets" => {
                let polled = self.consumer(step).processed()?;
                self.transaction(step).send_offsets(polled).await?;
            }
            "close" if step["producer"].is_string() => {
                self.transactions.remove(text(step, "producer"));
                self.producers.remove(text(step, "producer")).unwrap().close(LONG).await?;
            }
            "close" => {
                self.consumers.remove(text(step, "consumer")).unwrap().close(LONG).await?;
            }
            other => panic!("there is no step {other}"),
        }
        Ok(())
    }

    fn consumer(&mut self, step: &Value) -> &mut Consumer {
        self.consumers.get_mut(text(step, "consumer")).unwrap()
    }

    fn transaction(&self, step: &Value) -> &Transaction {
        &self.transactions[text(step, "producer")]
    }

    async fn restart(&mut self) {
        let stopped = self.broker.take().unwrap();
        let address: SocketAddr = stopped.local_addr();
        stopped.shutdown().await;
        self.broker = Some(broker_in(self.folder.path(), address).await);
    }

    async fn read(&self, step: &Value, partition: u32) -> Result<()> {
        let isolation = match text(step, "isolation") {
            "read_uncommitted" => Isolation::ReadUncommitted,
            _ => Isolation::ReadCommitted,
        };
        let (mut offset, mut found) = (0, Vec::new());
        loop {
            let options = FetchOptions { isolation, ..Default::default() };
            let messages =
                self.client.fetch(text(step, "topic"), partition, offset, options).await?;
            let Some(last) = messages.last() else { break };
            offset = last.offset + 1;
            found.extend(values(messages));
        }
        assert_eq!(found, texts(&step["values"]), "{step}");
        Ok(())
    }

    fn join(&mut self, step: &Value) -> Result<()> {
        let mut builder = self.client.consumer().group(text(step, "group"));
        if step["auto_commit"] != true {
            builder = builder.auto_commit(None);
        }
        for option in ["auto_offset_reset", "assignor", "instance_id"] {
            if let Some(value) = step[option].as_str() {
                builder = builder.set(option, value)?;
            }
        }
        let consumer = builder.build();
        match step["pattern"].as_str() {
            Some(pattern) => consumer.subscribe_pattern(pattern)?,
            None => consumer.subscribe(texts(&step["topics"]))?,
        }
        self.consumers.insert(text(step, "consumer").to_owned(), consumer);
        Ok(())
    }

    /// Polls a consumer of which nothing is expected, and returns what it holds.
    async fn held(&mut self, name: &str) -> Result<BTreeSet<TopicPartition>> {
        let consumer = self.consumers.get_mut(name).unwrap();
        assert_eq!(consumer.poll(500, MOMENT).await?, []);
        Ok(consumer.assignment().into_iter().collect())
    }

    async fn assigned(&mut self, consumers: &Value) -> Result<()> {
        let wanted: BTreeMap<_, _> =
            consumers.as_object().unwrap().iter().map(|(name, held)| (name, slots(held))).collect();
        loop {
            let mut found = BTreeMap::new();
            for name in wanted.keys() {
                found.insert(*name, self.held(name).await?);
            }
            if found == wanted {
                return Ok(());
            }
        }
    }

    async fn shared(&mut self, step: &Value) -> Result<()> {
        let (partitions, topic) = (number(step, "partitions"), text(step, "topic"));
        let each: Vec<usize> = serde_json::from_value(step["each"].clone()).unwrap();
        loop {
            let (mut all, mut counts) = (Vec::new(), Vec::new());
            for name in texts(&step["consumers"]) {
                let mut held = self.held(&name).await?;
                held.retain(|slot| &*slot.topic == topic);
                counts.push(held.len());
                all.extend(held.into_iter().map(|slot| u64::from(slot.partition)));
            }
            all.sort();
            counts.sort();
            if all.into_iter().eq(0..partitions) && counts == each {
                return Ok(());
            }
        }
    }

    async fn poll(&mut self, step: &Value) -> Result<()> {
        let fails = step["error"].is_string();
        let wanted = if fails { Vec::new() } else { texts(&step["values"]) };
        let most = step["max_records"].as_u64().unwrap_or(500) as usize;
        let consumer = self.consumer(step);
        let mut found = Vec::new();
        while fails || found.len() < wanted.len() {
            let messages = consumer.poll(most, MOMENT).await?;
            assert!(messages.len() <= most);
            found.extend(values(messages));
        }
        found.sort();
        assert_eq!(found, wanted, "{step}");
        Ok(())
    }

    async fn position(&mut self, step: &Value, partition: u32) -> Result<()> {
        let name = text(step, "consumer");
        loop {
            self.held(name).await?;
            let position = self.consumers[name].position(text(step, "topic"), partition);
            if position.ok() == Some(number(step, "offset")) {
                return Ok(());
            }
        }
    }

    async fn committed(&self, step: &Value) -> Result<()> {
        let mut found = serde_json::json!({});
        for offset in self.client.group_offsets(text(step, "group")).await? {
            found[&*offset.topic][offset.partition.to_string()] = offset.offset.into();
        }
        assert_eq!(found, step["offsets"], "{step}");
        Ok(())
    }
}

async fn run(scenario: &Value) {
    let name = text(scenario, "name");
    let mut world = World::new().await;
    for (topic, partitions) in scenario["topics"].as_object().unwrap() {
        let topic = NewTopic::new(topic).partitions(partitions.as_u64().unwrap() as u32);
        world.client.create_topic(topic).await.unwrap();
    }
    for step in scenario["steps"].as_array().unwrap() {
        let outcome = tokio::time::timeout(LONG, world.step(step)).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("{name}: it never came to {step}"));
        match (outcome, step["error"].as_str()) {
            (outcome, None) => outcome.unwrap_or_else(|error| panic!("{name}: {step}: {error}")),
            (Ok(()), Some(_)) => panic!("{name}: {step} succeeded"),
            (Err(error), Some(expected)) => assert_eq!(error.name(), expected, "{name}: {error}"),
        }
    }
}

async fn run_all(folder: &str) {
    let file = format!("{}/../conformance/{folder}/scenarios.json", env!("CARGO_MANIFEST_DIR"));
    let scenarios: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for scenario in scenarios.as_array().unwrap() {
        if scenario["engine"].as_str().is_none_or(|engine| engine == common::engine()) {
            run(scenario).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups() {
    run_all("groups").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions() {
    run_all("transactions").await;
}
