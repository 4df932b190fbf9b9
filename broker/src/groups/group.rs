//! The state machine of one group.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::Millis;
use super::member::Member;
use super::records::{Changes, GroupRecord, MemberRecord};
use super::slots::{Catalog, Slot, Slots, from_wire, to_wire};
use super::subscription::{Join, Subscription, invalid};
use crate::Result;

/// How often a member asks while partitions change hands.
const BUSY_INTERVAL: Millis = 100;

/// What a broker allows its groups.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub heartbeat_interval: Millis,
    pub max_members: usize,
}

/// A group.
#[derive(Debug)]
pub struct Group {
    limits: Limits,
    /// Rises whenever it is decided anew who should hold what.
    pub(super) generation: i32,
    /// The topics that were assigned then.
    pub(super) topics: Catalog,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Members by instance id.
    instances: HashMap<String, Arc<str>>,
    /// Who holds each partition that is held.
    holders: HashMap<Slot, Arc<str>>,
    /// No member is out before then.
    next_deadline: Millis,
    /// What has to be stored.
    pub(super) changed: BTreeSet<Arc<str>>,
    pub(super) group_changed: bool,
}

impl Group {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            generation: 0,
            topics: Catalog::new(),
            members: BTreeMap::new(),
            instances: HashMap::new(),
            holders: HashMap::new(),
            next_deadline: Millis::MAX,
            changed: BTreeSet::new(),
            group_changed: false,
        }
    }

    /// A group as it was stored. Sessions begin anew.
    pub fn restore(
        limits: Limits,
        record: &GroupRecord,
        members: Vec<(Arc<str>, MemberRecord)>,
        now: Millis,
    ) -> Result<Self> {
        let mut group = Self::new(limits);
        group.generation = record.generation;
        group.topics = record.catalog();
        for (id, record) in members {
            let mut member = record.restore(id.clone(), now)?;
            member.subscription = group.shared(member.subscription);
            group.add(id, member);
        }
        Ok(group)
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether the group was ever stored.
    pub fn is_stored(&self) -> bool {
        self.generation > 0
    }

    /// What the events since the last call changed. Nobody may learn of them before it is stored.
    pub fn take_changes(&mut self) -> Changes {
        let group = std::mem::take(&mut self.group_changed);
        let members = std::mem::take(&mut self.changed);
        Changes {
            group: group.then(|| GroupRecord::new(self.generation, &self.topics)),
            members: members
                .into_iter()
                .map(|id| {
                    let record = self.members.get(&id).map(Member::record);
                    (id, record)
                })
                .collect(),
        }
    }

    /// A member joins, changes its subscription, or takes another's place.
    pub fn subscribe(
        &mut self,
        join: Join,
        catalog: &Catalog,
        now: Millis,
    ) -> Result<SubscribeResponse> {
        let id = join.member_id.clone();
        let joins = join.generation == 0;
        if joins {
            self.join(join, catalog, now)?;
        } else {
            self.resubscribe(join, catalog)?;
        }
        self.reconcile(&id, now);
        if joins && let Some(member) = self.members.get_mut(&id) {
            // It holds nothing yet, so there is nothing that it would have to give up first: whoever
            // had its place may have been about to.
            let told = member.told.clone();
            member.acknowledge(&told, &mut self.holders);
            self.reconcile(&id, now);
        }
        let member = self.heard_of(&id, now);
        member.untold = false;
        Ok(SubscribeResponse {
            generation: member.generation,
            assignment: to_wire(&member.told),
            heartbeat_interval_ms: self.interval(&id),
        })
    }

    fn resubscribe(&mut self, join: Join, catalog: &Catalog) -> Result<()> {
        let id = join.member_id.clone();
        let member = self.member(&id)?;
        if join.generation != member.generation && join.generation != member.previous {
            return Err(stale(member, join.generation));
        }
        if join.instance_id.is_some() && join.instance_id != member.instance_id {
            return Err(invalid("a member's instance_id stays the same".into()));
        }
        if self.update(&id, join) {
            self.rebalance(catalog);
        }
        Ok(())
    }

    fn join(&mut self, mut join: Join, catalog: &Catalog, now: Millis) -> Result<()> {
        let id = join.member_id.clone();
        if self.is_fenced(&id) {
            return Err(fenced(&id));
        }
        let before = self.remove(&id);
        let namesake = join.instance_id.as_ref().and_then(|name| self.instances.get(name)).cloned();
        if let Some(mut member) = namesake.and_then(|replaced| self.displace(&replaced)) {
            before.iter().flat_map(|b| &b.fenced).for_each(|fenced| member.fence(fenced));
            self.add(id.clone(), member);
            if self.update(&id, join) || before.is_some() {
                self.rebalance(catalog);
            }
            return Ok(());
        }
        if self.members.len() >= self.limits.max_members {
            return Err(ProtocolError::new(
                ErrorCode::GroupFull,
                format!("the group has {} members already", self.members.len()),
            ));
        }
        join.subscription = self.shared(join.subscription);
        let mut member = Member::new(join, now);
        if let Some(before) = before {
            // It is to get back what it had, and still keeps those out whose place it took.
            member.target = before.target;
            member.fenced = before.fenced;
        }
        self.add(id.clone(), member);
        self.rebalance(catalog);
        let generation = self.generation;
        if let Some(member) = self.members.get_mut(&id) {
            (member.generation, member.previous) = (generation, generation);
        }
        Ok(())
    }

    /// Takes a member out for another with the same instance id, which gets all that it holds.
    fn displace(&mut self, id: &Arc<str>) -> Option<Member> {
        let mut member = self.remove(id)?;
        // The other never held what this one was giving up.
        member.revoking.clear();
        member.revocation_ends = None;
        member.see_if_settled();
        member.fence(id);
        Some(member)
    }

    /// Takes on what a request says of a member. Returns whether it changes who should hold what.
    fn update(&mut self, id: &Arc<str>, mut join: Join) -> bool {
        join.subscription = self.shared(join.subscription);
        self.changed.insert(id.clone());
        self.members.get_mut(id).is_some_and(|member| member.update(join))
    }

    /// Equal subscriptions are kept once.
    fn shared(&self, subscription: Arc<Subscription>) -> Arc<Subscription> {
        let equal = self.members.values().find(|member| member.subscription == subscription);
        equal.map_or(subscription, |member| member.subscription.clone())
    }

    /// A member is there, and may say what it holds. Costs next to nothing where nothing changed.
    pub fn heartbeat(
        &mut self,
        id: &str,
        generation: i32,
        owned: Option<&[TopicPartitions]>,
        now: Millis,
    ) -> Result<HeartbeatResponse> {
        let member = self.member(id)?;
        let owned = owned.map(from_wire);
        if generation == member.generation {
            let id = self.id(id);
            let told = self.hold(&id, owned.as_ref(), now);
            return Ok(self.answer(&id, told || owned.is_some(), now));
        }
        // The answer that brought the present generation was lost. What the request says is older
        // than that answer, so nothing else follows from it.
        let lost = generation == member.previous
            && owned.is_some_and(|owned| owned.iter().all(|slot| member.holds(slot)));
        if !lost {
            return Err(stale(member, generation));
        }
        let id = self.id(id);
        Ok(self.answer(&id, true, now))
    }

    /// Takes up what a member says it holds. Returns whether it is to hold something else.
    fn hold(&mut self, id: &Arc<str>, owned: Option<&Slots>, now: Millis) -> bool {
        if let (Some(owned), Some(member)) = (owned, self.members.get_mut(id))
            && member.acknowledge(owned, &mut self.holders)
        {
            self.changed.insert(id.clone());
        }
        self.reconcile(id, now)
    }

    fn answer(&mut self, id: &Arc<str>, whole: bool, now: Millis) -> HeartbeatResponse {
        let member = self.heard_of(id, now);
        let whole = whole || std::mem::take(&mut member.untold);
        HeartbeatResponse {
            generation: member.generation,
            assignment: whole.then(|| to_wire(&member.told)),
            heartbeat_interval_ms: self.interval(id),
        }
    }

    fn heard_of(&mut self, id: &Arc<str>, now: Millis) -> &mut Member {
        let member = self.members.get_mut(id).expect("the caller has found it");
        member.session_ends = now + member.session_timeout;
        self.next_deadline = self.next_deadline.min(member.deadline());
        member
    }

    fn reconcile(&mut self, id: &Arc<str>, now: Millis) -> bool {
        let member = self.members.get_mut(id).expect("the caller has found it");
        let done = member.reconcile(id, self.generation, &mut self.holders, now);
        if done.told || done.moved {
            self.changed.insert(id.clone());
        }
        done.told
    }

    fn interval(&self, id: &str) -> u32 {
        let Some(member) = self.members.get(id) else { return BUSY_INTERVAL as u32 };
        let usual = self.limits.heartbeat_interval.min(member.session_timeout / 4);
        let interval = if member.settled { usual } else { usual.min(BUSY_INTERVAL) };
        interval as u32
    }

    /// A member leaves. One with an instance id may be back within its session time-out.
    pub fn leave(
        &mut self,
        id: &str,
        generation: i32,
        returning: bool,
        catalog: &Catalog,
        now: Millis,
    ) -> Result<LeaveResponse> {
        let member = self.member(id)?;
        if generation != member.generation && generation != member.previous {
            return Err(stale(member, generation));
        }
        let returning = returning && member.instance_id.is_some();
        let id = self.id(id);
        if returning {
            self.hold(&id, Some(&Slots::new()), now);
            self.heard_of(&id, now);
        } else {
            self.remove(&id);
            self.rebalance(catalog);
        }
        Ok(LeaveResponse {})
    }

    /// Puts those out who were not heard of for too long, or do not give up what they were told to.
    /// Returns who they are.
    pub fn expire(&mut self, catalog: &Catalog, now: Millis) -> Vec<Arc<str>> {
        if now < self.next_deadline {
            return Vec::new();
        }
        let late = self.members.iter().filter(|(_, member)| member.deadline() <= now);
        let late: Vec<_> = late.map(|(id, _)| id.clone()).collect();
        for id in &late {
            self.remove(id);
        }
        if !late.is_empty() {
            self.rebalance(catalog);
        }
        self.next_deadline =
            self.members.values().map(Member::deadline).min().unwrap_or(Millis::MAX);
        late
    }

    /// Topics were created or deleted, or got more partitions.
    pub fn topics_changed(&mut self, catalog: &Catalog, now: Millis) {
        if self.members.is_empty() || self.resolve(catalog).1 == self.topics {
            return;
        }
        let before = std::mem::take(&mut self.topics);
        let is_gone = |(topic, _): &Slot| {
            catalog.get(topic).map(|size| size.id) != before.get(topic).map(|size| size.id)
        };
        for (id, member) in &mut self.members {
            // A new topic of the same name is another one: its partitions have to be given anew.
            let gone: Slots = member.told.iter().filter(|slot| is_gone(slot)).cloned().collect();
            if !gone.is_empty() {
                member.revoke(gone, now);
                member.untold = true;
                self.next_deadline = self.next_deadline.min(member.deadline());
                self.changed.insert(id.clone());
            }
        }
        self.rebalance(catalog);
    }

    /// Whether a member of this generation, or for an empty id somebody outside of an empty group,
    /// may store offsets now.
    pub fn check_commit(&self, id: &str, generation: i32) -> Result<()> {
        if id.is_empty() {
            if self.members.is_empty() {
                return Ok(());
            }
            return Err(ProtocolError::new(
                ErrorCode::GroupNotEmpty,
                format!(
                    "the group has {} members, so that only they may store offsets",
                    self.members.len()
                ),
            ));
        }
        let member = self.member(id)?;
        if member.generation != generation {
            return Err(stale(member, generation));
        }
        Ok(())
    }

    fn add(&mut self, id: Arc<str>, member: Member) {
        if let Some(name) = &member.instance_id {
            self.instances.insert(name.clone(), id.clone());
        }
        for slot in member.held() {
            self.holders.insert(slot.clone(), id.clone());
        }
        self.next_deadline = self.next_deadline.min(member.deadline());
        self.changed.insert(id.clone());
        self.members.insert(id, member);
    }

    fn remove(&mut self, id: &Arc<str>) -> Option<Member> {
        let member = self.members.remove(id)?;
        if let Some(name) = &member.instance_id {
            self.instances.remove(name);
        }
        for slot in member.held() {
            self.holders.remove(slot);
        }
        self.changed.insert(id.clone());
        Some(member)
    }

    fn member(&self, id: &str) -> Result<&Member> {
        self.members.get(id).ok_or_else(|| {
            if self.is_fenced(id) {
                return fenced(id);
            }
            ProtocolError::new(
                ErrorCode::UnknownMember,
                format!("the group has no member {:?}", crate::topic::shorten(id)),
            )
        })
    }

    /// The member's id as it is kept. The caller has found the member.
    fn id(&self, id: &str) -> Arc<str> {
        self.members.get_key_value(id).map_or_else(|| id.into(), |(id, _)| id.clone())
    }

    fn is_fenced(&self, id: &str) -> bool {
        self.members.values().any(|member| member.fenced.iter().any(|fenced| fenced == id))
    }
}

fn stale(member: &Member, generation: i32) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::StaleGeneration,
        format!("the member is at generation {}, not {generation}", member.generation),
    )
}

fn fenced(id: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::InstanceFenced,
        format!(
            "another consumer with the same instance_id has taken the place of {:?}",
            crate::topic::shorten(id)
        ),
    )
}
