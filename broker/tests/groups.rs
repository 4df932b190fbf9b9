//! Consumer groups over real sockets: sharing, handing over, time-outs, restarts, offsets.

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::*;
use flymq_broker::{Broker, Config, ErrorCode};
use flymq_protocol::messages::*;

type Held = BTreeSet<(String, u32)>;

fn held(assignment: &[TopicPartitions]) -> Held {
    let of = |t: &TopicPartitions| {
        let topic = t.topic.clone();
        t.partitions.clone().into_iter().map(move |p| (topic.clone(), p))
    };
    assignment.iter().flat_map(of).collect()
}

fn wire(held: &Held) -> Vec<TopicPartitions> {
    held.iter().map(|(t, p)| TopicPartitions { topic: t.clone(), partitions: vec![*p] }).collect()
}

/// A membership, without any reading.
struct Member {
    id: String,
    generation: i32,
    held: Held,
    interval: u32,
}

fn subscribe(id: &str, topics: &[&str]) -> SubscribeRequest {
    SubscribeRequest {
        group: "g".into(),
        member_id: id.into(),
        topics: topics.iter().map(|&t| t.into()).collect(),
        ..Default::default()
    }
}

impl Member {
    async fn join(client: &mut Client, request: SubscribeRequest) -> Self {
        let answer = client.call(&request).await.unwrap();
        Self {
            id: request.member_id,
            generation: answer.generation,
            held: held(&answer.assignment),
            interval: answer.heartbeat_interval_ms,
        }
    }

    fn heartbeat(&self, owned: Option<&Held>) -> HeartbeatRequest {
        HeartbeatRequest {
            group: "g".into(),
            member_id: self.id.clone(),
            generation: self.generation,
            owned: owned.map(wire),
            ..Default::default()
        }
    }

    /// One heartbeat, and what it calls for.
    async fn beat(&mut self, client: &mut Client) {
        let mut answer = client.call(&self.heartbeat(None)).await.unwrap();
        self.generation = answer.generation;
        if let Some(assignment) = answer.assignment {
            self.held = held(&assignment);
            answer = client.call(&self.heartbeat(Some(&self.held))).await.unwrap();
            self.generation = answer.generation;
            self.held = held(&answer.assignment.expect("the whole assignment"));
        }
        self.interval = answer.heartbeat_interval_ms;
    }

    fn commit(&self, topic: &str, partition: u32, offset: i64) -> CommitRequest {
        commit(&self.id, self.generation, topic, partition, offset)
    }

    fn leave(&self, returning: bool) -> LeaveRequest {
        let (group, member_id) = ("g".into(), self.id.clone());
        let generation = self.generation;
        LeaveRequest { group, member_id, generation, returning, ..Default::default() }
    }
}

fn commit(id: &str, generation: i32, topic: &str, partition: u32, offset: i64) -> CommitRequest {
    let (group, member_id) = ("g".into(), id.into());
    let offset = CommittedOffset {
        topic: topic.into(),
        partition,
        offset: Some(offset),
        metadata: "note".into(),
        error: 0,
    };
    CommitRequest { group, member_id, generation, offsets: vec![offset] }
}

async fn committed(client: &mut Client) -> Vec<(String, u32, Option<i64>)> {
    let request = CommittedRequest { group: "g".into(), topics: None, stable: true };
    let offsets = client.call(&request).await.unwrap().offsets;
    offsets.into_iter().map(|o| (o.topic, o.partition, o.offset)).collect()
}

async fn describe(client: &mut Client) -> DescribeGroupResponse {
    client.call(&DescribeGroupRequest { group: "g".into() }).await.unwrap()
}

/// Has members heartbeat until `done`.
async fn beat_until(
    client: &mut Client,
    members: &mut [&mut Member],
    done: impl Fn(&DescribeGroupResponse) -> bool,
) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let group = describe(client).await;
        if done(&group) && group.state == "stable" {
            return;
        }
        assert!(Instant::now() < deadline, "{group:?}");
        for member in members.iter_mut() {
            member.beat(client).await;
        }
    }
}

