//! A batch on its way: who sends it, and what is known of it.

use std::sync::Arc;

use flymq_protocol::{BatchBuilder, Codec, RecordBatch};
use tokio::time::Instant;

use super::delivery::{BatchFate, Delivery};
use super::report::{DeliveryListener, Reported};

/// What bounds the batches of a producer.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// At what size a batch is full.
    pub batch_bytes: usize,
    /// How large one may get while it has to wait for those in flight.
    pub crowded_bytes: usize,
    pub max_in_flight: usize,
    pub codec: Codec,
}

/// A producer's identity in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub id: i64,
    pub epoch: i16,
}

impl Identity {
    /// The same producer with its sequences begun anew. `None` after the last epoch there is.
    pub fn next(self) -> Option<Self> {
        Some(Self { epoch: self.epoch.checked_add(1)?, ..self })
    }
}

/// A batch that takes no more records.
pub(super) struct Sealed {
    pub batch: RecordBatch,
    pub fate: Arc<BatchFate>,
    /// Bytes it takes of the producer's buffer, until its fate is decided.
    pub held: usize,
    pub deadline: Instant,
    /// Its records were told so; it stays only until the broker's answer shows whether it is stored.
    pub given_up: bool,
}

impl Sealed {
    /// Whether a broker may have stored it, under the sequence that it has.
    pub fn was_sent(&self) -> bool {
        self.batch.base_sequence >= 0
    }

    pub fn unsend(&mut self) {
        self.batch.base_sequence = -1;
    }
}

/// A batch whose time is up.
pub(super) struct GivenUp {
    pub fate: Arc<BatchFate>,
    pub held: usize,
    pub count: u32,
}

impl GivenUp {
    pub fn take(sealed: &mut Sealed) -> Self {
        sealed.given_up = true;
        let held = std::mem::take(&mut sealed.held);
        Self { fate: sealed.fate.clone(), held, count: sealed.batch.count }
    }
}

pub(super) struct Open {
    pub builder: BatchBuilder,
    pub fate: Arc<BatchFate>,
    pub held: usize,
    pub deadline: Instant,
    /// The records of which a listener is to be told. Kept here for as long as there may be more.
    pub reports: Option<(Arc<dyn DeliveryListener>, Vec<Reported>)>,
}

impl Open {
    /// The delivery of a record of the batch.
    pub fn delivery(&mut self, index: u32, timestamp: i64) -> Delivery {
        Delivery::new(self.fate.clone(), index, timestamp)
    }

    /// Has a listener told of a record of the batch.
    pub fn report(&mut self, listener: &Arc<dyn DeliveryListener>, record: Reported) {
        match &mut self.reports {
            Some((known, records)) if Arc::ptr_eq(known, listener) => records.push(record),
            _ => {
                self.promise();
                self.reports = Some((listener.clone(), vec![record]));
            }
        }
    }

    /// Hands what is to be reported to the batch's fate.
    pub fn promise(&mut self) {
        if let Some((listener, records)) = self.reports.take() {
            self.fate.promise(listener, records);
        }
    }
}

/// A batch in flight and how it stands.
///
/// One that is decided keeps its place until all before it are: answers may overtake each other, and
/// the broker remembers only so many of a producer's last batches. The window is one of sequences.
pub(super) struct Flying {
    /// `None` once it is decided.
    pub sealed: Option<Sealed>,
    pub sequence: i32,
    pub sent_at: Instant,
    /// It is sent under a sequence that it was sent under before.
    pub again: bool,
    /// It failed in a way that may pass.
    pub failed: bool,
}
