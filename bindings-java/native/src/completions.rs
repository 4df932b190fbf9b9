//! Answers that come later. They are put into one buffer as they come; a Java thread takes what is
//! there, all at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use flymq_core::{Error, ErrorCode, RecordMetadata, Result};

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
    let mut queue = lock();
    let was_empty = queue.0.is_empty();
    queue.u64(id).u32(0);
    let begin = queue.0.len();
    write(&mut queue);
    let length = (queue.0.len() - begin) as u32;
    queue.0[begin - 4..begin].copy_from_slice(&length.to_be_bytes());
    drop(queue);
    if was_empty {
        FILLED.notify_one();
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
pub struct Completion(Option<u64>);

impl Completion {
    /// The duty to answer the call of an id.
    pub fn of(id: u64) -> Self {
        Self(Some(id))
    }

    /// The call's id.
    pub fn id(&self) -> Option<u64> {
        self.0
    }

    /// Answers.
    pub fn answer(mut self, result: Result<Out>) {
        if let Some(id) = self.0.take() {
            let answer = answer(result);
            push(id, |out| out.0.extend(answer));
        }
    }

    /// Tells that a record which waited for room has been taken in; the answer is still due.
    pub fn admit(&self) {
        if let Some(id) = self.0 {
            push(id, |out| {
                out.u8(ADMITTED);
            });
        }
    }

    /// Answers where a record was stored. The topic is left out: Java has it.
    pub fn stored(mut self, result: Result<RecordMetadata>) {
        let Some(id) = self.0.take() else { return };
        push(id, |out| {
            match result {
                Ok(stored) => {
                    out.u8(OK).u32(stored.partition).u64(stored.offset).i64(stored.timestamp)
                }
                Err(error) => out.u8(FAILED).error(&error),
            };
        });
    }

    /// Ends the duty: the call is answered in another way.
    pub fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(id) = self.0.take() {
            let message = "the client was closed while the call was under way";
            Self(Some(id)).answer(Err(Error::new(ErrorCode::Closed, "call", message)));
        }
    }
}
