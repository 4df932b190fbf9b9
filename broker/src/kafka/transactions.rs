//! Transactions: Kafka's own, by the second version of its transaction protocol (KIP-890).
//!
//! Every transaction has an epoch of its own, which its end raises. So a request that comes late,
//! through whichever gateway, can never get into another transaction; and asking for the same end
//! again, of the same epoch, says what has become of it. A gateway remembers nothing.
//!
//! Kafka does not know of a transaction before something is in it. So BEGIN_TXN only sees whether the
//! producer is still the one of its name, and a transaction that holds nothing is committed with a group
//! in it of which no offsets come.

use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, DescribeTransactionsRequest, EndTxnRequest,
    EndTxnResponse as KafkaEnd, GroupId, InitProducerIdRequest, ProducerId, TransactionalId,
};
use tokio::time::Instant;

use super::Inner;
use super::coordinators::Kind;
use super::errors;
use super::topics::text;
use crate::Result;
use crate::topic::shorten;

const DEFAULT_TIMEOUT_MS: u32 = 15_000;
const MAX_TIMEOUT_MS: u32 = 900_000;
const MAX_ID: usize = 255;
/// For how long an end waits until readers see it. It is decided before that.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);
/// The longest pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A producer id with an epoch: names one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub producer_id: i64,
    pub epoch: i16,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "producer {} of epoch {}", self.producer_id, self.epoch)
    }
}

/// Hands out the identity of a transactional id's first transaction, fences its earlier producers,
/// and aborts what they have open.
pub async fn init(
    inner: Arc<Inner>,
    (id, timeout_ms): (String, u32),
) -> Result<InitProducerResponse> {
    check_id(&id)?;
    let timeout_ms = if timeout_ms == 0 { DEFAULT_TIMEOUT_MS } else { timeout_ms };
    if timeout_ms > MAX_TIMEOUT_MS {
        return Err(invalid_request(format!(
            "a transaction's time-out of {timeout_ms} ms exceeds {MAX_TIMEOUT_MS} ms"
        )));
    }
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(TransactionalId(text(id.as_str()))))
        .with_transaction_timeout_ms(timeout_ms as i32)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    let cluster = &inner.cluster;
    let code = |r: &kafka_protocol::messages::InitProducerIdResponse| ask_again(r.error_code);
    let given = cluster.coordinated(Kind::Transaction, &id, &request, code).await?;
    match E::try_from_code(given.error_code) {
        None => Ok(InitProducerResponse {
            producer_id: given.producer_id.0,
            producer_epoch: given.producer_epoch,
        }),
        Some(E::InvalidTransactionTimeout) => Err(invalid_request(format!(
            "a transaction's time-out of {timeout_ms} ms exceeds the Kafka cluster's \
             transaction.max.timeout.ms"
        ))),
        Some(_) => Err(errors::error(given.error_code, "start a transactional producer")),
    }
}

fn check_id(id: &str) -> Result<()> {
    if id.is_empty() || id.len() > MAX_ID {
        let length = id.len();
        return Err(invalid_request(format!(
            "a transactional id has 1 to {MAX_ID} bytes, not {length}"
        )));
    }
    Ok(())
}

fn invalid_request(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidRequest, message)
}

/// Sees whether the producer may begin a transaction.
pub async fn begin(inner: Arc<Inner>, request: BeginTxnRequest) -> Result<BeginTxnResponse> {
    let BeginTxnRequest { transactional_id, producer_id, producer_epoch: epoch } = request;
    check_id(&transactional_id)?;
    // Whether one is open already cannot be told: what is sent behind BEGIN may have overtaken it.
    match standing(&inner, &transactional_id).await?.refusal(Identity { producer_id, epoch }) {
        None => Ok(BeginTxnResponse {}),
        Some(error) => Err(error),
    }
}

/// Commits, and waits until readers see it.
pub async fn commit(inner: Arc<Inner>, request: CommitTxnRequest) -> Result<EndTxnResponse> {
    let CommitTxnRequest { transactional_id: id, producer_id, producer_epoch: epoch } = request;
    let given = Identity { producer_id, epoch };
    let ended = end(&inner, &id, given, true).await?;
    if ended.error_code != E::InvalidTxnState.code() {
        return finish(&inner, &id, given, true, ended).await;
    }
    if let Some(error) = standing(&inner, &id).await?.refusal(given) {
        return Err(error);
    }
    // It is the transaction's epoch, so nothing was ever in it.
    add_group(&inner, &id, given).await?;
    let ended = end(&inner, &id, given, true).await?;
    if ended.error_code == E::InvalidTxnState.code() {
        return Err(why_fenced(&inner, &id, given).await);
    }
    finish(&inner, &id, given, true, ended).await
}

