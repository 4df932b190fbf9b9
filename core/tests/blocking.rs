//! The runtime for callers that are not asynchronous.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use flymq_core::blocking::Runtime;
use flymq_core::*;

#[test]
fn client_producer_and_consumer_work_from_a_plain_thread() {
    let runtime = Runtime::new(2).unwrap();
    let (_dir, _broker, address) = runtime.block_on(common::broker());
    let client = runtime.block_on(Client::connect(&address)).unwrap();
    runtime.block_on(client.create_topic(NewTopic::new("t"))).unwrap();
    let context = runtime.handle().enter();
    let producer = client.producer().build().unwrap();
    let mut consumer = client.consumer().build();
    drop(context);
    let delivery = runtime.block_on(producer.send("t", Record::new("x"))).unwrap();
    assert_eq!(runtime.block_on(delivery).unwrap().offset, 0);
    let start = [("t".to_owned(), 0, StartOffset::Earliest)];
    runtime.block_on(consumer.assign(start)).unwrap();
    let messages = runtime.block_on(consumer.poll(10, Duration::from_secs(20))).unwrap();
    assert_eq!(messages[0].value.as_deref(), Some(&b"x"[..]));
}

#[test]
fn a_wait_is_interrupted_and_its_future_dropped() {
    let runtime = Runtime::new(1).unwrap();
    let dropped = Arc::new(AtomicBool::new(false));
    struct Noticed(Arc<AtomicBool>);
    impl Drop for Noticed {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let noticed = Noticed(dropped.clone());
    let endless = async move {
        let _noticed = noticed;
        std::future::pending::<()>().await
    };
    let mut looks = 0;
    let began = Instant::now();
    let outcome = runtime.block_on_interruptible(endless, Duration::from_millis(10), || {
        looks += 1;
        if looks < 5 { Ok(()) } else { Err(looks) }
    });
    assert_eq!(outcome, Err(5));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(dropped.load(Ordering::Relaxed));
}

#[test]
fn a_future_lives_on_from_one_look_to_the_next() {
    let runtime = Runtime::new(1).unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let mut begun = 0;
    let waiting = async {
        begun += 1;
        receiver.await.unwrap()
    };
    let mut looks = 0;
    let outcome = runtime.block_on_interruptible(waiting, Duration::from_millis(5), || {
        looks += 1;
        if looks == 3 {
            sender.take().unwrap().send("value").unwrap();
        }
        Ok::<_, ()>(())
    });
    assert_eq!((outcome, begun), (Ok("value"), 1));
}

#[test]
fn a_runtime_with_a_thread_that_hangs_still_ends() {
    let runtime = Runtime::new(1).unwrap();
    let (release, held) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    runtime.handle().spawn(async move {
        begun.send(()).unwrap();
        let _ = held.recv();
    });
    has_begun.recv().unwrap();
    let began = Instant::now();
    drop(runtime);
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(release);
}

#[test]
fn handles_may_go_from_thread_to_thread() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Client>();
    shared::<Producer>();
    shared::<Delivery>();
    shared::<Consumer>();
    shared::<Error>();
    shared::<Runtime>();
}
