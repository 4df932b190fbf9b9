//! Clusters that cannot be reached, or are none.

use flymq_broker::kafka::KafkaConfig;
use flymq_broker::{Broker, Config, EngineConfig, ErrorCode, ProtocolError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::common::*;
use crate::{kafka, unique};

/// What comes of starting a gateway to an address.
async fn start(servers: &str, options: &[(&str, &str)]) -> Result<Broker, ProtocolError> {
    let mut kafka = KafkaConfig::new(servers);
    for (name, value) in [("default.api.timeout.ms", "300")].iter().chain(options) {
        kafka.set(name, value)?;
    }
    let listen = "127.0.0.1:0".parse().unwrap();
    let engine = EngineConfig::Kafka(Box::new(kafka));
    Broker::start(Config { engine, listen, ..Config::default() }).await
}

/// Answers every connection with the same bytes.
async fn node(answer: Vec<u8>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.read(&mut [0; 1024]).await;
            });
        }
    });
    (address, serving)
}

#[tokio::test]
async fn what_is_not_there_or_no_kafka_is_an_error_and_not_a_hang() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let error = start(&free, &[]).await.err().unwrap();
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(error.message.contains(&free), "{error}");
    let answers: [&[u8]; 4] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        // A response of 4 GiB.
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        // The right correlation, and an array of 2^31 versions.
        &[0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x08],
        &[],
    ];
    for answer in answers {
        let (address, serving) = node(answer.to_vec()).await;
        let options = [("request.timeout.ms", "200")];
        assert!(start(&address, &options).await.is_err(), "{answer:02x?}");
        serving.abort();
    }
    assert!(start("", &[]).await.is_err());
    assert!(start("a:b", &[]).await.is_err());
}

#[tokio::test]
async fn a_node_that_is_lost_is_found_again() {
    // A way to the cluster that can be cut: the gateway's first connection goes through it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let relay = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(kafka::bootstrap_servers()).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let broker = start(&format!("127.0.0.1:1,{address}"), &[("default.api.timeout.ms", "5000")])
        .await
        .unwrap();
    relay.abort();
    let mut client = Client::connect(&broker).await;
    let topic = unique("log");
    client.create(&topic, 1, &[]).await;
    assert_eq!(client.produce(&topic, 0, &["a"]).await, 0);
    let stats = broker.kafka().unwrap().stats();
    assert_eq!((stats.nodes, stats.unreachable_nodes), (1, 0));
    assert!(stats.requests.iter().any(|r| r.kind == "produce" && r.requests > 0));
    assert!(stats.connections > 0);
}
