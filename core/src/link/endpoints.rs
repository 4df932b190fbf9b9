//! Where brokers may be reached, and how that went: a circuit breaker for each address.
//!
//! An address that fails is left out for a while that grows with each failure, so that it costs no
//! caller anything while another one works. Then it is tried once, in the background.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use tokio::time::Instant;

use super::attempts::Failures;
use crate::clock::{after, now_ms};
use crate::error::Error;
use crate::metrics::{Circuit, EndpointMetrics};

/// Who named a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The application. Such a broker is never forgotten.
    Bootstrap,
    /// Another broker, of the cluster with this identity.
    Learnt(Arc<str>),
}

/// An address that a broker may be reached at.
pub(crate) struct Endpoint {
    /// `host:port` as the broker was named; its certificate has to be for that host.
    pub name: Arc<str>,
    pub address: SocketAddr,
    pub(super) origin: Origin,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    /// In a row.
    failures: u32,
    /// The circuit is open: it is left out while others work, and tried again at that time.
    open_until: Option<Instant>,
    /// It keeps a caller waiting who has gone on to another one.
    slow: bool,
    /// Somebody finds out in the background whether it works again.
    probing: bool,
    /// What went wrong last, and when.
    last: Option<(Error, i64)>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address, .. } = self;
        match name.parse() == Ok(*address) {
            true => write!(f, "{name}"),
            false => write!(f, "{name} ({address})"),
        }
    }
}

impl Endpoint {
    pub(super) fn new(name: Arc<str>, address: SocketAddr, origin: Origin) -> Self {
        Self { name, address, origin, health: Mutex::default() }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It works.
    pub fn answered(&self) {
        let mut health = self.health();
        if health.open_until.is_some() {
            tracing::info!(endpoint = %self, "can be reached again");
        }
        *health = Health { last: health.last.take(), ..Health::default() };
    }

    /// It does not work, or not for long: has it left out for a while.
    pub fn failed(&self, error: &Error, longest_pause: Duration) {
        let mut health = self.health();
        let bound = cool_down(longest_pause, health.failures);
        let pause = bound.mul_f64(0.5 + 0.5 * rand::random::<f64>());
        tracing::debug!(endpoint = %self, %error, ?pause, "left out for a while");
        *health = Health {
            failures: health.failures.saturating_add(1),
            open_until: Some(after(pause)),
            last: Some((error.clone(), now_ms())),
            ..Health::default()
        };
    }

    /// A caller does not wait for it any longer.
    pub fn is_slow(&self) {
        self.health().slow = true;
    }

    /// Takes it on oneself to find out whether it works again, if it is time for that.
    pub fn take_probe(&self) -> bool {
        let mut health = self.health();
        let due = health.open_until.is_some_and(|until| until <= Instant::now());
        if !due || health.probing {
            return false;
        }
        health.probing = true;
        true
    }

    /// When to find out whether it works again, unless somebody does.
    fn next_probe(&self) -> Option<Instant> {
        let health = self.health();
        health.open_until.filter(|_| !health.probing)
    }

    fn snapshot(&self, in_use: bool) -> EndpointMetrics {
        let health = self.health();
        let circuit = match (health.open_until, health.probing) {
            (None, _) => Circuit::Closed,
            (Some(_), false) => Circuit::Open,
            (Some(_), true) => Circuit::HalfOpen,
        };
        let (last_error, last_error_at) = match &health.last {
            Some((error, at)) => (Some(error.message().to_owned()), Some(*at)),
            None => (None, None),
        };
        EndpointMetrics {
            name: self.name.to_string(),
            address: self.address.to_string(),
            learnt: self.origin != Origin::Bootstrap,
            in_use,
            circuit,
            failures: health.failures.into(),
            last_error,
            last_error_at,
        }
    }
}

/// For how long an endpoint is left out at most, after so many earlier failures.
fn cool_down(longest_pause: Duration, failures: u32) -> Duration {
    longest_pause.max(Duration::from_millis(10)).saturating_mul(1 << failures.min(6))
}

/// All endpoints that are known.
#[derive(Default)]
pub(crate) struct Endpoints(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// In the order in which this client would use them.
    all: Vec<Arc<Endpoint>>,
    in_use: Option<Arc<Endpoint>>,
}

impl Endpoints {
    fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces what is known, by the order of use. Of several names for an address the first
    /// counts; what is known of an endpoint that stays is kept.
    pub(super) fn set(&self, found: impl IntoIterator<Item = (Arc<str>, SocketAddr, Origin)>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Endpoint>> = Vec::new();
        for (name, address, origin) in found {
            if all.iter().any(|other| other.address == address) {
                continue;
            }
            let same = |other: &&Arc<Endpoint>| {
                (&other.name, other.address, &other.origin) == (&name, address, &origin)
            };
            let kept = known.all.iter().find(same).cloned();
            all.push(kept.unwrap_or_else(|| Arc::new(Endpoint::new(name, address, origin))));
        }
        known.all = all;
    }