#[tokio::test]
async fn members_share_hand_over_and_leave() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 4, &[]).await;
    let mut one = Member::join(&mut client, subscribe("one", &["t"])).await;
    assert_eq!((one.held.len(), one.generation, one.interval), (4, 1, 1_000));
    let mut two = Member::join(&mut client, subscribe("two", &["t"])).await;
    assert!(two.held.is_empty(), "somebody else holds everything");
    assert_eq!(two.interval, 100, "it waits");

    // The first is told what to give up; until it says that it did, the second gets nothing.
    let answer = client.call(&one.heartbeat(None)).await.unwrap();
    assert_eq!((answer.generation, answer.heartbeat_interval_ms), (1, 100));
    let kept = held(&answer.assignment.unwrap());
    assert_eq!(kept.len(), 2);
    two.beat(&mut client).await;
    assert!(two.held.is_empty());
    let answer = client.call(&one.heartbeat(Some(&kept))).await.unwrap();
    assert_eq!(answer.generation, 2);
    // That answer may get lost: the same again is answered alike.
    let again = client.call(&one.heartbeat(Some(&kept))).await.unwrap();
    assert_eq!(again, answer);
    (one.generation, one.held) = (answer.generation, kept);
    two.beat(&mut client).await;
    assert_eq!((two.held.len(), two.interval), (2, 1_000));
    assert!(two.held.is_disjoint(&one.held));
    let quiet = client.call(&two.heartbeat(None)).await.unwrap();
    assert_eq!((quiet.generation, quiet.assignment), (2, None));

    client.call(&one.leave(false)).await.unwrap();
    assert_eq!(client.refused(&one.heartbeat(None)).await.0, ErrorCode::UnknownMember);
    beat_until(&mut client, &mut [&mut two], |group| group.members.len() == 1).await;
    assert_eq!(two.held.len(), 4);
}

#[tokio::test]
async fn silent_members_are_put_out_and_so_are_those_who_give_nothing_up() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 2, &[]).await;
    let short = |id: &str| SubscribeRequest { session_timeout_ms: 500, ..subscribe(id, &["t"]) };
    let mut silent = Member::join(&mut client, short("silent")).await;
    assert_eq!(silent.interval, 125, "a quarter of the session time-out");
    let mut two = Member::join(&mut client, subscribe("two", &["t"])).await;
    beat_until(&mut client, &mut [&mut two], |group| group.members.len() == 1).await;
    assert_eq!(two.held.len(), 2);
    assert_eq!(client.refused(&silent.commit("t", 0, 1)).await.0, ErrorCode::UnknownMember);
    client.call(&two.leave(false)).await.unwrap();

    let stubborn = SubscribeRequest { rebalance_timeout_ms: 500, ..subscribe("stubborn", &["t"]) };
    silent = Member::join(&mut client, stubborn).await;
    let mut three = Member::join(&mut client, subscribe("three", &["t"])).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let code = loop {
        three.beat(&mut client).await;
        // It heartbeats, and holds on to everything.
        match client.call(&silent.heartbeat(None)).await {
            Ok(_) => assert!(Instant::now() < deadline),
            Err(error) => break error.code,
        }
    };
    assert_eq!(code, ErrorCode::UnknownMember as u16);
    beat_until(&mut client, &mut [&mut three], |group| group.members.len() == 1).await;
    assert_eq!(three.held.len(), 2);
}

