//! Several ways to the brokers, of which some fail: the application notices nothing as long as one of
//! them works, and gets a clear error in time when none does.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::door::*;
use common::members::{self, LONG};
use common::*;
use flymq_broker::Broker;
use flymq_core::*;

/// Work that goes on until it is told to stop. Nothing of it may fail.
#[derive(Clone, Default)]
struct Work {
    stopped: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Work {
    fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }

    fn advance(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Numbers in order, under ten keys. Returns how many.
    async fn produce(self, client: Client) -> u64 {
        let producer = client.producer().linger(Duration::ZERO).build().unwrap();
        let mut count = 0;
        while self.goes_on() {
            let mut deliveries = Vec::new();
            for _ in 0..20 {
                let record = Record::new(count.to_string()).key(format!("{}", count % 10));
                deliveries.push(producer.send("plain", record).await.unwrap());
                count += 1;
            }
            for delivery in deliveries {
                delivery.await.unwrap();
            }
            self.advance();
        }
        count
    }

    /// Transactions of one record in each of two topics. Returns how many.
    async fn transfer(self, client: Client) -> u64 {
        let producer = client.transactional_producer("transfers").build().await.unwrap();
        let mut count = 0;
        while self.goes_on() {
            let transaction = producer.begin().await.unwrap();
            for topic in ["debits", "credits"] {
                let record = Record::new(count.to_string()).key("k");
                transaction.send(topic, record).await.unwrap();
            }
            transaction.commit().await.unwrap();
            count += 1;
            self.advance();
        }
        count
    }

    /// Reads as a member of a group. Returns what it has read when it is told to stop, and more does
    /// not come.
    async fn consume(self, client: Client) -> Vec<u64> {
        let consumer = client.consumer().group("g").session_timeout(LONG);
        let mut consumer = consumer.auto_commit(Duration::from_millis(50)).build();
        consumer.subscribe(["plain"]).unwrap();
        let mut read = Vec::new();
        loop {
            let messages = consumer.poll(1000, Duration::from_secs(1)).await.unwrap();
            if messages.is_empty() && !self.goes_on() {
                consumer.close(LONG).await.unwrap();
                return read;
            }
            read.extend(messages.iter().map(members::number));
            self.advance();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_reordered_while_doors_fail_in_turn() {
    let (_dir, broker, address) = broker().await;
    let direct = Client::with_config(config(&address)).await.unwrap();
    for topic in ["plain", "debits", "credits"] {
        direct.create_topic(NewTopic::new(topic).partitions(3)).await.unwrap();
    }
    let mut doors = [Door::open(broker.local_addr()).await, Door::open(broker.local_addr()).await];
    let options = Config {
        request_timeout: Duration::from_secs(4),
        ..several(&doors.each_ref().map(|door| door.address))
    };
    let client = Client::with_config(options).await.unwrap();
    let (works, reading) = ([Work::default(), Work::default()], Work::default());
    let producing = tokio::spawn(works[0].clone().produce(client.clone()));
    let transferring = tokio::spawn(works[1].clone().transfer(client.clone()));
    let consuming = tokio::spawn(reading.clone().consume(client.clone()));
    let all = [&works[0], &works[1], &reading];
    let progress = async || {
        let before = all.map(Work::done);
        until("all work goes on", || all.iter().zip(before).all(|(w, n)| w.done() > n + 3)).await;
    };
    for fault in 0..8 {
        progress().await;
        // The one in use, or the other one.
        let door = &mut doors[fault / 4];
        match fault % 4 {
            0 => {
                door.shut().await;
                progress().await;
                door.reopen().await;
            }
            1 => {
                door.set(Flow::Silent);
                progress().await;
                door.set(Flow::Free);
            }
            2 => {
                door.set(Flow::Slow(Duration::from_millis(20)));
                progress().await;
                door.set(Flow::Free);
            }
            _ => {
                door.shut().await;
                door.reopen().await;
            }
        }
    }
    progress().await;
    let metrics = client.metrics();
    assert!(metrics.failovers > 0 && metrics.reconnects > 0, "{metrics:?}");
    works.iter().for_each(|work| work.stopped.store(true, Ordering::Relaxed));
    let (produced, transferred) = (producing.await.unwrap(), transferring.await.unwrap());
    // The member has kept its place throughout.
    assert_eq!(client.metrics().rebalances, 1);
    reading.stopped.store(true, Ordering::Relaxed);

    let mut read = consuming.await.unwrap();
    read.sort();
    assert_eq!(read, (0..produced).collect::<Vec<_>>());
    for (key, numbers) in read_all(&direct, "plain").await {
        let of_key = (0..produced).filter(|n| key == format!("{}", n % 10));
        assert_eq!(numbers, of_key.collect::<Vec<_>>(), "key {key}");
    }
    for topic in ["debits", "credits"] {
        let numbers = read_all(&direct, topic).await.remove("k").unwrap();
        assert_eq!(numbers, (0..transferred).collect::<Vec<_>>());
    }
}

/// Two brokers that have the same topics, but nothing else in common: as good as a cluster for what
/// may be asked of any broker.
async fn pair() -> ([Broker; 2], [SocketAddr; 2], [tempfile::TempDir; 2]) {
    let ((dir_a, a, _), (dir_b, b, _)) = (broker().await, broker().await);
    let addresses = [a.local_addr(), b.local_addr()];
    for address in addresses {
        let client = Client::with_config(config(&address.to_string())).await.unwrap();
        client.create_topic(NewTopic::new("t")).await.unwrap();
    }
    ([a, b], addresses, [dir_a, dir_b])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_is_left_at_once_and_nothing_fails() {
    let ([a, b], addresses, _dirs) = pair().await;
    let client = Client::with_config(several(&addresses)).await.unwrap();
    let in_use = client.broker().await.unwrap().address;
    let (first, second) = if in_use == addresses[0].to_string() { (a, b) } else { (b, a) };
    let left = first.local_addr();
    let work = Work::default();
    let mut tasks = Vec::new();
    for number in 0..4 {
        let (client, work) = (client.clone(), work.clone());
        tasks.push(tokio::spawn(async move {
            let mut round = 0;
            while work.goes_on() {
                // None of these may be sent a second time if a broker may have begun with it.
                client.create_topic(NewTopic::new(format!("{number}-{round}"))).await.unwrap();
                work.advance();
                round += 1;
            }
        }));
    }
    let (reader, reading) = (client.clone(), work.clone());
    tasks.push(tokio::spawn(async move {
        while reading.goes_on() {
            let options = FetchOptions { max_wait: Duration::from_secs(20), ..Default::default() };
            reader.fetch("t", 0, 0, options).await.unwrap();
        }
    }));
    until("topics are created", || work.done() > 100).await;
    first.shutdown().await;
    let before = work.done();
    until("topics are created on the other broker", || work.done() > before + 100).await;
    let metrics = client.metrics();
    assert_eq!(circuit(&client, left), Some(Circuit::Open));
    assert_eq!((metrics.connections_lost, metrics.failovers), (0, 1), "{metrics:?}");
    work.stopped.store(true, Ordering::Relaxed);
    // What waits for records is answered when a broker stops, and has nowhere to go any more.
    let waiting = tasks.pop().unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    second.shutdown().await;
    client.close().await;
    waiting.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_does_not_answer_costs_one_time_out() {
    let (_dir, broker, _) = broker().await;
    let mut good = Door::open(broker.local_addr()).await;
    let black_hole = Door::open(broker.local_addr()).await;
    black_hole.set(Flow::Silent);
    let refusing = vacant().await;
    let addresses = [black_hole.address, refusing, good.address];
    let options = Config {
        connect_timeout: Duration::from_millis(200),
        // It is left out for longer than this test may take.
        backoff_max: LONG * 10,
        ..several(&addresses)
    };
    let mut clients = Vec::new();
    let tried = || black_hole.accepted();
    // Which one is tried first is a matter of chance.
    while clients.len() < 10 || tried() == 0 {
        clients.push(Client::with_config(options.clone()).await.unwrap());
    }
    // Whoever has met it has gone on without waiting for the time-out, and finds out all the same.
    let is_left_out = |client: &Client| circuit(client, black_hole.address) == Some(Circuit::Open);
    until("it is left out", || clients.iter().filter(|c| is_left_out(c)).count() == tried()).await;
    for _ in 0..3 {
        good.shut().await;
        good.reopen().await;
        for client in &clients {
            client.ping().await.unwrap();
        }
    }
    assert!(tried() <= clients.len(), "{} for {} clients", tried(), clients.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_works_again_is_found_out_in_the_background() {
    let (_dir, broker, _) = broker().await;
    let mut doors = [Door::open(broker.local_addr()).await, Door::open(broker.local_addr()).await];
    let client =
        Client::with_config(several(&doors.each_ref().map(|door| door.address))).await.unwrap();
    let in_use = client.broker().await.unwrap().address;
    doors.sort_by_key(|door| door.address.to_string() != in_use);
    let [first, second] = &mut doors;
    first.shut().await;
    client.ping().await.unwrap();
    assert_eq!(client.broker().await.unwrap().address, second.address.to_string());
    let left = endpoint(&client, first.address).unwrap();
    assert!(left.circuit != Circuit::Closed && !left.in_use && left.failures > 0, "{left:?}");
    assert!(left.last_error.unwrap().contains(&first.address.to_string()));
    assert!(left.last_error_at.is_some());
    first.reopen().await;
    until("the first works again", || circuit(&client, first.address) == Some(Circuit::Closed))
        .await;
    // The client stays where it is.
    assert_eq!(client.broker().await.unwrap().address, second.address.to_string());
    assert_eq!(client.metrics().connections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_broker_errors_are_clear_and_come_in_time_until_one_is_back() {
    let (dir, broker, _) = broker().await;
    let listen = broker.local_addr();
    let doors = [Door::open(listen).await, Door::open(listen).await];
    let addresses = doors.each_ref().map(|door| door.address);
    let options = Config { request_timeout: Duration::from_millis(500), ..several(&addresses) };
    let client = Client::with_config(options.clone()).await.unwrap();
    let patient = Client::with_config(several(&addresses)).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let producer = client.producer().delivery_timeout(Duration::from_millis(500)).build().unwrap();
    producer.send("t", Record::new("0")).await.unwrap().await.unwrap();
    broker.shutdown().await;
    let [mut a, b] = doors;
    a.shut().await;
    b.set(Flow::Silent);

    let names_both = |error: &Error| {
        let text = error.to_string();
        assert!(addresses.iter().all(|address| text.contains(&address.to_string())), "{text}");
        assert!(error.is_retriable());
    };
    let error = client.ping().await.unwrap_err();
    names_both(&error);
    assert_eq!(error.code(), Some(ErrorCode::ConnectFailed));
    let error = producer.send("t", Record::new("1")).await.unwrap().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Timeout));
    names_both(&error);
    names_both(&Client::with_config(options).await.unwrap_err());

    // A call that is under way while the broker comes back succeeds.
    let waiting = tokio::spawn(async move { patient.ping().await });
    b.set(Flow::Free);
    let _broker = broker_in(dir.path(), listen).await;
    waiting.await.unwrap().unwrap();
    let back = async { while client.ping().await.is_err() {} };
    tokio::time::timeout(LONG, back).await.expect("it works again");
    producer.send("t", Record::new("2")).await.unwrap().await.unwrap();
}
