//! Who should read what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::slots::{Catalog, Slot, Slots};

/// How often members with different subscriptions are evened out. Each pass brings them closer; far
/// fewer are ever needed, but nobody shall be able to ask for hours of it.
const MAX_PASSES: usize = 64;

/// Topics' names, ascending.
pub type TopicNames = Arc<[Arc<str>]>;

/// A member to whom partitions are assigned.
pub struct Candidate<'a> {
    /// The existing topics that it subscribes to, ascending.
    pub topics: TopicNames,
    /// What it was to hold so far. No two members were to hold the same.
    pub target: &'a Slots,
    /// What it holds.
    pub held: &'a Slots,
}

/// Gives each member a run of neighbouring partitions of every topic, the members being in the same
/// order for each.
pub fn range(members: &[Candidate], catalog: &Catalog) -> Vec<Slots> {
    let mut targets = vec![Slots::new(); members.len()];
    let mut subscribers: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        member.topics.iter().for_each(|t| subscribers.entry(t).or_default().push(index));
    }
    for (topic, subscribers) in subscribers {
        let Some(size) = catalog.get(topic) else { continue };
        let count = subscribers.len() as u32;
        let mut next = 0;
        for (position, &member) in subscribers.iter().enumerate() {
            let extra = u32::from((position as u32) < size.partitions % count);
            let end = next + size.partitions / count + extra;
            targets[member].extend((next..end).map(|partition| (topic.clone(), partition)));
            next = end;
        }
    }
    targets
}

/// Topics with the same subscribers, whose partitions may change hands freely among them.
struct Class {
    members: Vec<usize>,
    /// What each of `members` is to hold of these topics, dearest first.
    parts: Vec<Vec<Slot>>,
    /// What nobody is to hold yet.
    free: Vec<Slot>,
}

/// Spreads all partitions evenly, and moves as few as it can.
pub fn sticky(members: &[Candidate], catalog: &Catalog) -> Vec<Slots> {
    let mut classes = classes(members, catalog);
    // Those who can choose least come first.
    classes.sort_by_key(|class| class.members.len());
    let mut loads = vec![0; members.len()];
    for class in &classes {
        class.members.iter().zip(&class.parts).for_each(|(&m, part)| loads[m] += part.len());
    }
    for class in &mut classes {
        class.hand_out(&mut loads);
    }
    for _ in 0..MAX_PASSES {
        let moved = classes.iter_mut().filter_map(|class| class.even_out(&mut loads)).count();
        if moved == 0 || classes.len() == 1 {
            break;
        }
    }
    let mut targets = vec![Slots::new(); members.len()];
    for class in classes {
        for (member, part) in class.members.into_iter().zip(class.parts) {
            targets[member].extend(part);
        }
    }
    targets
}

fn classes(members: &[Candidate], catalog: &Catalog) -> Vec<Class> {
    // Most members subscribe to the same; each different subscription is looked at once.
    let mut numbers = HashMap::new();
    let mut subscriptions: Vec<(&TopicNames, Vec<usize>)> = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let number = *numbers.entry(Arc::as_ptr(&member.topics)).or_insert(subscriptions.len());
        if number == subscriptions.len() {
            subscriptions.push((&member.topics, Vec::new()));
        }
        subscriptions[number].1.push(index);
    }
    let mut subscribed: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (number, (topics, _)) in subscriptions.iter().enumerate() {
        topics.iter().for_each(|topic| subscribed.entry(topic).or_default().push(number));
    }
    let mut alike: BTreeMap<Vec<usize>, Vec<&Arc<str>>> = BTreeMap::new();
    for (topic, by) in subscribed {
        alike.entry(by).or_default().push(topic);
    }
    alike
        .into_iter()
        .map(|(by, topics)| {
            let mut ours: Vec<_> = by.iter().flat_map(|&n| subscriptions[n].1.clone()).collect();
            ours.sort_unstable();
            Class::new(ours, &topics, members, catalog)
        })
        .collect()
}

impl Class {
    fn new(
        ours: Vec<usize>,
        topics: &[&Arc<str>],
        members: &[Candidate],
        catalog: &Catalog,
    ) -> Self {
        let mut free = Slots::new();
        for &topic in topics {
            let partitions = catalog.get(topic).map_or(0, |size| size.partitions);
            free.extend((0..partitions).map(|partition| (topic.clone(), partition)));
        }
        let keep = |&member: &usize| {
            let Candidate { target, held, .. } = &members[member];
            let mut part: Vec<_> =
                target.iter().filter(|slot| free.remove(slot)).cloned().collect();
            // What it has not got yet is given up first.
            part.sort_by_key(|slot| !held.contains(slot));
            part
        };
        let parts = ours.iter().map(keep).collect();
        Self { members: ours, parts, free: free.into_iter().collect() }
    }

    /// The members by load, each with its position.
    fn by_load(&self, loads: &[usize]) -> BTreeSet<(usize, usize)> {
        self.members.iter().enumerate().map(|(position, &m)| (loads[m], position)).collect()
    }

