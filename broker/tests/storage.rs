//! The data folder: retention that frees space, restarts, locks, versions.

mod common;

use std::path::Path;

use common::*;
use flymq_broker::{Broker, ErrorCode};

fn disk_use(path: &Path) -> u64 {
    std::fs::read_dir(path)
        .unwrap()
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => disk_use(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Bytes of the log's files, without the journal.
fn log_size(dir: &Path) -> u64 {
    disk_use(&dir.join("db").join("keyspaces")) + disk_use(&dir.join("segments"))
}

/// Waits until `done` says so, asking again after each answer of the broker.
async fn until(client: &mut Client, topic: &str, done: impl Fn((u64, u64)) -> bool) -> (u64, u64) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let offsets = client.offsets(topic, 0).await;
        if done(offsets) {
            return offsets;
        }
        assert!(tokio::time::Instant::now() < deadline, "offsets stay at {offsets:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn retention_by_bytes_gives_space_back_and_keeps_offsets() {
    let (dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 2, &[("segment_bytes", "1000000"), ("retention_bytes", "3000000")]).await;
    let value = "x".repeat(100_000);
    client.produce("t", 1, &["first and only"]).await;
    for _ in 0..300 {
        client.produce("t", 0, &[&value]).await;
    }
    // 30 records exceed the limit; with 29 left retention is done, and what is read next stays.
    let (earliest, latest) = until(&mut client, "t", |(earliest, _)| earliest > 270).await;
    assert_eq!(latest, 300);
    let left = log_size(dir.path());
    assert!(left < 8_000_000, "{left} bytes are left");
    assert_eq!(client.read_all("t", 0, earliest).await.len() as u64, latest - earliest);
    assert_eq!(client.fetch("t", 0, 0).await.error, ErrorCode::OffsetOutOfRange as u16);
    // The other partition's only record went with its segment; its next offset did not.
    assert_eq!(client.offsets("t", 1).await, (1, 1));

    broker.shutdown().await;
    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    let (again, end) = client.offsets("t", 0).await;
    assert!(again >= earliest && end == latest, "{again} to {end}");
    assert_eq!(client.offsets("t", 1).await, (1, 1));
    assert_eq!(client.produce("t", 1, &["second"]).await, 1);
    assert_eq!(client.produce("t", 0, &["next"]).await, 300);
}

#[tokio::test]
async fn retention_by_time_empties_a_quiet_topic() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("short", 1, &[("retention_ms", "1")]).await;
    client.create("long", 1, &[]).await;
    client.produce("short", 0, &["a", "b"]).await;
    client.produce("long", 0, &["a", "b"]).await;
    assert_eq!(until(&mut client, "short", |(earliest, _)| earliest == 2).await, (2, 2));
    assert_eq!(client.offsets("long", 0).await, (0, 2));
    assert_eq!(client.produce("short", 0, &["c"]).await, 2);
}

#[tokio::test]
async fn deleting_a_topic_gives_its_space_back() {
    let (dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 1, &[]).await;
    let value = "x".repeat(1_000_000);
    for _ in 0..40 {
        client.produce("t", 0, &[&value]).await;
    }
    let full = log_size(dir.path());
    assert!(full >= 40_000_000, "{full}");
    client.call(&flymq_protocol::messages::DeleteTopicRequest { name: "t".into() }).await.unwrap();
    // The folder goes when the last flush of it has ended.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while log_size(dir.path()) > 1_000_000 {
        let left = log_size(dir.path());
        assert!(tokio::time::Instant::now() < deadline, "{full} became {left}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_folder_serves_one_broker_at_a_time() {
    let (dir, broker) = start().await;
    let error = Broker::start(config(dir.path())).await.err().expect("the folder is taken");
    assert_eq!(error.code, ErrorCode::StorageFailed);
    assert!(error.message.contains("in use by another broker"), "{}", error.message);
    broker.shutdown().await;
    Broker::start(config(dir.path())).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn folders_of_another_version_or_kind_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |dir: &Path| {
        let config = config(dir);
        async move { Broker::start(config).await.err().expect("a refusal").message }
    };
    std::fs::write(dir.path().join("FORMAT"), "flymq data format 99\n").unwrap();
    let message = refused(dir.path()).await;
    assert!(message.contains("99") && message.contains("format 2"), "{message}");

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
    let message = refused(dir.path()).await;
    assert!(message.contains("neither empty nor"), "{message}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_of_the_version_before_is_taken_over() {
    let (dir, broker) = start().await;
    broker.shutdown().await;
    let mark = dir.path().join("FORMAT");
    std::fs::write(&mark, "flymq data format 1\n").unwrap();
    Broker::start(config(dir.path())).await.unwrap().shutdown().await;
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "flymq data format 2\n");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..5 {
        let broker = Broker::start(config(dir.path())).await.unwrap();
        let mut client = Client::connect(&broker).await;
        if round == 0 {
            client.create("t", 1, &[("segment_bytes", "100000")]).await;
        }
        assert_eq!(values(&client.read_all("t", 0, 0).await), expected);
        for i in 0..50 {
            let value = format!("{round}-{i}-{}", "x".repeat(5_000));
            let offset = client.produce("t", 0, &[&value]).await;
            assert_eq!(offset, expected.len() as u64);
            expected.push(value);
        }
        // Every other time without closing properly.
        if round % 2 == 0 {
            broker.shutdown().await
        } else {
            drop(broker)
        }
        drop(client);
    }
}
