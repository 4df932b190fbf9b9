use std::time::Duration;

use flymq_protocol::messages::*;
use tokio::time::timeout;

use super::Setup;
use super::common::Client;

async fn ports(client: &mut Client) -> Vec<u16> {
    let brokers = client.call(&MetadataRequest::default()).await.unwrap().brokers;
    brokers.into_iter().map(|broker| broker.port).collect()
}

#[tokio::test]
async fn metadata_names_the_gateways_that_are_alive() {
    let mut setup = Setup::new(2).await;
    let own = setup.brokers.each_ref().map(|broker| broker.local_addr().port());
    for client in &mut setup.clients {
        let both = async {
            loop {
                let seen = ports(client).await;
                if own.iter().all(|port| seen.contains(port)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(20), both).await.expect("both gateways");
    }
    let status = setup.clients[0].call(&ClusterStatusRequest {}).await.unwrap();
    assert_eq!(status.engine, "kafka");
    assert!(own.iter().all(|port| status.brokers.iter().any(|b| b.port == *port)));
    assert_eq!(status.nodes.len(), 1);
    assert!(status.partitions >= 2);
    assert_eq!((status.under_replicated, status.offline, status.troubled.len()), (0, 0, 0));

    let [stays, goes] = setup.brokers;
    goes.shutdown().await;
    let [client, _] = &mut setup.clients;
    let gone = async {
        while ports(client).await.contains(&own[1]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("the other gateway's end");
    assert!(ports(client).await.contains(&own[0]));
    stays.shutdown().await;
}
