//! `flymq_event`: what an event queue brings.

use std::ffi::{CString, c_char, c_void};
use std::ptr::NonNull;

use flymq_core::{DeliveryReport, Error, Rebalance};
use tokio::sync::oneshot;

use crate::boundary;
use crate::error::flymq_error;
use crate::groups::slots_table;
use crate::log::Line;
use crate::message::flymq_batch;
use crate::table::flymq_table;
use crate::text::c_string;

/// What an event tells.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum flymq_event_kind {
    /// There is no event.
    FLYMQ_EVENT_NONE = 0,
    /// A record is stored, or given up: flymq_event_code() says which.
    FLYMQ_EVENT_DELIVERY = 1,
    /// A commit is stored, or has failed: flymq_event_code() says which.
    FLYMQ_EVENT_COMMIT = 2,
    /// A consumer has read records: flymq_event_batch().
    FLYMQ_EVENT_RECORDS = 3,
    /// A consumer has new partitions, of which it has returned nothing yet: flymq_event_partitions().
    FLYMQ_EVENT_ASSIGNED = 4,
    /// A consumer is about to give partitions up: what was processed of them may still be committed.
    FLYMQ_EVENT_REVOKED = 5,
    /// A consumer has lost partitions: nothing can be committed any more.
    FLYMQ_EVENT_LOST = 6,
    /// A consumer has met what will not pass by itself: flymq_event_error().
    FLYMQ_EVENT_ERROR = 7,
    /// A line of the log: flymq_event_log().
    FLYMQ_EVENT_LOG = 8,
}

use flymq_event_kind::*;

/// Something that has happened. It never changes; any thread may read it. What it points to lives as
/// long as it does: within a callback, until that returns; in what flymq_poll() returned, until
/// flymq_events_free().
pub struct flymq_event {
    tag: usize,
    body: Body,
    /// Tells a consumer that the application is done, when the event is freed.
    _done: Option<oneshot::Sender<()>>,
}

/// Small, since there is one for each record that was sent.
enum Body {
    /// A record of those, which outlive the event.
    Delivery(NonNull<Delivered>, u32),
    Commit(Result<(), Box<flymq_error>>),
    Records(Box<flymq_batch>),
    Rebalance(flymq_event_kind, Box<flymq_table>),
    Error(Box<flymq_error>),
    Log(Box<Line>),
}

// SAFETY: what an event points to never changes.
unsafe impl Send for flymq_event {}
// SAFETY: as above.
unsafe impl Sync for flymq_event {}

/// What became of records of one batch.
pub struct Delivered {
    report: DeliveryReport,
    topic: CString,
    error: Option<flymq_error>,
}

impl Delivered {
    pub fn new(report: DeliveryReport) -> Self {
        let topic = c_string(report.topic());
        let error = report.error().cloned().map(flymq_error::new);
        Self { report, topic, error }
    }
}

fn boxed(error: Error) -> Box<flymq_error> {
    Box::new(flymq_error::new(error))
}

impl flymq_event {
    fn new(tag: usize, body: Body) -> Self {
        Self { tag, body, _done: None }
    }

    /// What became of a record.
    ///
    /// # Safety
    ///
    /// `delivered` stays where it is for as long as the event lives.
    pub unsafe fn delivery(delivered: &Delivered, record: u32) -> Self {
        let tag = delivered.report.tag(record as usize) as usize;
        Self::new(tag, Body::Delivery(NonNull::from(delivered), record))
    }

    pub fn commit(tag: usize, result: flymq_core::Result<()>) -> Self {
        Self::new(tag, Body::Commit(result.map_err(boxed)))
    }

    pub fn records(tag: usize, batch: flymq_batch) -> Self {
        Self::new(tag, Body::Records(Box::new(batch)))
    }

    pub fn rebalance(tag: usize, rebalance: &Rebalance) -> Self {
        let (kind, slots) = match rebalance {
            Rebalance::Assigned(slots) => (FLYMQ_EVENT_ASSIGNED, slots),
            Rebalance::Revoked(slots) => (FLYMQ_EVENT_REVOKED, slots),
            Rebalance::Lost(slots) => (FLYMQ_EVENT_LOST, slots),
        };
        Self::new(tag, Body::Rebalance(kind, Box::new(slots_table(slots))))
    }

    pub fn failure(tag: usize, error: Error) -> Self {
        Self::new(tag, Body::Error(boxed(error)))
    }

    pub fn log(line: Line) -> Self {
        Self::new(0, Body::Log(Box::new(line)))
    }

    /// Has `done` dropped with the event.
    pub fn telling(self, done: oneshot::Sender<()>) -> Self {
        Self { _done: Some(done), ..self }
    }

    pub fn is_log(&self) -> bool {
        matches!(self.body, Body::Log(_))
    }

