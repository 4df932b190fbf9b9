//! Random lives of a group, held against what must always be true.
//!
//! A model client does what `docs/protocol.md` asks of one: it reads what it was last told to hold, and
//! nothing else. Answers get lost, clients fall silent, topics come and grow, the broker restarts. At
//! each step no two clients may read the same partition; once all is quiet every partition has one
//! reader and shares are even.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::SubscribeRequest;
use proptest::prelude::*;
use proptest::sample::Index;

use super::records::MemberRecord;
use super::slots::{Slots, from_wire, to_wire};
use super::*;

const LIMITS: Limits = Limits { heartbeat_interval: 1_000, max_members: 100 };
const SESSION: Millis = 10_000;
const REBALANCE: Millis = 4_000;

#[derive(Clone, Debug)]
enum Step {
    Join {
        instance: Option<u8>,
        range: bool,
    },
    /// A heartbeat, whose answer may be lost.
    Beat {
        who: Index,
        lost: bool,
    },
    /// SUBSCRIBE once more with generation 0, as after a lost answer.
    Rejoin {
        who: Index,
    },
    /// A new process with the same instance id, while the old one may still be there.
    Replace {
        who: Index,
    },
    Leave {
        who: Index,
        returning: bool,
        lost: bool,
    },
    /// Never heard of again. It stops reading when its session is over.
    Crash {
        who: Index,
    },
    Commit {
        who: Index,
        stale: bool,
    },
    CreateTopic,
    DeleteTopic {
        which: Index,
    },
    Grow {
        which: Index,
    },
    Pass {
        by: Millis,
    },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = any::<Index>;
    let step = prop_oneof![
        4 => (prop::option::weighted(0.3, 0u8..4), prop::bool::weighted(0.1))
            .prop_map(|(instance, range)| Step::Join { instance, range }),
        20 => (who(), prop::bool::weighted(0.2)).prop_map(|(who, lost)| Step::Beat { who, lost }),
        1 => who().prop_map(|who| Step::Rejoin { who }),
        1 => who().prop_map(|who| Step::Replace { who }),
        2 => (who(), any::<bool>(), any::<bool>())
            .prop_map(|(who, returning, lost)| Step::Leave { who, returning, lost }),
        1 => who().prop_map(|who| Step::Crash { who }),
        4 => (who(), any::<bool>()).prop_map(|(who, stale)| Step::Commit { who, stale }),
        1 => Just(Step::CreateTopic),
        1 => who().prop_map(|which| Step::DeleteTopic { which }),
        2 => who().prop_map(|which| Step::Grow { which }),
        5 => (1..3_000u64).prop_map(|by| Step::Pass { by }),
        2 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

/// A client as the protocol wants it.
#[derive(Clone, Debug)]
struct Client {
    id: Arc<str>,
    instance: Option<u8>,
    range: bool,
    generation: i32,
    reading: Slots,
    /// What it says with its next heartbeat: after an assignment, or an answer that did not come.
    says_owned: bool,
    last_answer: Millis,
}

struct World {
    group: Group,
    records: (Option<GroupRecord>, BTreeMap<Arc<str>, MemberRecord>),
    catalog: Catalog,
    now: Millis,
    clients: Vec<Client>,
    next: u32,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            group: Group::new(LIMITS),
            records: Default::default(),
            catalog: Catalog::new(),
            now: 0,
            clients: Vec::new(),
            next: 0,
        };
        world.create_topic();
        world
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn create_topic(&mut self) {
        // Few names, so that topics are deleted and created again.
        let id = self.number();
        let name: Arc<str> = format!("t{}", id % 3).into();
        self.catalog.entry(name).or_insert(TopicSize { id, partitions: 1 + id % 5 });
    }

    /// Stores what changed, as the engine would before anybody learns of it.
    fn store(&mut self) {
        let changes = self.group.take_changes();
        if let Some(record) = changes.group {
            self.records.0 = Some(record);
        }
        for (id, record) in changes.members {
            match record {
                Some(record) => self.records.1.insert(id, record),
                None => self.records.1.remove(&id),
            };
        }
    }

    fn restart(&mut self) {
        let Some(record) = self.records.0.clone() else { return };
        let members = self.records.1.clone().into_iter().collect();
        self.group = Group::restore(LIMITS, &record, members, self.now).unwrap();
        self.group.take_changes();
        self.group.topics_changed(&self.catalog, self.now);
        assert!(self.group.take_changes().is_empty(), "a restart changes nothing");
    }

    fn join(&self, client: &Client) -> Join {
        let request = SubscribeRequest {
            group: "g".into(),
            member_id: client.id.to_string(),
            instance_id: client.instance.map(|i| format!("i{i}")),
            topics: ["t0", "t1", "t2"].map(String::from).to_vec(),
            assignor: if client.range { "range" } else { "" }.into(),
            session_timeout_ms: SESSION as u32,
            rebalance_timeout_ms: REBALANCE as u32,
            ..Default::default()
        };
        Join::new(request, String::new(), String::new()).unwrap()
    }

    /// A client joins with what it is, or is told that it is out.
    fn subscribe(&mut self, mut client: Client) {
        let answer = self.group.subscribe(self.join(&client), &self.catalog, self.now);
        self.store();
        if let Ok(answer) = answer {
            client.generation = answer.generation;
            client.reading = from_wire(&answer.assignment);
            client.says_owned = false;
            client.last_answer = self.now;
            // Its namesake learns of it with its next request; until then it is about to stop.
            self.clients.retain(|c| c.instance.is_none() || c.instance != client.instance);
            self.clients.push(client);
        }
    }

    fn start(&mut self, instance: Option<u8>, range: bool) {
        let id = format!("m{}", self.number()).into();
        self.subscribe(Client {
            id,
            instance,
            range,
            generation: 0,
            reading: Slots::new(),
            says_owned: false,
            last_answer: self.now,
        });
    }

    fn beat(&mut self, at: usize, lost: bool) {
        let client = self.clients[at].clone();
        let owned = client.says_owned.then(|| to_wire(&client.reading));
        let answer =
            self.group.heartbeat(&client.id, client.generation, owned.as_deref(), self.now);
        self.store();
        let client = &mut self.clients[at];
        if lost {
            client.says_owned = true;
            return;
        }
        match answer {
            Ok(answer) => {
                assert!(answer.generation >= client.generation);
                client.generation = answer.generation;
                client.last_answer = self.now;
                client.says_owned = false;
                if let Some(assignment) = answer.assignment {
                    let before = std::mem::replace(&mut client.reading, from_wire(&assignment));
                    // It says at once what is left, when something is gone.
                    client.says_owned = !before.is_subset(&client.reading);
                }
            }
            Err(error) => {
                assert!(
                    matches!(error.code, ErrorCode::UnknownMember | ErrorCode::InstanceFenced),
                    "{error} for {client:?}"
                );
                self.clients.remove(at);
            }
        }
    }

    fn leave(&mut self, at: usize, returning: bool, lost: bool) {
        let client = self.clients.remove(at);
        if !lost {
            let (catalog, now) = (&self.catalog, self.now);
            let _ = self.group.leave(&client.id, client.generation, returning, catalog, now);
            self.store();
        }
    }

    fn commit(&mut self, at: usize, stale: bool) {
        let client = &self.clients[at];
        let generation = client.generation - i32::from(stale);
        let accepted = self.group.check_commit(&client.id, generation).is_ok();
        let current = self.records.1.get(&client.id).map(generation_of);
        assert_eq!(accepted, current == Some(generation));
    }

    fn pass(&mut self, by: Millis) {
        self.now += by;
        self.group.expire(&self.catalog, self.now);
        self.store();
        let (group, now) = (&self.group, self.now);
        // A client that gets no answer for as long as its session lasts stops by itself. Those whom
        // the broker has put out for holding on to partitions are stopped by this: their clock runs
        // from the answer that took the partitions away.
        self.clients.retain(|client| {
            now < client.last_answer + SESSION
                && group
                    .check_commit(&client.id, client.generation)
                    .err()
                    .is_none_or(|e| e.code != ErrorCode::UnknownMember)
        });
    }

    fn topics_changed(&mut self) {
        self.group.topics_changed(&self.catalog, self.now);
        self.store();
    }

    fn take(&mut self, step: Step) {
        let at = |who: Index, len: usize| (len > 0).then(|| who.index(len));
        let len = self.clients.len();
        match step {
            Step::Join { instance, range } => self.start(instance, range),
            Step::Beat { who, lost } => {
                if let Some(at) = at(who, len) {
                    self.beat(at, lost);
                }
            }
            Step::Rejoin { who } => {
                if let Some(at) = at(who, len) {
                    let client = self.clients.remove(at);
                    self.subscribe(client);
                }
            }
            Step::Replace { who } => {
                if let Some(at) = at(who, len).filter(|&at| self.clients[at].instance.is_some()) {
                    let old = self.clients[at].clone();
                    let before = self.group_state();
                    self.start(old.instance, old.range);
                    assert_eq!(before.0, self.group_state().0, "no rebalance");
                    let fenced = self.group.heartbeat(&old.id, old.generation, None, self.now);
                    assert_eq!(fenced.unwrap_err().code, ErrorCode::InstanceFenced);
                }
            }
            Step::Leave { who, returning, lost } => {
                if let Some(at) = at(who, len) {
                    self.leave(at, returning, lost);
                }
            }
            Step::Crash { who } => {
                if let Some(at) = at(who, len) {
                    self.clients.remove(at);
                }
            }
            Step::Commit { who, stale } => {
                if let Some(at) = at(who, len) {
                    self.commit(at, stale);
                }
            }
            Step::CreateTopic => {
                self.create_topic();
                self.topics_changed();
            }
            Step::DeleteTopic { which } => {
                if let Some(at) = at(which, self.catalog.len()) {
                    let name = self.catalog.keys().nth(at).unwrap().clone();
                    self.catalog.remove(&name);
                    self.topics_changed();
                }
            }
            Step::Grow { which } => {
                if let Some(at) = at(which, self.catalog.len()) {
                    self.catalog.values_mut().nth(at).unwrap().partitions += 2;
                    self.topics_changed();
                }
            }
            Step::Pass { by } => self.pass(by),
            Step::Restart => self.restart(),
        }
        self.check();
    }

    /// The group's generation, and what it would tell.
    fn group_state(&self) -> (i32, Vec<flymq_protocol::messages::GroupMember>) {
        let described = self.group.describe();
        (described.generation, described.members)
    }

    fn check(&self) {
        let mut readers: BTreeMap<_, &Client> = BTreeMap::new();
        for client in &self.clients {
            for slot in &client.reading {
                if let Some(other) = readers.insert(slot, client) {
                    panic!("{slot:?} is read by {other:?} and {client:?}");
                }
            }
        }
        let members = self.records.1.clone().into_iter().collect();
        if let Some(record) = &self.records.0 {
            let again = Group::restore(LIMITS, record, members, self.now).unwrap();
            assert_eq!(again.describe(), self.group.describe());
        }
    }

    /// Everybody goes on undisturbed until nothing changes any more.
    fn settle(&mut self) {
        let mut stable = false;
        for round in 0..40 {
            self.pass(1_000);
            for at in (0..self.clients.len()).rev() {
                self.beat(at, false);
                self.check();
            }
            // The dead are out by then; once it is stable, another heartbeat each changes nothing.
            if round * 1_000 > SESSION
                && std::mem::replace(&mut stable, self.group.state() == "stable")
            {
                break;
            }
        }
        let mut shares: Vec<usize> = self.clients.iter().map(|c| c.reading.len()).collect();
        shares.sort_unstable();
        let read: BTreeSet<_> = self.clients.iter().flat_map(|c| &c.reading).cloned().collect();
        let all: BTreeSet<_> = self
            .catalog
            .iter()
            .flat_map(|(name, size)| (0..size.partitions).map(|p| (name.clone(), p)))
            .collect();
        if self.clients.is_empty() {
            assert_eq!(self.group.state(), "empty");
            return;
        }
        assert_eq!(self.group.state(), "stable");
        assert_eq!(read, all);
        let sticky = self.group.describe().assignor == "sticky";
        assert!(!sticky || shares[shares.len() - 1] - shares[0] <= 1, "{shares:?}");
    }
}

fn generation_of(record: &MemberRecord) -> i32 {
    record.generation
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_group_keeps_its_promises(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.settle();
    }

    #[test]
    fn one_more_or_one_less_moves_no_more_than_needed(
        members in 1usize..12,
        topics in 1usize..4,
        who in any::<Index>(),
    ) {
        let mut world = World::new();
        (0..topics).for_each(|_| world.create_topic());
        (0..members).for_each(|_| world.start(None, false));
        world.settle();
        let total: usize = world.clients.iter().map(|c| c.reading.len()).sum();
        let moved = |before: &[Client], after: &[Client]| -> usize {
            let lost = |b: &Client| match after.iter().find(|a| a.id == b.id) {
                Some(a) => b.reading.difference(&a.reading).count(),
                None => 0,
            };
            before.iter().map(lost).sum()
        };

        let before = world.clients.clone();
        world.start(None, false);
        world.settle();
        let newcomer = world.clients.last().unwrap().reading.len();
        prop_assert_eq!(moved(&before, &world.clients), newcomer);
        prop_assert_eq!(newcomer, total / (members + 1));

        let before = world.clients.clone();
        world.leave(who.index(members + 1), false, false);
        world.settle();
        prop_assert_eq!(moved(&before, &world.clients), 0);
    }
}

/// A process is killed before it has heard that it is to share; the one in its place holds nothing,
/// so the others need not wait for it to give anything up.
#[test]
fn who_takes_a_place_has_nothing_to_give_up() {
    let mut world = World::new();
    world.create_topic();
    world.start(Some(1), false);
    world.start(None, false);
    let replaced = world.clients.iter().position(|c| c.instance == Some(1)).unwrap();
    let replaced = world.clients.remove(replaced);
    world.start(replaced.instance, replaced.range);
    (0..4).for_each(|_| (0..world.clients.len()).for_each(|at| world.beat(at, false)));
    assert_eq!(world.group.state(), "stable");
}
