//! Joining, heartbeats and leaving, as heartbeats of Kafka's consumer group protocol.
//!
//! A member's generation is its epoch, which Kafka checks. Any gateway relays any heartbeat. Kafka
//! repeats a whole assignment only to a member that says everything of itself; where a client says
//! less, the rest is what Kafka itself knows of the member.

use std::collections::BTreeMap;
use std::sync::Arc;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::*;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as Owned;
use kafka_protocol::messages::consumer_group_heartbeat_response::Assignment;
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::describe::{Member, find};
use super::{group_id, instance_fenced, member_error, pattern, stale};
use crate::Result;
use crate::engine::Client;
use crate::groups::{Assignor, Join, check_group};
use crate::kafka::Inner;
use crate::kafka::cluster::is_internal;
use crate::kafka::coordinators::Kind;
use crate::kafka::link::AsClient;
use crate::kafka::topics::{text, topic_name};

/// How soon a member is to ask again while partitions change hands.
const BUSY_INTERVAL: u32 = 100;
/// As in SUBSCRIBE.
const REBALANCE_TIMEOUT: u32 = 60_000;
/// In place of a generation: the member is gone.
const LEAVE: i32 = -1;
/// In place of a generation: the member will be back.
const LEAVE_FOR_A_WHILE: i32 = -2;
/// How often an instance's place is tried to be taken.
const TAKEOVERS: usize = 5;

/// Joins a group, or changes a member's subscription.
pub async fn subscribe(
    inner: Arc<Inner>,
    (request, client): (SubscribeRequest, Client),
) -> Result<SubscribeResponse> {
    check_group(&request.group)?;
    let group = request.group.clone();
    let pattern = request.pattern.as_deref().map(pattern::to_kafka);
    let join = Join::new(request, client.client_id, client.address)?;
    let heartbeat = Heartbeat {
        group: &group,
        member_id: &join.member_id,
        epoch: join.generation,
        instance_id: join.instance_id.as_deref(),
        client_id: &join.client_id,
        all: Some(All {
            topics: join.subscription.topics.clone(),
            pattern,
            assignor: Some(to_kafka(join.assignor)),
            rebalance_timeout_ms: join.rebalance_timeout as i32,
            owned: Vec::new(),
        }),
    };
    let (answer, assignment) = match join.generation {
        0 => {
            inner.sessions.set(&inner.cluster, &group, join.session_timeout as i64).await;
            heartbeat.join(&inner).await?
        }
        1.. => heartbeat.change(&inner).await?,
        _ => return Err(stale("there is no generation below 0".to_owned())),
    };
    Ok(SubscribeResponse {
        generation: answer.member_epoch,
        heartbeat_interval_ms: interval(&inner, &answer, true),
        assignment: assignment.unwrap_or_default(),
    })
}

/// Keeps a membership alive.
pub async fn heartbeat(
    inner: Arc<Inner>,
    (request, client): (HeartbeatRequest, Client),
) -> Result<HeartbeatResponse> {
    let HeartbeatRequest { group, member_id, generation, owned, .. } = request;
    check_group(&group)?;
    check_generation(generation)?;
    let says_all = owned.is_some();
    let mut heartbeat = Heartbeat {
        group: &group,
        member_id: &member_id,
        epoch: generation,
        instance_id: request.instance_id.as_deref(),
        client_id: &client.client_id,
        all: None,
    };
    if let Some(owned) = owned {
        let member = heartbeat.known(&inner).await?;
        heartbeat.all = Some(All {
            topics: member.topics,
            pattern: member.pattern,
            assignor: None,
            rebalance_timeout_ms: match request.rebalance_timeout_ms {
                0 => REBALANCE_TIMEOUT,
                given => given,
            } as i32,
            owned,
        });
    }
    let (answer, assignment) = heartbeat.send(&inner).await?;
    let changed = says_all || assignment.is_some() || answer.member_epoch != generation;
    Ok(HeartbeatResponse {
        generation: answer.member_epoch,
        heartbeat_interval_ms: interval(&inner, &answer, changed),
        assignment,
    })
}

