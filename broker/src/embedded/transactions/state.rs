//! One transactional id as a state machine: who may do what, and who comes next.
//!
//! Every transaction has an identity of its own. An epoch is never used twice, so a batch's producer
//! id and epoch name the transaction that it belongs to.

use flymq_protocol::{ErrorCode, ProtocolError};
use serde::{Deserialize, Serialize};

use crate::Result;

/// A producer id with an epoch: names one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    pub producer_id: i64,
    pub epoch: i16,
}

impl Identity {
    /// The identity after this one, unless the epochs of its producer id are used up.
    pub fn next(self) -> Option<Self> {
        Some(Self { epoch: self.epoch.checked_add(1)?, ..self })
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "producer {} of epoch {}", self.producer_id, self.epoch)
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No transaction is open.
    Ready,
    /// One is open. `used` says whether it has records or offsets.
    Open { used: bool },
    /// The broker has restarted since. A transaction that had nothing stored may have been open; it
    /// is over.
    Unsure,
}

/// What an end comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The transaction ends now.
    Now,
    /// It ended before, in the same way.
    Again,
}

/// A transactional id.
#[derive(Debug)]
pub struct State {
    current: Identity,
    phase: Phase,
    /// The last transaction that ended, unless its producer has been fenced since.
    last: Option<(Identity, Outcome)>,
}

impl State {
    /// A producer that is about to begin its first transaction.
    pub fn new(current: Identity) -> Self {
        Self { current, phase: Phase::Ready, last: None }
    }

    /// What a broker finds when it starts.
    pub fn restore(current: Identity, last: Option<(Identity, Outcome)>) -> Self {
        Self { current, phase: Phase::Unsure, last }
    }

    /// The identity of the open transaction, or of the next one.
    pub fn current(&self) -> Identity {
        self.current
    }

    pub fn last(&self) -> Option<(Identity, Outcome)> {
        self.last
    }

    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Puts a new producer in the place of all before it. What was open has to be aborted.
    pub fn fence(&mut self, next: Identity) {
        *self = Self::new(next);
    }

    /// Opens a transaction. Returns whether it was not open before.
    pub fn begin(&mut self, given: Identity) -> Result<bool> {
        self.require_current(given)?;
        match self.phase {
            Phase::Open { used: true } => Err(invalid("the transaction is open already")),
            Phase::Open { used: false } => Ok(false),
            Phase::Ready | Phase::Unsure => {
                self.phase = Phase::Open { used: false };
                Ok(true)
            }
        }
    }

    /// Checks that something may be added to the transaction, and takes note of it.
    pub fn join(&mut self, given: Identity) -> Result<()> {
        self.require_current(given)?;
        self.phase = match self.phase {
            Phase::Ready => return Err(invalid("no transaction is open")),
            Phase::Unsure => return Err(aborted(given)),
            Phase::Open { .. } => Phase::Open { used: true },
        };
        Ok(())
    }

    /// Ends the transaction, with `next` as the identity of the one after it.
    pub fn end(&mut self, given: Identity, outcome: Outcome, next: Identity) -> Result<End> {
        match self.last {
            Some((ended, before)) if ended == given && before == outcome => return Ok(End::Again),
            _ => self.require_current(given)?,
        }
        match self.phase {
            Phase::Ready => return Err(invalid("no transaction is open")),
            Phase::Unsure if outcome == Outcome::Committed => return Err(aborted(given)),
            Phase::Unsure | Phase::Open { .. } => {}
        }
        *self = Self { current: next, phase: Phase::Ready, last: Some((self.current, outcome)) };
        Ok(End::Now)
    }

    fn require_current(&self, given: Identity) -> Result<()> {
        if given == self.current {
            return Ok(());
        }
        match self.last {
            Some((ended, Outcome::Aborted)) if ended == given => return Err(aborted(given)),
            Some((ended, Outcome::Committed)) if ended == given => {
                return Err(invalid("the transaction was committed already"));
            }
            _ => {}
        }
        // Newer producer ids are higher ones.
        if given < self.current {
            return Err(ProtocolError::new(
                ErrorCode::ProducerFenced,
                format!("{} has taken the place of {given}", self.current),
            ));
        }
        Err(ProtocolError::new(
            ErrorCode::UnknownProducer,
            format!("{given} was never handed out for this transactional id"),
        ))
    }
}

