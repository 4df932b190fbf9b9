//! One member: what it holds, is giving up, and should hold.

use std::collections::HashMap;
use std::sync::Arc;

use super::Millis;
use super::records::MemberRecord;
use super::slots::{Slot, Slots};
use super::subscription::{Assignor, Join, Subscription};

/// How many of those whose place a member has taken are remembered.
const FENCED: usize = 16;

/// A member of a group.
#[derive(Debug)]
pub struct Member {
    pub instance_id: Option<String>,
    pub client_id: String,
    pub address: String,
    pub subscription: Arc<Subscription>,
    pub assignor: Assignor,
    pub session_timeout: Millis,
    pub rebalance_timeout: Millis,
    pub generation: i32,
    /// The generation before: its requests are understood when an answer was lost.
    pub previous: i32,
    /// What it was last told to hold.
    pub told: Slots,
    /// What it was told to give up and has not said that it did.
    pub revoking: Slots,
    /// What it is to hold once everybody has given up what is not theirs.
    pub target: Slots,
    /// Members whose place it took, the last one last.
    pub fenced: Vec<String>,
    /// Whether it holds its target and nothing else.
    pub settled: bool,
    /// Whether `told` changed without a request of its own.
    pub untold: bool,
    /// When it is out unless it is heard of.
    pub session_ends: Millis,
    /// When it is out unless it has given up what it was told to.
    pub revocation_ends: Option<Millis>,
}

impl Member {
    pub fn new(join: Join, now: Millis) -> Self {
        Self {
            instance_id: join.instance_id,
            client_id: join.client_id,
            address: join.address,
            subscription: join.subscription,
            assignor: join.assignor,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            generation: 0,
            previous: 0,
            told: Slots::new(),
            revoking: Slots::new(),
            target: Slots::new(),
            fenced: Vec::new(),
            settled: false,
            untold: false,
            session_ends: now + join.session_timeout,
            revocation_ends: None,
        }
    }

    /// Takes on what a request says of the member. Returns whether it changes who should hold what.
    pub fn update(&mut self, join: Join) -> bool {
        let unchanged = self.subscription == join.subscription && self.assignor == join.assignor;
        self.subscription = join.subscription;
        self.assignor = join.assignor;
        self.session_timeout = join.session_timeout;
        self.rebalance_timeout = join.rebalance_timeout;
        self.client_id = join.client_id;
        self.address = join.address;
        !unchanged
    }

    /// Notes whose place it takes.
    pub fn fence(&mut self, replaced: &str) {
        if self.fenced.len() == FENCED {
            self.fenced.remove(0);
        }
        self.fenced.push(replaced.to_owned());
    }

    /// Everything that nobody else may read.
    pub fn held(&self) -> impl Iterator<Item = &Slot> {
        self.told.iter().chain(&self.revoking)
    }

    pub fn holds(&self, slot: &Slot) -> bool {
        self.told.contains(slot) || self.revoking.contains(slot)
    }

    /// When it is out unless something happens.
    pub fn deadline(&self) -> Millis {
        self.revocation_ends.map_or(self.session_ends, |ends| ends.min(self.session_ends))
    }

    /// Begins to take partitions away.
    pub fn revoke(&mut self, slots: Slots, now: Millis) {
        for slot in slots {
            self.told.remove(&slot);
            self.revoking.insert(slot);
        }
        self.revocation_ends.get_or_insert(now + self.rebalance_timeout);
        self.settled = false;
    }

    /// The member holds no more than `owned`. Returns whether that gave something up.
    pub fn acknowledge(&mut self, owned: &Slots, holders: &mut HashMap<Slot, Arc<str>>) -> bool {
        let before = self.revoking.len();
        self.revoking.retain(|slot| {
            let keeps = owned.contains(slot);
            if !keeps {
                holders.remove(slot);
            }
            keeps
        });
        if self.revoking.is_empty() {
            self.revocation_ends = None;
        }
        self.revoking.len() < before
    }

    /// Brings a member closer to its target: first it gives up what is not in it, then it moves to
    /// the group's generation and gets what is free. Returns whether anything changed.
    pub fn reconcile(
        &mut self,
        id: &Arc<str>,
        generation: i32,
        holders: &mut HashMap<Slot, Arc<str>>,
        now: Millis,
    ) -> Reconciled {
        let mut done = Reconciled::default();
        if self.settled && self.generation == generation {
            return done;
        }
        let surplus: Slots = self.told.difference(&self.target).cloned().collect();
        if !surplus.is_empty() {
            self.revoke(surplus, now);
            done.told = true;
        }
        if self.revoking.is_empty() {
            if self.generation != generation {
                self.previous = self.generation;
                self.generation = generation;
                done.moved = true;
            }
            for slot in &self.target {
                if !holders.contains_key(slot) {
                    holders.insert(slot.clone(), id.clone());
                    self.told.insert(slot.clone());
                    done.told = true;
                }
            }
            self.see_if_settled();
        }
        done
    }

    /// To be called when what it holds or should hold has changed.
    pub fn see_if_settled(&mut self) {
        self.settled = self.revoking.is_empty() && self.told == self.target;
    }

    pub fn record(&self) -> MemberRecord {
        MemberRecord::new(self)
    }
}

/// What [`Member::reconcile`] changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reconciled {
    /// What the member is to hold.
    pub told: bool,
    /// Its generation.
    pub moved: bool,
}
