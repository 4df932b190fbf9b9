//! One record in, and out again.

use flymq_core::{Client, NewTopic, Record};
use flymq_examples::Server;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::find_or_start().await?;

    let client = Client::connect(&server.address).await?;
    client.create_topic(NewTopic::new("quickstart").if_not_exists()).await?;
    let stored = client.produce("quickstart", Record::new("hello").key("greeting")).await?;
    println!("stored at offset {} of partition {}", stored.offset, stored.partition);
    let message = client.consume("quickstart", stored.partition, stored.offset).await?;
    println!("read {:?}", message.and_then(|m| m.value));
    client.close().await;

    server.stop().await;
    Ok(())
}
