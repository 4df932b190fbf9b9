//! Every operation there is, without a session and without permissions.

use flymq_broker::ErrorCode;
use flymq_broker::access::{Gate, gate};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;
use flymq_protocol::{Blob, OpCode, opcode};

use crate::common::{Client, batch, fetch, produce};
use crate::help::{Guarded, log_in, prove, rule};

/// The error that a request is answered with, or 0.
async fn ask<R: Request>(client: &mut Client, request: R) -> u16 {
    client.send(&request).await;
    let frame = client.receive().await.expect("an answer");
    match frame.opcode {
        opcode::ERROR => frame.decode::<ErrorReply>().unwrap().code,
        _ => 0,
    }
}

/// Asks for each operation with a request that names topic `t`, group `g` and transactional id `x`.
async fn ask_everything(client: &mut Client) -> Vec<(OpCode, u16)> {
    let mut answers = Vec::new();
    for &op in OpCode::ALL {
        let (t, g, x) = ("t".to_owned(), "g".to_owned(), "x".to_owned());
        let offset = CommittedOffset { topic: t.clone(), offset: Some(0), ..Default::default() };
        let offsets = vec![offset];
        let filter = AclFilter { principal: Some("user:z".into()), ..Default::default() };
        let code = match op {
            OpCode::Hello => ask(client, HelloRequest::default()).await,
            OpCode::Auth => {
                let data = Blob::default();
                ask(client, AuthRequest { mechanism: "NONE".into(), data }).await
            }
            OpCode::Ping => ask(client, PingRequest {}).await,
            OpCode::Whoami => ask(client, WhoamiRequest {}).await,
            OpCode::Produce => ask(client, produce("t", 0, batch(&["v"]))).await,
            OpCode::Consume => {
                let isolation = Isolation::default();
                ask(client, ConsumeRequest { topic: t, partition: 0, offset: 0, isolation }).await
            }
            OpCode::Fetch => ask(client, fetch("t", 0, 0)).await,
            OpCode::ListOffsets => {
                let (partitions, isolation) = (Vec::new(), Isolation::default());
                ask(client, ListOffsetsRequest { topic: t, partitions, isolation }).await
            }
            OpCode::InitProducer => {
                let transactional_id = Some(x);
                ask(client, InitProducerRequest { transactional_id, ..Default::default() }).await
            }
            OpCode::CreateTopic => {
                ask(client, CreateTopicRequest { name: t, partitions: 1, ..Default::default() })
                    .await
            }
            OpCode::DeleteTopic => ask(client, DeleteTopicRequest { name: "u".into() }).await,
            OpCode::ListTopics => ask(client, ListTopicsRequest {}).await,
            OpCode::Metadata => ask(client, MetadataRequest { topics: vec![t] }).await,
            OpCode::AddPartitions => {
                ask(client, AddPartitionsRequest { name: t, partitions: 2 }).await
            }
            OpCode::DescribeTopic => ask(client, DescribeTopicRequest { name: t }).await,
            OpCode::AlterTopic => {
                ask(client, AlterTopicRequest { name: t, config: Default::default() }).await
            }
            OpCode::ClusterStatus => ask(client, ClusterStatusRequest {}).await,
            OpCode::Subscribe => {
                let topics = vec![t];
                ask(client, SubscribeRequest { group: g, topics, ..Default::default() }).await
            }
            OpCode::Commit => {
                ask(client, CommitRequest { group: g, offsets, ..Default::default() }).await
            }
            OpCode::Heartbeat => {
                ask(client, HeartbeatRequest { group: g, ..Default::default() }).await
            }
            OpCode::Leave => ask(client, LeaveRequest { group: g, ..Default::default() }).await,
            OpCode::Committed => {
                ask(client, CommittedRequest { group: g, ..Default::default() }).await
            }
            OpCode::ListGroups => ask(client, ListGroupsRequest {}).await,
            OpCode::DescribeGroup => ask(client, DescribeGroupRequest { group: g }).await,
            OpCode::DeleteGroup => ask(client, DeleteGroupRequest { group: g }).await,
            OpCode::BeginTxn => {
                let transactional_id = x;
                ask(client, BeginTxnRequest { transactional_id, ..Default::default() }).await
            }
            OpCode::CommitTxn => {
                let transactional_id = x;
                ask(client, CommitTxnRequest { transactional_id, ..Default::default() }).await
            }
            OpCode::AbortTxn => {
                let transactional_id = x;
                ask(client, AbortTxnRequest { transactional_id, ..Default::default() }).await
            }
            OpCode::TxnOffsets => {
                let (transactional_id, group) = (x, g);
                let request =
                    TxnOffsetsRequest { transactional_id, group, offsets, ..Default::default() };
                ask(client, request).await
            }
            OpCode::UpsertUser => {
                ask(client, UpsertUserRequest { name: "z".into(), ..Default::default() }).await
            }
            OpCode::DeleteUser => ask(client, DeleteUserRequest { name: "z".into() }).await,
            OpCode::ListUsers => ask(client, ListUsersRequest {}).await,
            OpCode::AddAcls => {
                let acls = vec![rule("z", "allow read topic t")];
                ask(client, AddAclsRequest { acls }).await
            }
            OpCode::RemoveAcls => ask(client, RemoveAclsRequest { filter }).await,
            OpCode::ListAcls => ask(client, ListAclsRequest { filter }).await,
        };
        answers.push((op, code));
    }
    answers
}

