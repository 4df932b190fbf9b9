//! Consumer groups and transactions.

use flymq_protocol::messages::*;

use super::{Sample, request, response, strings};

const MEMBER: &str = "6fa459ea-ee8a-4ca4-894e-db77e160355e";

fn assignment() -> Vec<TopicPartitions> {
    vec![TopicPartitions { topic: "orders".into(), partitions: vec![0, 2, 4] }]
}

fn committed(offset: Option<i64>, error: u16) -> CommittedOffset {
    CommittedOffset { topic: "orders".into(), partition: 2, offset, metadata: "v1".into(), error }
}

pub fn groups() -> Vec<Sample> {
    let (group, member_id) = ("billing".to_owned(), MEMBER.to_owned());
    vec![
        request(
            "subscribe",
            21,
            SubscribeRequest {
                group: group.clone(),
                member_id: member_id.clone(),
                generation: 0,
                instance_id: Some("host-1".into()),
                topics: strings(["orders"]),
                pattern: Some("orders-.*".into()),
                assignor: "sticky".into(),
                session_timeout_ms: 45_000,
                rebalance_timeout_ms: 60_000,
            },
        ),
        response::<SubscribeRequest>(
            "subscribe_response",
            21,
            SubscribeResponse {
                generation: 3,
                heartbeat_interval_ms: 5_000,
                assignment: assignment(),
            },
        ),
        request(
            "heartbeat",
            22,
            HeartbeatRequest {
                group: group.clone(),
                member_id: member_id.clone(),
                generation: 3,
                owned: Some(assignment()),
                instance_id: Some("host-1".into()),
                rebalance_timeout_ms: 60_000,
            },
        ),
        response::<HeartbeatRequest>(
            "heartbeat_response",
            22,
            HeartbeatResponse {
                generation: 4,
                heartbeat_interval_ms: 5_000,
                assignment: Some(assignment()),
            },
        ),
        response::<HeartbeatRequest>(
            "heartbeat_unchanged_response",
            22,
            HeartbeatResponse { generation: 4, heartbeat_interval_ms: 5_000, assignment: None },
        ),
        request(
            "commit",
            23,
            CommitRequest {
                group: group.clone(),
                member_id: member_id.clone(),
                generation: 4,
                offsets: vec![committed(Some(41), 0)],
            },
        ),
        response::<CommitRequest>(
            "commit_response",
            23,
            CommitResponse { failed: vec![committed(Some(41), 303)] },
        ),
        request(
            "committed",
            24,
            CommittedRequest { group: group.clone(), topics: Some(assignment()), stable: true },
        ),
        response::<CommittedRequest>(
            "committed_response",
            24,
            CommittedResponse { offsets: vec![committed(Some(41), 0), committed(None, 0)] },
        ),
        request(
            "leave",
            25,
            LeaveRequest {
                group: group.clone(),
                member_id,
                generation: 4,
                returning: false,
                instance_id: Some("host-1".into()),
            },
        ),
        response::<LeaveRequest>("leave_response", 25, LeaveResponse {}),
        request("list_groups", 30, ListGroupsRequest {}),
        response::<ListGroupsRequest>(
            "list_groups_response",
            30,
            ListGroupsResponse {
                groups: vec![GroupSummary {
                    group: group.clone(),
                    state: "stable".into(),
                    members: 1,
                }],
            },
        ),
        request("describe_group", 31, DescribeGroupRequest { group: group.clone() }),
        response::<DescribeGroupRequest>(
            "describe_group_response",
            31,
            DescribeGroupResponse {
                state: "rebalancing".into(),
                generation: 5,
                assignor: "sticky".into(),
                members: vec![GroupMember {
                    member_id: MEMBER.into(),
                    instance_id: Some("host-1".into()),
                    client_id: "biller".into(),
                    address: "127.0.0.1:50000".into(),
                    generation: 4,
                    topics: strings(["orders"]),
                    pattern: Some("orders-.*".into()),
                    assignment: assignment(),
                    target: vec![],
                }],
            },
        ),
        request("delete_group", 32, DeleteGroupRequest { group }),
        response::<DeleteGroupRequest>("delete_group_response", 32, DeleteGroupResponse {}),
    ]
}

pub fn transactions() -> Vec<Sample> {
    let transactional_id = "billing-1".to_owned();
    let (producer_id, producer_epoch) = (1000, 1);
    let ended = || EndTxnResponse { producer_id: 1000, producer_epoch: 2 };
    vec![
        request(
            "begin_txn",
            26,
            BeginTxnRequest {
                transactional_id: transactional_id.clone(),
                producer_id,
                producer_epoch,
            },
        ),
        response::<BeginTxnRequest>("begin_txn_response", 26, BeginTxnResponse {}),
        request(
            "txn_offsets",
            27,
            TxnOffsetsRequest {
                transactional_id: transactional_id.clone(),
                producer_id,
                producer_epoch,
                group: "billing".into(),
                member_id: MEMBER.into(),
                generation: 4,
                offsets: vec![committed(Some(41), 0)],
            },
        ),
        response::<TxnOffsetsRequest>("txn_offsets_response", 27, TxnOffsetsResponse {}),
        request(
            "commit_txn",
            28,
            CommitTxnRequest {
                transactional_id: transactional_id.clone(),
                producer_id,
                producer_epoch,
            },
        ),
        response::<CommitTxnRequest>("commit_txn_response", 28, ended()),
        request("abort_txn", 29, AbortTxnRequest { transactional_id, producer_id, producer_epoch }),
        response::<AbortTxnRequest>("abort_txn_response", 29, ended()),
    ]
}
