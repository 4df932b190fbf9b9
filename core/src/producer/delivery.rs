//! What becomes of a record: a future that costs no more than a reference to its batch's fate.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use super::report::{DeliveryListener, DeliveryReport, Reported};
use crate::error::{Error, Result};
use crate::record::RecordMetadata;

/// The fate of one batch, shared by the deliveries of all its records.
pub(super) struct BatchFate {
    topic: Arc<str>,
    partition: u32,
    /// The offset of the batch's first record, once it is known.
    outcome: OnceLock<Result<u64>>,
    waiting: Mutex<Vec<Waiting>>,
}

/// Who wants to know a batch's fate.
enum Waiting {
    Task(Waker),
    Callback(Callback),
    Listener(Arc<dyn DeliveryListener>, Vec<Reported>),
}

type Callback = Box<dyn FnOnce(&BatchFate, &Result<u64>) + Send>;

impl BatchFate {
    pub fn new(topic: Arc<str>, partition: u32) -> Self {
        Self { topic, partition, outcome: OnceLock::new(), waiting: Mutex::default() }
    }

    /// Decides the fate. Only the first decision counts.
    pub fn decide(self: &Arc<Self>, outcome: Result<u64>) {
        if self.outcome.set(outcome).is_err() {
            return;
        }
        let Some(outcome) = self.outcome.get() else { return };
        let waiting = std::mem::take(&mut *self.waiting());
        for waiting in waiting {
            match waiting {
                Waiting::Task(waker) => waker.wake(),
                Waiting::Callback(callback) => callback(self, outcome),
                Waiting::Listener(listener, records) => {
                    listener.decided(DeliveryReport::new(self.clone(), records));
                }
            }
        }
    }