    fn kind(&self) -> flymq_event_kind {
        match &self.body {
            Body::Delivery(..) => FLYMQ_EVENT_DELIVERY,
            Body::Commit(_) => FLYMQ_EVENT_COMMIT,
            Body::Records(_) => FLYMQ_EVENT_RECORDS,
            Body::Rebalance(kind, _) => *kind,
            Body::Error(_) => FLYMQ_EVENT_ERROR,
            Body::Log(_) => FLYMQ_EVENT_LOG,
        }
    }

    fn error(&self) -> Option<&flymq_error> {
        match &self.body {
            Body::Delivery(..) => self.delivered()?.0.error.as_ref(),
            Body::Commit(Err(error)) | Body::Error(error) => Some(error),
            _ => None,
        }
    }

    /// Of a record: what it was reported with, and where in the report.
    fn delivered(&self) -> Option<(&Delivered, usize)> {
        let Body::Delivery(delivered, record) = &self.body else { return None };
        // SAFETY: whoever made the event sees to it that this outlives it.
        Some((unsafe { delivered.as_ref() }, *record as usize))
    }

    /// Of a record that is stored: what it was reported with, where in the report, and its offset.
    fn stored(&self) -> Option<(&DeliveryReport, usize, u64)> {
        let (Delivered { report, .. }, record) = self.delivered()?;
        Some((report, record, report.offset(record)?))
    }
}

/// What the event tells, a flymq_event_kind. FLYMQ_EVENT_NONE for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_type(event: Option<&flymq_event>) -> i32 {
    boundary::get(FLYMQ_EVENT_NONE as i32, || Some(event?.kind() as i32))
}

/// The tag given with the call that the event answers: to flymq_producer_send(),
/// flymq_consumer_commit_async() or flymq_consumer_new(). NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_tag(event: Option<&flymq_event>) -> *mut c_void {
    boundary::get(std::ptr::null_mut(), || Some(event?.tag as *mut c_void))
}

/// FLYMQ_OK, or the code of the error that the event tells of. FLYMQ_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_code(event: Option<&flymq_event>) -> i32 {
    boundary::get(0, || Some(event?.error()?.code()))
}

/// The error that the event tells of, which lives as long as the event. NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_error(event: Option<&flymq_event>) -> *const flymq_error {
    boundary::get(std::ptr::null(), || event?.error().map(std::ptr::from_ref))
}

/// Of a delivery: the topic. It lives as long as the event; NULL for other events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_topic(event: Option<&flymq_event>) -> *const c_char {
    boundary::get(std::ptr::null(), || Some(event?.delivered()?.0.topic.as_ptr()))
}

/// Of a delivery that succeeded: the partition. 0 for other events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_partition(event: Option<&flymq_event>) -> u32 {
    boundary::get(0, || Some(event?.stored()?.0.partition()))
}

/// Of a delivery that succeeded: where in the partition the record is. 0 for other events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_offset(event: Option<&flymq_event>) -> u64 {
    boundary::get(0, || Some(event?.stored()?.2))
}

/// Of a delivery that succeeded: the record's timestamp, in milliseconds since 1970. 0 for other
/// events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_timestamp(event: Option<&flymq_event>) -> i64 {
    boundary::get(0, || {
        let (report, record, _) = event?.stored()?;
        Some(report.timestamp(record))
    })
}

/// Of FLYMQ_EVENT_RECORDS: the records. It lives as long as the event; NULL for other events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_batch(event: Option<&flymq_event>) -> *const flymq_batch {
    boundary::get(std::ptr::null(), || match &event?.body {
        Body::Records(batch) => Some(std::ptr::from_ref(&**batch)),
        _ => None,
    })
}

/// Of FLYMQ_EVENT_ASSIGNED, _REVOKED and _LOST: the partitions, with the columns topic and partition.
/// It lives as long as the event; NULL for other events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_partitions(event: Option<&flymq_event>) -> *const flymq_table {
    boundary::get(std::ptr::null(), || match &event?.body {
        Body::Rebalance(_, partitions) => Some(std::ptr::from_ref(&**partitions)),
        _ => None,
    })
}

/// Of FLYMQ_EVENT_LOG: the text of the line. It lives as long as the event; NULL for other events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_log(event: Option<&flymq_event>) -> *const c_char {
    boundary::get(std::ptr::null(), || match &event?.body {
        Body::Log(line) => Some(line.text.as_ptr()),
        _ => None,
    })
}

/// Of FLYMQ_EVENT_LOG: how grave it is, a flymq_log_level. 0 for other events.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_event_log_level(event: Option<&flymq_event>) -> i32 {
    boundary::get(0, || match &event?.body {
        Body::Log(line) => Some(line.level),
        _ => None,
    })
}
