//! Records on their way: the one call that is made for each record.
//!
//! A record is handed to the core at once if it has room. If not, it waits in line, and so do all that
//! come after it, so that a thread's records keep their order; Java waits to be told that there is room.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use flymq_core::{Delivery, Producer, Record, Result, Transaction};
use tokio::sync::Notify;

use crate::call::guarded;
use crate::client::{Connected, content};
use crate::completions::{Completion, LISTENER};
use crate::handles::{self, Resource};
use crate::wire::Args;

/// A producer or a transaction of the core.
pub enum Target {
    Producer(Producer),
    Transaction(Transaction),
}

impl Target {
    async fn send(&self, topic: &str, record: Record) -> Result<Delivery> {
        match self {
            Self::Producer(producer) => producer.send(topic, record).await,
            Self::Transaction(transaction) => transaction.send(topic, record).await,
        }
    }

    /// Takes a record in, and has the call of an id answered, if nothing has to be waited for; gives it
    /// back if not.
    fn post_now(
        &self,
        topic: &str,
        record: Record,
        id: u64,
    ) -> std::result::Result<Result<()>, Record> {
        match self {
            Self::Producer(producer) => producer.post_now(topic, record, &LISTENER, id),
            Self::Transaction(transaction) => transaction.post_now(topic, record, &LISTENER, id),
        }
    }
}

/// What records are sent through. The target is dropped before its client.
pub struct Sender {
    line: Arc<Line>,
    pub client: Arc<Connected>,
}

impl Resource for Sender {
    const NAME: &'static str = "producer";
}

struct Line {
    target: Target,
    waiting: Mutex<VecDeque<Waiting>>,
    /// Rung when the line has changed.
    changed: Notify,
}

/// A record that waits for room.
struct Waiting {
    topic: String,
    record: Record,
    completion: Completion,
}

impl Sender {
    /// Sends through a target.
    pub fn new(target: Target, client: Arc<Connected>) -> Self {
        let line = Arc::new(Line { target, waiting: Mutex::default(), changed: Notify::new() });
        Self { line, client }
    }

    /// The producer or transaction.
    pub fn target(&self) -> &Target {
        &self.line.target
    }

    /// Waits until no record waits for room.
    pub async fn drained(&self) {
        loop {
            let changed = self.line.changed.notified();
            let mut changed = pin!(changed);
            changed.as_mut().enable();
            if self.line.waiting().is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// Takes a record in; returns whether it has to wait for room.
    fn send(&self, topic: &str, mut record: Record, completion: Completion) -> bool {
        let line = &self.line;
        let mut waiting = line.waiting();
        if waiting.is_empty() {
            drop(waiting);
            match line.target.post_now(topic, record, completion.id()) {
                Ok(Ok(())) => {
                    completion.forget();
                    return false;
                }
                Ok(Err(error)) => {
                    completion.answer(Err(error));
                    return false;
                }
                Err(back) => record = back,
            }
            waiting = line.waiting();
        }
        let first = waiting.is_empty();
        waiting.push_back(Waiting { topic: topic.to_owned(), record, completion });
        drop(waiting);
        if first {
            self.client.host.spawn(line.clone().drain());
        }
        true
    }
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what waits, one record after the other, until the line is empty.
    async fn drain(self: Arc<Self>) {
        loop {
            let first = self
                .waiting()
                .front()
                .map(|first| (first.completion.id(), first.topic.clone(), first.record.clone()));
            let Some((id, topic, record)) = first else { return };
            let mut sending = pin!(self.target.send(&topic, record));
            // With the line locked, so that a record is either sent or withdrawn. Locked last when it
            // is empty, so that whoever comes next finds it so and begins anew.
            let sent = poll_fn(|context| {
                let mut waiting = self.waiting();
                if waiting.front().is_none_or(|first| first.completion.id() != id) {
                    return Poll::Ready(());
                }
                let Poll::Ready(result) = sending.as_mut().poll(context) else {
                    return Poll::Pending;
                };
                if let Some(Waiting { completion, .. }) = waiting.pop_front() {
                    completion.admit();
                    match result {
                        Ok(delivery) => {
                            delivery.report_to(&LISTENER, id);
                            completion.forget();
                        }
                        Err(error) => completion.answer(Err(error)),
                    }
                }
                Poll::Ready(())
            });
            tokio::select! {
                biased;
                () = sent => self.changed.notify_waiters(),
                // The first one may have been withdrawn.
                () = self.changed.notified() => {}
            }
        }
    }
}

/// Takes a record in; returns whether it has to wait for room.
pub fn send(handle: u64, id: u64, args: &mut Args) -> bool {
    let completion = Completion::of(id);
    let parts = guarded(|| Ok((handles::get::<Sender>(handle)?, args.str()?, content(args)?)));
    match parts {
        Ok((sender, topic, record)) => {
            // A panic drops the completion, which answers.
            guarded(|| Ok(sender.send(&topic, record, completion))).unwrap_or(false)
        }
        Err(error) => {
            completion.answer(Err(error));
            false
        }
    }
}

/// Takes a record back that waits for room; returns whether it still did.
pub fn withdraw(handle: u64, id: u64) -> bool {
    let Ok(sender) = handles::get::<Sender>(handle) else { return false };
    let mut waiting = sender.line.waiting();
    let at = waiting.iter().position(|record| record.completion.id() == id);
    let Some(withdrawn) = at.and_then(|at| waiting.remove(at)) else { return false };
    withdrawn.completion.forget();
    drop(waiting);
    sender.line.changed.notify_waiters();
    true
}
