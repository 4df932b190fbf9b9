//! Encryption from producer to consumer through a broker: coexistence, rotation, policies.

mod common;

use std::time::Duration;

use common::{broker, config, take};
use flymq_core::encryption::ENCRYPTION_HEADER;
use flymq_core::*;

const SOON: Duration = Duration::from_secs(20);

fn keyring(id: &str) -> Keyring {
    Keyring::new(EncryptionKey::generate().with_id(id).unwrap())
}

/// A client with these keys, and one without any that sees what is stored.
async fn clients(address: &str, keys: &Keyring) -> (Client, Client) {
    let encryption = Some(Encryption::new(keys.clone()));
    let with = Client::with_config(Config { encryption, ..config(address) }).await.unwrap();
    let raw = Client::with_config(Config { decrypt: false, ..config(address) }).await.unwrap();
    with.create_topic(NewTopic::new("t").if_not_exists()).await.unwrap();
    (with, raw)
}

fn values(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| std::str::from_utf8(m.value.as_deref().unwrap()).unwrap()).collect()
}

async fn consumer(client: &Client, topic: &str, policy: OnUnreadable) -> Consumer {
    let consumer = client.consumer().on_undecryptable(policy).build();
    consumer.assign([(topic.to_owned(), 0, StartOffset::Earliest)]).await.unwrap();
    consumer
}

#[tokio::test]
async fn what_is_stored_is_sealed_and_every_way_of_reading_opens_it() {
    let (_dir, _broker, address) = broker().await;
    let (client, raw) = clients(&address, &keyring("a")).await;
    client.produce("t", Record::new("secret").key("k").header("h", "1")).await.unwrap();
    client.produce("t", Record::tombstone("k")).await.unwrap();

    let stored = raw.fetch("t", 0, 0, FetchOptions::default()).await.unwrap();
    assert_eq!(stored[0].key.as_deref(), Some(&b"k"[..]));
    assert!(!stored[0].value.as_ref().unwrap().windows(6).any(|w| w == b"secret"));
    assert_eq!(stored[1].value, None);
    assert!(stored.iter().all(|m| m.headers.last().unwrap().0 == ENCRYPTION_HEADER));
    assert_eq!(raw.consume("t", 0, 0).await.unwrap().unwrap(), stored[0]);

    let fetched = client.fetch("t", 0, 0, FetchOptions::default()).await.unwrap();
    let mut reader = consumer(&client, "t", OnUnreadable::Error).await;
    assert_eq!(take(&mut reader, 2).await, fetched);
    assert_eq!(client.consume("t", 0, 0).await.unwrap().unwrap(), fetched[0]);
    assert_eq!(fetched[0].value.as_deref(), Some(&b"secret"[..]));
    assert_eq!(fetched[0].headers, [("h".to_owned(), Some("1".into()))]);
    assert_eq!((&fetched[1].value, fetched[1].headers.len()), (&None, 0));
}

