//! Kills the broker again and again under load, and accounts for every record.
//!
//! | variable | default |
//! | --- | --- |
//! | `FLYMQ_CRASH_KILLS` | 100 |
//! | `FLYMQ_CRASH_SEED` | random; printed, so that a run can be repeated as far as timing allows |

#[path = "../common/mod.rs"]
mod common;
mod load;
mod log;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Broker, FLYMQ};
use flymq_core::{Client, NewTopic};
use load::{Load, PARTITIONS, PRODUCERS, TOPIC};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_survives_kills() {
    let kills = variable("FLYMQ_CRASH_KILLS").unwrap_or(100);
    let seed = variable("FLYMQ_CRASH_SEED").unwrap_or_else(rand::random);
    println!("FLYMQ_CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    let mut dir = tempfile::tempdir().unwrap();
    // What is left tells what went wrong.
    dir.disable_cleanup(true);
    println!("data in {}", dir.path().display());

    let mut broker = Broker::start(dir.path());
    let address = broker.address.clone();
    let client = Client::connect(&address).await.unwrap();
    // Small segments, so that some kills meet a new one being opened.
    let topic = NewTopic::new(TOPIC).partitions(PARTITIONS).config("segment_bytes", "4000000");
    client.create_topic(topic).await.unwrap();

    let load = Arc::new(Load::default());
    let watcher = tokio::spawn(log::watch(client.clone(), load.clone()));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|number| tokio::spawn(load::produce(address.clone(), number, seed, load.clone())))
        .collect();

    let mut while_starting = 0;
    for _ in 0..kills {
        // The load has got through to this broker; then it dies at any moment.
        load.wait_for_more(random.random_range(1..50)).await;
        tokio::time::sleep(Duration::from_micros(random.random_range(0..200_000))).await;
        broker.kill();
        let durability = if random.random() { "fsync" } else { "os" };
        let options = ["--durability", durability];
        while random.random_ratio(1, 10) {
            kill_while_starting(dir.path(), &address, random.random_range(0..20_000));
            while_starting += 1;
        }
        broker = Broker::start_with(dir.path(), &address, &options);
    }

    load.stop();
    let mut accounts = Vec::new();
    let mut retries = 0;
    for producer in producers {
        let (account, sent_again) = producer.await.expect("a producer");
        accounts.push(account);
        retries += sent_again;
    }
    // What counts is on the disk, not in the memory of the broker that acknowledged it.
    broker.kill();
    let broker = Broker::start_with(dir.path(), &address, &[]);
    let log = log::read(&client).await;
    let watched = watcher.await.expect("the watcher");
    let tally = log::compare(&log, &watched, &accounts);
    println!(
        "crash test: {kills} kills under load and {while_starting} while starting, seed {seed}: {} \
         records acknowledged, {} given up, {} in the log, {} seen meanwhile, {retries} batches sent \
         again: each acknowledged one found once, in order ({:.1} s)",
        tally.acknowledged,
        tally.given_up,
        tally.stored,
        tally.watched,
        began.elapsed().as_secs_f64()
    );
    drop(broker);
    dir.disable_cleanup(false);
}

/// Starts a broker and kills it at once, so that recovery itself is interrupted.
fn kill_while_starting(data: &std::path::Path, address: &str, after_us: u64) {
    let mut broker = Command::new(FLYMQ)
        .args(["broker", "--listen", address, "--data-dir"])
        .arg(data)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_micros(after_us));
    broker.kill().unwrap();
    broker.wait().unwrap();
}
