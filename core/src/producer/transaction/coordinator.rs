//! Where a transactional producer stands: which transaction is open, and how far its end has come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use flymq_protocol::ErrorCode;
use tokio::sync::Notify;

use crate::error::{Error, Result};
use crate::link::Connection;

/// What the producer's users, its task and the answers of the broker share.
pub(in crate::producer) struct Coordinator {
    pub id: String,
    pub timeout_ms: u32,
    state: Mutex<State>,
    /// The number of the transaction that takes records, or 0. Read under a queue's lock, so that
    /// nothing slips in behind the end of a transaction.
    gate: AtomicU64,
    /// Held by whoever begins or ends a transaction.
    pub turn: tokio::sync::Mutex<()>,
    /// Shared by those who send offsets; a commit waits for them.
    pub offsets: tokio::sync::RwLock<()>,
    /// Rung when BEGIN was answered, or is no longer of interest.
    pub answered: Notify,
    /// For what goes on after a transaction was dropped, possibly outside a runtime.
    pub runtime: tokio::runtime::Handle,
}

/// How far the last transaction has come.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// It is over.
    Idle,
    /// It takes records.
    Open,
    /// It takes no more records; COMMIT was not sent yet.
    Closing,
    /// COMMIT was sent, and only the answer to another one can tell what has become of it.
    Committing {
        /// Whether one was sent whose answer will never come.
        lost: bool,
    },
    /// ABORT has still to be answered.
    Aborting,
    /// A newer producer has taken this one's place.
    Fenced(Error),
}

/// Whether the broker knows of the transaction.
pub(super) enum Begun {
    /// It does, or need not.
    Yes,
    /// BEGIN has to be sent again, and answered before anything else is sent.
    No,
    /// BEGIN is under way on a connection. What is sent behind it on the same one finds the
    /// transaction open.
    Sent(Weak<Connection>),
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Aborted,
    /// Nobody can tell any more.
    Unknown,
}

pub(super) struct State {
    /// Counts the transactions.
    pub number: u64,
    pub phase: Phase,
    pub begun: Begun,
    /// Why the transaction can only be aborted.
    pub doom: Option<Error>,
    pub fate: Arc<OnceLock<Fate>>,
}