/// Makes a transaction one that Kafka knows of and commits: with the offsets of a group, none of which are
/// sent. Done again, it changes nothing.
async fn add_group(inner: &Inner, id: &str, given: Identity) -> Result<()> {
    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(TransactionalId(text(id)))
        .with_producer_id(ProducerId(given.producer_id))
        .with_producer_epoch(given.epoch)
        .with_group_id(GroupId(text(id)));
    let code = |r: &AddOffsetsToTxnResponse| ask_again(r.error_code);
    let added = inner.cluster.coordinated(Kind::Transaction, id, &request, code).await?;
    match E::try_from_code(added.error_code) {
        None => Ok(()),
        // Another gateway may have committed it just now, which the end will tell.
        Some(error) if is_fenced(error) => Ok(()),
        Some(_) => Err(errors::error(added.error_code, "commit a transaction that holds nothing")),
    }
}

/// Aborts, and waits until readers see it.
pub async fn abort(inner: Arc<Inner>, request: AbortTxnRequest) -> Result<EndTxnResponse> {
    let AbortTxnRequest { transactional_id: id, producer_id, producer_epoch: epoch } = request;
    let given = Identity { producer_id, epoch };
    let ended = end(&inner, &id, given, false).await?;
    if ended.error_code == E::InvalidTxnState.code() {
        return Err(invalid_state("the transaction was committed already"));
    }
    finish(&inner, &id, given, false, ended).await
}

fn invalid_state(message: &str) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidTxnState, message)
}

fn end_request(id: &str, given: Identity, commits: bool) -> EndTxnRequest {
    EndTxnRequest::default()
        .with_transactional_id(TransactionalId(text(id)))
        .with_producer_id(ProducerId(given.producer_id))
        .with_producer_epoch(given.epoch)
        .with_committed(commits)
}

async fn end(inner: &Inner, id: &str, given: Identity, commits: bool) -> Result<KafkaEnd> {
    check_id(id)?;
    let request = end_request(id, given, commits);
    let code = |r: &KafkaEnd| ask_again(r.error_code);
    inner.cluster.coordinated(Kind::Transaction, id, &request, code).await
}

/// A coordinator that is asked to end a transaction in the very moment in which a newer producer
/// fences it stumbles. What has become of it can be asked like anything else.
fn ask_again(code: i16) -> i16 {
    if code == E::UnknownServerError.code() { E::ConcurrentTransactions.code() } else { code }
}

/// What an end comes to.
async fn finish(
    inner: &Inner,
    id: &str,
    given: Identity,
    commits: bool,
    ended: KafkaEnd,
) -> Result<EndTxnResponse> {
    match E::try_from_code(ended.error_code) {
        None => {
            wait_until_shown(inner, id, given, commits).await;
            Ok(EndTxnResponse {
                producer_id: ended.producer_id.0,
                producer_epoch: ended.producer_epoch,
            })
        }
        Some(error) if is_fenced(error) => Err(why_fenced(inner, id, given).await),
        Some(_) => Err(errors::error(ask_again(ended.error_code), "end a transaction")),
    }
}

/// Kafka answers once the end is decided, and tells the partitions then. Asking again says when it is
/// done. Without this, whoever has committed might not read what it wrote.
async fn wait_until_shown(inner: &Inner, id: &str, given: Identity, commits: bool) {
    let request = end_request(id, given, commits);
    let deadline = Instant::now() + SHOWN_WITHIN;
    let mut pause = Duration::from_millis(1);
    while Instant::now() < deadline {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_EVERY);
        // Anything but this one answer means that it is done, or that it is of no more interest.
        let busy = E::ConcurrentTransactions.code();
        let code = |r: &KafkaEnd| if r.error_code == busy { 0 } else { ask_again(r.error_code) };
        let again = inner.cluster.coordinated(Kind::Transaction, id, &request, code);
        match tokio::time::timeout_at(deadline, again).await {
            Ok(Ok(answer)) if answer.error_code == busy => {}
            _ => return,
        }
    }
}

/// Whether Kafka says that the epoch is not the present one.
pub fn is_fenced(error: E) -> bool {
    matches!(
        error,
        E::ProducerFenced
            | E::InvalidProducerEpoch
            | E::InvalidProducerIdMapping
            | E::UnknownProducerId
    )
}

/// Whether an error of an operation within a transaction leaves it to [`why_fenced`] to say more.
pub fn may_be_over(error: &ProtocolError) -> bool {
    matches!(error.code, ErrorCode::ProducerFenced | ErrorCode::UnknownProducer)
}

