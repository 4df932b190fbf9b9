//! Trouble on the way: cut and stalled connections, restarts, refusals, time-outs. Every record that
//! was acknowledged is stored once and in order, and every delivery ends.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Proxy, broker, broker_in};
use flymq_core::*;

fn config(address: &str) -> Config {
    Config {
        backoff_initial: Duration::from_millis(1),
        backoff_max: Duration::from_millis(20),
        ..Config::parse(address).unwrap()
    }
}

/// All records of a topic as `key → values`, in the order of each partition.
async fn read_all(client: &Client, topic: &str) -> BTreeMap<String, Vec<u64>> {
    let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for partition in client.describe_topic(topic).await.unwrap().partitions {
        let mut offset = partition.earliest;
        while offset < partition.latest {
            let options = FetchOptions { max_bytes: 4 << 20, ..Default::default() };
            let messages = client.fetch(topic, partition.partition, offset, options).await.unwrap();
            let Some(last) = messages.last() else { break };
            offset = last.offset + 1;
            for message in messages {
                let text = |b: bytes::Bytes| String::from_utf8(b.to_vec()).unwrap();
                let number = text(message.value.unwrap()).trim().parse().unwrap();
                by_key.entry(text(message.key.unwrap())).or_default().push(number);
            }
        }
    }
    by_key
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_double_and_reorder_nothing() {
    let (_dir, broker, address) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let direct = Client::connect(&address).await.unwrap();
    direct.create_topic(NewTopic::new("t").partitions(5)).await.unwrap();
    proxy.cut_after(40_000);
    let client = Client::with_config(config(&proxy.address)).await.unwrap();

    let mut writers = Vec::new();
    for writer in 0..4 {
        let producer = client
            .producer()
            .linger(Duration::from_millis(writer % 2))
            .batch_bytes(2_000)
            .build()
            .unwrap();
        writers.push(tokio::spawn(async move {
            let mut deliveries = Vec::new();
            for i in 0..5_000 {
                let record = Record::new(format!("{i:20}")).key(format!("{writer}-{}", i % 7));
                deliveries.push(producer.send("t", record).await.unwrap());
            }
            producer.flush().await;
            for delivery in deliveries {
                delivery.await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(proxy.cuts() > 20, "only {} cuts", proxy.cuts());
    assert!(client.metrics().retries > 0);
    let stored = read_all(&direct, "t").await;
    assert_eq!(stored.len(), 4 * 7);
    for (key, numbers) in stored {
        let residue = key.split('-').nth(1).unwrap().parse::<u64>().unwrap();
        let expected: Vec<u64> = (0..5_000).filter(|i| i % 7 == residue).collect();
        assert_eq!(numbers, expected, "key {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_broker_is_found_again() {
    let (dir, first, address) = broker().await;
    let listen = first.local_addr();
    let client = Client::with_config(config(&address)).await.unwrap();
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    let mut consumer = client.consumer().max_wait(Duration::from_secs(30)).build();
    let both = (0..2).map(|p| ("t".to_owned(), p, StartOffset::Earliest));
    consumer.assign(both).await.unwrap();

    let producer = client.producer().linger(Duration::ZERO).build().unwrap();
    let mut broker = Some(first);
    for round in 0..5u64 {
        for i in 0..100 {
            let record = Record::new(format!("{}", round * 100 + i)).key("k");
            // Half of them are on their way while the broker stops.
            let delivery = producer.send("t", record).await.unwrap();
            if i < 50 {
                delivery.await.unwrap();
            }
        }
        broker.take().unwrap().shutdown().await;
        broker = Some(broker_in(dir.path(), listen).await);
    }
    producer.close(Duration::from_secs(30)).await.unwrap();
    let expected: Vec<u64> = (0..500).collect();
    assert_eq!(read_all(&client, "t").await["k"], expected);

    // The consumer went through the same and missed nothing.
    let mut seen = Vec::new();
    while seen.len() < 500 {
        let messages = consumer.poll(1000, Duration::from_secs(30)).await.unwrap();
        assert!(!messages.is_empty(), "{} records came", seen.len());
        seen.extend(messages.iter().map(|m| {
            std::str::from_utf8(m.value.as_ref().unwrap()).unwrap().parse::<u64>().unwrap()
        }));
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn dead_addresses_are_passed_over() {
    let (_dir, _broker, address) = broker().await;
    let vacant = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = vacant.local_addr().unwrap();
    drop(vacant);
    let client = Client::connect(&format!("{dead},{address}")).await.unwrap();
    client.ping().await.unwrap();
    assert_eq!(client.broker().await.unwrap().address, address);

    let error = Client::connect(&dead.to_string()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ConnectFailed));
    assert!(error.to_string().contains(&dead.to_string()), "{error}");
}

#[tokio::test]
async fn a_peer_that_does_not_speak_flymq_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let error = Client::connect(&address).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::BadMagic), "{error}");
}

#[tokio::test]
async fn a_full_buffer_holds_the_sender_up_and_fails_nothing() {
    let (_dir, broker, address) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let direct = Client::connect(&address).await.unwrap();
    direct.create_topic(NewTopic::new("t")).await.unwrap();
    let client = Client::connect(&proxy.address).await.unwrap();
    let producer = client.producer().batch_bytes(1_000).buffer_bytes(10_000).build().unwrap();
    producer.send_and_wait("t", Record::new("0").key("k")).await.unwrap();

    proxy.let_through(false);
    let filling = producer.clone();
    let mut filler = tokio::spawn(async move {
        for i in 1..200 {
            filling.send("t", Record::new(format!("{i:100}")).key("k")).await.unwrap();
        }
    });
    let stuck = tokio::time::timeout(Duration::from_millis(300), &mut filler).await;
    assert!(stuck.is_err(), "the buffer took more than it may");
    let buffered = client.metrics().buffered_bytes;
    assert!((8_000..=10_000).contains(&buffered), "{buffered}");
    proxy.let_through(true);
    filler.await.unwrap();
    producer.close(Duration::from_secs(10)).await.unwrap();
    assert_eq!(read_all(&direct, "t").await["k"], (0..200).collect::<Vec<_>>());
    assert_eq!(client.metrics().buffered_bytes, 0);
}

#[tokio::test]
async fn closing_and_dropping_leave_no_delivery_waiting() {
    let (_dir, broker, address) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    Client::connect(&address).await.unwrap().create_topic(NewTopic::new("t")).await.unwrap();
    let client = Client::connect(&proxy.address).await.unwrap();

    for close in [true, false] {
        proxy.let_through(true);
        let producer = client.producer().build().unwrap();
        producer.send_and_wait("t", Record::new("a")).await.unwrap();
        proxy.let_through(false);
        let delivery = producer.send("t", Record::new("b")).await.unwrap();
        if close {
            let error = producer.close(Duration::from_millis(50)).await.unwrap_err();
            assert_eq!(error.code(), Some(ErrorCode::Timeout));
            let error = producer.send("t", Record::new("c")).await.err().unwrap();
            assert_eq!(error.code(), Some(ErrorCode::Closed));
        } else {
            drop(producer);
        }
        let outcome = tokio::time::timeout(Duration::from_secs(10), delivery).await;
        assert_eq!(outcome.unwrap().unwrap_err().code(), Some(ErrorCode::Closed));
    }

    proxy.let_through(true);
    client.close().await;
    client.close().await;
    let error = client.ping().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Closed));
}

#[tokio::test]
async fn a_refused_record_harms_no_other() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::with_config(config(&address)).await.unwrap();
    let topic = NewTopic::new("t").config("max_record_bytes", "500");
    client.create_topic(topic).await.unwrap();
    let producer = client.producer().linger(Duration::ZERO).batch_bytes(300).build().unwrap();
    let mut deliveries = Vec::new();
    for i in 0..300 {
        let width = if i % 20 == 7 { 600 } else { 100 };
        let record = Record::new(format!("{i:width$}")).key("k");
        deliveries.push(producer.send("t", record).await.unwrap());
    }
    for (i, delivery) in deliveries.into_iter().enumerate() {
        let outcome = delivery.await;
        if i % 20 == 7 {
            assert_eq!(outcome.unwrap_err().code(), Some(ErrorCode::RecordTooLarge), "{i}");
        } else {
            outcome.unwrap();
        }
    }
    let expected: Vec<u64> = (0..300).filter(|i| i % 20 != 7).collect();
    assert_eq!(read_all(&client, "t").await["k"], expected);
}

#[tokio::test]
async fn records_given_up_are_told_so_and_the_rest_goes_on() {
    let (_dir, broker, address) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let direct = Client::connect(&address).await.unwrap();
    direct.create_topic(NewTopic::new("t")).await.unwrap();
    let quick = Config { request_timeout: Duration::from_millis(200), ..config(&proxy.address) };
    let client = Client::with_config(quick).await.unwrap();
    let producer = client
        .producer()
        .linger(Duration::ZERO)
        .delivery_timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    producer.send_and_wait("t", Record::new("0").key("k")).await.unwrap();
    proxy.let_through(false);
    let error = producer.send_and_wait("t", Record::new("1").key("k")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Timeout));
    proxy.let_through(true);
    for i in 2..50 {
        producer.send_and_wait("t", Record::new(format!("{i}")).key("k")).await.unwrap();
    }
    // What was given up may have been stored all the same, but once.
    let mut stored = read_all(&direct, "t").await["k"].clone();
    stored.retain(|&n| n != 1);
    assert_eq!(stored, (0..50).filter(|&n| n != 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_topic_made_anew_is_written_to_from_the_start() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::with_config(config(&address)).await.unwrap();
    let producer = client.producer().linger(Duration::ZERO).build().unwrap();
    for round in 0..3 {
        client.create_topic(NewTopic::new("t")).await.unwrap();
        for i in 0..10 {
            let record = Record::new(format!("{}", round * 10 + i)).key("k");
            let stored = producer.send_and_wait("t", record).await.unwrap();
            assert_eq!(stored.offset, i);
        }
        client.delete_topic("t").await.unwrap();
        let error = producer.send_and_wait("t", Record::new("x")).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::UnknownTopic));
    }
}
