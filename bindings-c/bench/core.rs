//! What `flymq.c` does, by the Rust core alone: the difference is what the C layer costs.
//! `core produce|consume ADDRESS TOPIC COUNT SIZE`

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use flymq_core::blocking::Runtime;
use flymq_core::{Client, Record, Result, StartOffset};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, address, topic, count, size] = arguments.as_slice() else {
        panic!("core produce|consume ADDRESS TOPIC COUNT SIZE")
    };
    let (count, size) = (count.parse().expect("a count"), size.parse().expect("a size"));
    let runtime = Runtime::new(1)?;
    let client = runtime.block_on(Client::connect(address))?;
    let began = Instant::now();
    match what.as_str() {
        "produce" => runtime.block_on(produce(&client, topic, count, size))?,
        _ => runtime.block_on(consume(&client, topic, count))?,
    }
    println!("{:.0}", count as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

async fn produce(client: &Client, topic: &str, count: usize, size: usize) -> Result<()> {
    let producer = client.producer().build()?;
    let mut value = vec![0; size];
    let mut deliveries = VecDeque::new();
    for i in 0..count {
        value[..8].copy_from_slice(&i.to_ne_bytes());
        deliveries.push_back(producer.send(topic, Record::new(value.clone())).await?);
        while i % 10_000 == 0
            && let Some(result) = deliveries.front().and_then(|delivery| delivery.try_result())
        {
            result?;
            deliveries.pop_front();
        }
    }
    for delivery in deliveries {
        delivery.await?;
    }
    Ok(())
}

async fn consume(client: &Client, topic: &str, count: usize) -> Result<()> {
    let mut consumer = client.consumer().build();
    consumer.assign([(topic.to_owned(), 0, StartOffset::Earliest)]).await?;
    let (mut read, mut bytes) = (0, 0);
    while read < count {
        let messages = consumer.poll(10_000, Duration::from_secs(60)).await?;
        for message in &messages {
            let value = message.value.as_deref().unwrap_or_default();
            bytes += value.len() + usize::from(value[0] != 0) + message.offset as usize % 2;
        }
        read += messages.len();
    }
    eprintln!("{bytes}");
    Ok(())
}
