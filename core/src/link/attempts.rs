//! Connecting: to one endpoint after the other, without waiting for one that does not answer.
//!
//! As RFC 8305 has it for addresses of one host, the next endpoint is tried when the one before has
//! failed or takes long, and the first that works is taken. Attempts are tasks: whoever waits may
//! give up, and what an attempt finds out is noted all the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::ErrorCode;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::Connection;
use super::endpoints::Endpoint;
use crate::clock::after;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::tls::Connector;

/// What connecting takes.
pub(super) struct Dialer {
    pub config: Config,
    pub connector: Option<Connector>,
    pub metrics: Arc<Metrics>,
}

impl Dialer {
    /// Connects to an endpoint, and notes what has come of it.
    pub async fn open(&self, endpoint: &Arc<Endpoint>) -> Result<Arc<Connection>> {
        let Self { config, connector, metrics } = self;
        let open = Connection::open(endpoint, config, connector.as_ref(), metrics.clone());
        let opened = tokio::time::timeout(config.connect_timeout, open)
            .await
            .unwrap_or_else(|_| Err(unanswered(endpoint, config.connect_timeout)));
        match &opened {
            Ok(_) => endpoint.answered(),
            // It works, for others.
            Err(error) if error.is_refusal() => endpoint.answered(),
            Err(error) => endpoint.failed(error, config.backoff_max),
        }
        if let Err(error) = &opened {
            tracing::debug!(%endpoint, %error, "cannot connect");
            metrics.connect_failed();
        }
        opened
    }

    /// After how long the next endpoint is tried beside one that has not answered.
    fn stagger(&self) -> Duration {
        (self.config.connect_timeout / 20).min(Duration::from_millis(500))
    }
}

fn unanswered(endpoint: &Endpoint, within: Duration) -> Error {
    let message = format!("{endpoint} did not answer within {} ms", within.as_millis());
    Error::new(ErrorCode::ConnectFailed, "connect", message)
}

fn lost(endpoint: &Endpoint) -> Error {
    let message = format!("the connection to {endpoint} ended before it was used");
    Error::new(ErrorCode::ConnectionLost, "connect", message)
}

/// What went wrong, by the name of the broker.
pub(super) type Failures = Vec<(Arc<str>, Error)>;

/// Attempts under way, which go on from one round to the next.
#[derive(Default)]
pub(super) struct Attempts {
    running: JoinSet<(Arc<Endpoint>, Result<Arc<Connection>>)>,
    under_way: Vec<(Arc<Endpoint>, Instant)>,
}

impl Attempts {
    /// Tries all endpoints, in their order, until one works. After the last one is tried, waits for
    /// no longer than `patience`; what is under way then is waited for in the next round.
    ///
    /// # Errors
    ///
    /// All failures; one alone if the broker refuses the credentials.
    pub async fn round(
        &mut self,
        dialer: &Arc<Dialer>,
        endpoints: Vec<Arc<Endpoint>>,
        patience: Duration,
    ) -> std::result::Result<Arc<Connection>, Failures> {
        let mut waiting: VecDeque<_> = endpoints.into();
        waiting.retain(|one| self.under_way.iter().all(|(other, _)| other.address != one.address));
        let mut failures = Failures::new();
        let mut go_on = Instant::now();
        let mut is_slow = false;
        let mut give_up = after(patience);
        loop {
            if (go_on <= Instant::now() || self.running.is_empty())
                && let Some(endpoint) = waiting.pop_front()
            {
                self.start(dialer, endpoint);
                go_on = after(dialer.stagger());
                is_slow = false;
                give_up = after(patience);
            }
            tokio::select! {
                biased;
                ended = self.running.join_next() => match ended {
                    None if waiting.is_empty() => return Err(failures),
                    None => {}
                    Some(Err(_)) => {
                        let error = Error::closed("connect", "runtime");
                        return Err(vec![("".into(), error)]);
                    }
                    Some(Ok((endpoint, opened))) => {
                        self.under_way.retain(|(other, _)| !Arc::ptr_eq(other, &endpoint));
                        match opened {
                            Ok(connection) if connection.is_open() => {
                                self.leave();
                                return Ok(connection);
                            }
                            // It may have been made a while ago, when nobody waited for it.
                            Ok(_) => {
                                let error = lost(&endpoint);
                                failures.push((endpoint.name.clone(), error));
                            }
                            // Other brokers of the cluster have the same users.
                            Err(error) if error.is_refusal() => {
                                self.leave();
                                return Err(vec![(endpoint.name.clone(), error)]);
                            }
                            Err(error) => failures.push((endpoint.name.clone(), error)),
                        }
                        go_on = Instant::now();
                    }
                },
                () = tokio::time::sleep_until(go_on), if !is_slow => {
                    is_slow = true;
                    self.under_way.iter().for_each(|(endpoint, _)| endpoint.is_slow());
                }
                () = tokio::time::sleep_until(give_up), if waiting.is_empty() => {
                    let silent = self.under_way.iter();
                    failures.extend(silent.map(|(endpoint, since)| {
                        (endpoint.name.clone(), unanswered(endpoint, since.elapsed()))
                    }));
                    return Err(failures);
                }
            }
        }
    }

