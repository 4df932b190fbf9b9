//! Consumers of a group share its partitions and hand them over, whatever happens to them.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::members::*;
use common::*;
use flymq_core::*;

async fn connect(address: &str) -> Client {
    Client::with_config(config(address)).await.unwrap()
}

/// A member of group `g` that reads `t`.
fn join(client: &Client) -> Consumer {
    let consumer = client.consumer().group("g").build();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

#[tokio::test]
async fn partitions_are_shared_and_handed_over_without_loss_or_doubles() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(6)).await.unwrap();
    let mut tally = Tally::default();
    let mut a = join(&client);
    fill(&client, "t", 0..600).await;
    // In the midst of it the others come.
    drive(&mut [&mut a], &mut tally, |_, tally| tally.0.len() > 100).await;
    let mut b = join(&client);
    let mut c = join(&client);
    drive(&mut [&mut a, &mut b, &mut c], &mut tally, |consumers, tally| {
        consumers.iter().all(|c| c.assignment().len() == 2) && tally.has_all(600)
    })
    .await;
    let mut all: Vec<u32> = [&a, &b, &c].into_iter().flat_map(held).collect();
    all.sort();
    assert_eq!(all, (0..6).collect::<Vec<_>>());
    fill(&client, "t", 600..900).await;
    tally.add(&b.poll(5, LONG).await.unwrap());
    b.close(LONG).await.unwrap();
    drive(&mut [&mut a, &mut c], &mut tally, |consumers, tally| {
        consumers.iter().all(|c| c.assignment().len() == 3) && tally.has_all(900)
    })
    .await;
    a.close(LONG).await.unwrap();
    fill(&client, "t", 900..1000).await;
    drive(&mut [&mut c], &mut tally, |consumers, tally| {
        consumers[0].assignment().len() == 6 && tally.has_all(1000)
    })
    .await;
    tally.assert_each_once(1000);
    c.close(LONG).await.unwrap();
    let committed = client.group_offsets("g").await.unwrap();
    assert_eq!(committed.iter().map(|o| o.next()).sum::<u64>(), 1000);
    assert!(client.metrics().rebalances >= 5);
    assert!(client.metrics().commits >= 3);
}

#[tokio::test]
async fn a_partition_is_given_up_only_when_the_application_comes_back() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    fill(&client, "t", 0..20).await;
    let mut a = client.consumer().group("g").auto_commit(None).build();
    a.subscribe(["t"]).unwrap();
    let event = a.poll_event(100, LONG).await.unwrap().unwrap();
    let Event::Rebalance(Rebalance::Assigned(assigned)) = event else { panic!("{event:?}") };
    assert_eq!(assigned.len(), 2);
    let mut read = Tally::default();
    while !read.has_all(20) {
        let event = a.poll_event(100, LONG).await.unwrap().unwrap();
        let Event::Records(records) = event else { panic!("{event:?}") };
        read.add(&records);
    }
    let mut b = join(&client);
    let event = a.poll_event(100, LONG).await.unwrap().unwrap();
    let Event::Rebalance(Rebalance::Revoked(revoked)) = event else { panic!("{event:?}") };
    assert_eq!(revoked.len(), 1);
    for _ in 0..20 {
        assert_eq!(b.poll(100, Duration::from_millis(10)).await.unwrap(), []);
        assert!(held(&b).is_empty());
    }
    assert_eq!(held(&a), [0, 1], "it has it still, and may commit");
    a.commit().await.unwrap();
    assert_eq!(a.poll_event(100, Duration::ZERO).await.unwrap(), None);
    assert_eq!(held(&a).len(), 1);
    share(&mut [&mut a, &mut b], &[1, 1]).await;
    assert_eq!(b.assignment(), revoked);
    // The end is such a change too.
    b.begin_close();
    let event = b.poll_event(100, LONG).await.unwrap().unwrap();
    assert_eq!(event, Event::Rebalance(Rebalance::Revoked(revoked)));
    assert_eq!(b.poll_event(100, Duration::ZERO).await.unwrap(), None);
    assert!(held(&b).is_empty());
    b.close(LONG).await.unwrap();
    share(&mut [&mut a], &[2]).await;
}

