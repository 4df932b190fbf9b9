//! Requests, made again after failures that may pass.

use std::future::{self, Future};
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::Request;
use tokio::time::Instant;
use tracing::Instrument;

use super::connection::Connection;
use super::router::{Lane, Router};
use crate::clock::after;
use crate::error::{Error, Result};

/// When a failed request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Whenever the error says that it may help: the request has no effect, or the same one twice.
    Always,
    /// Only if it cannot have been carried out.
    Unsent,
}

impl Router {
    /// As [`connection`](Self::connection), again after failures that may pass, until the configured
    /// time is up.
    pub async fn reach(&self, lane: Lane<'_>, operation: &'static str) -> Result<Arc<Connection>> {
        let deadline = after(self.config().request_timeout);
        let reached = |connection| future::ready(Ok(connection));
        self.attempts(lane, operation, Retry::Always, deadline, reached).await
    }

    /// Makes a request, again after failures that may pass, until the configured time is up.
    pub async fn call<R: Request>(
        &self,
        lane: Lane<'_>,
        operation: &'static str,
        request: &R,
        retry: Retry,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        let deadline = after(self.config().request_timeout);
        self.call_until(lane, operation, request, retry, deadline).await
    }

    /// As [`call`](Self::call), until `deadline`.
    pub async fn call_until<R: Request>(
        &self,
        lane: Lane<'_>,
        operation: &'static str,
        request: &R,
        retry: Retry,
        deadline: Instant,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        let call =
            |connection: Arc<Connection>| async move { connection.call(operation, request).await };
        let calling = self.attempts(lane, operation, retry, deadline, call);
        calling.instrument(tracing::debug_span!("call", operation)).await
    }

    /// Does something with a connection, again after failures that may pass, until `deadline`.
    async fn attempts<T, F: Future<Output = Result<T>>>(
        &self,
        lane: Lane<'_>,
        operation: &'static str,
        retry: Retry,
        deadline: Instant,
        work: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T> {
        let mut last = None;
        let mut failures = 0;
        loop {
            self.check_open()?;
            let mut sent = false;
            let once = async {
                let connection = self.connection(lane).await?;
                // One that has ended meanwhile takes nothing.
                sent = !connection.has_ended();
                work(connection).await
            };
            let error = match tokio::time::timeout_at(deadline, once).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => error,
                Err(_) => return Err(last.unwrap_or_else(|| self.timed_out(operation, sent))),
            };
            let unsent = !sent || refused_unseen(&error);
            if !error.is_retriable() || (retry == Retry::Unsent && !unsent) {
                return Err(error);
            }
            tracing::debug!(%error, "will try again");
            self.metrics().retried();
            // Connecting has pauses of its own, and a broker that stops is left at once.
            let at_once = !sent || (error.is(ErrorCode::ShuttingDown) && failures == 0);
            let pause = if at_once { Duration::ZERO } else { self.backoff(failures) };
            if after(pause) >= deadline {
                return Err(error);
            }
            last = Some(error);
            failures += u32::from(sent);
            tokio::time::sleep(pause).await;
        }
    }

    fn timed_out(&self, operation: &'static str, sent: bool) -> Error {
        if let Some(error) = self.trouble().filter(|_| !sent) {
            return error.during(operation);
        }
        Error::new(
            ErrorCode::Timeout,
            operation,
            format!("no answer came within {} ms", self.config().request_timeout.as_millis()),
        )
    }
}

/// Answers that say that the broker did not begin with the request.
pub(crate) fn refused_unseen(error: &Error) -> bool {
    error.is(ErrorCode::ShuttingDown)
        || error.is(ErrorCode::Overloaded)
        || error.is(ErrorCode::TooManyConnections)
        || error.is(ErrorCode::StorageFull)
        || error.is(ErrorCode::AuthRequired)
}