#[tokio::test]
async fn without_the_key_there_is_an_error_and_never_ciphertext() {
    let (_dir, _broker, address) = broker().await;
    let (client, _) = clients(&address, &keyring("2025")).await;
    let stranger = Client::with_config(config(&address)).await.unwrap();
    stranger.produce("t", Record::new("plain")).await.unwrap();
    client.produce("t", Record::new("secret")).await.unwrap();
    let (impostor, _) = clients(&address, &keyring("2025")).await;
    let (late, _) = clients(&address, &keyring("2026")).await;
    for (reader, name) in [
        (stranger, "UNKNOWN_ENCRYPTION_KEY"),
        (late, "UNKNOWN_ENCRYPTION_KEY"),
        (impostor, "DECRYPTION_FAILED"),
    ] {
        let before = reader.fetch("t", 0, 0, FetchOptions::default()).await.unwrap();
        assert_eq!(values(&before), ["plain"]);
        for error in [
            reader.fetch("t", 0, 1, FetchOptions::default()).await.unwrap_err(),
            reader.consume("t", 0, 1).await.unwrap_err(),
        ] {
            assert_eq!(error.name(), name);
            for part in ["topic \"t\"", "partition 0", "offset 1", "\"2025\""] {
                assert!(error.message().contains(part), "{part}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn the_reserved_header_is_refused_with_and_without_keys() {
    let (_dir, _broker, address) = broker().await;
    let (client, raw) = clients(&address, &keyring("a")).await;
    for client in [client, raw] {
        let record = Record::new("v").header(ENCRYPTION_HEADER, "x");
        let error = client.produce("t", record).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::InvalidArgument), "{error}");
    }
}

#[tokio::test]
async fn an_error_stops_the_partition_until_a_seek() {
    let (_dir, _broker, address) = broker().await;
    let keys = keyring("a");
    let (client, _) = clients(&address, &keys).await;
    let stranger = Client::with_config(config(&address)).await.unwrap();
    stranger.produce("t", Record::new("0")).await.unwrap();
    client.produce("t", Record::new("1")).await.unwrap();
    stranger.produce_batch("t", ["2", "3"].map(Record::new)).await.unwrap();

    let mut reader = consumer(&stranger, "t", OnUnreadable::default()).await;
    assert_eq!(values(&take(&mut reader, 1).await), ["0"]);
    let error = reader.poll(10, SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownEncryptionKey));
    assert_eq!(reader.position("t", 0).unwrap(), 1);
    // Told once; and nothing behind the record is handed out meanwhile.
    stranger.produce("t", Record::new("4")).await.unwrap();
    assert_eq!(reader.poll(10, Duration::from_millis(300)).await.unwrap(), []);
    assert_eq!(reader.position("t", 0).unwrap(), 1);
    reader.seek("t", 0, StartOffset::Offset(1)).await.unwrap();
    assert!(reader.poll(10, SOON).await.is_err());
    reader.seek("t", 0, StartOffset::Offset(2)).await.unwrap();
    assert_eq!(values(&take(&mut reader, 3).await), ["2", "3", "4"]);
}

#[tokio::test]
async fn skipped_records_are_counted() {
    let (_dir, _broker, address) = broker().await;
    let (client, _) = clients(&address, &keyring("a")).await;
    let stranger = Client::with_config(config(&address)).await.unwrap();
    client.produce_batch("t", ["0", "1"].map(Record::new)).await.unwrap();
    stranger.produce("t", Record::new("2")).await.unwrap();
    client.produce("t", Record::new("3")).await.unwrap();
    let mut reader = consumer(&stranger, "t", OnUnreadable::Skip).await;
    assert_eq!(values(&take(&mut reader, 1).await), ["2"]);
    while reader.position("t", 0).unwrap() < 4 {
        assert_eq!(reader.poll(10, Duration::from_millis(50)).await.unwrap(), []);
    }
    let metrics = stranger.metrics();
    assert_eq!((metrics.skipped_records, metrics.consumed_records), (3, 1));
}

#[tokio::test]
async fn dead_letters_are_stored_unchanged_before_reading_goes_on() {
    let (_dir, _broker, address) = broker().await;
    let keys = keyring("a");
    let (client, raw) = clients(&address, &keys).await;
    // The reader encrypts too, with a key of its own; that must not touch what it sends on.
    let (reading, _) = clients(&address, &keyring("b")).await;
    client
        .produce("t", Record::new("secret").key("k").header("h", "1").timestamp(7))
        .await
        .unwrap();
    reading.produce("t", Record::new("mine")).await.unwrap();

    let policy = OnUnreadable::DeadLetter { topic: None };
    let mut reader = consumer(&reading, "t", policy).await;
    let error = reader.poll(10, SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopic));
    assert!(error.message().contains("t.dlq") && error.message().contains("offset 0"), "{error}");
    assert_eq!(reader.position("t", 0).unwrap(), 0);
    reading.create_topic(NewTopic::new("t.dlq")).await.unwrap();
    assert_eq!(values(&take(&mut reader, 1).await), ["mine"]);
    assert_eq!(reading.metrics().dead_letters, 1);

    let original = raw.consume("t", 0, 0).await.unwrap().unwrap();
    let mut letter = raw.consume("t.dlq", 0, 0).await.unwrap().unwrap();
    assert_eq!((&letter.key, &letter.value), (&original.key, &original.value));
    assert_eq!(letter.timestamp, 7);
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(n, _)| n == name).unwrap();
        String::from_utf8(found.1.as_ref().unwrap().to_vec()).unwrap()
    };
    assert_eq!(header("flymq.dlq.topic"), "t");
    assert_eq!(
        (header("flymq.dlq.partition"), header("flymq.dlq.offset")),
        ("0".into(), "0".into())
    );
    assert!(header("flymq.dlq.error").contains("UNKNOWN_ENCRYPTION_KEY"));
    // Whoever has the key reads it as what it was.
    assert!(client.consume("t.dlq", 0, 0).await.is_err());
    Encryption::new(keys).open("t", &mut letter).unwrap();
    assert_eq!(letter.value.as_deref(), Some(&b"secret"[..]));
}