#[test]
fn the_listener_is_called_on_the_thread_that_polls() {
    let runtime = blocking::Runtime::new(2).unwrap();
    let (_dir, _broker, address) = runtime.block_on(broker());
    let client = runtime.block_on(connect(&address));
    runtime.block_on(client.create_topic(NewTopic::new("t").partitions(2))).unwrap();
    runtime.block_on(fill(&client, "t", 0..10));
    let (mut a, mut b) = runtime.block_on(async {
        let builder = client.consumer().group("g").auto_commit(None);
        (builder.clone().build(), builder.build())
    });
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (log, here) = (calls.clone(), std::thread::current().id());
    a.on_rebalance(move |consumer, change| {
        assert_eq!(std::thread::current().id(), here);
        if let Rebalance::Assigned(partitions) = change {
            // Before the first record of it.
            partitions.iter().for_each(|p| consumer.seek_to(&p.topic, p.partition, 3).unwrap());
        }
        if let Rebalance::Revoked(_) = change {
            drop(consumer.commit_async());
        }
        log.lock().unwrap().push(change.clone());
    });
    a.subscribe(["t"]).unwrap();
    let mut read = Vec::new();
    while read.len() < 4 {
        read.extend(runtime.block_on(a.poll(100, LONG)).unwrap().iter().map(|m| m.offset));
    }
    read.sort();
    assert_eq!(read, [3, 3, 4, 4]);
    b.subscribe(["t"]).unwrap();
    runtime.block_on(share(&mut [&mut a, &mut b], &[1, 1]));
    runtime.block_on(a.close(LONG)).unwrap();
    let calls = calls.lock().unwrap();
    let [Rebalance::Assigned(both), Rebalance::Revoked(one), Rebalance::Revoked(other)] =
        &calls[..]
    else {
        panic!("{calls:?}")
    };
    assert_eq!(both.len(), 2);
    assert_ne!(one, other);
    let committed = runtime.block_on(client.group_offsets("g")).unwrap();
    assert_eq!(committed.iter().map(|o| o.offset).collect::<Vec<_>>(), [4, 4]);
}