/// Leaves a group.
pub async fn leave(inner: Arc<Inner>, request: LeaveRequest) -> Result<LeaveResponse> {
    let LeaveRequest { group, member_id, generation, returning, instance_id } = request;
    check_group(&group)?;
    check_generation(generation)?;
    let returns = returning && instance_id.is_some();
    let heartbeat = Heartbeat {
        group: &group,
        member_id: &member_id,
        // Kafka does not look at the generation: an id is one consumer's, which knows what it does.
        epoch: if returns { LEAVE_FOR_A_WHILE } else { LEAVE },
        instance_id: instance_id.as_deref(),
        client_id: "",
        all: None,
    };
    heartbeat.send(&inner).await?;
    Ok(LeaveResponse {})
}

/// Numbers below have another meaning to Kafka.
fn check_generation(generation: i32) -> Result<()> {
    match generation {
        1.. => Ok(()),
        _ => Err(stale(format!("a member's generation is at least 1, not {generation}"))),
    }
}

fn to_kafka(assignor: Assignor) -> &'static str {
    match assignor {
        Assignor::Sticky => "uniform",
        Assignor::Range => "range",
    }
}

/// How soon the member is to be heard of again: what Kafka wants, or sooner.
fn interval(inner: &Inner, answer: &ConsumerGroupHeartbeatResponse, changed: bool) -> u32 {
    let usual = inner.heartbeat_interval.as_millis().try_into().unwrap_or(u32::MAX);
    let usual = usual.min(answer.heartbeat_interval_ms.max(1) as u32);
    if changed { usual.min(BUSY_INTERVAL) } else { usual }
}

/// What a member tells Kafka.
struct Heartbeat<'a> {
    group: &'a str,
    member_id: &'a str,
    epoch: i32,
    instance_id: Option<&'a str>,
    /// What the client calls itself.
    client_id: &'a str,
    /// Everything else, if it says that.
    all: Option<All>,
}

struct All {
    topics: Vec<String>,
    pattern: Option<String>,
    assignor: Option<&'static str>,
    rebalance_timeout_ms: i32,
    owned: Vec<TopicPartitions>,
}

type Answer = (ConsumerGroupHeartbeatResponse, Option<Vec<TopicPartitions>>);

