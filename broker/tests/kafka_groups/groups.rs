use std::collections::BTreeSet;
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;
use tokio::time::timeout;

use super::Setup;
use super::common::Client;

/// A member as a client keeps it.
struct Member {
    group: String,
    id: String,
    instance_id: Option<String>,
    topic: String,
    generation: i32,
    held: BTreeSet<u32>,
}

impl Member {
    fn new(setup: &Setup, id: &str) -> Self {
        Self {
            group: setup.group.clone(),
            id: format!("{}-{id}", setup.group),
            instance_id: None,
            topic: setup.topic.clone(),
            generation: 0,
            held: BTreeSet::new(),
        }
    }

    fn subscribe(&self) -> SubscribeRequest {
        SubscribeRequest {
            group: self.group.clone(),
            member_id: self.id.clone(),
            generation: self.generation,
            instance_id: self.instance_id.clone(),
            topics: vec![self.topic.clone()],
            ..Default::default()
        }
    }

    fn heartbeat(&self, says: bool) -> HeartbeatRequest {
        let partitions = self.held.iter().copied().collect();
        let owned = TopicPartitions { topic: self.topic.clone(), partitions };
        HeartbeatRequest {
            group: self.group.clone(),
            member_id: self.id.clone(),
            generation: self.generation,
            owned: says.then(|| vec![owned]),
            instance_id: self.instance_id.clone(),
            ..Default::default()
        }
    }

    fn leave(&self, returning: bool) -> LeaveRequest {
        LeaveRequest {
            group: self.group.clone(),
            member_id: self.id.clone(),
            generation: self.generation,
            returning,
            instance_id: self.instance_id.clone(),
        }
    }

    fn take(&mut self, generation: i32, assignment: Option<&[TopicPartitions]>) {
        self.generation = generation;
        if let Some(assignment) = assignment {
            let partitions = assignment.iter().flat_map(|topic| topic.partitions.iter().copied());
            self.held = partitions.collect();
        }
    }

    async fn join(&mut self, client: &mut Client) {
        let answer = client.call(&self.subscribe()).await.unwrap();
        assert!(answer.generation >= 1);
        self.take(answer.generation, Some(&answer.assignment));
    }

    /// One heartbeat, and what it calls for.
    async fn beat(&mut self, client: &mut Client) -> Result<(), ErrorReply> {
        let answer = client.call(&self.heartbeat(false)).await?;
        self.take(answer.generation, answer.assignment.as_deref());
        if answer.assignment.is_some() {
            let answer = client.call(&self.heartbeat(true)).await?;
            let assignment = answer.assignment.expect("the whole assignment");
            self.take(answer.generation, Some(&assignment));
        }
        Ok(())
    }

    fn commit(&self, partition: u32, offset: i64) -> CommitRequest {
        commit(&self.group, &self.id, self.generation, &self.topic, partition, offset)
    }
}

fn commit(
    group: &str,
    member_id: &str,
    generation: i32,
    topic: &str,
    partition: u32,
    offset: i64,
) -> CommitRequest {
    CommitRequest {
        group: group.into(),
        member_id: member_id.into(),
        generation,
        offsets: vec![CommittedOffset {
            topic: topic.into(),
            partition,
            offset: Some(offset),
            metadata: format!("note {offset}"),
            error: 0,
        }],
    }
}