fn aborted(identity: Identity) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::TxnAborted,
        format!(
            "the transaction of {identity} was aborted, by its producer, its time-out or a restart of the broker"
        ),
    )
}

pub fn invalid(message: impl Into<String>) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidTxnState, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Aborted, Committed};

    fn id(epoch: i16) -> Identity {
        Identity { producer_id: 7, epoch }
    }

    fn code<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
        result.unwrap_err().code
    }

    fn open(epoch: i16) -> State {
        let mut state = State::new(id(epoch));
        assert_eq!(state.begin(id(epoch)), Ok(true));
        state
    }

    #[test]
    fn a_transaction_begins_once_and_ends_once() {
        let mut state = State::new(id(0));
        assert_eq!(code(state.join(id(0))), ErrorCode::InvalidTxnState);
        assert_eq!(code(state.end(id(0), Committed, id(1))), ErrorCode::InvalidTxnState);
        assert_eq!(state.begin(id(0)), Ok(true));
        assert_eq!(state.begin(id(0)), Ok(false));
        state.join(id(0)).unwrap();
        assert_eq!(code(state.begin(id(0))), ErrorCode::InvalidTxnState);
        assert_eq!(state.end(id(0), Committed, id(1)), Ok(End::Now));
        assert_eq!(state.end(id(0), Committed, id(2)), Ok(End::Again));
        assert_eq!(state.current(), id(1));
        assert_eq!(code(state.end(id(0), Aborted, id(2))), ErrorCode::InvalidTxnState);
        assert_eq!(code(state.join(id(0))), ErrorCode::InvalidTxnState);
        // Also once the next one is open.
        assert_eq!(state.begin(id(1)), Ok(true));
        assert_eq!(state.end(id(0), Committed, id(2)), Ok(End::Again));
        assert!(state.is_open());
    }

    #[test]
    fn an_aborted_transaction_says_so_until_its_abort() {
        let mut state = open(0);
        assert_eq!(state.end(id(0), Aborted, id(1)), Ok(End::Now));
        assert_eq!(code(state.join(id(0))), ErrorCode::TxnAborted);
        assert_eq!(code(state.begin(id(0))), ErrorCode::TxnAborted);
        assert_eq!(code(state.end(id(0), Committed, id(2))), ErrorCode::TxnAborted);
        assert_eq!(state.end(id(0), Aborted, id(2)), Ok(End::Again));
        assert_eq!(state.begin(id(1)), Ok(true));
    }

    #[test]
    fn a_fenced_producer_may_do_nothing() {
        let mut state = open(3);
        state.end(id(3), Committed, id(4)).unwrap();
        state.fence(id(5));
        for old in [id(3), id(4), Identity { producer_id: 6, epoch: 9 }] {
            assert_eq!(code(state.begin(old)), ErrorCode::ProducerFenced);
            assert_eq!(code(state.join(old)), ErrorCode::ProducerFenced);
            assert_eq!(code(state.end(old, Committed, id(6))), ErrorCode::ProducerFenced);
            assert_eq!(code(state.end(old, Aborted, id(6))), ErrorCode::ProducerFenced);
        }
        for unknown in [id(6), Identity { producer_id: 8, epoch: 0 }] {
            assert_eq!(code(state.begin(unknown)), ErrorCode::UnknownProducer);
        }
    }

    #[test]
    fn what_may_have_been_open_at_a_restart_is_aborted() {
        let mut state = State::restore(id(1), Some((id(0), Committed)));
        assert_eq!(code(state.join(id(1))), ErrorCode::TxnAborted);
        assert_eq!(code(state.end(id(1), Committed, id(2))), ErrorCode::TxnAborted);
        assert_eq!(state.end(id(0), Committed, id(2)), Ok(End::Again));
        assert_eq!(state.end(id(1), Aborted, id(2)), Ok(End::Now));
        assert_eq!(state.begin(id(2)), Ok(true));
        let mut idle = State::restore(id(1), None);
        assert_eq!(idle.begin(id(1)), Ok(true));
        idle.join(id(1)).unwrap();
    }

    #[test]
    fn epochs_end() {
        assert_eq!(id(i16::MAX - 1).next(), Some(id(i16::MAX)));
        assert_eq!(id(i16::MAX).next(), None);
    }
}
