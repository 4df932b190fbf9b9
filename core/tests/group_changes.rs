//! What a rebalance leaves alone, and what sets one off: topics, partitions, restarts by name.

mod common;

use std::time::Duration;

use common::members::*;
use common::*;
use flymq_core::*;

async fn connect(address: &str) -> Client {
    Client::with_config(config(address)).await.unwrap()
}

fn join(client: &Client) -> Consumer {
    let consumer = client.consumer().group("g").build();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

#[tokio::test]
async fn partitions_that_stay_keep_their_positions_and_pauses() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    let mut a = join(&client);
    share(&mut [&mut a], &[2]).await;
    for partition in 0..2 {
        a.pause("t", partition).unwrap();
    }
    fill(&client, "t", 0..20).await;
    let mut b = join(&client);
    let mut tally = Tally::default();
    drive(&mut [&mut a, &mut b], &mut tally, |consumers, tally| {
        consumers.iter().all(|c| c.assignment().len() == 1) && tally.0.len() == 10
    })
    .await;
    assert!(tally.0.keys().all(|n| *n % 2 == u64::from(held(&b)[0])), "{tally:?}");
    let kept = held(&a)[0];
    assert_eq!(a.poll(1, Duration::from_millis(50)).await.unwrap(), [], "it is paused still");
    a.seek_to("t", kept, 4).unwrap();
    let mut c = client.consumer().group("g").build();
    c.subscribe(["t"]).unwrap();
    a.resume("t", kept).unwrap();
    assert_eq!(a.next().await.unwrap().offset, 4);
    b.close(LONG).await.unwrap();
    share(&mut [&mut c], &[1]).await;
    assert_eq!(a.next().await.unwrap().offset, 5);
    // One that comes back is not paused any more, and is read from where it was committed.
    c.close(LONG).await.unwrap();
    a.pause("t", kept).unwrap();
    share(&mut [&mut a], &[2]).await;
    fill(&client, "t", 20..22).await;
    let message = a.next().await.unwrap();
    assert_eq!((message.partition, message.offset), (1 - kept, 10));
}

#[tokio::test]
async fn what_was_read_ahead_of_a_revoked_partition_is_dropped() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    fill(&client, "t", 0..2_000).await;
    let mut a = client.consumer().group("g").auto_commit(None).build();
    a.subscribe(["t"]).unwrap();
    let mut read = Tally::default();
    // Both are read ahead as a whole; one record of each is handed out.
    while read.0.len() < 10 {
        read.add(&a.poll(1, LONG).await.unwrap());
    }
    assert!([0, 1].iter().all(|p| read.0.keys().any(|n| n % 2 == *p)), "{read:?}");
    let b = client.consumer().group("g").auto_commit(None).build();
    b.subscribe(["t"]).unwrap();
    while a.assignment().len() == 2 {
        a.poll_event(0, Duration::from_millis(5)).await.unwrap();
    }
    let kept = held(&a)[0];
    let mut rest = Vec::new();
    while !rest.iter().any(|m: &Message| m.offset == 999) {
        rest.extend(a.poll(100, LONG).await.unwrap());
    }
    assert!(rest.iter().all(|m| m.partition == kept), "records of a partition that was given up");
    assert!(rest.windows(2).all(|w| w[1].offset == w[0].offset + 1));
}

#[tokio::test]
async fn topics_and_partitions_that_come_later_are_read() {
    let (_dir, _broker, address) = broker().await;
    let client = connect(&address).await;
    let mut consumer = client.consumer().group("g").build();
    consumer.subscribe_pattern("orders-.*").unwrap();
    assert_eq!(consumer.poll(1, Duration::from_millis(50)).await.unwrap(), []);
    client.create_topic(NewTopic::new("orders-eu")).await.unwrap();
    client.create_topic(NewTopic::new("my-orders-eu")).await.unwrap();
    fill(&client, "orders-eu", 0..10).await;
    fill(&client, "my-orders-eu", 100..110).await;
    let mut tally = Tally::default();
    drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(10)).await;
    client.create_topic(NewTopic::new("orders-us")).await.unwrap();
    fill(&client, "orders-us", 10..20).await;
    drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(20)).await;
    client.add_partitions("orders-us", 3).await.unwrap();
    fill(&connect(&address).await, "orders-us", 20..50).await;
    drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(50)).await;
    tally.assert_each_once(50);
    // Topics that go are no error.
    client.delete_topic("orders-us").await.unwrap();
    share(&mut [&mut consumer], &[1]).await;
    consumer.subscribe(["my-orders-eu"]).unwrap();
    let message = consumer.next().await.unwrap();
    assert_eq!((&*message.topic, number(&message)), ("my-orders-eu", 100));
    assert_eq!(consumer.assignment(), [TopicPartition::new("my-orders-eu", 0)]);

    consumer.subscribe_pattern("orders-(").unwrap();
    for _ in 0..2 {
        let error = loop {
            match consumer.poll(100, LONG).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Some(ErrorCode::InvalidRequest), "{error}");
    }
    consumer.subscribe(["orders-eu"]).unwrap();
    fill(&client, "orders-eu", 50..51).await;
    let message = consumer.next().await.unwrap();
    assert_eq!((&*message.topic, number(&message)), ("orders-eu", 50));
}