    pub fn is_empty(&self) -> bool {
        self.read(|known| known.all.is_empty())
    }

    /// All of them, the one to try first in front: those that work before those that do not; the one
    /// in use; those that the application named before those that were learnt.
    pub fn by_preference(&self) -> Vec<Arc<Endpoint>> {
        let (mut all, in_use) = self.read(|known| (known.all.clone(), known.in_use.clone()));
        all.sort_by_cached_key(|endpoint| {
            let Health { open_until, slow, .. } = *endpoint.health();
            let other = in_use.as_ref().is_none_or(|used| used.address != endpoint.address);
            (open_until, slow, other, endpoint.origin != Origin::Bootstrap)
        });
        all
    }

    /// Turns to an endpoint. Returns the one before, if that was another.
    pub fn turn_to(&self, endpoint: &Arc<Endpoint>) -> Option<Arc<Endpoint>> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.in_use.replace(endpoint.clone());
        before.filter(|before| before.address != endpoint.address)
    }

    /// Those that it is time to try again, for the caller to do so.
    pub fn take_probes(&self) -> Vec<Arc<Endpoint>> {
        let mut all = self.read(|known| known.all.clone());
        all.retain(|endpoint| endpoint.take_probe());
        all
    }

    /// When the next one is to be tried again.
    pub fn next_probe(&self) -> Option<Instant> {
        self.read(|known| known.all.iter().filter_map(|endpoint| endpoint.next_probe()).min())
    }

    /// What is wrong with those that do not work.
    pub(super) fn failures(&self) -> Failures {
        let failure = |endpoint: &Arc<Endpoint>| {
            let Health { open_until, slow, ref last, .. } = *endpoint.health();
            let error = match (open_until, last) {
                (Some(_), Some((error, _))) => error.clone(),
                _ if slow => {
                    let message = format!("{endpoint} has not answered yet");
                    Error::new(ErrorCode::ConnectFailed, "connect", message)
                }
                _ => return None,
            };
            Some((endpoint.name.clone(), error))
        };
        self.read(|known| known.all.iter().filter_map(failure).collect())
    }

