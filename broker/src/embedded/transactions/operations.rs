//! The operations on transactions, time-outs, and the forgetting of ids that are not used.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::contents::Ended;
use super::state::{Identity, Outcome};
use crate::embedded::commit::Commit;
use crate::embedded::membership::while_current;
use crate::embedded::{Inner, offsets as stored};
use crate::engine::Reply;
use crate::topic::shorten;
use crate::{Result, now_ms};

const DEFAULT_TIMEOUT_MS: u32 = 15_000;
const MAX_TIMEOUT_MS: u32 = 900_000;
const MAX_ID: usize = 255;
/// How often transactions are looked for whose time is up.
const TICK: Duration = Duration::from_millis(100);
/// How often idle ids are looked for at most.
const FORGET_EVERY: Duration = Duration::from_secs(60);

fn invalid_request(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidRequest, message)
}

/// Hands out a producer identity, and ends what earlier producers of the name have open.
pub fn init(inner: &Arc<Inner>, request: InitProducerRequest) -> Reply<InitProducerResponse> {
    let answer = |Identity { producer_id, epoch }| InitProducerResponse {
        producer_id,
        producer_epoch: epoch,
    };
    let Some(id) = request.transactional_id else {
        let ids = inner.producer_ids.clone();
        return inner.committer.write(
            move |commit| ids.plain(commit.store, &mut commit.batch),
            move |producer_id| answer(Identity { producer_id, epoch: 0 }),
        );
    };
    let timeout_ms = match request.transaction_timeout_ms {
        0 => DEFAULT_TIMEOUT_MS,
        timeout => timeout,
    };
    let checked = if id.is_empty() || id.len() > MAX_ID {
        let length = id.len();
        Err(invalid_request(format!("a transactional id has 1 to {MAX_ID} bytes, not {length}")))
    } else if timeout_ms > MAX_TIMEOUT_MS {
        Err(invalid_request(format!(
            "a transaction's time-out of {timeout_ms} ms exceeds {MAX_TIMEOUT_MS} ms"
        )))
    } else {
        inner.space.admit(0)
    };
    if let Err(error) = checked {
        return Reply::Ready(Err(error));
    }
    let (transactions, ids) = (inner.transactions.clone(), inner.producer_ids.clone());
    let publishing = inner.transactions.offsets.clone();
    inner.committer.write(
        move |commit| {
            transactions.lock().init(commit, &id, timeout_ms, &ids, &transactions.offsets)
        },
        move |(identity, ended): (Identity, Option<Ended>)| {
            if let Some(ended) = ended {
                ended.publish(&publishing);
            }
            answer(identity)
        },
    )
}

/// Opens a transaction. That is not stored: after a restart the broker takes any transaction for
/// aborted that its producer may have begun.
pub fn begin(inner: &Inner, request: BeginTxnRequest) -> Result<BeginTxnResponse> {
    let identity = Identity { producer_id: request.producer_id, epoch: request.producer_epoch };
    let transactions = &inner.transactions;
    let now = transactions.now();
    transactions.lock().begin(&request.transactional_id, identity, now, now_ms())?;
    Ok(BeginTxnResponse {})
}

pub fn commit(inner: &Arc<Inner>, request: CommitTxnRequest) -> Reply<EndTxnResponse> {
    let CommitTxnRequest { transactional_id, producer_id, producer_epoch: epoch } = request;
    end(inner, transactional_id, Identity { producer_id, epoch }, Outcome::Committed)
}

pub fn abort(inner: &Arc<Inner>, request: AbortTxnRequest) -> Reply<EndTxnResponse> {
    let AbortTxnRequest { transactional_id, producer_id, producer_epoch: epoch } = request;
    end(inner, transactional_id, Identity { producer_id, epoch }, Outcome::Aborted)
}

fn end(inner: &Arc<Inner>, id: String, given: Identity, outcome: Outcome) -> Reply<EndTxnResponse> {
    let ending = inner.clone();
    let publishing = inner.transactions.offsets.clone();
    inner.committer.write(
        move |commit| stage_end(&ending, commit, &id, given, outcome),
        move |(next, ended)| {
            if let Some(ended) = ended {
                ended.publish(&publishing);
            }
            EndTxnResponse { producer_id: next.producer_id, producer_epoch: next.epoch }
        },
    )
}

fn stage_end(
    inner: &Inner,
    commit: &mut Commit,
    id: &str,
    given: Identity,
    outcome: Outcome,
) -> Result<(Identity, Option<Ended>)> {
    let transactions = &inner.transactions;
    let (ids, offsets) = (&inner.producer_ids, &transactions.offsets);
    transactions.lock().end(commit, id, given, outcome, ids, offsets)
}

/// Adds a group's offsets to a transaction, all or none. They are stored when it commits.
pub fn offsets(inner: &Inner, request: TxnOffsetsRequest) -> Result<TxnOffsetsResponse> {
    let identity = Identity { producer_id: request.producer_id, epoch: request.producer_epoch };
    inner.space.admit(0)?;
    let (entries, failed) = stored::check(&inner.topics, request.offsets)?;
    if let Some(failed) = failed.first() {
        let code = ErrorCode::from_u16(failed.error).unwrap_or(ErrorCode::InvalidRequest);
        return Err(ProtocolError::new(
            code,
            format!(
                "the offset of partition {} of topic {:?} cannot be stored",
                failed.partition,
                shorten(&failed.topic)
            ),
        ));
    }
    let TxnOffsetsRequest { transactional_id, group, member_id, generation, .. } = request;
    let transactions = &inner.transactions;
    while_current(inner, &group, &member_id, generation, |_| {
        let offsets = &transactions.offsets;
        transactions.lock().add_offsets(&transactional_id, identity, &group, entries, offsets)
    })??;
    Ok(TxnOffsetsResponse {})
}

/// Aborts transactions whose time is up and forgets idle ids, until the engine closes. Runs on a
/// thread of its own.
pub fn run(inner: &Arc<Inner>, expiry: Duration) {
    let forget_every = FORGET_EVERY.min(expiry / 2);
    let mut forgotten = Instant::now();
    while !inner.closing.load(Ordering::Acquire) {
        inner.transactions.bell.wait(TICK);
        let overdue = inner.transactions.lock().take_overdue(inner.transactions.now());
        for (id, identity) in overdue {
            abort_overdue(inner, id, identity);
        }
        if forgotten.elapsed() >= forget_every {
            forgotten = Instant::now();
            forget_idle(inner, expiry);
        }
    }
}

fn abort_overdue(inner: &Arc<Inner>, id: Arc<str>, identity: Identity) {
    let ending = inner.clone();
    let publishing = inner.transactions.offsets.clone();
    // It is carried out without anybody waiting for the answer.
    drop(inner.committer.write(
        move |commit| {
            if !ending.transactions.lock().is_open(&id, identity) {
                return Ok(None);
            }
            tracing::info!(transactional_id = %shorten(&id), "a transaction's time is up");
            let (_, ended) = stage_end(&ending, commit, &id, identity, Outcome::Aborted)?;
            Ok(ended)
        },
        move |ended| {
            if let Some(ended) = ended {
                ended.publish(&publishing);
            }
        },
    ));
}

fn forget_idle(inner: &Arc<Inner>, expiry: Duration) {
    let transactions = inner.transactions.clone();
    drop(inner.committer.write(
        move |commit| {
            let before = commit.now - expiry.as_millis() as i64;
            transactions.lock().forget_idle(commit, before);
            Ok(())
        },
        |()| (),
    ));
}