    pub fn is_decided(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// Has a listener told of records, while the fate is not decided yet.
    pub fn promise(&self, listener: Arc<dyn DeliveryListener>, records: Vec<Reported>) {
        debug_assert!(!self.is_decided(), "a report comes too late");
        self.waiting().push(Waiting::Listener(listener, records));
    }

    pub fn outcome(&self) -> Option<&Result<u64>> {
        self.outcome.get()
    }

    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// Where a record of the batch was stored.
    fn metadata(
        &self,
        outcome: &Result<u64>,
        index: u32,
        timestamp: i64,
    ) -> Result<RecordMetadata> {
        let base_offset = outcome.as_ref().map_err(Error::clone)?;
        Ok(RecordMetadata {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: base_offset + u64::from(index),
            timestamp,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, slot: &mut Option<usize>, context: &Context<'_>) -> Poll<&Result<u64>> {
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome);
        }
        let mut waiting = self.waiting();
        // Decided while the lock was taken: nobody would wake this task.
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome);
        }
        match slot.and_then(|at| waiting.get_mut(at)) {
            Some(Waiting::Task(waker)) => waker.clone_from(context.waker()),
            _ => {
                *slot = Some(waiting.len());
                waiting.push(Waiting::Task(context.waker().clone()));
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

    /// Another handle on the same answer.
    #[cfg(feature = "otel")]
    pub(crate) fn again(&self) -> Self {
        Self::new(self.fate.clone(), self.index, self.timestamp)
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

    /// Calls back with the answer, instead of waiting for it: at once if it is there, else on the
    /// thread that it comes in on, which `callback` must not hold up. It costs less than a task a
    /// record. A callback that is dropped without being called will not be.
    pub fn on_result(self, callback: impl FnOnce(Result<RecordMetadata>) + Send + 'static) {
        let Self { fate, index, timestamp, .. } = self;
        let tell = move |fate: &BatchFate, outcome: &Result<u64>| {
            callback(fate.metadata(outcome, index, timestamp));
        };
        let mut waiting = fate.waiting();
        match fate.outcome.get() {
            None => waiting.push(Waiting::Callback(Box::new(tell))),
            Some(outcome) => {
                drop(waiting);
                tell(&fate, outcome);
            }
        }
    }

    /// Has a listener told what became of the record, together with the others of its batch that it is
    /// to be told of: at once if that is known, else on the thread that the answer comes in on. `tag`
    /// comes back in the report. It costs no memory of its own and no call for each record.
    pub fn report_to(self, listener: &Arc<dyn DeliveryListener>, tag: u64) {
        let Self { fate, index, timestamp, .. } = self;
        let record = Reported { index, timestamp, tag };
        let mut waiting = fate.waiting();
        if fate.is_decided() {
            drop(waiting);
            return listener.decided(DeliveryReport::new(fate, vec![record]));
        }
        match waiting.last_mut() {
            Some(Waiting::Listener(known, records)) if Arc::ptr_eq(known, listener) => {
                records.push(record);
            }
            _ => waiting.push(Waiting::Listener(listener.clone(), vec![record])),
        }
    }

    fn metadata(&self, outcome: &Result<u64>) -> Result<RecordMetadata> {
        self.fate.metadata(outcome, self.index, self.timestamp)
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

#[cfg(test)]
mod tests {
    use super::*;
    use flymq_protocol::ErrorCode;
    use std::sync::mpsc;

    #[test]
    fn callbacks_hear_once_whether_they_come_before_or_after_the_answer() {
        let fate = Arc::new(BatchFate::new("orders".into(), 2));
        let (answers, heard) = mpsc::channel();
        let callback = |answers: mpsc::Sender<_>| move |answer| answers.send(answer).unwrap();
        Delivery::new(fate.clone(), 3, 77).on_result(callback(answers.clone()));
        assert!(heard.try_recv().is_err());
        fate.decide(Ok(40));
        fate.decide(Err(Error::closed("send", "producer")));
        Delivery::new(fate, 4, 78).on_result(callback(answers));
        let stored: Vec<_> = heard.iter().map(|answer| answer.unwrap()).collect();
        assert_eq!(
            stored.iter().map(|s| (s.offset, s.timestamp)).collect::<Vec<_>>(),
            [(43, 77), (44, 78)]
        );
        assert!(stored.iter().all(|s| &*s.topic == "orders" && s.partition == 2));

        let lost = Arc::new(BatchFate::new("orders".into(), 0));
        let (answers, heard) = mpsc::channel();
        Delivery::new(lost.clone(), 0, 0).on_result(callback(answers));
        lost.decide(Err(Error::closed("send", "producer")));
        assert_eq!(heard.recv().unwrap().unwrap_err().code(), Some(ErrorCode::Closed));
    }

    #[test]
    fn listeners_are_told_of_a_batch_at_once() {
        struct Told(Mutex<Vec<DeliveryReport>>);
        impl DeliveryListener for Told {
            fn decided(&self, report: DeliveryReport) {
                self.0.lock().unwrap().push(report);
            }
        }
        let [first, second] = [(); 2].map(|()| Arc::new(Told(Mutex::default())));
        let listeners: [Arc<dyn DeliveryListener>; 2] = [first.clone(), second.clone()];
        let fate = Arc::new(BatchFate::new("orders".into(), 2));
        for (index, to) in [(0, 0), (1, 0), (2, 1), (3, 0)] {
            let delivery = Delivery::new(fate.clone(), index, 70 + i64::from(index));
            delivery.report_to(&listeners[to], 500 + u64::from(index));
        }
        assert!(first.0.lock().unwrap().is_empty());
        fate.decide(Ok(40));
        Delivery::new(fate, 4, 74).report_to(&listeners[1], 504);
        let told = |listener: &Told| -> Vec<Vec<(u64, Option<u64>, i64)>> {
            let reports = listener.0.lock().unwrap();
            let records = |report: &DeliveryReport| {
                assert!(&**report.topic() == "orders" && report.partition() == 2);
                let all = 0..report.count();
                all.map(|i| (report.tag(i), report.offset(i), report.timestamp(i))).collect()
            };
            reports.iter().map(records).collect()
        };
        let [a, b, c, d, e] = [0, 1, 2, 3, 4]
            .map(|i: u8| (500 + u64::from(i), Some(40 + u64::from(i)), 70 + i64::from(i)));
        assert_eq!(told(&first), [vec![a, b], vec![d]]);
        assert_eq!(told(&second), [vec![c], vec![e]]);

        let lost = Arc::new(BatchFate::new("orders".into(), 0));
        Delivery::new(lost.clone(), 0, 0).report_to(&listeners[0], 9);
        lost.decide(Err(Error::closed("send", "producer")));
        let report = first.0.lock().unwrap().pop().unwrap();
        assert_eq!((report.tag(0), report.offset(0)), (9, None));
        assert_eq!(report.error().and_then(Error::code), Some(ErrorCode::Closed));
    }
}