    pub fn snapshot(&self) -> Vec<EndpointMetrics> {
        self.read(|Known { all, in_use }| {
            let is_used = |endpoint: &Endpoint| {
                in_use.as_ref().is_some_and(|used| used.address == endpoint.address)
            };
            all.iter().map(|endpoint| endpoint.snapshot(is_used(endpoint))).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(10);

    fn endpoints(named: &[(&str, u8, Origin)]) -> Endpoints {
        let endpoints = Endpoints::default();
        endpoints.set(named.iter().map(found));
        endpoints
    }

    fn found((name, last, origin): &(&str, u8, Origin)) -> (Arc<str>, SocketAddr, Origin) {
        ((*name).into(), SocketAddr::from(([127, 0, 0, *last], 1)), origin.clone())
    }

    fn order(endpoints: &Endpoints) -> Vec<String> {
        endpoints.by_preference().iter().map(|e| e.name.to_string()).collect()
    }

    fn learnt() -> Origin {
        Origin::Learnt("cluster".into())
    }

    fn broken() -> Error {
        Error::new(ErrorCode::ConnectFailed, "connect", "broken")
    }

    #[test]
    fn an_address_is_one_endpoint_whoever_named_it() {
        let named = [
            ("a:1", 1, Origin::Bootstrap),
            ("b:1", 2, Origin::Bootstrap),
            ("advertised:1", 1, learnt()),
        ];
        let all = endpoints(&named);
        assert_eq!(order(&all), ["a:1", "b:1"]);
        // What is known of one that stays is kept; one that is gone is forgotten.
        all.by_preference()[1].failed(&broken(), LONGEST);
        all.set(named[1..].iter().map(found));
        assert_eq!(order(&all), ["advertised:1", "b:1"]);
        assert_eq!(all.snapshot()[0].circuit, Circuit::Open);
    }

    #[test]
    fn what_works_goes_first_then_what_is_in_use_then_what_was_named() {
        let all = endpoints(&[
            ("a:1", 1, Origin::Bootstrap),
            ("b:1", 2, Origin::Bootstrap),
            ("c:1", 3, learnt()),
        ]);
        let [a, b, c] = <[_; 3]>::try_from(all.by_preference()).ok().unwrap();
        assert!(all.turn_to(&b).is_none());
        assert_eq!(order(&all), ["b:1", "a:1", "c:1"]);
        b.failed(&broken(), LONGEST);
        assert_eq!(order(&all), ["a:1", "c:1", "b:1"]);
        a.is_slow();
        assert_eq!(order(&all), ["c:1", "a:1", "b:1"]);
        assert!(all.turn_to(&c).is_some());
        assert!(all.turn_to(&c).is_none());
        a.answered();
        b.answered();
        assert_eq!(order(&all), ["c:1", "a:1", "b:1"]);
    }

    #[tokio::test]
    async fn the_time_that_an_endpoint_is_left_out_grows_to_a_bound() {
        assert_eq!(cool_down(LONGEST, 0), LONGEST);
        assert_eq!(cool_down(LONGEST, 6), LONGEST * 64);
        assert_eq!(cool_down(LONGEST, u32::MAX), LONGEST * 64);
        let all = endpoints(&[("a:1", 1, Origin::Bootstrap)]);
        let endpoint = all.by_preference().remove(0);
        assert_eq!(all.next_probe(), None);
        for failures in 0..4 {
            let failed_at = Instant::now();
            endpoint.failed(&broken(), LONGEST);
            let least = LONGEST * (1 << failures) / 2;
            assert!(all.next_probe().unwrap() - failed_at >= least, "{failures}");
            assert!(all.take_probes().is_empty());
            tokio::time::sleep_until(all.next_probe().unwrap()).await;
            // Half-open: one finds out, and nobody else does.
            assert_eq!(all.take_probes().len(), 1);
            assert!(all.take_probes().is_empty());
            assert_eq!(all.next_probe(), None);
            assert_eq!(all.snapshot()[0].circuit, Circuit::HalfOpen);
        }
        endpoint.answered();
        let EndpointMetrics { circuit, failures, last_error, .. } = all.snapshot().remove(0);
        assert_eq!((circuit, failures), (Circuit::Closed, 0));
        assert_eq!(last_error.as_deref(), Some("broken"));
    }

    #[test]
    fn a_name_is_told_with_what_it_stands_for() {
        let all = endpoints(&[("127.0.0.1:1", 1, learnt()), ("b:1", 2, learnt())]);
        let texts: Vec<_> = all.by_preference().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["127.0.0.1:1", "b:1 (127.0.0.2:1)"]);
    }
}