impl Coordinator {
    pub fn new(id: String, timeout_ms: u32) -> Self {
        Self {
            id,
            timeout_ms,
            state: Mutex::new(State {
                number: 0,
                phase: Phase::Idle,
                begun: Begun::Yes,
                doom: None,
                fate: Arc::default(),
            }),
            gate: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
            offsets: tokio::sync::RwLock::default(),
            answered: Notify::new(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase.clone()
    }

    /// The number of the last transaction that was begun.
    pub fn number(&self) -> u64 {
        self.lock().number
    }

    /// Refuses what belongs to a transaction that takes nothing more.
    pub fn admit(&self, number: u64, operation: &'static str) -> Result<()> {
        if self.gate.load(Ordering::Acquire) == number {
            return Ok(());
        }
        Err(self.refusal(number, operation))
    }

    /// Refuses what a transaction that can only be aborted, or is over, will not bring to an end.
    pub fn check_live(&self, number: u64, operation: &'static str) -> Result<()> {
        {
            let state = self.lock();
            let open = matches!(state.phase, Phase::Open | Phase::Closing);
            if state.number == number && open && state.doom.is_none() {
                return Ok(());
            }
        }
        Err(self.refusal(number, operation))
    }

    fn refusal(&self, number: u64, operation: &'static str) -> Error {
        let state = self.lock();
        match (&state.doom, &state.phase) {
            (Some(cause), _) if state.number == number => Error::aborted(operation, cause),
            (None, Phase::Closing | Phase::Committing { .. }) if state.number == number => invalid(
                operation,
                "commit was called for the transaction; begin another one after it",
            ),
            _ => invalid(operation, "the transaction is over; begin another one"),
        }
    }

    /// Refuses to begin a transaction while another is open.
    pub(super) fn check_free(&self) -> Result<()> {
        match &self.lock().phase {
            Phase::Open | Phase::Closing => Err(invalid(
                "begin",
                "a transaction of this producer is open; commit or abort it first, or use a \
                 producer with a transactional id of its own for each task",
            )),
            Phase::Fenced(error) => Err(error.clone().during("begin")),
            Phase::Idle | Phase::Committing { .. } | Phase::Aborting => Ok(()),
        }
    }

    /// Opens the next transaction, whose BEGIN is about to be sent on `connection`.
    pub(super) fn open(&self, connection: &Arc<Connection>) -> (u64, Arc<OnceLock<Fate>>) {
        let mut state = self.lock();
        state.number += 1;
        state.phase = Phase::Open;
        state.begun = Begun::Sent(Arc::downgrade(connection));
        state.doom = None;
        state.fate = Arc::default();
        self.gate.store(state.number, Ordering::Release);
        (state.number, state.fate.clone())
    }

    /// Takes in what has become of BEGIN.
    pub(super) fn began(&self, number: u64, taken: bool) {
        let mut state = self.lock();
        if state.number == number && !matches!(state.begun, Begun::Yes) {
            state.begun = if taken { Begun::Yes } else { Begun::No };
        }
        drop(state);
        self.answered.notify_waiters();
    }

    pub fn is_begun(&self) -> bool {
        matches!(self.lock().begun, Begun::Yes)
    }

    /// Whether a batch sent on `connection` now finds the transaction open.
    pub fn may_send_on(&self, connection: &Arc<Connection>) -> bool {
        match &self.lock().begun {
            Begun::Yes => true,
            Begun::No => false,
            Begun::Sent(on) => std::ptr::eq(on.as_ptr(), Arc::as_ptr(connection)),
        }
    }

    /// Notes that the transaction can only be aborted. Returns whether that is news.
    pub fn doom(&self, number: u64, error: &Error) -> bool {
        let mut state = self.lock();
        let live = matches!(state.phase, Phase::Open | Phase::Closing) && state.number == number;
        if !live || state.doom.is_some() {
            return false;
        }
        state.doom = Some(error.clone());
        self.shut(&mut state);
        true
    }

    /// Has the transaction take no more records, and forgets about its beginning.
    fn shut(&self, state: &mut State) {
        self.gate.store(0, Ordering::Release);
        state.begun = Begun::Yes;
        self.answered.notify_waiters();
    }

    /// Begins to commit. Returns whether COMMIT may have been sent already.
    pub(super) fn close(&self, number: u64) -> Result<bool> {
        let mut state = self.lock();
        if state.number != number {
            return Err(invalid("commit", "the transaction is over; begin another one"));
        }
        match &state.phase {
            Phase::Open | Phase::Closing => {
                state.phase = Phase::Closing;
                self.gate.store(0, Ordering::Release);
                Ok(false)
            }
            Phase::Committing { .. } => Ok(true),
            Phase::Fenced(error) => Err(error.clone().during("commit")),
            Phase::Idle | Phase::Aborting => {
                Err(invalid("commit", "the transaction was aborted; begin another one"))
            }
        }
    }

    /// Goes on to COMMIT if every record is stored, else to ABORT, with the reason.
    pub(super) fn seal(&self) -> Result<()> {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Closing) {
            return Err(invalid("commit", "the transaction was aborted in the meantime"));
        }
        if let Some(cause) = state.doom.clone() {
            state.phase = Phase::Aborting;
            return Err(Error::aborted("commit", &cause));
        }
        state.phase = Phase::Committing { lost: false };
        Ok(())
    }

    /// Goes on to ABORT. Returns whether there is anything to abort.
    pub(super) fn give_up(&self, number: u64) -> Result<bool> {
        let mut state = self.lock();
        if state.number != number {
            return Ok(false);
        }
        match &state.phase {
            Phase::Open | Phase::Closing => {
                state.phase = Phase::Aborting;
                self.shut(&mut state);
                Ok(true)
            }
            Phase::Aborting => Ok(true),
            Phase::Idle => Ok(false),
            Phase::Fenced(error) => Err(error.clone().during("abort")),
            Phase::Committing { .. } => Err(invalid(
                "abort",
                "the transaction may be committed already; call commit again to find out",
            )),
        }
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// The transaction is over, for good or because a newer producer has come.
    pub(super) fn end(&self, phase: Phase, fate: Fate) {
        let mut state = self.lock();
        state.phase = phase;
        // Decided once, by the one COMMIT or ABORT that was answered.
        let _ = state.fate.set(fate);
    }
}

pub(super) fn invalid(operation: &'static str, message: &str) -> Error {
    Error::new(ErrorCode::InvalidTxnState, operation, message)
}
