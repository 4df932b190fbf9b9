//! Deciding who should hold what.

use std::collections::HashMap;
use std::sync::Arc;

use super::assignor::{Candidate, TopicNames, range, sticky};
use super::group::Group;
use super::slots::Catalog;
use super::subscription::{Assignor, Subscription};

impl Group {
    pub(super) fn assignor(&self) -> Assignor {
        let range = self.members.values().filter(|m| m.assignor == Assignor::Range).count();
        if range * 2 > self.members.len() { Assignor::Range } else { Assignor::Sticky }
    }

    /// The existing topics of each different subscription, and all of them together.
    pub(super) fn resolve(
        &self,
        catalog: &Catalog,
    ) -> (HashMap<*const Subscription, TopicNames>, Catalog) {
        let mut resolved: HashMap<_, TopicNames> = HashMap::new();
        let mut all = Catalog::new();
        for member in self.members.values() {
            resolved.entry(Arc::as_ptr(&member.subscription)).or_insert_with(|| {
                let topics = member.subscription.resolve(catalog);
                all.extend(topics.iter().map(|topic| (topic.clone(), catalog[topic])));
                topics.into()
            });
        }
        (resolved, all)
    }

    /// Decides anew who should hold what.
    pub(super) fn rebalance(&mut self, catalog: &Catalog) {
        self.generation = self.generation.saturating_add(1);
        self.group_changed = true;
        let (resolved, topics) = self.resolve(catalog);
        self.topics = topics;
        let assign = match self.assignor() {
            Assignor::Sticky => sticky,
            Assignor::Range => range,
        };
        let mut members: Vec<_> = self.members.iter_mut().collect();
        // The order of those with an instance id survives their restarts.
        members.sort_by_cached_key(|(id, member)| {
            member.instance_id.clone().unwrap_or_else(|| id.to_string())
        });
        let candidates: Vec<_> = members
            .iter()
            .map(|(_, member)| Candidate {
                topics: resolved[&Arc::as_ptr(&member.subscription)].clone(),
                target: &member.target,
                held: &member.told,
            })
            .collect();
        let targets = assign(&candidates, &self.topics);
        for ((id, member), target) in members.into_iter().zip(targets) {
            if member.target != target {
                member.target = target;
                member.see_if_settled();
                self.changed.insert(id.clone());
            }
        }
    }
}
