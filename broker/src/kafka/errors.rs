//! Kafka's error codes in terms of FlyMQ's table, and what a gateway does about them itself.

use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::ResponseError;

/// What an answer's error code asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// There is no error.
    None,
    /// Whom to ask has changed: look it up and ask again. Nothing was done.
    Elsewhere,
    /// The node cannot do it right now: ask again in a moment.
    Later,
    /// Asking again would not help.
    Final,
}

/// What to do about an error code.
pub fn remedy(code: i16) -> Remedy {
    use ResponseError as E;
    let Some(error) = ResponseError::try_from_code(code) else { return Remedy::None };
    match error {
        E::NotLeaderOrFollower
        | E::LeaderNotAvailable
        | E::ReplicaNotAvailable
        | E::FencedLeaderEpoch
        | E::UnknownLeaderEpoch
        | E::KafkaStorageError
        | E::NotController
        | E::NotCoordinator
        | E::CoordinatorNotAvailable
        | E::ListenerNotFound
        | E::InconsistentTopicId
        | E::BrokerNotAvailable => Remedy::Elsewhere,
        E::CoordinatorLoadInProgress
        | E::ConcurrentTransactions
        | E::RequestTimedOut
        | E::NetworkException
        | E::NotEnoughReplicas
        | E::NotEnoughReplicasAfterAppend
        | E::OffsetNotAvailable
        | E::ThrottlingQuotaExceeded
        | E::FetchSessionIdNotFound
        | E::InvalidFetchSessionEpoch => Remedy::Later,
        _ => Remedy::Final,
    }
}

/// An error of FlyMQ's table for one of Kafka's. `what` is what was asked for, as in "cannot …".
pub fn error(code: i16, what: &str) -> ProtocolError {
    let error = ResponseError::try_from_code(code).unwrap_or(ResponseError::UnknownServerError);
    ProtocolError::new(code_of(error), format!("cannot {what}: Kafka says {error:?} ({code})"))
}

/// As [`error`], with the message that Kafka sent along.
pub fn error_with(code: i16, what: &str, message: Option<&str>) -> ProtocolError {
    let mut error = error(code, what);
    if let Some(message) = message.filter(|m| !m.is_empty()) {
        error.message = format!("{}: {}", error.message, crate::topic::shorten_to(message, 300));
    }
    error
}

/// The cluster cannot do it now, and may be able to later.
pub fn unavailable(message: impl Into<String>) -> ProtocolError {
    ProtocolError::new(ErrorCode::Unavailable, message)
}

/// What Kafka sent makes no sense.
pub fn malformed(message: impl Into<String>) -> ProtocolError {
    ProtocolError::new(ErrorCode::Internal, message)
}

/// The entry of FlyMQ's table that says what Kafka's error says.
pub fn code_of(error: ResponseError) -> ErrorCode {
    use ErrorCode as C;
    use ResponseError as E;
    match error {
        E::UnknownTopicOrPartition | E::UnknownTopicId => C::UnknownTopic,
        E::InvalidTopicException => C::InvalidTopicName,
        E::TopicAlreadyExists => C::TopicExists,
        E::InvalidPartitions => C::InvalidPartitions,
        E::InvalidConfig
        | E::InvalidReplicationFactor
        | E::InvalidReplicaAssignment
        | E::PolicyViolation => C::InvalidConfig,

        E::OffsetOutOfRange => C::OffsetOutOfRange,
        E::CorruptMessage => C::CorruptBatch,
        E::MessageTooLarge | E::RecordListTooLarge => C::RecordTooLarge,
        E::InvalidRecord | E::InvalidTimestamp | E::UnsupportedForMessageFormat => C::InvalidBatch,
        E::UnsupportedCompressionType => C::UnsupportedCodec,
        E::OutOfOrderSequenceNumber => C::OutOfOrderSequence,
        E::InvalidProducerEpoch | E::ProducerFenced | E::TransactionCoordinatorFenced => {
            C::ProducerFenced
        }
        E::UnknownProducerId | E::InvalidProducerIdMapping => C::UnknownProducer,

        E::UnknownMemberId | E::MemberIdRequired => C::UnknownMember,
        E::IllegalGeneration | E::FencedMemberEpoch | E::StaleMemberEpoch => C::StaleGeneration,
        E::FencedInstanceId | E::UnreleasedInstanceId => C::InstanceFenced,
        E::GroupIdNotFound => C::UnknownGroup,
        E::NonEmptyGroup => C::GroupNotEmpty,
        E::InvalidGroupId => C::InvalidGroup,
        E::GroupMaxSizeReached => C::GroupFull,
        E::UnstableOffsetCommit => C::UnstableOffsets,

        E::InvalidTxnState => C::InvalidTxnState,
        E::TransactionAbortable => C::TxnAborted,

        E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::ClusterAuthorizationFailed
        | E::TransactionalIdAuthorizationFailed => C::NotAuthorized,
        E::SaslAuthenticationFailed | E::UnsupportedSaslMechanism | E::IllegalSaslState => {
            C::AuthFailed
        }
        E::InvalidRequest
        | E::InvalidTransactionTimeout
        | E::OffsetMetadataTooLarge
        | E::InvalidCommitOffsetSize
        | E::UnsupportedAssignor
        | E::InvalidRegularExpression
        | E::InvalidSessionTimeout => C::InvalidRequest,
        E::UnsupportedVersion => C::UnsupportedOperation,
        E::ThrottlingQuotaExceeded => C::Overloaded,
        other if remedy(other.code()) != Remedy::Final => C::Unavailable,
        _ => C::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_retriable_and_nothing_else_is_called_a_defect() {
        assert_eq!(remedy(0), Remedy::None);
        for code in (-1..=140).filter(|&code| remedy(code) != Remedy::None) {
            let told = error(code, "try");
            let passes = matches!(remedy(code), Remedy::Elsewhere | Remedy::Later);
            if passes {
                assert!(told.code.is_retriable(), "{code}: {told}");
            }
            assert!(told.message.contains(&format!("({code})")));
        }
        assert_eq!(error(3, "x").code, ErrorCode::UnknownTopic);
        assert_eq!(error(45, "x").code, ErrorCode::OutOfOrderSequence);
        assert_eq!(error(19, "x").code, ErrorCode::Unavailable);
        assert_eq!(error(-1, "x").code, ErrorCode::Internal);
    }
}