#[tokio::test]
async fn a_member_with_a_name_restarts_without_a_rebalance() {
    let (_dir, _broker, address) = broker().await;
    let watcher = connect(&address).await;
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(4)).await.unwrap();
    let named = |name: &str| {
        let builder = client.consumer().group("g").instance_id(name);
        let consumer = builder.build();
        consumer.subscribe(["t"]).unwrap();
        consumer
    };
    let mut stays = watcher.consumer().group("g").instance_id("a").build();
    stays.subscribe(["t"]).unwrap();
    let mut restarts = named("b");
    share(&mut [&mut stays, &mut restarts], &[2, 2]).await;
    let before = (held(&stays), held(&restarts));
    let rebalances = watcher.metrics().rebalances;
    let generation = client.describe_group("g").await.unwrap().generation;
    for round in 0..3 {
        // Closed once, dropped once, and once replaced while it is still there.
        match round {
            0 => restarts.close(LONG).await.unwrap(),
            1 => drop(restarts),
            _ => std::mem::forget(restarts),
        }
        restarts = named("b");
        share(&mut [&mut stays, &mut restarts], &[2, 2]).await;
        assert_eq!((held(&stays), held(&restarts)), before);
    }
    assert_eq!(watcher.metrics().rebalances, rebalances);
    assert_eq!(client.describe_group("g").await.unwrap().generation, generation);

    // Two at a time are a mistake, of which the older one hears.
    let mut twin = named("b");
    let error = loop {
        twin.poll(1, Duration::from_millis(5)).await.unwrap();
        if let Err(error) = restarts.poll(1, Duration::from_millis(5)).await {
            break error;
        }
    };
    assert_eq!(error.code(), Some(ErrorCode::InstanceFenced), "{error}");
    assert!(held(&restarts).is_empty());
    for error in [restarts.poll(1, LONG).await.unwrap_err(), restarts.subscribe(["t"]).unwrap_err()]
    {
        assert_eq!(error.code(), Some(ErrorCode::InstanceFenced), "{error}");
    }
    share(&mut [&mut stays, &mut twin], &[2, 2]).await;
}

/// Consumers come, go, crash and come back, and connections are cut, while records are produced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_is_consumed_whatever_happens_to_members_and_broker() {
    const MEMBERS: usize = 20;
    const RECORDS: u64 = 6_000;
    let (dir, first, address) = broker().await;
    let listen = first.local_addr();
    let client = connect(&address).await;
    client.create_topic(NewTopic::new("t").partitions(16)).await.unwrap();
    let tally = std::sync::Arc::new(std::sync::Mutex::new(Tally::default()));
    let mut members = tokio::task::JoinSet::new();
    for member in 0..MEMBERS {
        let (client, tally) = (client.clone(), tally.clone());
        members.spawn(async move {
            let builder = client
                .consumer()
                .group("g")
                .session_timeout(Duration::from_secs(2))
                .auto_commit(Duration::from_millis(50));
            let all_read = || tally.lock().unwrap().has_all(RECORDS);
            let mut life = member;
            while !all_read() {
                let mut consumer = builder.clone().build();
                consumer.subscribe(["t"]).unwrap();
                let polls = 5 + rand::random_range(0..60);
                for _ in 0..polls {
                    let messages = consumer.poll(50, Duration::from_millis(20)).await.unwrap();
                    tally.lock().unwrap().add(&messages);
                    if all_read() {
                        break;
                    }
                }
                life += 1;
                match life % 3 {
                    0 => drop(consumer),
                    // It is late with a commit if the broker is just being restarted.
                    _ => drop(consumer.close(LONG).await),
                }
            }
        });
    }
    let mut broker = first;
    for round in 0..3u64 {
        let each = RECORDS / 3;
        for begin in (round * each..(round + 1) * each).step_by(200) {
            fill(&client, "t", begin..begin + 200).await;
        }
        broker.shutdown().await;
        broker = broker_in(dir.path(), listen).await;
    }
    let finished = async { while members.join_next().await.transpose().unwrap().is_some() {} };
    if tokio::time::timeout(LONG, finished).await.is_err() {
        let description = client.describe_group("g").await;
        panic!("{} read; {description:?}", tally.lock().unwrap().0.len());
    }
    // Whoever comes then finds what was not committed, and commits it.
    let mut last = client.consumer().group("g").build();
    last.subscribe(["t"]).unwrap();
    let ends = (0..16).map(|p| (p, OffsetSpec::Latest)).collect::<Vec<_>>();
    let ends = client.list_offsets("t", &ends).await.unwrap();
    let mut again = Tally::default();
    drive(&mut [&mut last], &mut again, |consumers, _| {
        let at_end = |(p, end): (u32, &u64)| consumers[0].position("t", p).unwrap() == *end;
        consumers[0].assignment().len() == 16 && (0..).zip(&ends).all(at_end)
    })
    .await;
    last.close(LONG).await.unwrap();
    let lags = client.group_lag("g").await.unwrap();
    assert_eq!(lags.len(), 16);
    assert!(lags.iter().all(|l| l.lag == Some(0)), "{lags:?}");
}