/// Has members beat through both gateways in turn until they hold what they should.
async fn settle(
    members: &mut [&mut Member],
    clients: &mut [Client; 2],
    settled: impl Fn(&[&mut Member]) -> bool,
) {
    let beating = async {
        let mut turn = 0;
        while !settled(members) {
            for member in members.iter_mut() {
                member.beat(&mut clients[turn % 2]).await.unwrap();
                turn += 1;
            }
            turn += 1;
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    if timeout(patience, beating).await.is_err() {
        panic!("not settled: {:?}", members.iter().map(|m| (&m.id, &m.held)).collect::<Vec<_>>());
    }
}

fn shared_evenly(members: &[&mut Member]) -> bool {
    let all: BTreeSet<u32> = members.iter().flat_map(|m| m.held.iter().copied()).collect();
    members.iter().all(|m| m.held.len() == 4 / members.len()) && all.len() == 4
}

#[tokio::test]
async fn members_beat_through_whichever_gateway() {
    let mut setup = Setup::new(4).await;
    let (mut one, mut two) = (Member::new(&setup, "one"), Member::new(&setup, "two"));
    one.join(&mut setup.clients[0]).await;
    settle(&mut [&mut one], &mut setup.clients, shared_evenly).await;
    two.join(&mut setup.clients[1]).await;
    settle(&mut [&mut one, &mut two], &mut setup.clients, shared_evenly).await;

    // Whoever has not heard of the generation that it has by now says what it holds.
    let lost = one.heartbeat(true);
    for client in &mut setup.clients {
        let answer = client.call(&lost).await.unwrap();
        assert_eq!(answer.generation, one.generation);
        let held = answer.assignment.expect("the whole assignment");
        assert_eq!(held[0].partitions, one.held.iter().copied().collect::<Vec<_>>());
    }
    // A SUBSCRIBE that was not answered is sent again, also through another gateway.
    let again = two.subscribe();
    for client in &mut setup.clients {
        let answer = client.call(&again).await.unwrap();
        assert_eq!(answer.assignment[0].partitions, two.held.iter().copied().collect::<Vec<_>>());
    }
    let joined_again = SubscribeRequest { generation: 0, ..two.subscribe() };
    let answer = setup.clients[0].call(&joined_again).await.unwrap();
    two.take(answer.generation, Some(&answer.assignment));

    let described = DescribeGroupRequest { group: setup.group.clone() };
    let group = setup.clients[0].call(&described).await.unwrap();
    assert_eq!((group.state.as_str(), group.assignor.as_str()), ("stable", "sticky"));
    let ids: Vec<_> = group.members.iter().map(|m| m.member_id.clone()).collect();
    assert_eq!(ids, [one.id.clone(), two.id.clone()]);
    assert_eq!(group.members[0].topics, [setup.topic.clone()]);

    setup.clients[1].call(&two.leave(false)).await.unwrap();
    let (code, _) = setup.clients[0].refused(&two.heartbeat(false)).await;
    assert_eq!(code, ErrorCode::UnknownMember);
    settle(&mut [&mut one], &mut setup.clients, shared_evenly).await;
}

#[tokio::test]
async fn offsets_are_stored_for_all_gateways() {
    let mut setup = Setup::new(2).await;
    let [a, b] = &mut setup.clients;
    let simple = |offset| commit(&setup.group, "", -1, &setup.topic, 0, offset);
    assert!(a.call(&simple(41)).await.unwrap().failed.is_empty());
    let asked = CommittedRequest {
        topics: Some(vec![
            TopicPartitions { topic: setup.topic.clone(), partitions: vec![0, 1, 7] },
            TopicPartitions { topic: "nowhere".into(), partitions: vec![0] },
        ]),
        group: setup.group.clone(),
        stable: true,
    };
    let found = b.call(&asked).await.unwrap().offsets;
    let told: Vec<_> = found.iter().map(|o| (o.offset, o.metadata.as_str(), o.error)).collect();
    let expected = [(Some(41), "note 41", 0), (None, "", 0), (None, "", 303), (None, "", 300)];
    assert_eq!(told, expected);

    // One at a time is refused, the rest is stored.
    let mut mixed = simple(-1);
    for (topic, partition, offset) in
        [("nowhere", 0, 1), (&*setup.topic, 9, 1), (&*setup.topic, 1, -2)]
    {
        mixed.offsets.extend(commit("", "", 0, topic, partition, offset).offsets);
    }
    let mut failed = b.call(&mixed).await.unwrap().failed;
    failed.sort_by_key(|offset| offset.error);
    assert_eq!(failed.iter().map(|o| o.error).collect::<Vec<_>>(), [105, 300, 303]);
    let all = CommittedRequest { group: setup.group.clone(), topics: None, stable: true };
    let found = a.call(&all).await.unwrap().offsets;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].offset, Some(-1));

    // With members, only they may commit, in their generation.
    let mut one = Member::new(&setup, "one");
    let [a, b] = &mut setup.clients;
    one.join(a).await;
    let (code, _) = b.refused(&commit(&setup.group, "", -1, &setup.topic, 0, 5)).await;
    assert_eq!(code, ErrorCode::GroupNotEmpty);
    let ahead = CommitRequest { generation: one.generation + 1, ..one.commit(0, 5) };
    assert_eq!(b.refused(&ahead).await.0, ErrorCode::StaleGeneration);
    let other = CommitRequest { member_id: "other".into(), ..one.commit(0, 5) };
    assert_eq!(b.refused(&other).await.0, ErrorCode::UnknownMember);
    assert!(b.call(&one.commit(0, 5)).await.unwrap().failed.is_empty());
    let delete = DeleteGroupRequest { group: setup.group.clone() };
    assert_eq!(a.refused(&delete).await.0, ErrorCode::GroupNotEmpty);

    a.call(&one.leave(false)).await.unwrap();
    let groups = b.call(&ListGroupsRequest {}).await.unwrap().groups;
    let listed = groups.iter().find(|group| group.group == setup.group).unwrap();
    assert_eq!((listed.state.as_str(), listed.members), ("empty", 0));
    b.call(&delete).await.unwrap();
    assert_eq!(a.refused(&delete).await.0, ErrorCode::UnknownGroup);
    let describe = DescribeGroupRequest { group: setup.group.clone() };
    assert_eq!(a.refused(&describe).await.0, ErrorCode::UnknownGroup);
}

