//! Sensors send a hundred thousand readings, keyed by sensor, in batches; a consumer reads all
//! partitions and averages by sensor.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use flymq_core::{Client, Compression, NewTopic, Record, StartOffset};
use flymq_examples::Server;

const TOPIC: &str = "readings";
const PARTITIONS: u32 = 4;
const READINGS: u32 = 100_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::find_or_start().await?;
    let client = Client::connect(&server.address).await?;
    client.create_topic(NewTopic::new(TOPIC).partitions(PARTITIONS)).await?;

    let (sent, received) = tokio::join!(produce(&client), consume(&client));
    sent?;
    for (sensor, (count, mean)) in received? {
        println!("{sensor}: {count} readings, {mean:.2} °C on average");
    }

    client.delete_topic(TOPIC).await?;
    client.close().await;
    server.stop().await;
    Ok(())
}

async fn produce(client: &Client) -> anyhow::Result<()> {
    let producer = client.producer().compression(Compression::Lz4).build()?;
    let mut deliveries = Vec::new();
    for number in 0..READINGS {
        let celsius = 20.0 + f64::from(number % 100) / 10.0;
        let record = Record::new(celsius.to_string())
            .key(format!("sensor-{}", number % 10))
            .header("unit", "°C");
        // Returns as soon as there is room; the delivery tells later what became of it.
        deliveries.push(producer.send(TOPIC, record).await?);
    }
    producer.flush().await;
    for delivery in deliveries {
        delivery.await?;
    }
    producer.close(Duration::from_secs(5)).await?;
    Ok(())
}

/// How many readings came from each sensor, and their mean.
async fn consume(client: &Client) -> anyhow::Result<BTreeMap<String, (u32, f64)>> {
    let mut consumer = client.consumer().build();
    let all: Vec<_> =
        (0..PARTITIONS).map(|p| (TOPIC.to_owned(), p, StartOffset::Earliest)).collect();
    consumer.assign(all).await?;
    let mut means = BTreeMap::<String, (u32, f64)>::new();
    let mut total = 0;
    while total < READINGS {
        for message in consumer.poll(10_000, Duration::from_secs(1)).await? {
            let key = message.key.context("every reading has a sensor")?;
            let celsius: f64 = std::str::from_utf8(&message.value.context("a value")?)?.parse()?;
            let (count, mean) =
                means.entry(String::from_utf8_lossy(&key).into_owned()).or_default();
            *count += 1;
            *mean += (celsius - *mean) / f64::from(*count);
            total += 1;
        }
    }
    Ok(means)
}
