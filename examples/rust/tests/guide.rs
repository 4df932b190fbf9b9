//! The blocks of docs/rust.md, one after the other, on a real broker.

use std::time::Duration;

use flymq_core::{Client, Compression, ErrorCode, FetchOptions, NewTopic, Record};
use flymq_examples::Server;

include!(concat!(env!("OUT_DIR"), "/guide.rs"));

#[tokio::test]
async fn every_block_of_the_guide_runs() {
    let server = Server::find_or_start().await.unwrap();
    let client = Client::connect(&server.address).await.unwrap();
    let blocks = run_blocks(&client).await.unwrap();
    assert!(blocks > 5, "{blocks} blocks are too few");
    client.close().await;
    server.stop().await;
}
