//! What is known of a membership, and what follows from it. Pure: the time is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use flymq_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, LeaveRequest, SubscribeRequest, SubscribeResponse,
    TopicPartitions,
};
use tokio::time::Instant;

use super::GroupOptions;
use super::slots::{Slots, from_wire, to_wire};
use crate::error::Error;
use crate::record::TopicPartition;

/// Where reading a partition begins.
#[derive(Clone, Debug)]
pub(in crate::consumer) enum Place {
    /// Behind what the group has processed.
    Committed(u64),
    /// Nothing is committed: where the options say.
    Reset(u64),
    /// Nothing is committed, and that is an error: nowhere, until a seek.
    Nowhere(Error),
}

/// Which topics are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::consumer) struct Topics {
    pub names: Vec<String>,
    pub pattern: Option<String>,
}

/// What the membership's task has to do next.
#[derive(Debug)]
pub(in crate::consumer) enum Step {
    Subscribe(SubscribeRequest),
    Heartbeat(HeartbeatRequest),
    Leave(LeaveRequest),
    /// Nothing, until then or until something changes.
    Wait(Option<Instant>),
}

/// What the application has to be told.
#[derive(Debug)]
pub(in crate::consumer) enum Change {
    /// Gone already.
    Lost(Slots),
    /// To be given up.
    Revoked(Slots),
    /// Taken up.
    Assigned(Vec<(TopicPartition, Place)>),
}

/// What the membership's task and the application's thread of control tell each other.
pub(in crate::consumer) struct View {
    member_id: String,
    /// What the application wants; `None` for no membership.
    wish: Option<Topics>,
    /// Counts wishes.
    wishes: u64,
    member: Option<Member>,
    /// Counts memberships. What was held in one is lost in the next.
    joins: u64,
    /// What the application reads.
    held: Slots,
    /// The membership under which it does.
    held_since: u64,
    /// Whom the application acts for: the membership under which it reads, even if that is over.
    acting: Option<(String, i32)>,
    /// What is to be taken up once it is known where to begin.
    coming: BTreeMap<TopicPartition, Coming>,
    comings: u64,
    /// Whether the next heartbeat has to say what is held.
    say: bool,
    /// An error after which there is no membership.
    failed: Option<Error>,
    polling: bool,
    last_poll: Instant,
    /// Whether partitions are assigned by hand, so that the group is only for offsets.
    pub by_hand: bool,
    /// Whether everything is to be given up because the consumer is about to end.
    closing: bool,
    /// Whether the consumer has ended.
    pub ended: bool,
    /// Whether there may be a change that the application has not been told.
    unsettled: bool,
    /// The broker is yet to answer that the membership was left.
    pub leaving: bool,
}

struct Member {
    generation: i32,
    /// The wish that the broker knows.
    wish: u64,
    /// What the broker said it is to hold.
    told: Slots,
    /// When the next heartbeat is due.
    due: Instant,
}

struct Coming {
    /// Tells it from an earlier time that the partition came.
    serial: u64,
    place: Option<Place>,
}