const REQUIRED: u16 = ErrorCode::AuthRequired as u16;
const NOT_OFFERED: u16 = ErrorCode::UnsupportedOperation as u16;
const DENIED: u16 = ErrorCode::NotAuthorized as u16;

#[tokio::test]
async fn nothing_goes_without_a_session() {
    let guarded = Guarded::start().await;
    let mut strangers = Vec::new();
    strangers.push(Client::connect(&guarded.broker).await);
    let mut wrong = Client::connect_silently(&guarded.broker).await;
    assert!(log_in(&mut wrong, "root", "wrong").await.is_err());
    strangers.push(wrong);
    let mut halfway = Client::connect_silently(&guarded.broker).await;
    prove(&mut halfway, "root", "toor").await;
    strangers.push(halfway);
    for mut stranger in strangers {
        for (op, code) in ask_everything(&mut stranger).await {
            let open = gate(op) == Gate::Open;
            assert_eq!(code != REQUIRED, open, "{} answered {code}", op.name());
            assert_eq!(open, [OpCode::Hello, OpCode::Auth, OpCode::Ping].contains(&op));
        }
    }
}

#[tokio::test]
async fn nothing_goes_without_permission() {
    let guarded = Guarded::start().await;
    let mut nobody = guarded.user("nobody", &[]).await;
    for (op, code) in ask_everything(&mut nobody).await {
        let refused_whole = match gate(op) {
            Gate::Permissions { all, .. } => !all.is_empty(),
            Gate::Open | Gate::Session => false,
        };
        if code == NOT_OFFERED {
            continue;
        }
        assert_eq!(code == DENIED, refused_whole, "{} answered {code}", op.name());
    }
    // Nothing of it was carried out.
    let mut root = guarded.root().await;
    assert!(root.call(&ListTopicsRequest {}).await.unwrap().topics.is_empty());
    assert_eq!(root.call(&ListUsersRequest {}).await.unwrap().users.len(), 2);
}

#[tokio::test]
async fn everything_goes_for_an_administrator() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    for (op, code) in ask_everything(&mut root).await {
        assert!(code != REQUIRED && code != DENIED, "{} answered {code}", op.name());
    }
}

#[tokio::test]
async fn each_permission_is_needed() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    root.create("t", 1, &[]).await;
    let offered: Vec<_> = ask_everything(&mut root).await;
    let offered = |op| !offered.contains(&(op, NOT_OFFERED));
    for &op in OpCode::ALL {
        let Gate::Permissions { all, .. } = gate(op) else { continue };
        if !offered(op) {
            continue;
        }
        // All that the operation needs but one: refused; with that one: not any more. The request
        // for PRODUCE names no transactional id.
        for missing in all {
            if (op, missing.0.name()) == (OpCode::Produce, "transactional_id") {
                continue;
            }
            let name = format!("{}-{}", op.name(), missing.0.name());
            let target = |resource: &str| match resource {
                "topic" => "*",
                "group" => "g",
                "transactional_id" => "x",
                _ => "*",
            };
            let written = |need: &flymq_broker::access::Need| {
                let resource = need.0.name();
                format!("allow {} {resource} {}", need.1.name(), target(resource))
            };
            let others: Vec<_> = all.iter().filter(|n| *n != missing).map(written).collect();
            let others: Vec<_> = others.iter().map(String::as_str).collect();
            let mut user = guarded.user(&name, &others).await;
            let of = |answers: Vec<(OpCode, u16)>| {
                answers.into_iter().find(|(asked, _)| *asked == op).unwrap().1
            };
            assert_eq!(of(ask_everything(&mut user).await), DENIED, "{name}");
            crate::help::allow(&mut root, &name, &[&written(missing)]).await;
            assert_ne!(of(ask_everything(&mut user).await), DENIED, "{name}");
        }
    }
}
