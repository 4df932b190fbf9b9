//! How deliveries end: stored, refused, given up, or abandoned; but always, and none at another's cost.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use flymq_core::*;

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
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let producer = client.producer().linger(Duration::ZERO).batch_bytes(300).build().unwrap();
    // Lowered once the producer knows the topic, so that it is the broker that refuses.
    producer.prepare("t").await.unwrap();
    let lowered = BTreeMap::from([("max_record_bytes".to_owned(), Some("500".to_owned()))]);
    client.alter_topic("t", lowered).await.unwrap();
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
async fn an_oversized_record_does_not_take_its_neighbours_along() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::connect(&address).await.unwrap();
    client.create_topic(NewTopic::new("t").config("max_record_bytes", "500")).await.unwrap();
    // They share a batch: it is flushed long before they have lingered.
    let producer = client.producer().linger(Duration::from_secs(60)).build().unwrap();
    let mut deliveries = Vec::new();
    for i in 0..100 {
        let width = if i % 20 == 7 { 600 } else { 100 };
        match producer.send("t", Record::new(format!("{i:width$}")).key("k")).await {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) => {
                assert_eq!((error.code(), i % 20), (Some(ErrorCode::RecordTooLarge), 7));
                assert!(error.message().contains("500"), "{error}");
            }
        }
    }
    producer.flush().await;
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let expected: Vec<u64> = (0..100).filter(|i| i % 20 != 7).collect();
    assert_eq!(read_all(&client, "t").await["k"], expected);

    // A raised limit holds at once; what fits exactly is not refused.
    let raised = BTreeMap::from([("max_record_bytes".to_owned(), Some("605".to_owned()))]);
    client.alter_topic("t", raised).await.unwrap();
    let mut sizes = Vec::new();
    for width in 580..620 {
        let record = Record::new(format!("{width:width$}")).partition(0);
        if producer.send("t", record).await.is_ok_and(|_| true) {
            producer.flush().await;
            sizes.push(width);
        }
    }
    // An array of nil, value, nil and 0, with 3 bytes in front of the value.
    assert_eq!(sizes.last(), Some(&598));
    let last = client.consume("t", 0, 95 + sizes.len() as u64 - 1).await.unwrap().unwrap();
    assert_eq!(last.value.unwrap().len(), 598);
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
async fn a_delivery_ends_in_time_however_long_requests_may_take() {
    let (_dir, broker, address) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let direct = Client::connect(&address).await.unwrap();
    direct.create_topic(NewTopic::new("t")).await.unwrap();
    let client = Client::with_config(config(&proxy.address)).await.unwrap();
    let timeout = Duration::from_millis(300);
    let producer =
        client.producer().linger(Duration::ZERO).delivery_timeout(timeout).build().unwrap();
    producer.send_and_wait("t", Record::new("0").key("k")).await.unwrap();
    proxy.let_through(false);
    let began = std::time::Instant::now();
    let error = producer.send_and_wait("t", Record::new("1").key("k")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Timeout));
    assert!(began.elapsed() < Duration::from_secs(10), "that is not the request's time-out");
    assert_eq!(client.metrics().buffered_bytes, 0, "what was given up holds no room");
    // The connection was not given up for it. What was sent arrives late, and the sequences go on.
    proxy.let_through(true);
    for i in 2..20 {
        producer.send_and_wait("t", Record::new(format!("{i}")).key("k")).await.unwrap();
    }
    assert_eq!(read_all(&direct, "t").await["k"], (0..20).collect::<Vec<_>>());
    assert_eq!(client.metrics().connections, 1);
}

