//! The one error type of the client.

use std::fmt;
use std::sync::Arc;

use flymq_protocol::error::ErrorReply;
use flymq_protocol::{ErrorCode, ProtocolError};

/// A result of the client.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, where, and what to do about it.
///
/// Cheap to clone, because one failure may be the answer to many records.
///
/// ```
/// use flymq_core::{Config, ErrorCode};
///
/// let error = Config::parse("http://example.org").unwrap_err();
/// assert_eq!(error.code(), Some(ErrorCode::InvalidArgument));
/// assert!(!error.is_retriable());
/// println!("{error}"); // what happened, the code, and what to do next
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: u16,
    name: String,
    retriable: bool,
    hint: String,
    message: String,
    operation: &'static str,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of the table that both sides share.
    pub fn new(code: ErrorCode, operation: &'static str, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            code: code as u16,
            name: code.name().to_owned(),
            retriable: code.is_retriable(),
            hint: code.hint().to_owned(),
            message: message.into(),
            operation,
            source: None,
        }))
    }

    pub(crate) fn with_source(
        code: ErrorCode,
        operation: &'static str,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let Self(mut inner) = Self::new(code, operation, message);
        Arc::make_mut(&mut inner).source = Some(Arc::from(source.into()));
        Self(inner)
    }

    /// The same error, met during `operation`.
    pub(crate) fn during(self, operation: &'static str) -> Self {
        let Self(mut inner) = self;
        if inner.operation != operation {
            Arc::make_mut(&mut inner).operation = operation;
        }
        Self(inner)
    }

    /// A broker's answer. Codes that this client does not know keep their number and texts.
    pub(crate) fn from_reply(operation: &'static str, reply: ErrorReply) -> Self {
        Self(Arc::new(Inner {
            code: reply.code,
            name: reply.name,
            retriable: reply.retriable,
            hint: reply.hint,
            message: reply.message,
            operation,
            source: None,
        }))
    }

    /// Why a transaction came, or will come, to nothing.
    pub(crate) fn aborted(operation: &'static str, cause: &Error) -> Self {
        if cause.is(ErrorCode::TxnAborted) || cause.is(ErrorCode::ProducerFenced) {
            return cause.clone().during(operation);
        }
        let message = format!("the transaction was aborted: {cause}");
        let aborted = Self::with_source(ErrorCode::TxnAborted, operation, message, cause.clone());
        if aborted.is_abortable() {
            return aborted;
        }
        // What is wrong would be wrong again.
        let Self(mut inner) = aborted;
        Arc::make_mut(&mut inner).hint = cause.hint().to_owned();
        Self(inner)
    }

    /// An error code that came as a field of an answer.
    pub(crate) fn from_code(operation: &'static str, code: u16, message: String) -> Self {
        match ErrorCode::from_u16(code) {
            Some(known) if message.is_empty() => Self::new(known, operation, known.hint()),
            Some(known) => Self::new(known, operation, message),
            None => Self::from_reply(
                operation,
                ErrorReply {
                    code,
                    name: "UNKNOWN".to_owned(),
                    message,
                    retriable: false,
                    hint: "upgrade this client to learn what the code means".to_owned(),
                },
            ),
        }
    }

    pub(crate) fn protocol(operation: &'static str, error: ProtocolError) -> Self {
        Self::new(error.code, operation, error.message)
    }

    /// The session has ended before the request was looked at; a new one may be had.
    pub(crate) fn session_over(operation: &'static str) -> Self {
        let message = "the session has expired, or the user or its password has changed";
        let Self(mut inner) = Self::new(ErrorCode::AuthRequired, operation, message);
        Arc::make_mut(&mut inner).retriable = true;
        Self(inner)
    }

    /// Whether the broker does not take the credentials, so that trying again is of no use.
    pub(crate) fn is_refusal(&self) -> bool {
        [ErrorCode::AuthFailed, ErrorCode::AuthRequired, ErrorCode::UnsupportedMechanism]
            .into_iter()
            .any(|code| self.is(code))
            && !self.is_retriable()
    }

    pub(crate) fn closed(operation: &'static str, what: &str) -> Self {
        Self::new(ErrorCode::Closed, operation, format!("the {what} is closed"))
    }

    pub(crate) fn invalid(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, operation, message)
    }

    /// The entry in the table of error codes, or `None` for a number this version does not know.
    pub fn code(&self) -> Option<ErrorCode> {
        ErrorCode::from_u16(self.0.code)
    }

    /// The number in the table of error codes.
    pub fn code_number(&self) -> u16 {
        self.0.code
    }

    /// The code's stable name, such as `UNKNOWN_TOPIC`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the same call may succeed if made again.
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// Whether nothing came of a transaction that may succeed if it is run again from its beginning.
    ///
    /// For a transaction that stores a consumer's offsets, the beginning is what the group has
    /// committed. False for what would only fail again, such as a record that is too large, and for
    /// PRODUCER_FENCED: then this producer has to stop.
    pub fn is_abortable(&self) -> bool {
        use ErrorCode::*;
        let passes = |cause: &Error| {
            let passing = [
                TxnAborted,
                InvalidTxnState,
                UnknownProducer,
                OutOfOrderSequence,
                UnknownMember,
                StaleGeneration,
                Interrupted,
            ];
            cause.is_retriable() || passing.into_iter().any(|code| cause.is(code))
        };
        let source = std::error::Error::source(self);
        let cause = source.and_then(|source| source.downcast_ref::<Error>());
        self.is(TxnAborted) && cause.is_none_or(passes)
    }

    /// Whether the producer, consumer or client that the error comes from can do nothing more: it is
    /// to be closed.
    pub fn is_fatal(&self) -> bool {
        use ErrorCode::*;
        [ProducerFenced, InstanceFenced, Closed, Panic].into_iter().any(|code| self.is(code))
    }

    /// What to do next, in one sentence.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// What happened, without code and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What was being done, such as `produce`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    pub(crate) fn is(&self, code: ErrorCode) -> bool {
        self.0.code == code as u16
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { code, name, message, operation, hint, .. } = &*self.0;
        write!(f, "{operation}: {message} ({name} {code}; {hint})")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}