#[tokio::test]
async fn dead_letters_go_to_the_topic_that_is_named() {
    let (_dir, _broker, address) = broker().await;
    let (client, raw) = clients(&address, &keyring("a")).await;
    let stranger = Client::with_config(config(&address)).await.unwrap();
    stranger.create_topic(NewTopic::new("unread")).await.unwrap();
    client.produce_batch("t", ["0", "1", "2"].map(Record::new)).await.unwrap();
    let policy = OnUnreadable::DeadLetter { topic: Some("unread".to_owned()) };
    let mut reader = consumer(&stranger, "t", policy).await;
    while reader.position("t", 0).unwrap() < 3 {
        assert_eq!(reader.poll(10, Duration::from_millis(100)).await.unwrap(), []);
    }
    let letters = raw.fetch("unread", 0, 0, FetchOptions::default()).await.unwrap();
    let stored = raw.fetch("t", 0, 0, FetchOptions::default()).await.unwrap();
    let values = |m: &[Message]| m.iter().map(|m| m.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&letters), values(&stored));
}

#[tokio::test]
async fn keys_are_rotated_while_traffic_runs() {
    let (_dir, _broker, address) = broker().await;
    let (writing, reading) = (keyring("1"), keyring("0"));
    let first = KeyProvider::current(&writing).unwrap();
    reading.add(EncryptionKey::clone(&first)).unwrap();
    let (writer, raw) = clients(&address, &writing).await;
    let (reader, _) = clients(&address, &reading).await;
    let reading_all = tokio::spawn(async move {
        let mut consumer = consumer(&reader, "t", OnUnreadable::Error).await;
        take(&mut consumer, 1000).await
    });
    for number in 0..1000u32 {
        if number % 250 == 249 {
            let id = format!("{}", number / 250 + 2);
            let key = EncryptionKey::generate().with_id(&id).unwrap();
            reading.add(key.clone()).unwrap();
            writing.add(key).unwrap();
            writing.encrypt_with(&id).unwrap();
        }
        writer.produce("t", Record::new(number.to_string())).await.unwrap();
    }
    let read = reading_all.await.unwrap();
    let numbers: Vec<String> = (0..1000).map(|n: u32| n.to_string()).collect();
    assert_eq!(values(&read), numbers);
    let last = raw.consume("t", 0, 999).await.unwrap().unwrap();
    assert_eq!(last.headers[0].1.as_ref().unwrap()[2..4], [1, b'5'], "the last key's id");
}