#[tokio::test]
async fn a_stale_generation_changes_nothing() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 2, &[]).await;
    let mut one = Member::join(&mut client, subscribe("one", &["t"])).await;
    client.call(&one.commit("t", 0, 7)).await.unwrap();
    let mut two = Member::join(&mut client, subscribe("two", &["t"])).await;
    let stale = one.commit("t", 0, 8);
    beat_until(&mut client, &mut [&mut one, &mut two], |_| true).await;
    assert_eq!(client.refused(&stale).await.0, ErrorCode::StaleGeneration);
    assert_eq!(committed(&mut client).await, [("t".to_owned(), 0, Some(7))]);
    let past = HeartbeatRequest { generation: 0, ..one.heartbeat(None) };
    assert_eq!(client.refused(&past).await.0, ErrorCode::StaleGeneration);
    // From outside only while there are no members.
    let outside = commit("", -1, "t", 0, 3);
    assert_eq!(client.refused(&outside).await.0, ErrorCode::GroupNotEmpty);
    client.call(&one.leave(false)).await.unwrap();
    client.call(&two.leave(false)).await.unwrap();
    assert!(client.call(&outside).await.unwrap().failed.is_empty());
    assert_eq!(committed(&mut client).await, [("t".to_owned(), 0, Some(3))]);
}

#[tokio::test]
async fn an_instance_restarts_without_a_rebalance() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    client.create("t", 4, &[]).await;
    let named = |id: &str, instance: &str| SubscribeRequest {
        instance_id: Some(instance.into()),
        ..subscribe(id, &["t"])
    };
    let mut one = Member::join(&mut client, named("one", "i")).await;
    let mut two = Member::join(&mut client, named("two", "j")).await;
    beat_until(&mut client, &mut [&mut one, &mut two], |_| true).await;
    for (returning, next) in [(true, "one again"), (false, "one after a crash")] {
        if returning {
            client.call(&one.leave(true)).await.unwrap();
        }
        let before = describe(&mut client).await;
        let again = Member::join(&mut client, named(next, "i")).await;
        assert_eq!((&again.held, again.generation), (&one.held, one.generation));
        assert_eq!(client.refused(&one.heartbeat(None)).await.0, ErrorCode::InstanceFenced);
        assert_eq!(client.refused(&one.commit("t", 0, 1)).await.0, ErrorCode::InstanceFenced);
        let after = describe(&mut client).await;
        assert_eq!((after.generation, after.state), (before.generation, before.state));
        one = again;
    }
    let quiet = client.call(&two.heartbeat(None)).await.unwrap();
    assert_eq!((quiet.generation, quiet.assignment), (two.generation, None));
}

#[tokio::test]
async fn members_and_offsets_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(dir.path())).await.unwrap();
    let mut client = Client::connect(&broker).await;
    client.create("t", 4, &[]).await;
    client.create("gone", 1, &[]).await;
    let mut one = Member::join(&mut client, subscribe("one", &["t", "gone"])).await;
    let mut two = Member::join(&mut client, subscribe("two", &["t", "gone"])).await;
    beat_until(&mut client, &mut [&mut one, &mut two], |_| true).await;
    client.call(&one.commit("t", 0, 7)).await.unwrap();
    client.call(&one.commit("gone", 0, 9)).await.unwrap();
    client.call(&DeleteTopicRequest { name: "gone".into() }).await.unwrap();
    beat_until(&mut client, &mut [&mut one, &mut two], |_| true).await;
    assert_eq!(one.held.len() + two.held.len(), 4);
    client.create("gone", 1, &[]).await;
    assert_eq!(committed(&mut client).await, [("t".to_owned(), 0, Some(7))]);
    beat_until(&mut client, &mut [&mut one, &mut two], |_| true).await;
    let before = describe(&mut client).await;
    drop((client, broker));

    let broker = loop {
        // The last broker's threads let go of the folder in their own time.
        match Broker::start(config(dir.path())).await {
            Ok(broker) => break broker,
            Err(error) => assert!(error.message.contains("in use"), "{error}"),
        }
    };
    let mut client = Client::connect(&broker).await;
    assert_eq!(describe(&mut client).await, before);
    for member in [&one, &two] {
        let quiet = client.call(&member.heartbeat(None)).await.unwrap();
        assert_eq!((quiet.generation, quiet.assignment), (member.generation, None));
    }
    client.call(&one.commit("t", 1, 8)).await.unwrap();
    let expected = [("t".to_owned(), 0, Some(7)), ("t".to_owned(), 1, Some(8))];
    assert_eq!(committed(&mut client).await, expected);
}

