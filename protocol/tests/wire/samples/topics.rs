//! Topics and metadata.

use flymq_protocol::messages::*;

use super::{Sample, config, request, response, strings};

pub fn topics() -> Vec<Sample> {
    let orders = |partitions| TopicSummary { name: "orders".into(), partitions, error: 0 };
    let info = |partition, earliest, latest| PartitionInfo { partition, earliest, latest };
    let in_force = config([
        ("max_record_bytes", "1048576"),
        ("retention_bytes", "-1"),
        ("retention_ms", "3600000"),
        ("segment_bytes", "268435456"),
        ("segment_ms", "86400000"),
    ]);
    vec![
        request(
            "create_topic",
            4,
            CreateTopicRequest {
                name: "orders".into(),
                partitions: 6,
                replication: 1,
                config: config([("retention_ms", "3600000")]),
                if_not_exists: true,
            },
        ),
        response::<CreateTopicRequest>(
            "create_topic_response",
            4,
            CreateTopicResponse { partitions: 6, created: true },
        ),
        request("delete_topic", 5, DeleteTopicRequest { name: "orders".into() }),
        response::<DeleteTopicRequest>("delete_topic_response", 5, DeleteTopicResponse {}),
        request("list_topics", 6, ListTopicsRequest {}),
        response::<ListTopicsRequest>(
            "list_topics_response",
            6,
            ListTopicsResponse { topics: vec![orders(6)] },
        ),
        request("metadata", 7, MetadataRequest { topics: strings(["orders", "nowhere"]) }),
        response::<MetadataRequest>(
            "metadata_response",
            7,
            MetadataResponse {
                brokers: vec![BrokerInfo { id: 0, host: "127.0.0.1".into(), port: 9092 }],
                topics: vec![
                    orders(6),
                    TopicSummary { name: "nowhere".into(), partitions: 0, error: 300 },
                ],
            },
        ),
        request("add_partitions", 8, AddPartitionsRequest { name: "orders".into(), partitions: 8 }),
        response::<AddPartitionsRequest>(
            "add_partitions_response",
            8,
            AddPartitionsResponse { partitions: 8 },
        ),
        request("describe_topic", 9, DescribeTopicRequest { name: "orders".into() }),
        response::<DescribeTopicRequest>(
            "describe_topic_response",
            9,
            DescribeTopicResponse {
                config: in_force.clone(),
                partitions: vec![info(0, 0, 12), info(1, 7, 7)],
                bytes: 5_000_000_000,
            },
        ),
        request(
            "alter_topic",
            10,
            AlterTopicRequest {
                name: "orders".into(),
                config: [
                    ("retention_ms".to_owned(), Some("3600000".to_owned())),
                    ("segment_ms".to_owned(), None),
                ]
                .into(),
            },
        ),
        response::<AlterTopicRequest>(
            "alter_topic_response",
            10,
            AlterTopicResponse { config: in_force },
        ),
        request("cluster_status", 37, ClusterStatusRequest {}),
        response::<ClusterStatusRequest>("cluster_status_response", 37, cluster_status()),
    ]
}

fn cluster_status() -> ClusterStatusResponse {
    ClusterStatusResponse {
        engine: "kafka".into(),
        cluster_id: "c1".into(),
        brokers: vec![BrokerInfo { id: 7, host: "gateway-1".into(), port: 9092 }],
        nodes: vec![NodeInfo { id: 1, host: "kafka-1".into(), port: 9094, controller: true }],
        partitions: 56,
        under_replicated: 1,
        offline: 0,
        troubled: vec![PartitionStatus {
            topic: "orders".into(),
            partition: 2,
            leader: Some(1),
            replicas: vec![1, 2, 3],
            in_sync: vec![1, 3],
        }],
    }
}