/// Deliveries that time out in mid-flight, connections that are cut: what was acknowledged is stored
/// once and in order, and what was given up at most once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_up_under_cuts_doubles_nothing() {
    let (_dir, broker, address) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let direct = Client::connect(&address).await.unwrap();
    direct.create_topic(NewTopic::new("t").partitions(3)).await.unwrap();
    proxy.cut_after(20_000);
    let client = Client::with_config(config(&proxy.address)).await.unwrap();
    let producer = client
        .producer()
        .linger(Duration::ZERO)
        .batch_bytes(1_000)
        .delivery_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let (mut acknowledged, mut given_up) = (BTreeMap::<_, Vec<u64>>::new(), 0);
    for round in 0..40 {
        let mut deliveries = Vec::new();
        for i in round * 100..round * 100 + 100 {
            let key = format!("{}", i % 7);
            let record = Record::new(format!("{i:50}")).key(key.clone());
            deliveries.push((key, i, producer.send("t", record).await.unwrap()));
        }
        // In every fourth round nothing gets through until some are given up.
        proxy.let_through(round % 4 != 3);
        for (key, i, delivery) in deliveries {
            match delivery.await {
                Ok(_) => acknowledged.entry(key).or_default().push(i),
                Err(error) => {
                    assert_eq!(error.code(), Some(ErrorCode::Timeout), "{error}");
                    given_up += 1;
                }
            }
        }
    }
    proxy.let_through(true);
    proxy.cut_after(0);
    assert!(given_up > 100, "{given_up} were given up");
    assert!(proxy.cuts() > 5, "{} cuts", proxy.cuts());
    // Follows whatever was sent before in each partition.
    for partition in 0..3 {
        let last = Record::new("999999").key("last").partition(partition);
        while producer.send_and_wait("t", last.clone()).await.is_err() {}
    }
    for (key, stored) in read_all(&direct, "t").await {
        if key != "last" {
            assert!(stored.is_sorted_by(|a, b| a < b), "key {key}: {stored:?}");
            let missing = acknowledged[&key].iter().find(|n| stored.binary_search(n).is_err());
            assert_eq!(missing, None, "key {key}");
        }
    }
}

#[tokio::test]
async fn a_topic_made_anew_with_fewer_partitions_is_written_to() {
    let (_dir, _broker, address) = broker().await;
    let client = Client::with_config(config(&address)).await.unwrap();
    let producer = client.producer().linger(Duration::ZERO).build().unwrap();
    client.create_topic(NewTopic::new("t").partitions(8)).await.unwrap();
    for partition in 0..8 {
        producer.send_and_wait("t", Record::new("0").partition(partition)).await.unwrap();
    }
    client.delete_topic("t").await.unwrap();
    client.create_topic(NewTopic::new("t").partitions(2)).await.unwrap();
    // Some of these go where there is no partition any more; that is noticed, and passes.
    let mut refused = 0;
    let mut in_a_row = 0;
    while in_a_row < 20 {
        match producer.send_and_wait("t", Record::new("1")).await {
            Ok(stored) => {
                assert!(stored.partition < 2);
                in_a_row += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), Some(ErrorCode::UnknownPartition), "{error}");
                refused += 1;
                in_a_row = 0;
                assert!(refused < 20, "the topic is not looked up again");
            }
        }
    }
    let error = producer.send("t", Record::new("2").partition(2)).await.err().unwrap();
    assert_eq!(error.code(), Some(ErrorCode::UnknownPartition));
}

#[tokio::test]
async fn trying_to_send_does_not_wait() {
    let (_dir, broker, _) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let client = Client::with_config(config(&proxy.address)).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let producer = client.producer().batch_bytes(1_000).buffer_bytes(2_000).build().unwrap();
    let record = || Record::new("x".repeat(500)).key("k");
    let error = producer.try_send("t", record()).err().unwrap();
    assert_eq!(error.code(), Some(ErrorCode::InvalidArgument), "not prepared");
    let error = producer.prepare("nope").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopic));
    producer.prepare("t").await.unwrap();
    proxy.let_through(false);
    let taken: Vec<_> = (0..3).map(|_| producer.try_send("t", record()).unwrap()).collect();
    let error = producer.try_send("t", record()).err().unwrap();
    assert_eq!(error.code(), Some(ErrorCode::BufferFull));
    assert!(error.is_retriable());
    assert_eq!(client.metrics().buffered_records, 3);
    proxy.let_through(true);
    for delivery in taken {
        delivery.await.unwrap();
    }
    producer.try_send("t", record()).unwrap().await.unwrap();
    producer.close(Duration::from_secs(5)).await.unwrap();
    let error = producer.try_send("t", record()).err().unwrap();
    assert_eq!(error.code(), Some(ErrorCode::Closed));
}

/// Keeps what it is told, as tag and offset.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<(u64, Option<u64>)>>);

