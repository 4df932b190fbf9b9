//! `flymq_events`: what waits in a queue, and what was taken from one.

use std::ops::Range;
use std::sync::Arc;

use flymq_core::DeliveryReport;

use crate::boundary;
use crate::event::{Delivered, flymq_event};

/// What waits in a queue: an event, or those of many records, which are made when they are taken.
pub enum Waiting {
    Event(flymq_event),
    Deliveries(Arc<Delivered>, Range<u32>),
}

impl Waiting {
    /// An event for each record of a report.
    pub fn deliveries(report: DeliveryReport) -> Self {
        let all = 0..report.count() as u32;
        Self::Deliveries(Arc::new(Delivered::new(report)), all)
    }

    /// How many events it is.
    pub fn count(&self) -> usize {
        match self {
            Self::Event(_) => 1,
            Self::Deliveries(_, records) => records.len(),
        }
    }

    /// Takes the first events out of more than that.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        let Self::Deliveries(delivered, records) = self else { return None };
        let first = records.start..records.start + count as u32;
        records.start = first.end;
        Some(Self::Deliveries(delivered.clone(), first))
    }

    pub fn is_log(&self) -> bool {
        matches!(self, Self::Event(event) if event.is_log())
    }
}

impl From<flymq_event> for Waiting {
    fn from(event: flymq_event) -> Self {
        Self::Event(event)
    }
}

/// Events that flymq_poll() has taken from a queue. It never changes; any thread may read it.
pub struct flymq_events {
    events: Vec<flymq_event>,
    /// What the events of records point to.
    _delivered: Vec<Arc<Delivered>>,
}

impl flymq_events {
    pub fn new(taken: Vec<Waiting>) -> Self {
        let mut events = Vec::with_capacity(taken.iter().map(Waiting::count).sum());
        let mut kept = Vec::new();
        for waiting in taken {
            match waiting {
                Waiting::Event(event) => events.push(event),
                Waiting::Deliveries(delivered, records) => {
                    // SAFETY: what they point to is kept as long as they are, and is not moved.
                    events.extend(records.map(|i| unsafe { flymq_event::delivery(&delivered, i) }));
                    kept.push(delivered);
                }
            }
        }
        Self { events, _delivered: kept }
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &flymq_event> {
        self.events.iter()
    }
}

/// How many events there are. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_events_count(events: Option<&flymq_events>) -> usize {
    boundary::get(0, || Some(events?.events.len()))
}

/// An event, counted from 0; it lives until flymq_events_free(). NULL for one that there is not.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_events_get(
    events: Option<&flymq_events>,
    index: usize,
) -> *const flymq_event {
    boundary::get(std::ptr::null(), || Some(std::ptr::from_ref(events?.events.get(index)?)))
}

/// Frees events. That also says that the application is done with what a consumer brought: it then
/// goes on, and gives partitions up that it is to give up. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_events_free(events: Option<Box<flymq_events>>) {
    boundary::free(events);
}