#[tokio::test]
async fn an_instance_takes_its_place_back() {
    let mut setup = Setup::new(4).await;
    let instance =
        |id: &str| Member { instance_id: Some("host-1".into()), ..Member::new(&setup, id) };
    let (mut old, mut new, mut third) = (instance("old"), instance("new"), instance("third"));
    old.join(&mut setup.clients[0]).await;
    settle(&mut [&mut old], &mut setup.clients, shared_evenly).await;
    let held = old.held.clone();
    let [a, b] = &mut setup.clients;
    // It has crashed, or hangs: another one takes its place at once.
    new.join(b).await;
    assert_eq!(new.held, held);
    for client in [&mut *a, &mut *b] {
        for says in [false, true] {
            assert_eq!(client.refused(&old.heartbeat(says)).await.0, ErrorCode::InstanceFenced);
        }
        assert_eq!(client.refused(&old.leave(false)).await.0, ErrorCode::InstanceFenced);
        assert_eq!(client.refused(&old.commit(0, 1)).await.0, ErrorCode::UnknownMember);
    }
    // One that will be back keeps its partitions.
    a.call(&new.leave(true)).await.unwrap();
    third.join(b).await;
    assert_eq!(third.held, held);
}

#[tokio::test]
async fn sessions_end_as_members_wanted() {
    let mut setup = Setup::new(4).await;
    let (mut gone, mut one) = (Member::new(&setup, "gone"), Member::new(&setup, "one"));
    for member in [&mut gone, &mut one] {
        let request = SubscribeRequest { session_timeout_ms: 1_000, ..member.subscribe() };
        let answer = setup.clients[0].call(&request).await.unwrap();
        assert!(answer.heartbeat_interval_ms <= 500);
        member.take(answer.generation, Some(&answer.assignment));
    }
    settle(&mut [&mut gone, &mut one], &mut setup.clients, shared_evenly).await;
    // Kafka's usual 45 s are longer than this is waited for.
    settle(&mut [&mut one], &mut setup.clients, |members| members[0].held.len() == 4).await;
    assert_eq!(setup.clients[1].refused(&gone.heartbeat(false)).await.0, ErrorCode::UnknownMember);
}

#[tokio::test]
async fn patterns_and_bad_requests() {
    let mut setup = Setup::new(2).await;
    let mut one = Member::new(&setup, "one");
    let [a, _] = &mut setup.clients;
    let request = SubscribeRequest {
        topics: Vec::new(),
        pattern: Some(format!(".*{}", setup.topic)),
        assignor: "range".into(),
        ..one.subscribe()
    };
    let answer = a.call(&request).await.unwrap();
    one.take(answer.generation, Some(&answer.assignment));
    settle(&mut [&mut one], &mut setup.clients, |members| members[0].held.len() == 2).await;
    let [a, b] = &mut setup.clients;
    let described = DescribeGroupRequest { group: setup.group.clone() };
    let group = b.call(&described).await.unwrap();
    assert_eq!(group.members[0].pattern, request.pattern);
    assert_eq!(group.assignor, "range");
    let bad = [
        HeartbeatRequest { generation: 0, ..one.heartbeat(false) },
        HeartbeatRequest { generation: -1, ..one.heartbeat(false) },
        HeartbeatRequest { generation: -2, ..one.heartbeat(true) },
        HeartbeatRequest { generation: one.generation + 1, ..one.heartbeat(false) },
    ];
    for bad in bad {
        assert_eq!(a.refused(&bad).await.0, ErrorCode::StaleGeneration, "{bad:?}");
    }
    let nobody = HeartbeatRequest { group: "nowhere".into(), ..one.heartbeat(false) };
    assert_eq!(a.refused(&nobody).await.0, ErrorCode::UnknownMember);
    a.call(&one.heartbeat(false)).await.unwrap();
}