    /// Gives what nobody is to hold to those with least.
    fn hand_out(&mut self, loads: &mut [usize]) {
        let mut takers = self.by_load(loads);
        for slot in std::mem::take(&mut self.free) {
            let Some((load, taker)) = takers.pop_first() else { return };
            self.parts[taker].push(slot);
            loads[self.members[taker]] += 1;
            takers.insert((load + 1, taker));
        }
    }

    /// Moves partitions from those with most to those with least; `None` if there is no need.
    fn even_out(&mut self, loads: &mut [usize]) -> Option<()> {
        let mut takers = self.by_load(loads);
        let mut givers = takers.clone();
        givers.retain(|&(_, position)| !self.parts[position].is_empty());
        let mut moved = None;
        while let (Some(&giver), Some(&taker)) = (givers.last(), takers.first()) {
            if giver.0 < taker.0 + 2 {
                break;
            }
            let Some(slot) = self.parts[giver.1].pop() else { break };
            self.parts[taker.1].push(slot);
            moved = Some(());
            for ((load, position), by) in [(giver, -1), (taker, 1)] {
                takers.remove(&(load, position));
                givers.remove(&(load, position));
                let load = load.wrapping_add_signed(by);
                loads[self.members[position]] = load;
                takers.insert((load, position));
                if !self.parts[position].is_empty() {
                    givers.insert((load, position));
                }
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::TopicSize;

    fn catalog(topics: &[(&str, u32)]) -> Catalog {
        topics
            .iter()
            .map(|&(name, partitions)| (name.into(), TopicSize { id: 1, partitions }))
            .collect()
    }

    fn assign(
        with: fn(&[Candidate], &Catalog) -> Vec<Slots>,
        members: &[(&[&str], &Slots)],
        catalog: &Catalog,
    ) -> Vec<Slots> {
        let candidates: Vec<_> = members
            .iter()
            .map(|&(topics, target)| Candidate {
                topics: topics.iter().map(|&t| Arc::from(t)).collect(),
                target,
                held: target,
            })
            .collect();
        with(&candidates, catalog)
    }

    fn sizes(targets: &[Slots]) -> Vec<usize> {
        targets.iter().map(Slots::len).collect()
    }

    #[test]
    fn range_gives_runs_alike_for_topics_of_the_same_size() {
        let catalog = catalog(&[("a", 5), ("b", 5), ("c", 1)]);
        let none = Slots::new();
        let all: &[&str] = &["a", "b", "c"];
        let targets = assign(range, &[(all, &none), (all, &none), (&["c"], &none)], &catalog);
        let of = |member: usize, topic: &str| -> Vec<u32> {
            targets[member].iter().filter(|s| &*s.0 == topic).map(|s| s.1).collect()
        };
        assert_eq!((of(0, "a"), of(1, "a")), (vec![0, 1, 2], vec![3, 4]));
        assert_eq!((of(0, "b"), of(1, "b")), (vec![0, 1, 2], vec![3, 4]));
        assert_eq!((of(0, "c"), of(1, "c"), of(2, "c")), (vec![0], vec![], vec![]));
    }

    #[test]
    fn sticky_moves_no_more_than_needed() {
        let catalog = catalog(&[("a", 7), ("b", 3)]);
        let none = Slots::new();
        let all: &[&str] = &["a", "b"];
        let two = assign(sticky, &[(all, &none), (all, &none)], &catalog);
        assert_eq!(sizes(&two), [5, 5]);
        let three = assign(sticky, &[(all, &two[0]), (all, &two[1]), (all, &none)], &catalog);
        let mut counts = sizes(&three);
        counts.sort_unstable();
        assert_eq!(counts, [3, 3, 4]);
        assert_eq!(three[2].len(), 3);
        assert!(three[0].is_subset(&two[0]) && three[1].is_subset(&two[1]));
        // The second leaves; nothing moves between those who stay.
        let after = assign(sticky, &[(all, &three[0]), (all, &three[2])], &catalog);
        assert_eq!(sizes(&after), [5, 5]);
        assert!(after[0].is_superset(&three[0]) && after[1].is_superset(&three[2]));
    }

    #[test]
    fn sticky_evens_out_across_different_subscriptions() {
        let catalog = catalog(&[("a", 6), ("b", 6), ("c", 6)]);
        let none = Slots::new();
        let members: &[(&[&str], &Slots)] =
            &[(&["a"], &none), (&["a", "b"], &none), (&["b", "c"], &none)];
        let targets = assign(sticky, members, &catalog);
        let sizes = sizes(&targets);
        assert_eq!(sizes.iter().sum::<usize>(), 18);
        assert!(sizes.windows(2).all(|pair| pair[0].abs_diff(pair[1]) <= 1), "{sizes:?}");
        assert!(targets[0].iter().all(|slot| &*slot.0 == "a"));
    }
}