/// Why an epoch is not the present one, which Kafka's error does not say.
pub async fn why_fenced(inner: &Inner, id: &str, given: Identity) -> ProtocolError {
    match standing(inner, id).await {
        Ok(standing) => standing.refusal(given).unwrap_or_else(|| fenced(id, given)),
        Err(error) => error,
    }
}

fn fenced(id: &str, given: Identity) -> ProtocolError {
    let message = format!("a newer producer of {:?} has taken the place of {given}", shorten(id));
    ProtocolError::new(ErrorCode::ProducerFenced, message)
}

/// What Kafka knows of a transactional id.
struct Standing {
    id: String,
    /// The identity of the open transaction, or of the next one; `None` for an unknown id.
    current: Option<Identity>,
    /// Whether the last thing that happened was, or is, an abort.
    aborted: bool,
}

async fn standing(inner: &Inner, id: &str) -> Result<Standing> {
    let request = DescribeTransactionsRequest::default()
        .with_transactional_ids(vec![TransactionalId(text(id))]);
    let code = |r: &kafka_protocol::messages::DescribeTransactionsResponse| {
        r.transaction_states.first().map_or(0, |state| state.error_code)
    };
    let answer = inner.cluster.coordinated(Kind::Transaction, id, &request, code).await?;
    let Some(state) = answer.transaction_states.into_iter().next() else {
        return Err(errors::malformed("Kafka describes no transactional id"));
    };
    let id = id.to_owned();
    match E::try_from_code(state.error_code) {
        None => Ok(Standing {
            id,
            current: Some(Identity {
                producer_id: state.producer_id.0,
                epoch: state.producer_epoch,
            }),
            aborted: state.transaction_state.contains("Abort")
                || &*state.transaction_state == "PrepareEpochFence",
        }),
        Some(E::TransactionalIdNotFound) => Ok(Standing { id, current: None, aborted: false }),
        Some(_) => Err(errors::error(state.error_code, "describe a transactional id")),
    }
}

impl Standing {
    /// Why a producer may do nothing; `None` for the present one.
    fn refusal(&self, given: Identity) -> Option<ProtocolError> {
        let unknown = || {
            let id = shorten(&self.id);
            let message = format!("{given} was never handed out for {id:?}, or not lately");
            ProtocolError::new(ErrorCode::UnknownProducer, message)
        };
        let Some(current) = self.current else { return Some(unknown()) };
        if given == current {
            return None;
        }
        // The end of a transaction raises the epoch by one, a producer that takes its place by two
        // or from a state that is no abort.
        if self.aborted && given.is_right_before(current) {
            return Some(ProtocolError::new(
                ErrorCode::TxnAborted,
                format!("the transaction of {given} was aborted, by its producer or its time-out"),
            ));
        }
        let is_newer = given.producer_id == current.producer_id && given.epoch > current.epoch
            || given.producer_id > current.producer_id;
        Some(if is_newer { unknown() } else { fenced(&self.id, given) })
    }
}

impl Identity {
    /// Whether `next` is what the end of this one's transaction led to.
    fn is_right_before(self, next: Self) -> bool {
        if self.producer_id == next.producer_id {
            return self.epoch.checked_add(1) == Some(next.epoch);
        }
        // Epochs were used up.
        self.epoch == i16::MAX - 1 && next.epoch == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(producer_id: i64, epoch: i16) -> Identity {
        Identity { producer_id, epoch }
    }

    fn refusal(current: Option<Identity>, aborted: bool, given: Identity) -> Option<ErrorCode> {
        let standing = Standing { id: "x".into(), current, aborted };
        standing.refusal(given).map(|error| error.code)
    }

    #[test]
    fn the_present_producer_is_told_from_others() {
        let current = Some(identity(7, 3));
        for (given, aborted, code) in [
            (identity(7, 3), false, None),
            (identity(7, 3), true, None),
            (identity(7, 2), false, Some(ErrorCode::ProducerFenced)),
            (identity(7, 2), true, Some(ErrorCode::TxnAborted)),
            (identity(7, 1), true, Some(ErrorCode::ProducerFenced)),
            (identity(6, 9), true, Some(ErrorCode::ProducerFenced)),
            (identity(7, 4), true, Some(ErrorCode::UnknownProducer)),
            (identity(8, 0), false, Some(ErrorCode::UnknownProducer)),
        ] {
            assert_eq!(refusal(current, aborted, given), code, "{given}, {aborted}");
        }
        assert_eq!(refusal(None, false, identity(7, 0)), Some(ErrorCode::UnknownProducer));
        let last = identity(9, i16::MAX - 1);
        assert_eq!(refusal(Some(identity(4, 0)), true, last), Some(ErrorCode::TxnAborted));
    }
}
