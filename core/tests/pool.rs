//! Clients that are borrowed from a pool.

mod common;

use std::time::Duration;

use flymq_core::{Client, ClientPool, NewTopic, Record};

#[tokio::test]
async fn clients_are_borrowed_one_by_one_and_given_back() {
    let (_dir, broker, address) = common::broker().await;
    let pool = ClientPool::new(common::config(&address), 2).unwrap();
    assert_eq!((pool.size(), pool.borrowed()), (2, 0));
    let first = pool.get().await.unwrap();
    first.create_topic(NewTopic::new("t")).await.unwrap();
    let second = pool.get().await.unwrap();
    assert_eq!(pool.borrowed(), 2);
    let third = tokio::time::timeout(Duration::from_millis(50), pool.get()).await;
    assert!(third.is_err(), "there are two only");

    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.unwrap().produce("t", Record::new("x")).await }
    });
    drop(second);
    waiting.await.unwrap().unwrap();
    drop(first);
    assert_eq!(pool.borrowed(), 0);
    // What was given back is taken again, so that two connections are all there ever were.
    for _ in 0..10 {
        let (one, other) = (pool.get().await.unwrap(), pool.get().await.unwrap());
        one.produce("t", Record::new("x")).await.unwrap();
        other.produce("t", Record::new("x")).await.unwrap();
        assert_eq!(one.metrics().connections + other.metrics().connections, 2);
    }
    drop(broker);
}

#[tokio::test]
async fn a_client_may_be_the_first_of_its_pool() {
    let (_dir, _broker, address) = common::broker().await;
    let client = Client::builder(&address).client_id("first").connect().await.unwrap();
    let pool = ClientPool::starting_with(client.clone(), 1).unwrap();
    let before = client.metrics().requests;
    pool.get().await.unwrap().ping().await.unwrap();
    assert!(client.metrics().requests > before, "it was this one");
}

#[tokio::test]
async fn a_closed_pool_lends_nothing() {
    let (_dir, _broker, address) = common::broker().await;
    let pool = ClientPool::new(common::config(&address), 1).unwrap();
    let borrowed = pool.get().await.unwrap();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.err().unwrap() }
    });
    tokio::task::yield_now().await;
    pool.close().await;
    assert_eq!(waiting.await.unwrap().name(), "CLOSED");
    assert_eq!(pool.get().await.err().unwrap().name(), "CLOSED");
    // What is borrowed can be used to the end.
    borrowed.list_topics().await.unwrap();
}

#[tokio::test]
async fn what_cannot_connect_takes_no_place() {
    let config = flymq_core::Config {
        connect_timeout: Duration::from_millis(200),
        ..common::config("127.0.0.1:1")
    };
    let pool = ClientPool::new(config.clone(), 1).unwrap();
    for _ in 0..2 {
        assert_eq!(pool.get().await.err().unwrap().name(), "CONNECT_FAILED");
        assert_eq!(pool.borrowed(), 0);
    }
    for size in [0, 10_001] {
        assert_eq!(ClientPool::new(config.clone(), size).err().unwrap().name(), "INVALID_ARGUMENT");
    }
}
