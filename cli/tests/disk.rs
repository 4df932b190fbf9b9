//! A disk that fills up: a small file system in memory, in a mount namespace of its own.
//!
//! Needs `unshare` and `nsenter` (util-linux) and the right to make user namespaces. Where that right
//! cannot be had, `FLYMQ_TEST_WITHOUT_SMALL_DISK=1` leaves these tests out.

mod common;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Broker, FLYMQ};
use flymq_core::{Client, Delivery, NewTopic, Producer, Record};

const MIB: u64 = 1 << 20;
const VALUE: usize = 100_000;

/// A file system of limited size, gone when dropped.
struct SmallDisk {
    holder: Child,
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn new(size: u64) -> Option<Self> {
        if std::env::var_os("FLYMQ_TEST_WITHOUT_SMALL_DISK").is_some() {
            eprintln!("left out: FLYMQ_TEST_WITHOUT_SMALL_DISK is set");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        // It says when the disk is there, and keeps it until its standard input ends.
        let script = format!("mount -t tmpfs -o size={size} flymq \"$0\" && echo ready && cat");
        let mut holder = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, from util-linux");
        let mut line = String::new();
        let mut out = std::io::BufReader::new(holder.stdout.as_mut().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        assert_eq!(line, "ready\n", "no small disk could be made; see the head of this file");
        Some(Self { holder, dir })
    }

    /// A command that sees the small disk.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.holder.id().to_string();
        command.args(["--target", &target, "--user", "--mount", "--preserve-credentials", program]);
        command
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn broker(&self, min_free: u64) -> Broker {
        let mut command = self.command(FLYMQ);
        command.args(["broker", "--listen", "127.0.0.1:0", "--min-free-bytes"]);
        command.arg(min_free.to_string()).arg("--data-dir").arg(self.data());
        Broker::spawn(&mut command)
    }

    fn resize(&self, size: u64) {
        let mut command = self.command("mount");
        command.args(["-o", &format!("remount,size={size}")]).arg(self.dir.path());
        assert!(command.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn value(number: u64) -> Vec<u8> {
    let mut value = number.to_string().into_bytes();
    value.resize(VALUE, (number % 251) as u8);
    value
}

async fn client(address: &str) -> Client {
    Client::connect(address).await.unwrap()
}

fn producer(client: &Client, patience: Duration) -> Producer {
    let builder = client.producer().linger(Duration::ZERO).buffer_bytes(4 << 20);
    builder.delivery_timeout(patience).build().unwrap()
}

/// Produces until something is not stored. Returns how many were, one after the other, and the error.
async fn fill(client: &Client, topic: &str) -> (u64, flymq_core::Error) {
    let producer = producer(client, Duration::from_secs(2));
    let mut under_way = std::collections::VecDeque::<Delivery>::new();
    let mut stored = 0;
    for number in 0.. {
        match producer.send(topic, Record::new(value(number))).await {
            Ok(delivery) => under_way.push_back(delivery),
            Err(error) => return (stored, error),
        }
        if under_way.len() == 16 {
            match under_way.pop_front().unwrap().await {
                Ok(metadata) => assert_eq!(metadata.offset, stored),
                Err(error) => return (stored, error),
            }
            stored += 1;
        }
    }
    unreachable!("every disk is full at some time")
}

/// Reads back every record from the beginning on.
async fn check(client: &Client, topic: &str, count: u64) {
    let mut next = 0;
    while next < count {
        let options = flymq_core::FetchOptions { max_bytes: 4 << 20, ..Default::default() };
        let messages = client.fetch(topic, 0, next, options).await.unwrap();
        assert!(!messages.is_empty(), "{next} of {count} records are there");
        for message in messages {
            assert_eq!(message.offset, next);
            assert!(message.value.unwrap() == value(next), "record {next} is damaged");
            next += 1;
        }
    }
}

fn free(disk: &SmallDisk) -> String {
    let output = disk.command("df").arg("-k").arg(disk.dir.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_refused_in_time_and_go_on_when_there_is_room() {
    let Some(disk) = SmallDisk::new(300 * MIB) else { return };
    let broker = disk.broker(100 * MIB);
    let client = client(&broker.address).await;
    client.create_topic(NewTopic::new("big")).await.unwrap();
    client.create_topic(NewTopic::new("kept")).await.unwrap();
    client.produce("kept", Record::new(value(0))).await.unwrap();

    let (stored, error) = fill(&client, "big").await;
    println!("{stored} records stored, then {error}\n{}", free(&disk));
    assert!(stored as usize * VALUE > 20 << 20, "{stored} records only\n{}", free(&disk));
    assert!(error.is_retriable(), "{error}");
    let refused = client.metrics().errors.get(&701).copied().unwrap_or(0);
    assert!(refused > 0, "STORAGE_FULL was not the reason: {:?}", client.metrics().errors);
    // Reading goes on.
    check(&client, "big", stored).await;
    check(&client, "kept", 1).await;

    client.delete_topic("big").await.unwrap();
    // The space comes back when the broker has tidied up; the producer waits for that.
    let producer = producer(&client, Duration::from_secs(20));
    let going_on = producer.send_and_wait("kept", Record::new(value(1))).await;
    let metadata = going_on.unwrap_or_else(|e| panic!("{e}\n{}", free(&disk)));
    assert_eq!(metadata.offset, 1);
    check(&client, "kept", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_any_room_left_loses_nothing() {
    let Some(disk) = SmallDisk::new(100 * MIB) else { return };
    let mut broker = disk.broker(0);
    let connected = client(&broker.address).await;
    connected.create_topic(NewTopic::new("t")).await.unwrap();
    let (stored, error) = fill(&connected, "t").await;
    println!("{stored} records stored, then {error}\n{}", free(&disk));
    assert!(stored > 0);
    assert!(error.code().is_some(), "{error}");
    let codes = connected.metrics().errors;
    assert!(codes.keys().any(|code| [701, 702].contains(code)), "{codes:?}");
    check(&connected, "t", stored).await;

    broker.kill();
    disk.resize(600 * MIB);
    let broker = disk.broker(0);
    let client = client(&broker.address).await;
    check(&client, "t", stored).await;
    client.produce("t", Record::new("more")).await.unwrap();
    assert!(!disk.data().exists(), "the data was not on the small disk");
}