#[tokio::test]
async fn assignments_follow_topics() {
    let (_dir, broker) = start().await;
    let mut client = Client::connect(&broker).await;
    let pattern = SubscribeRequest { pattern: Some("log-.*".into()), ..subscribe("one", &["x"]) };
    let mut one = Member::join(&mut client, pattern).await;
    assert!(one.held.is_empty(), "a topic that is not there is no error");
    client.create("log-a", 2, &[]).await;
    client.create("other-log-b", 2, &[]).await;
    client.create("x", 1, &[]).await;
    beat_until(&mut client, &mut [&mut one], |_| true).await;
    let expected = [("log-a", 0), ("log-a", 1), ("x", 0)];
    assert_eq!(one.held, expected.map(|(t, p)| (t.to_owned(), p)).into());
    client.call(&AddPartitionsRequest { name: "log-a".into(), partitions: 4 }).await.unwrap();
    beat_until(&mut client, &mut [&mut one], |_| true).await;
    assert_eq!(one.held.len(), 5);
    client.call(&DeleteTopicRequest { name: "log-a".into() }).await.unwrap();
    beat_until(&mut client, &mut [&mut one], |_| true).await;
    assert_eq!(one.held, [("x".to_owned(), 0)].into());

    // Another subscription while it goes on.
    let request =
        SubscribeRequest { generation: one.generation, ..subscribe("one", &["other-log-b"]) };
    one = Member::join(&mut client, request).await;
    assert!(one.held.is_empty(), "what goes, goes first");
    one.beat(&mut client).await;
    let answer = client.call(&one.heartbeat(Some(&Held::new()))).await.unwrap();
    assert_eq!(held(&answer.assignment.unwrap()).len(), 2);
}

#[tokio::test]
async fn groups_are_listed_described_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { max_group_members: 1, ..config(dir.path()) };
    let broker = Broker::start(config).await.unwrap();
    let mut client = Client::connect_silently(&broker).await;
    let hello = HelloRequest { client_id: "app".into(), ..Default::default() };
    assert!(client.call(&hello).await.unwrap().features.contains(&"groups".into()));
    client.create("t", 1, &[]).await;
    let unknown = DescribeGroupRequest { group: "g".into() };
    assert_eq!(client.refused(&unknown).await.0, ErrorCode::UnknownGroup);
    let one = Member::join(&mut client, subscribe("one", &["t"])).await;
    assert_eq!(client.refused(&subscribe("two", &["t"])).await.0, ErrorCode::GroupFull);
    let group = describe(&mut client).await;
    let member = &group.members[0];
    assert_eq!((group.state.as_str(), group.assignor.as_str()), ("stable", "sticky"));
    assert_eq!((member.client_id.as_str(), &member.topics[..]), ("app", &["t".to_owned()][..]));
    assert!(member.address.starts_with("127.0.0.1:"), "{}", member.address);

    client.call(&one.commit("t", 0, 1)).await.unwrap();
    let delete = DeleteGroupRequest { group: "g".into() };
    assert_eq!(client.refused(&delete).await.0, ErrorCode::GroupNotEmpty);
    client.call(&one.leave(false)).await.unwrap();
    let groups = client.call(&ListGroupsRequest {}).await.unwrap().groups;
    assert_eq!(groups, [GroupSummary { group: "g".into(), state: "empty".into(), members: 0 }]);
    client.call(&delete).await.unwrap();
    assert_eq!(client.refused(&delete).await.0, ErrorCode::UnknownGroup);
    assert!(client.call(&ListGroupsRequest {}).await.unwrap().groups.is_empty());
    assert!(committed(&mut client).await.is_empty());
}
