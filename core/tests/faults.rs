//! Trouble on the way: cut connections, restarts, dead addresses. Every record that was acknowledged is
//! stored once and in order.

mod common;

use std::time::Duration;

use common::*;
use flymq_core::*;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_and_restarts_together_lose_double_and_reorder_nothing() {
    const RECORDS: u64 = 4_000;
    let (dir, mut broker, address) = broker().await;
    let listen = broker.local_addr();
    let proxy = Proxy::start(listen).await;
    let direct = Client::with_config(config(&address)).await.unwrap();
    direct.create_topic(NewTopic::new("t").partitions(3)).await.unwrap();
    proxy.cut_after(30_000);
    let client = Client::with_config(config(&proxy.address)).await.unwrap();
    let (flushed, mut flushes) = tokio::sync::mpsc::channel(1);
    let mut writers = Vec::new();
    for writer in 0..3 {
        let producer = client.producer().linger(Duration::ZERO).batch_bytes(1_000).build().unwrap();
        let flushed = flushed.clone();
        writers.push(tokio::spawn(async move {
            let mut deliveries = Vec::new();
            for i in 0..RECORDS {
                let record = Record::new(format!("{i:20}")).key(format!("{writer}"));
                deliveries.push(producer.send("t", record).await.unwrap());
                if i % 500 == 0 {
                    producer.flush().await;
                    flushed.send(()).await.unwrap();
                }
            }
            producer.close(Duration::from_secs(60)).await.unwrap();
            for (delivery, i) in deliveries.into_iter().zip(0..RECORDS) {
                delivery.await.unwrap_or_else(|e| panic!("record {i}: {e}"));
            }
        }));
    }
    drop(flushed);
    // A restart for every other flush, while the other writers are in the midst of theirs.
    while flushes.recv().await.is_some() {
        flushes.recv().await;
        broker.shutdown().await;
        broker = broker_in(dir.path(), listen).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(proxy.cuts() > 5, "only {} cuts", proxy.cuts());
    let expected: Vec<u64> = (0..RECORDS).collect();
    for (key, numbers) in read_all(&direct, "t").await {
        assert_eq!(numbers, expected, "key {key}");
    }
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