fn new_member_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl View {
    pub fn new(now: Instant) -> Self {
        Self {
            member_id: new_member_id(),
            wish: None,
            wishes: 0,
            member: None,
            joins: 0,
            held: Slots::new(),
            held_since: 0,
            acting: None,
            coming: BTreeMap::new(),
            comings: 0,
            say: false,
            failed: None,
            polling: false,
            last_poll: now,
            by_hand: false,
            closing: false,
            ended: false,
            unsettled: false,
            leaving: false,
        }
    }

    // --- the application's side ---

    /// Wants these topics, or none.
    pub fn wish(&mut self, topics: Option<Topics>, now: Instant) {
        if self.wish.is_none() {
            self.last_poll = now;
        }
        self.failed = None;
        self.wish = topics;
        self.wishes += 1;
        self.refresh();
    }

    /// Gives everything up, but stays a member until the end.
    pub fn close(&mut self) {
        self.closing = true;
        self.refresh();
    }

    pub fn is_subscribed(&self) -> bool {
        self.wish.is_some()
    }

    /// Whether there is, or has to be, a membership.
    pub fn is_in_use(&self) -> bool {
        self.wish.is_some() || self.member.is_some() || !self.held.is_empty() || self.leaving
    }

    pub fn failed(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    /// The application begins to poll. Returns whether it was away for too long.
    pub fn enter_poll(&mut self, now: Instant, limit: Duration) -> bool {
        let overdue = self.is_overdue(now, limit);
        self.polling = true;
        overdue
    }

    pub fn exit_poll(&mut self, now: Instant) {
        self.polling = false;
        self.last_poll = now;
    }

    fn overdue_at(&self, limit: Duration) -> Option<Instant> {
        (!self.polling).then(|| self.last_poll.checked_add(limit)).flatten()
    }

    fn is_overdue(&self, now: Instant, limit: Duration) -> bool {
        self.overdue_at(limit).is_some_and(|at| at <= now)
    }

    /// The next thing that the application has to be told. What is lost or assigned is so from then
    /// on; what is revoked is held until it is given up.
    pub fn change(&mut self) -> Option<Change> {
        if !self.unsettled {
            return None;
        }
        if self.has_lost() {
            let lost = std::mem::take(&mut self.held);
            self.refresh();
            return Some(Change::Lost(lost));
        }
        let revoked: Slots =
            self.held.iter().filter(|slot| !self.is_wanted(slot)).cloned().collect();
        if !revoked.is_empty() {
            return Some(Change::Revoked(revoked));
        }
        let is_ready = |coming: &Coming| coming.place.is_some();
        let ready: Vec<_> =
            self.coming.iter().filter(|(_, c)| is_ready(c)).map(|(slot, _)| slot.clone()).collect();
        if ready.is_empty() {
            self.unsettled = false;
            return None;
        }
        self.held_since = self.joins;
        self.act();
        let take = |slot: TopicPartition| {
            let place = self.coming.remove(&slot).and_then(|coming| coming.place)?;
            self.held.insert(slot.clone());
            Some((slot, place))
        };
        Some(Change::Assigned(ready.into_iter().filter_map(take).collect()))
    }

    /// Whether the application has to be told of a [`change`](Self::change) or of a failure.
    pub fn has_news(&self) -> bool {
        let changes = || {
            self.has_lost()
                || self.held.iter().any(|slot| !self.is_wanted(slot))
                || self.coming.values().any(|coming| coming.place.is_some())
        };
        self.failed.is_some() || (self.unsettled && changes())
    }

    /// The application has stopped reading these.
    pub fn give_up(&mut self, slots: &Slots) {
        self.held.retain(|slot| !slots.contains(slot));
        self.say = true;
        self.refresh();
    }

    /// Whether what the application reads is still its own.
    fn holds(&self) -> bool {
        self.member.is_some() && self.held_since == self.joins
    }

    /// The membership that offsets may be committed for now, if the partition is held in it.
    pub fn holding(&self, slot: &TopicPartition) -> Option<u64> {
        (self.holds() && self.held.contains(slot)).then_some(self.joins)
    }

    /// Whether anything that the application read was lost without its knowing yet.
    pub fn has_lost(&self) -> bool {
        !self.held.is_empty() && !self.holds()
    }

    /// Whom the application acts for.
    pub fn acting(&self) -> Option<&(String, i32)> {
        self.acting.as_ref()
    }

    // --- the tasks' side ---

    /// The present member.
    pub fn identity(&self) -> Option<(String, i32)> {
        self.member.as_ref().map(|member| (self.member_id.clone(), member.generation))
    }

    pub fn next_step(&mut self, options: &GroupOptions, now: Instant) -> Step {
        if self.failed.is_some() {
            return Step::Wait(None);
        }
        let overdue = self.is_overdue(now, options.max_poll_interval);
        let overdue_at = self.overdue_at(options.max_poll_interval);
        let Some(member) = &self.member else {
            return match &self.wish {
                Some(topics) if !overdue && !self.closing => {
                    Step::Subscribe(options.subscribe(topics, &self.member_id, 0))
                }
                _ => Step::Wait(None),
            };
        };
        if overdue || (self.wish.is_none() && self.held.is_empty()) {
            return Step::Leave(LeaveRequest {
                group: options.group.clone(),
                member_id: self.member_id.clone(),
                generation: member.generation,
                returning: false,
                instance_id: options.instance_id.clone(),
            });
        }
        if let Some(topics) = self.wish.as_ref().filter(|_| member.wish != self.wishes) {
            return Step::Subscribe(options.subscribe(topics, &self.member_id, member.generation));
        }
        if !self.say && now < member.due {
            return Step::Wait(Some(overdue_at.map_or(member.due, |at| at.min(member.due))));
        }
        let owned = std::mem::take(&mut self.say).then(|| self.owned());
        Step::Heartbeat(HeartbeatRequest {
            group: options.group.clone(),
            member_id: self.member_id.clone(),
            generation: member.generation,
            owned,
            instance_id: options.instance_id.clone(),
            rebalance_timeout_ms: options.rebalance_timeout_ms(),
        })
    }

    /// The last word of a member: one that has an instance id may be back.
    pub fn farewell(&self, options: &GroupOptions) -> Option<LeaveRequest> {
        self.member.as_ref().map(|member| LeaveRequest {
            group: options.group.clone(),
            member_id: self.member_id.clone(),
            generation: member.generation,
            returning: true,
            instance_id: options.instance_id.clone(),
        })
    }

    /// Which wish a SUBSCRIBE that is made now stands for.
    pub fn wishes(&self) -> u64 {
        self.wishes
    }

    /// The broker has answered a SUBSCRIBE. `joined` unless it only changed the topics.
    pub fn subscribed(&mut self, wish: u64, joined: bool, answer: SubscribeResponse, now: Instant) {
        let told = from_wire(&answer.assignment);
        if joined {
            self.joins += 1;
            self.coming.clear();
        } else if self.member.as_ref().is_some_and(|m| !m.told.is_subset(&told)) {
            self.say = true;
        }
        let due = now + Duration::from_millis(answer.heartbeat_interval_ms.into());
        self.member = Some(Member { generation: answer.generation, wish, told, due });
        self.refresh();
    }

    /// The broker has answered a HEARTBEAT.
    pub fn heartbeat(&mut self, answer: HeartbeatResponse, now: Instant) {
        let Some(member) = &mut self.member else { return };
        let moved = member.generation != answer.generation;
        member.generation = answer.generation;
        member.due = now + Duration::from_millis(answer.heartbeat_interval_ms.into());
        let told = answer.assignment.map(|told| from_wire(&told)).filter(|t| *t != member.told);
        if !moved && told.is_none() {
            return;
        }
        if let Some(told) = told {
            // Giving up what was not even begun with needs no word from the application.
            self.say |= !member.told.is_subset(&told);
            member.told = told;
        }
        self.refresh();
    }

    /// Says what is held with the next heartbeat, and has that sent at once.
    pub fn say(&mut self) {
        self.say = true;
    }

    /// The membership is over.
    pub fn expelled(&mut self) {
        self.member = None;
        self.say = false;
        self.refresh();
    }

    /// The membership was left for good: the next one is another member.
    pub fn left(&mut self) {
        self.expelled();
        self.member_id = new_member_id();
    }

    /// Nothing more is to be tried.
    pub fn fail(&mut self, error: Error) {
        self.expelled();
        self.failed = Some(error);
    }

    /// Partitions to take up of which it is not known where to begin.
    pub fn unplaced(&self) -> Vec<(TopicPartition, u64)> {
        let unplaced = self.coming.iter().filter(|(_, coming)| coming.place.is_none());
        unplaced.map(|(slot, coming)| (slot.clone(), coming.serial)).collect()
    }

    /// It was found out where to begin.
    pub fn placed(&mut self, places: Vec<(TopicPartition, u64, Place)>) {
        for (slot, serial, place) in places {
            if let Some(coming) = self.coming.get_mut(&slot).filter(|c| c.serial == serial) {
                coming.place = Some(place);
                self.unsettled = true;
            }
        }
    }

    /// What the broker said is to be held, unless nothing is wanted any more.
    fn wanted(&self) -> Option<&Slots> {
        let member = self.member.as_ref().filter(|_| self.wish.is_some() && !self.closing);
        member.map(|member| &member.told)
    }

    fn is_wanted(&self, slot: &TopicPartition) -> bool {
        self.wanted().is_some_and(|wanted| wanted.contains(slot))
    }

    /// What the broker has to take for held: also what is about to be.
    fn owned(&self) -> Vec<TopicPartitions> {
        let mut owned = self.held.clone();
        owned.extend(self.member.iter().flat_map(|member| member.told.iter().cloned()));
        to_wire(&owned)
    }

    fn act(&mut self) {
        self.acting = self.identity();
    }

    /// Brings what follows from the rest up to date.
    fn refresh(&mut self) {
        if self.held.is_empty() || self.holds() {
            self.act();
        }
        self.unsettled = true;
        let lost = self.has_lost();
        let comes = |slot: &&TopicPartition| lost || !self.held.contains(*slot);
        let coming: Slots = self.wanted().into_iter().flatten().filter(comes).cloned().collect();
        self.coming.retain(|slot, _| coming.contains(slot));
        for slot in coming {
            self.coming.entry(slot).or_insert_with(|| {
                self.comings += 1;
                Coming { serial: self.comings, place: None }
            });
        }
    }
}