impl Heartbeat<'_> {
    /// Joins, in the place of whoever has the same instance id.
    async fn join(&self, inner: &Inner) -> Result<Answer> {
        for _ in 0..TAKEOVERS {
            let answer = self.ask(inner).await?;
            match E::try_from_code(answer.error_code) {
                Some(E::UnreleasedInstanceId) => self.take_over(inner).await?,
                _ => return self.take(inner, answer).await,
            }
        }
        Err(instance_fenced(self.member_id))
    }

    /// Has the member that has the instance id leave for a while. It learns that it was fenced when it
    /// is heard of again.
    async fn take_over(&self, inner: &Inner) -> Result<()> {
        let group = find(inner, self.group).await?;
        let members = group.map(|group| group.members).unwrap_or_default();
        let mut others = members.iter().filter(|member| member.id != self.member_id);
        let Some(other) = others.find(|m| m.instance_id.as_deref() == self.instance_id) else {
            return Ok(());
        };
        let farewell = Heartbeat {
            group: self.group,
            member_id: &other.id,
            epoch: LEAVE_FOR_A_WHILE,
            instance_id: self.instance_id,
            client_id: "",
            all: None,
        };
        // Whatever comes of it, the next attempt to join tells.
        farewell.ask(inner).await.map(drop)
    }

    /// Changes a member's subscription, also when that was done before and the answer was lost: then
    /// the member's epoch may be a higher one by now.
    async fn change(mut self, inner: &Inner) -> Result<Answer> {
        let known = self.known(inner).await?;
        if let Some(all) = &mut self.all {
            if known.topics == all.topics && known.pattern == all.pattern {
                self.epoch = self.epoch.max(known.epoch);
            }
            // So that it gives up nothing by this.
            all.owned = known.held;
        }
        self.send(inner).await
    }

    /// What Kafka knows of the member.
    async fn known(&self, inner: &Inner) -> Result<Member> {
        let members = find(inner, self.group).await?.map(|g| g.members).unwrap_or_default();
        let is_fenced = self.instance_id.is_some_and(|instance| {
            let mut others = members.iter().filter(|member| member.id != self.member_id);
            others.any(|member| member.instance_id.as_deref() == Some(instance))
        });
        if is_fenced {
            return Err(instance_fenced(self.member_id));
        }
        let mut members = members.into_iter();
        members
            .find(|member| member.id == self.member_id)
            .ok_or_else(|| member_error(E::UnknownMemberId, None, self.group, self.member_id))
    }

    async fn send(&self, inner: &Inner) -> Result<Answer> {
        let answer = self.ask(inner).await?;
        self.take(inner, answer).await
    }

    async fn ask(&self, inner: &Inner) -> Result<ConsumerGroupHeartbeatResponse> {
        let mut request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(self.group))
            .with_member_id(text(self.member_id))
            .with_member_epoch(self.epoch)
            .with_instance_id(self.instance_id.map(text))
            .with_rebalance_timeout_ms(-1)
            .with_subscribed_topic_names(None)
            .with_topic_partitions(None);
        if let Some(all) = &self.all {
            let names = all.topics.iter().map(|topic| topic_name(topic)).collect();
            request = request
                .with_rebalance_timeout_ms(all.rebalance_timeout_ms)
                .with_subscribed_topic_names(Some(names))
                .with_subscribed_topic_regex(Some(text(all.pattern.as_deref().unwrap_or(""))))
                .with_server_assignor(all.assignor.map(text))
                .with_topic_partitions(Some(self.owned(inner, &all.owned).await?));
        }
        let code = |response: &ConsumerGroupHeartbeatResponse| response.error_code;
        let request = AsClient { request, client_id: self.client_id };
        if self.epoch > 0 {
            // Kafka would not take a member's heartbeat again that has changed its epoch; the
            // client says more with the next one.
            return inner.cluster.coordinated_once(Kind::Group, self.group, &request, code).await;
        }
        inner.cluster.coordinated(Kind::Group, self.group, &request, code).await
    }

    /// Partitions by topic id. Topics that are gone are left out.
    async fn owned(&self, inner: &Inner, owned: &[TopicPartitions]) -> Result<Vec<Owned>> {
        let mut topics = BTreeMap::new();
        for TopicPartitions { topic, partitions } in owned {
            match inner.cluster.topic(topic).await {
                Ok(topic) => {
                    let partitions = partitions.iter().map(|&partition| partition as i32);
                    topics.entry(topic.id).or_insert_with(Vec::new).extend(partitions);
                }
                Err(error) if error.code == ErrorCode::UnknownTopic => {}
                Err(error) => return Err(error),
            }
        }
        let topic =
            |(id, partitions)| Owned::default().with_topic_id(id).with_partitions(partitions);
        Ok(topics.into_iter().map(topic).collect())
    }

    async fn take(&self, inner: &Inner, answer: ConsumerGroupHeartbeatResponse) -> Result<Answer> {
        if let Some(error) = E::try_from_code(answer.error_code) {
            let message = answer.error_message.as_deref();
            return Err(member_error(error, message, self.group, self.member_id));
        }
        let assignment = match &answer.assignment {
            Some(assignment) => Some(by_name(inner, assignment).await?),
            None => None,
        };
        Ok((answer, assignment))
    }
}

/// An assignment by topics' names, without hidden ones and those that are gone.
async fn by_name(inner: &Inner, assignment: &Assignment) -> Result<Vec<TopicPartitions>> {
    let ids: Vec<_> = assignment.topic_partitions.iter().map(|topic| topic.topic_id).collect();
    let names = inner.topic_ids.names(&inner.cluster, &ids).await?;
    let named = assignment.topic_partitions.iter().filter_map(|topic| {
        let name = names.get(&topic.topic_id).filter(|name| !is_internal(name))?;
        let mut partitions: Vec<_> = topic.partitions.iter().map(|&p| p as u32).collect();
        partitions.sort_unstable();
        Some(TopicPartitions { topic: name.clone(), partitions })
    });
    let mut assignment: Vec<_> = named.collect();
    assignment.sort_by(|a, b| a.topic.cmp(&b.topic));
    Ok(assignment)
}