    fn start(&mut self, dialer: &Arc<Dialer>, endpoint: Arc<Endpoint>) {
        self.under_way.push((endpoint.clone(), Instant::now()));
        let dialer = dialer.clone();
        self.running.spawn(async move {
            let opened = dialer.open(&endpoint).await;
            (endpoint, opened)
        });
    }

    /// Lets what is under way find out by itself whether its endpoint works.
    fn leave(&mut self) {
        self.running.detach_all();
        self.under_way.clear();
    }
}

/// The error for a round in which nobody was reached.
///
/// A broker's name may stand for several addresses, of which one that nobody listens at says
/// nothing; so the failure of a broker is the one that got furthest. With a broker that may come back
/// it is worth trying again.
pub(super) fn unreachable(failures: Failures) -> Error {
    let mut brokers: Vec<(&str, &Error)> = Vec::new();
    for (name, error) in &failures {
        match brokers.iter_mut().find(|(other, _)| *other == &**name) {
            Some((_, before)) if before.is(ErrorCode::ConnectFailed) => *before = error,
            Some(_) => {}
            None => brokers.push((name, error)),
        }
    }
    let Some((_, first)) = brokers.first() else {
        let message = "no broker has an address to connect to";
        return Error::new(ErrorCode::ConnectFailed, "connect", message);
    };
    if failures.len() == 1 {
        return (*first).clone();
    }
    let passing = brokers.iter().find(|(_, error)| error.is_retriable());
    let cause = passing.map_or(*first, |(_, error)| *error);
    let code = match passing {
        Some(_) => ErrorCode::ConnectFailed,
        None => first.code().unwrap_or(ErrorCode::ConnectFailed),
    };
    let reasons: Vec<_> = failures.iter().map(|(_, error)| error.message()).collect();
    let message =
        format!("none of {} addresses can be reached: {}", reasons.len(), reasons.join("; "));
    Error::with_source(code, "connect", message, cause.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: ErrorCode, message: &str) -> Error {
        Error::new(code, "connect", message)
    }

    #[test]
    fn an_error_names_every_address() {
        let refused = |name: &str| (name.into(), error(ErrorCode::ConnectFailed, name));
        let no_tls = |name: &str| (name.into(), error(ErrorCode::TlsFailed, "no TLS"));
        let one = unreachable(vec![refused("a:1")]);
        assert_eq!(one.message(), "a:1");
        let two = unreachable(vec![refused("a:1"), refused("b:2")]);
        assert_eq!(two.message(), "none of 2 addresses can be reached: a:1; b:2");
        assert!(two.is(ErrorCode::ConnectFailed) && two.is_retriable());
        // Of one name with two addresses, the one where somebody listens counts.
        let named = unreachable(vec![refused("a:1"), no_tls("a:1")]);
        assert!(named.is(ErrorCode::TlsFailed) && !named.is_retriable());
        // Of two brokers, one that may come back.
        let mixed = unreachable(vec![no_tls("a:1"), refused("b:2")]);
        assert!(mixed.is_retriable());
        assert_eq!(mixed.message(), "none of 2 addresses can be reached: no TLS; b:2");
        assert!(unreachable(Vec::new()).is_retriable());
    }
}