#[tokio::test]
async fn what_a_member_held_that_crashed_goes_to_others() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(4)).await.unwrap();
    fill(&client, "t", 0..100).await;
    let crashing = {
        let address = address.clone();
        move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let client = connect(&address).await;
                let session = Duration::from_millis(800);
                let builder = client.consumer().group("g").session_timeout(session);
                let mut consumer = builder.auto_commit(None).build();
                consumer.subscribe(["t"]).unwrap();
                let mut tally = Tally::default();
                drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(100)).await;
                consumer.commit().await.unwrap();
                fill(&client, "t", 100..200).await;
                drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(200)).await;
                // Its tasks stop, its sockets are closed; nothing says goodbye.
                std::mem::forget(consumer);
            });
            runtime.shutdown_background();
        }
    };
    tokio::task::spawn_blocking(crashing).await.unwrap();
    let mut heir = join(&client);
    let mut tally = Tally::default();
    drive(&mut [&mut heir], &mut tally, |_, tally| tally.has_all(100)).await;
    assert_eq!(*tally.0.first_key_value().unwrap().0, 100, "what was committed is not read again");
    assert_eq!(held(&heir), [0, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_broker_does_not_stall_the_group() {
    let (dir, first, address) = broker().await;
    let listen = first.local_addr();
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(4)).await.unwrap();
    let mut a = join(&client);
    let mut b = join(&client);
    share(&mut [&mut a, &mut b], &[2, 2]).await;
    let before = client.metrics().rebalances;
    let mut tally = Tally::default();
    let mut broker = first;
    for round in 0..3u64 {
        fill(&client, "t", round * 100..round * 100 + 100).await;
        drive(&mut [&mut a, &mut b], &mut tally, |_, t| t.0.len() as u64 > round * 100 + 50).await;
        broker.shutdown().await;
        broker = broker_in(dir.path(), listen).await;
        drive(&mut [&mut a, &mut b], &mut tally, |_, t| t.has_all(round * 100 + 100)).await;
    }
    tally.assert_each_once(300);
    assert_eq!(client.metrics().rebalances, before, "members survive a restart");
    // One with other data knows none of them.
    broker.shutdown().await;
    let other = tempfile::tempdir().unwrap();
    let _broker = broker_in(other.path(), listen).await;
    client.create_topic(NewTopic::new("t").partitions(4)).await.unwrap();
    let lost = Arc::new(Mutex::new(0));
    for consumer in [&mut a, &mut b] {
        let lost = lost.clone();
        consumer.on_rebalance(move |_, change| {
            if let Rebalance::Lost(partitions) = change {
                *lost.lock().unwrap() += partitions.len();
            }
        });
    }
    let mut tally = Tally::default();
    fill(&client, "t", 0..100).await;
    drive(&mut [&mut a, &mut b], &mut tally, |_, t| t.has_all(100) && *lost.lock().unwrap() == 4)
        .await;
    share(&mut [&mut a, &mut b], &[2, 2]).await;
}

#[tokio::test]
async fn an_application_that_takes_too_long_loses_its_partitions_and_gets_some_back() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    let builder = client.consumer().group("g").auto_commit(None);
    let mut slow = builder.max_poll_interval(Duration::from_millis(300)).build();
    slow.subscribe(["t"]).unwrap();
    fill(&client, "t", 0..10).await;
    let mut tally = Tally::default();
    drive(&mut [&mut slow], &mut tally, |_, tally| tally.has_all(10)).await;
    let acted_for = slow.group_metadata().unwrap();
    // While it works on them, somebody else gets them.
    let mut other = join(&client);
    let mut again = Tally::default();
    drive(&mut [&mut other], &mut again, |_, tally| tally.has_all(10)).await;
    assert_eq!(held(&other), [0, 1]);
    let error = slow.commit().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::StaleGeneration), "{error}");
    assert!(error.message().contains("not assigned to this consumer any more"), "{error}");
    assert_eq!(slow.group_metadata(), Some(acted_for), "so that a transaction is refused");
    let event = slow.poll_event(1, LONG).await.unwrap().unwrap();
    let Event::Rebalance(Rebalance::Lost(lost)) = event else { panic!("{event:?}") };
    assert_eq!(lost.len(), 2);
    share(&mut [&mut slow, &mut other], &[1, 1]).await;
}

#[tokio::test]
async fn a_client_that_is_closed_ends_its_consumers() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let mut consumer = join(&client);
    share(&mut [&mut consumer], &[1]).await;
    client.close().await;
    let error = consumer.poll(1, LONG).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Closed));
    let error = consumer.commit().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Closed));
    let error = consumer.unsubscribe().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Closed));
    consumer.close(LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_take_nothing_from_a_member() {
    let (_dir, broker, address) = broker().await;
    let direct = connect(&address).await;
    direct.create_topic(NewTopic::new("t").partitions(4)).await.unwrap();
    let proxy = Proxy::start(broker.local_addr()).await;
    let client = connect(&proxy.address).await;
    proxy.cut_after(4_000);
    let builder = client.consumer().group("g").auto_commit(Duration::from_millis(10));
    let mut a = builder.clone().build();
    let mut b = builder.build();
    a.subscribe(["t"]).unwrap();
    b.subscribe(["t"]).unwrap();
    let mut tally = Tally::default();
    let mut count = 0;
    while proxy.cuts() < 30 {
        fill(&direct, "t", count..count + 100).await;
        count += 100;
        drive(&mut [&mut a, &mut b], &mut tally, |_, tally| tally.has_all(count)).await;
    }
    tally.assert_each_once(count);
    a.close(LONG).await.unwrap();
    b.close(LONG).await.unwrap();
    let committed = direct.group_offsets("g").await.unwrap();
    assert_eq!(committed.iter().map(|o| o.next()).sum::<u64>(), count);
}
