//! Answers that come later. They are put into one buffer as they come; a Java thread takes what is
//! there, all at once.

use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use flymq_core::{DeliveryListener, DeliveryReport, Error, ErrorCode, Result};

use crate::wire::{ADMITTED, FAILED, OK, Out, answer};

/// Answers, each with its id, its length and itself.
static QUEUE: Mutex<Out> = Mutex::new(Out(Vec::new()));
/// Rung when there is an answer.
static FILLED: Condvar = Condvar::new();
/// The room that a queue keeps for the next answers.
const ROOM: usize = 1 << 20;

fn lock() -> MutexGuard<'static, Out> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn push(id: u64, write: impl FnOnce(&mut Out)) {
    fill(|queue| append(queue, id, write));
}

/// Adds answers all at once.
fn fill(add: impl FnOnce(&mut Out)) {
    let mut queue = lock();
    let was_empty = queue.0.is_empty();
    add(&mut queue);
    drop(queue);
    if was_empty {
        FILLED.notify_one();
    }
}

fn append(queue: &mut Out, id: u64, write: impl FnOnce(&mut Out)) {
    queue.u64(id).u32(0);
    let begin = queue.0.len();
    write(queue);
    let length = (queue.0.len() - begin) as u32;
    queue.0[begin - 4..begin].copy_from_slice(&length.to_be_bytes());
}

/// Answers the calls whose ids records were sent with.
pub static LISTENER: LazyLock<Arc<dyn DeliveryListener>> = LazyLock::new(|| Arc::new(Answering));

struct Answering;

impl DeliveryListener for Answering {
    fn decided(&self, report: DeliveryReport) {
        fill(|queue| {
            for record in 0..report.count() {
                append(queue, report.tag(record), |out| match report.error() {
                    Some(error) => {
                        out.u8(FAILED).error(error);
                    }
                    None => {
                        // The topic is left out: Java has it.
                        let offset = report.offset(record).unwrap_or_default();
                        out.u8(OK)
                            .u32(report.partition())
                            .u64(offset)
                            .i64(report.timestamp(record));
                    }
                });
            }
        });
    }
}

/// Waits for answers and takes all that there are. `spent` is what was taken before.
pub fn take(mut spent: Vec<u8>) -> Vec<u8> {
    if spent.capacity() > ROOM {
        spent = Vec::new();
    }
    spent.clear();
    let mut queue = lock();
    while queue.0.is_empty() {
        queue = FILLED.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
    std::mem::replace(&mut queue.0, spent)
}

/// The duty to answer a call. Whatever happens to it, the call is answered once.
pub struct Completion {
    id: u64,
    due: bool,
}

impl Completion {
    /// The duty to answer the call of an id.
    pub fn of(id: u64) -> Self {
        Self { id, due: true }
    }

    /// The call's id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Answers.
    pub fn answer(mut self, result: Result<Out>) {
        self.tell(result);
    }

    fn tell(&mut self, result: Result<Out>) {
        self.due = false;
        let answer = answer(result);
        push(self.id, |out| out.0.extend(answer));
    }

    /// Tells that a record which waited for room has been taken in; the answer is still due.
    pub fn admit(&self) {
        push(self.id, |out| {
            out.u8(ADMITTED);
        });
    }

    /// Ends the duty: the call is answered in another way.
    pub fn forget(mut self) {
        self.due = false;
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if self.due {
            let message = "the client was closed while the call was under way";
            self.tell(Err(Error::new(ErrorCode::Closed, "call", message)));
        }
    }
}
