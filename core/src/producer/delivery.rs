//! What becomes of a record: a future that costs no more than a reference to its batch's fate.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::record::RecordMetadata;

/// The fate of one batch, shared by the deliveries of all its records.
pub(super) struct BatchFate {
    topic: Arc<str>,
    partition: u32,
    /// The offset of the batch's first record, once it is known.
    outcome: OnceLock<Result<u64>>,
    waiting: Mutex<Vec<Waker>>,
}

impl BatchFate {
    pub fn new(topic: Arc<str>, partition: u32) -> Self {
        Self { topic, partition, outcome: OnceLock::new(), waiting: Mutex::default() }
    }

    /// Decides the fate. Only the first decision counts.
    pub fn decide(&self, outcome: Result<u64>) {
        if self.outcome.set(outcome).is_ok() {
            let waiting =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    pub fn is_decided(&self) -> bool {
        self.outcome.get().is_some()
    }

    fn poll(&self, slot: &mut Option<usize>, context: &Context<'_>) -> Poll<&Result<u64>> {
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Decided while the lock was taken: nobody would wake this task.
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome);
        }
        match slot.and_then(|at| waiting.get_mut(at)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                *slot = Some(waiting.len());
                waiting.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}

/// The end of every batch: if nobody decided its fate, it is lost.
impl Drop for BatchFate {
    fn drop(&mut self) {
        debug_assert!(
            self.outcome.get().is_some() || self.waiting.get_mut().is_ok_and(|w| w.is_empty()),
            "a delivery is left waiting"
        );
    }
}

/// A record on its way. Await it to learn where the record was stored; drop it if that does not
/// matter. The record is sent either way.
pub struct Delivery {
    fate: Arc<BatchFate>,
    index: u32,
    timestamp: i64,
    slot: Option<usize>,
}

impl Delivery {
    pub(super) fn new(fate: Arc<BatchFate>, index: u32, timestamp: i64) -> Self {
        Self { fate, index, timestamp, slot: None }
    }

    /// Whether the answer is there.
    pub fn is_done(&self) -> bool {
        self.fate.is_decided()
    }

    /// The partition that the record goes to.
    pub fn partition(&self) -> u32 {
        self.fate.partition
    }

    /// The answer, if it is there.
    pub fn try_result(&self) -> Option<Result<RecordMetadata>> {
        self.fate.outcome.get().map(|outcome| self.metadata(outcome))
    }

    /// The topic that the record goes to.
    pub fn topic(&self) -> &Arc<str> {
        &self.fate.topic
    }

    fn metadata(&self, outcome: &Result<u64>) -> Result<RecordMetadata> {
        let base_offset = outcome.as_ref().map_err(Error::clone)?;
        Ok(RecordMetadata {
            topic: self.fate.topic.clone(),
            partition: self.fate.partition,
            offset: base_offset + u64::from(self.index),
            timestamp: self.timestamp,
        })
    }
}

/// Another one for the same record, to be awaited by somebody else.
impl Clone for Delivery {
    fn clone(&self) -> Self {
        Self::new(self.fate.clone(), self.index, self.timestamp)
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Poll::Ready(outcome) = this.fate.poll(&mut this.slot, context) else {
            return Poll::Pending;
        };
        let outcome = outcome.clone();
        Poll::Ready(this.metadata(&outcome))
    }
}

/// Waits until a batch's fate is decided, whatever it is.
pub(super) async fn decided(fate: Arc<BatchFate>) {
    let mut slot = None;
    std::future::poll_fn(|context| fate.poll(&mut slot, context).map(|_| ())).await;
}