#[tokio::test]
async fn a_provider_of_keys_may_fail() {
    struct Broken;
    impl KeyProvider for Broken {
        fn current(&self) -> Result<std::sync::Arc<EncryptionKey>> {
            Err(self.find("").unwrap_err())
        }
        fn find(&self, _: &str) -> Result<Option<std::sync::Arc<EncryptionKey>>> {
            Err(Error::new(ErrorCode::Timeout, "vault", "the vault does not answer"))
        }
    }
    let (_dir, _broker, address) = broker().await;
    let (client, _) = clients(&address, &keyring("a")).await;
    client.produce("t", Record::new("v")).await.unwrap();
    let encryption = Some(Encryption::new(Broken));
    let broken = Client::with_config(Config { encryption, ..config(&address) }).await.unwrap();
    for error in [
        broken.produce("t", Record::new("v")).await.unwrap_err(),
        broken.consume("t", 0, 0).await.unwrap_err(),
    ] {
        assert_eq!((error.code(), error.operation()), (Some(ErrorCode::Timeout), "vault"));
    }
}

#[tokio::test]
async fn a_producer_that_encrypts_does_not_compress() {
    let (_dir, _broker, address) = broker().await;
    let (client, raw) = clients(&address, &keyring("a")).await;
    let producer = client.producer().compression(Compression::Zstd).build().unwrap();
    producer.send_and_wait("t", Record::new("v".repeat(1000))).await.unwrap();
    assert_eq!(raw.consume("t", 0, 0).await.unwrap().unwrap().value.unwrap().len(), 1016);
    let read = client.consume("t", 0, 0).await.unwrap().unwrap();
    assert_eq!(read.value.unwrap().len(), 1000);
}

#[tokio::test]
async fn transactions_seal_and_members_of_a_group_open() {
    let (_dir, _broker, address) = broker().await;
    let (client, raw) = clients(&address, &keyring("a")).await;
    let transaction = client.transaction().await.unwrap();
    transaction.send("t", Record::new("one")).await.unwrap();
    transaction.send("t", Record::new("two")).await.unwrap();
    transaction.commit().await.unwrap();
    client.produce("t", Record::new("three")).await.unwrap();

    let stored = raw.fetch("t", 0, 0, FetchOptions::default()).await.unwrap();
    assert_eq!(stored.len(), 3);
    assert!(stored.iter().all(|m| m.headers[0].0 == ENCRYPTION_HEADER));
    let mut member = client.consumer().group("g").auto_commit(None).build();
    member.subscribe(["t"]).unwrap();
    assert_eq!(values(&take(&mut member, 3).await), ["one", "two", "three"]);
    member.commit().await.unwrap();
    member.close(SOON).await.unwrap();
    let committed = client.group_offsets("g").await.unwrap();
    // Offsets may have gaps, at the ends of transactions.
    assert_eq!(committed[0].offset, stored[2].offset as i64);
}

#[tokio::test]
async fn what_stops_a_member_is_not_committed() {
    let (_dir, _broker, address) = broker().await;
    let (client, _) = clients(&address, &keyring("a")).await;
    let stranger = Client::with_config(config(&address)).await.unwrap();
    stranger.produce("t", Record::new("plain")).await.unwrap();
    client.produce("t", Record::new("secret")).await.unwrap();

    for (policy, processed) in [(OnUnreadable::Error, 0), (OnUnreadable::Skip, 1)] {
        let mut member = stranger.consumer().group("g").on_undecryptable(policy).build();
        member.subscribe(["t"]).unwrap();
        if processed == 0 {
            assert_eq!(values(&take(&mut member, 1).await), ["plain"]);
            let error = member.poll(1, SOON).await.unwrap_err();
            assert_eq!(error.name(), "UNKNOWN_ENCRYPTION_KEY");
        } else {
            while member.position("t", 0).unwrap_or(0) < 2 {
                assert!(member.poll(1, Duration::from_millis(20)).await.unwrap().is_empty());
            }
        }
        member.close(SOON).await.unwrap();
        assert_eq!(stranger.group_offsets("g").await.unwrap()[0].offset, processed);
    }
}
