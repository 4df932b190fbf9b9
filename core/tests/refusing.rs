//! Records that the application cannot deserialize, refused.

mod common;

use std::time::Duration;

use common::{broker, config, take};
use flymq_core::encryption::ENCRYPTION_HEADER;
use flymq_core::*;

const SOON: Duration = Duration::from_secs(20);

/// A client that encrypts, and one that sees what is stored of the records 0 to 4 in topic `t`.
async fn clients(address: &str) -> (Client, Client) {
    let keys = Keyring::new(EncryptionKey::generate().with_id("k").unwrap());
    let encryption = Some(Encryption::new(keys));
    let client = Client::with_config(Config { encryption, ..config(address) }).await.unwrap();
    let raw = Client::with_config(Config { decrypt: false, ..config(address) }).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    client.produce_batch("t", (0..5).map(|i| Record::new(i.to_string()))).await.unwrap();
    (client, raw)
}

async fn consumer(client: &Client, policy: OnUnreadable) -> Consumer {
    let consumer = client.consumer().on_undeserializable(policy).build();
    consumer.assign([("t".to_owned(), 0, StartOffset::Earliest)]).await.unwrap();
    consumer
}

fn unreadable() -> Error {
    Error::new(ErrorCode::Serialization, "poll", "no number")
}

fn values(messages: &[Message]) -> Vec<&[u8]> {
    messages.iter().map(|m| m.value.as_deref().unwrap()).collect()
}

#[tokio::test]
async fn the_error_is_told_once_and_the_position_stays() {
    let (_dir, _broker, address) = broker().await;
    let (client, _) = clients(&address).await;
    let mut reader = consumer(&client, OnUnreadable::Error).await;
    let all = take(&mut reader, 5).await;
    assert!(!reader.refuse(&all[2], unreadable()).await);
    assert_eq!(reader.position("t", 0).unwrap(), 2);
    assert_eq!(reader.poll(10, SOON).await.unwrap_err().code(), Some(ErrorCode::Serialization));
    assert_eq!(reader.poll(10, Duration::from_millis(50)).await.unwrap(), []);
    reader.seek_to("t", 0, 3).unwrap();
    assert_eq!(values(&take(&mut reader, 2).await), [b"3", b"4"]);
    // A seek to before the record counts, not the refusal.
    reader.seek_to("t", 0, 1).unwrap();
    assert!(!reader.refuse(&all[2], unreadable()).await);
    assert_eq!(values(&take(&mut reader, 4).await), [b"1", b"2", b"3", b"4"]);
}

#[tokio::test]
async fn a_skipped_record_is_counted() {
    let (_dir, _broker, address) = broker().await;
    let (client, _) = clients(&address).await;
    let mut reader = consumer(&client, OnUnreadable::Skip).await;
    let all = take(&mut reader, 5).await;
    assert!(reader.refuse(&all[2], unreadable()).await);
    assert_eq!((reader.position("t", 0).unwrap(), client.metrics().skipped_records), (5, 1));
}

#[tokio::test]
async fn a_dead_letter_is_encrypted_as_the_record_was() {
    let (_dir, _broker, address) = broker().await;
    let (client, raw) = clients(&address).await;
    let mut reader = consumer(&client, OnUnreadable::DeadLetter { topic: None }).await;
    let all = take(&mut reader, 5).await;
    // As long as there is no topic for it, it comes again.
    assert!(!reader.refuse(&all[2], unreadable()).await);
    assert_eq!(reader.poll(10, SOON).await.unwrap_err().code(), Some(ErrorCode::UnknownTopic));
    assert_eq!(values(&take(&mut reader, 3).await), [b"2", b"3", b"4"]);

    client.create_topic(NewTopic::new("t.dlq")).await.unwrap();
    assert!(reader.refuse(&all[2], unreadable()).await);
    let stored = raw.consume("t.dlq", 0, 0).await.unwrap().unwrap();
    assert!(stored.headers.iter().any(|(name, _)| name == ENCRYPTION_HEADER));
    let letter = client.consume("t.dlq", 0, 0).await.unwrap().unwrap();
    assert_eq!(letter.value.as_deref(), Some(&b"2"[..]));
    assert!(letter.headers.contains(&("flymq.dlq.offset".to_owned(), Some("2".into()))));
    assert_eq!(client.metrics().dead_letters, 1);
}
