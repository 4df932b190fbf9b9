//! What a power cut leaves where records are acknowledged before they are on the disk: files whose last
//! blocks were never written. The broker's death alone leaves what the operating system has.

mod common;

use std::os::unix::fs::FileExt;
use std::path::Path;

use common::*;
use flymq_broker::{Broker, Config, Durability};
use flymq_protocol::messages::*;

/// A broker that is started as soon as the one before has let go of the folder.
async fn restart(dir: &Path) -> (Broker, Client) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let config = Config { durability: Durability::Os, ..config(dir) };
        match Broker::start(config).await {
            Ok(broker) => {
                let client = Client::connect(&broker).await;
                return (broker, client);
            }
            Err(error) => {
                assert!(error.message.contains("in use"), "{}", error.message);
                assert!(tokio::time::Instant::now() < deadline, "{}", error.message);
                tokio::task::yield_now().await;
            }
        }
    }
}

/// A value whose batch goes to the segment's file.
fn large(name: char) -> String {
    name.to_string().repeat(50_000)
}

/// The file with the records of the only segment, and where in it a value is.
fn find(dir: &Path, value: &str) -> (std::fs::File, u64) {
    let mut files = std::fs::read_dir(dir.join("segments")).unwrap();
    let path = files.next().expect("a file of large batches").unwrap().path();
    assert!(files.next().is_none());
    let bytes = std::fs::read(&path).unwrap();
    let position = bytes.windows(value.len()).position(|w| w == value.as_bytes());
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    (file, position.expect("the value is in the file") as u64)
}

/// Makes blocks of the file those that were never written.
fn lose(dir: &Path, value: &str) {
    let (file, position) = find(dir, value);
    file.write_all_at(&[0; 4096], position + 8192).unwrap();
}

/// Makes the file end within a value.
fn truncate(dir: &Path, value: &str) {
    let (file, position) = find(dir, value);
    file.set_len(position + 8192).unwrap();
}

async fn first_letters(client: &mut Client, partition: u32) -> String {
    let records = values(&client.read_all("t", partition, 0).await);
    records.iter().map(|value| &value[..1]).collect()
}

#[tokio::test]
async fn partitions_end_before_what_did_not_reach_the_disk() {
    for damage in [lose, truncate] {
        let dir = tempfile::tempdir().unwrap();
        let (broker, mut client) = restart(dir.path()).await;
        client.create("t", 2, &[]).await;
        client.produce("t", 1, &[&large('p')]).await;
        for value in ["a".to_owned(), large('b'), large('c'), "d".into()] {
            client.produce("t", 0, &[&value]).await;
        }
        client.produce("t", 1, &["q"]).await;
        drop((broker, client));
        damage(dir.path(), &large('c'));

        let (broker, mut client) = restart(dir.path()).await;
        assert_eq!(first_letters(&mut client, 0).await, "ab");
        assert_eq!(client.offsets("t", 0).await, (0, 2));
        assert_eq!(first_letters(&mut client, 1).await, "pq");
        for value in [large('e'), "f".into()] {
            client.produce("t", 0, &[&value]).await;
        }
        assert_eq!(first_letters(&mut client, 0).await, "abef");
        broker.shutdown().await;
        let (_broker, mut client) = restart(dir.path()).await;
        assert_eq!(first_letters(&mut client, 0).await, "abef");
    }
}

#[tokio::test]
async fn a_lost_batch_is_no_duplicate_and_nobody_has_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = restart(dir.path()).await;
    client.create("t", 1, &[]).await;
    let identity = client.call(&InitProducerRequest::default()).await.unwrap();
    let sequenced = |sequence, value: &str| sequenced(&identity, sequence, value);
    for (sequence, value) in [(0, "a".into()), (1, large('b'))] {
        let stored = client.call(&sequenced(sequence, &value)).await.unwrap();
        assert!(!stored.duplicate);
    }
    let offset = CommittedOffset {
        topic: "t".into(),
        partition: 0,
        offset: Some(2),
        metadata: "note".into(),
        error: 0,
    };
    let commit = CommitRequest { group: "g".into(), offsets: vec![offset], ..Default::default() };
    client.call(&CommitRequest { generation: -1, ..commit }).await.unwrap();
    drop((broker, client));
    lose(dir.path(), &large('b'));

    let (_broker, mut client) = restart(dir.path()).await;
    let committed = CommittedRequest { group: "g".into(), topics: None, stable: true };
    let committed = client.call(&committed).await.unwrap().offsets;
    assert_eq!((committed[0].offset, committed[0].metadata.as_str()), (Some(1), "note"));
    let again = client.call(&sequenced(1, &large('b'))).await.unwrap();
    assert_eq!((again.base_offset, again.duplicate), (1, false));
    assert_eq!(first_letters(&mut client, 0).await, "ab");
}

#[tokio::test]
async fn the_brokers_own_death_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    for round in 'a'..='e' {
        let (broker, mut client) = restart(dir.path()).await;
        if round == 'a' {
            client.create("t", 1, &[("segment_bytes", "200000")]).await;
        }
        assert_eq!(first_letters(&mut client, 0).await, expected);
        for _ in 0..7 {
            client.produce("t", 0, &[&large(round)]).await;
            expected.push(round);
        }
        drop((broker, client));
    }
}
