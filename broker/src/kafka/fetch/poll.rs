//! Waiting for records.
//!
//! A node answers the requests of a connection one after another, so a read that waits needs a
//! connection of its own. For however many readers, there are a few such lanes to each node. A read
//! on a lane waits on behalf of all readers that wait for partitions of that node and are not waited
//! for on another lane, and what it brings goes to every one of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use flymq_protocol::ProtocolError;
use flymq_protocol::messages::Isolation;
use kafka_protocol::messages::fetch_response::PartitionData;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ask::{self, Asked, Place};
use crate::Result;
use crate::kafka::Inner;
use crate::kafka::errors::{self, unavailable};
use crate::kafka::node::{Lane, POLL_LANES};
use crate::kafka::records::Decoded;

/// How long one read on a lane waits. Readers who find all lanes taken wait for one to come free, so
/// it is short.
const TURN: Duration = Duration::from_millis(500);
/// How many bytes a read on a lane returns, and of one partition.
const MOST: usize = 4 << 20;
const MOST_OF_ONE: usize = 1 << 20;

/// What a reader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wish {
    place: Place,
    offset: u64,
    isolation: Isolation,
}

/// News of a partition, for all readers who waited for them alike.
pub struct News {
    pub data: PartitionData,
    decoded: OnceLock<Result<Decoded>>,
}

impl News {
    /// What a reader at `offset` sees of it. The first reader has it read for all others, which
    /// wait at the same offset.
    pub fn decoded(&self, offset: u64) -> Result<Decoded> {
        if self.data.error_code != 0 {
            return Err(errors::error(self.data.error_code, "read"));
        }
        self.decoded.get_or_init(|| ask::decode(&self.data, offset)).clone()
    }
}

/// News for one of a reader's targets.
pub struct Found {
    pub target: usize,
    pub outcome: Result<Arc<News>>,
}

/// The pollers of all nodes.
#[derive(Default)]
pub struct Pollers(Mutex<HashMap<i32, Arc<Poller>>>);

/// Those who wait for partitions of one node.
struct Poller {
    node: i32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    readers: HashMap<Wish, Vec<Reader>>,
    /// Wishes with readers that no lane waits for.
    open: Vec<Wish>,
    /// Wishes that a lane waits for.
    covered: HashSet<Wish>,
    /// Lanes that are at work.
    busy: [bool; POLL_LANES],
}

struct Reader {
    target: usize,
    inbox: mpsc::UnboundedSender<Found>,
}

/// One reader's wait, over when dropped.
pub struct Watch {
    isolation: Isolation,
    sender: mpsc::UnboundedSender<Found>,
    inbox: mpsc::UnboundedReceiver<Found>,
}

impl Watch {
    pub fn new(isolation: Isolation) -> Self {
        let (sender, inbox) = mpsc::unbounded_channel();
        Self { isolation, sender, inbox }
    }

    /// Waits for records of a partition from `offset` on.
    pub fn add(&mut self, inner: &Arc<Inner>, node: i32, target: usize, place: Place, offset: u64) {
        let poller = inner.pollers.of(node);
        let reader = Reader { target, inbox: self.sender.clone() };
        poller.add(inner, Wish { place, offset, isolation: self.isolation }, reader);
    }

    /// The next news, if they come in time.
    pub async fn next(&mut self, inner: &Inner, deadline: Instant) -> Option<Found> {
        let mut stopping = inner.stopping.subscribe();
        tokio::select! {
            found = self.inbox.recv() => found,
            () = tokio::time::sleep_until(deadline) => None,
            _ = stopping.wait_for(|&stopping| stopping) => None,
        }
    }

    /// News that are there already.
    pub fn try_next(&mut self) -> Option<Found> {
        self.inbox.try_recv().ok()
    }
}

impl Pollers {
    fn of(&self, node: i32) -> Arc<Poller> {
        let mut pollers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Poller { node, state: Mutex::default() });
        pollers.entry(node).or_insert_with(new).clone()
    }
}

impl Poller {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: Arc<Self>, inner: &Arc<Inner>, wish: Wish, reader: Reader) {
        let mut state = self.lock();
        let readers = state.readers.entry(wish).or_default();
        readers.retain(|reader| !reader.inbox.is_closed());
        readers.push(reader);
        if state.covered.contains(&wish) {
            return;
        }
        if !state.open.contains(&wish) {
            state.open.push(wish);
        }
        let Some(lane) = state.busy.iter().position(|busy| !busy) else { return };
        state.busy[lane] = true;
        drop(state);
        let inner = Arc::downgrade(inner);
        tokio::spawn(async move {
            while let Some(inner) = inner.upgrade()
                && self.turn(&inner, lane).await
            {}
        });
    }

    /// Waits once on behalf of everybody who is not waited for. Returns whether there was anybody;
    /// if not, the lane is free.
    async fn turn(&self, inner: &Inner, lane: usize) -> bool {
        let Some((isolation, wishes)) = self.take(lane) else { return false };
        let asked = wishes.iter().map(|wish| Asked {
            place: wish.place,
            offset: wish.offset,
            max_bytes: MOST_OF_ONE,
        });
        let answer = match inner.cluster.node(self.node) {
            Ok(node) => {
                let answer = ask::ask(&node, Lane::Poll(lane), asked, isolation, MOST, TURN).await;
                answer.map_err(ProtocolError::from)
            }
            Err(error) => Err(error),
        };
        self.hand_out(&wishes, answer);
        !inner.is_stopping()
    }

    /// Takes all open wishes of one isolation, each partition once.
    fn take(&self, lane: usize) -> Option<(Isolation, Vec<Wish>)> {
        let mut state = self.lock();
        let State { readers, open, covered, busy } = &mut *state;
        open.retain(|wish| match readers.get_mut(wish) {
            Some(waiting) => {
                waiting.retain(|reader| !reader.inbox.is_closed());
                if waiting.is_empty() {
                    readers.remove(wish);
                }
                readers.contains_key(wish)
            }
            None => false,
        });
        let Some(first) = open.first() else {
            busy[lane] = false;
            return None;
        };
        let isolation = first.isolation;
        let mut places = HashSet::new();
        let taken: Vec<Wish> = open
            .extract_if(.., |wish| wish.isolation == isolation && places.insert(wish.place))
            .collect();
        covered.extend(&taken);
        Some((isolation, taken))
    }

    fn hand_out(&self, wishes: &[Wish], answer: Result<HashMap<Place, PartitionData>>) {
        let mut state = self.lock();
        let mut parts = match answer {
            Ok(parts) => parts,
            Err(error) => {
                for wish in wishes {
                    state.covered.remove(wish);
                    let error = unavailable(error.message.clone());
                    state.tell(wish, || Err(error.clone()));
                }
                return;
            }
        };
        for wish in wishes {
            state.covered.remove(wish);
            let news = parts.remove(&wish.place).filter(|data| {
                data.error_code != 0 || data.records.as_ref().is_some_and(|r| !r.is_empty())
            });
            match news {
                Some(data) => {
                    let news = Arc::new(News { data, decoded: OnceLock::new() });
                    state.tell(wish, || Ok(news.clone()));
                }
                None => state.open.push(*wish),
            }
        }
    }
}

impl State {
    fn tell(&mut self, wish: &Wish, outcome: impl Fn() -> Result<Arc<News>>) {
        for reader in self.readers.remove(wish).unwrap_or_default() {
            let _ = reader.inbox.send(Found { target: reader.target, outcome: outcome() });
        }
    }
}