impl DeliveryListener for Told {
    fn decided(&self, report: DeliveryReport) {
        assert!(&**report.topic() == "t" && report.partition() == 0);
        let records = (0..report.count()).map(|i| (report.tag(i), report.offset(i)));
        self.0.lock().unwrap().extend(records);
    }
}

#[tokio::test]
async fn what_was_posted_is_reported_once_whether_stored_or_given_up() {
    let (_dir, broker, _) = broker().await;
    let proxy = Proxy::start(broker.local_addr()).await;
    let client = Client::with_config(config(&proxy.address)).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let producer = client.producer().batch_bytes(1_000).buffer_bytes(5_000).build().unwrap();
    let told = Arc::new(Told::default());
    let listener: Arc<dyn DeliveryListener> = told.clone();
    let record = || Record::new("x".repeat(100));
    // Nothing is known of the topic, so the record comes back.
    let back = producer.post_now("t", record(), &listener, 0).unwrap_err();
    producer.send("t", back).await.unwrap().report_to(&listener, 0);
    // Within and beyond a batch, with a record that nobody asks about between.
    for tag in 1..30 {
        producer.post_now("t", record(), &listener, tag).unwrap().unwrap();
    }
    drop(producer.send("t", record()).await.unwrap());
    producer.post_now("t", record(), &listener, 31).unwrap().unwrap();
    producer.flush().await;
    let stored: Vec<_> = (0..30).chain([31]).map(|tag| (tag, Some(tag))).collect();
    assert_eq!(std::mem::take(&mut *told.0.lock().unwrap()), stored);

    proxy.let_through(false);
    let mut posted = 0;
    while let Ok(taken) = producer.post_now("t", record(), &listener, 100 + posted) {
        taken.unwrap();
        posted += 1;
    }
    assert!(posted > 20, "{posted}");
    producer.close(Duration::from_millis(50)).await.unwrap_err();
    let given_up: Vec<_> = (100..100 + posted).map(|tag| (tag, None)).collect();
    assert_eq!(std::mem::take(&mut *told.0.lock().unwrap()), given_up);
    let closed = producer.post_now("t", record(), &listener, 0).unwrap();
    assert_eq!(closed.unwrap_err().code(), Some(ErrorCode::Closed));
}

#[tokio::test]
async fn listeners_that_share_a_batch_are_each_told_of_their_own() {
    let (_dir, broker, _) = broker().await;
    let client = Client::connect(&broker.local_addr().to_string()).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    // Nothing is sent before all is there, so that it is one batch.
    let producer = client.producer().linger(Duration::from_secs(3600)).build().unwrap();
    producer.prepare("t").await.unwrap();
    let told: [_; 2] = std::array::from_fn(|_| Arc::new(Told::default()));
    for tag in 0..6 {
        let listener: Arc<dyn DeliveryListener> = told[usize::from(tag / 2 == 1)].clone();
        producer.post_now("t", Record::new("x"), &listener, tag).unwrap().unwrap();
    }
    producer.flush().await;
    let tags = |told: &Told| told.0.lock().unwrap().iter().map(|(tag, _)| *tag).collect::<Vec<_>>();
    assert_eq!(tags(&told[0]), [0, 1, 4, 5]);
    assert_eq!(tags(&told[1]), [2, 3]);
    for told in &told {
        assert!(told.0.lock().unwrap().iter().all(|(tag, offset)| *offset == Some(*tag)));
    }
}

#[test]
fn a_runtime_that_ends_leaves_no_delivery_waiting() {
    let runtime = blocking::Runtime::new(2).unwrap();
    let (delivery, producer, _silent) = runtime.block_on(async {
        let silent = common::fake::FakeBroker::start(|request| {
            common::fake::politely(request, 1).unwrap_or(common::fake::Reply::Silence)
        })
        .await;
        let client = Client::connect(&silent.address).await.unwrap();
        let producer = client.producer().linger(Duration::ZERO).build().unwrap();
        (producer.send("t", Record::new("x")).await.unwrap(), producer, silent)
    });
    runtime.shutdown(Duration::from_secs(5));
    let outcome = delivery.try_result().expect("it is left waiting");
    assert_eq!(outcome.unwrap_err().code(), Some(ErrorCode::Closed));
    drop(producer);
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
