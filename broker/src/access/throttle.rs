//! Slows down those who guess.
//!
//! Failures count against the address, the user, and both together. Each has a slot in time at
//! which its next attempt may be checked; failures move it further and further away. Attempts queue
//! for the slot, so that many connections get no further than one. A user who has logged in from an
//! address before waits there for his own failures only, so that others' guesses do not lock him
//! out.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many addresses, users and pairs of both are remembered each.
const REMEMBERED: usize = 4096;

/// How failed attempts slow down further ones.
#[derive(Clone, Debug)]
pub struct ThrottleOptions {
    /// How many failures in a row cost nothing. Default 3.
    pub free_failures: u32,
    /// The pause after the first failure beyond them; it doubles with each. Default 100 ms.
    pub first_delay: Duration,
    /// The longest pause. Default 5 s.
    pub max_delay: Duration,
    /// How long an attempt is made to wait; beyond that it is refused. Default 10 s.
    pub patience: Duration,
    /// After how long failures are forgotten. Default 10 min.
    pub memory: Duration,
}

impl Default for ThrottleOptions {
    fn default() -> Self {
        Self {
            free_failures: 3,
            first_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            patience: Duration::from_secs(10),
            memory: Duration::from_secs(600),
        }
    }
}

impl ThrottleOptions {
    fn delay(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free_failures + 1) {
            None => Duration::ZERO,
            Some(beyond) => {
                self.first_delay.saturating_mul(1 << beyond.min(20)).min(self.max_delay)
            }
        }
    }
}

/// Failures, and when further attempts may be checked.
pub struct Throttle {
    options: ThrottleOptions,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    addresses: Table<IpAddr>,
    users: Table<String>,
    pairs: Table<(IpAddr, String)>,
}

struct Table<K>(HashMap<K, Entry>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Clone)]
struct Entry {
    failures: u32,
    /// When the next attempt may be checked.
    slot: Instant,
    seen: Instant,
    /// Whether an attempt has succeeded.
    known: bool,
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn entry(&mut self, key: K, now: Instant, memory: Duration) -> &mut Entry {
        if !self.0.contains_key(&key) && self.0.len() >= REMEMBERED {
            self.0.retain(|_, entry| now.duration_since(entry.seen) < memory);
            if self.0.len() >= REMEMBERED {
                self.forget_half();
            }
        }
        let fresh = Entry { failures: 0, slot: now, seen: now, known: false };
        let entry = self.0.entry(key).or_insert(fresh);
        if now.duration_since(entry.seen) >= memory {
            entry.failures = 0;
        }
        entry.seen = now;
        entry
    }
}

impl<K> Table<K> {
    /// Forgets those that matter least: never logged in, fewest failures, longest ago.
    fn forget_half(&mut self) {
        let weight = |entry: &Entry| (entry.known, entry.failures, entry.seen);
        let mut weights: Vec<_> = self.0.values().map(weight).collect();
        let middle = weights.len() / 2;
        let (_, &mut least, _) = weights.select_nth_unstable(middle);
        self.0.retain(|_, entry| weight(entry) > least);
    }
}

/// What failures are counted by: an IPv6 host has a whole network of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let high = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(high))
        }
        v4 => v4,
    }
}

impl Throttle {
    /// Nothing is held against anybody yet.
    pub fn new(options: ThrottleOptions) -> Self {
        Self { options, tables: Mutex::default() }
    }

    /// How long an attempt has to wait before it is checked; `None` if that is too long.
    pub fn wait(&self, now: Instant, address: IpAddr, user: &str) -> Option<Duration> {
        let address = network(address);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = self.options.memory;
        let pair = tables.pairs.entry((address, user.to_owned()), now, memory).clone();
        let mut slot = pair.slot;
        if !pair.known {
            slot = slot
                .max(tables.addresses.entry(address, now, memory).slot)
                .max(tables.users.entry(user.to_owned(), now, memory).slot);
        }
        let slot = slot.max(now);
        if slot - now > self.options.patience {
            return None;
        }
        // Whoever comes next queues behind this attempt.
        let options = &self.options;
        let queue = |entry: &mut Entry| {
            let delay = options.delay(entry.failures);
            if !delay.is_zero() {
                entry.slot = entry.slot.max(slot + delay);
            }
        };
        queue(tables.pairs.entry((address, user.to_owned()), now, memory));
        if !pair.known {
            queue(tables.addresses.entry(address, now, memory));
            queue(tables.users.entry(user.to_owned(), now, memory));
        }
        Some(slot - now)
    }

    /// An attempt has failed.
    pub fn failed(&self, now: Instant, address: IpAddr, user: &str) {
        let address = network(address);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = self.options.memory;
        let count = |entry: &mut Entry| {
            entry.failures = entry.failures.saturating_add(1);
            entry.slot = entry.slot.max(now + self.options.delay(entry.failures));
        };
        count(tables.pairs.entry((address, user.to_owned()), now, memory));
        count(tables.addresses.entry(address, now, memory));
        count(tables.users.entry(user.to_owned(), now, memory));
    }

    /// An attempt has succeeded. Failures of the address stay: whoever has one account could try
    /// others' in between.
    pub fn succeeded(&self, now: Instant, address: IpAddr, user: &str) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (network(address), user.to_owned());
        let pair = tables.pairs.entry(pair, now, self.options.memory);
        (pair.failures, pair.slot, pair.known) = (0, now, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn throttle() -> Throttle {
        Throttle::new(ThrottleOptions::default())
    }

    fn millis(wait: Option<Duration>) -> u128 {
        wait.expect("within patience").as_millis()
    }

    #[test]
    fn failures_cost_more_and_more() {
        let (throttle, mut now) = (throttle(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..11 {
            let wait = throttle.wait(now, HOME, "ada").unwrap();
            now += wait;
            waits.push(wait.as_millis());
            throttle.failed(now, HOME, "ada");
        }
        assert_eq!(waits, [0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000]);
        // Long after, nothing is held against anybody.
        now += Duration::from_secs(601);
        assert_eq!(millis(throttle.wait(now, HOME, "ada")), 0);
        throttle.failed(now, HOME, "ada");
        assert_eq!(millis(throttle.wait(now, HOME, "ada")), 0);
    }

    #[test]
    fn many_connections_get_no_further_than_one() {
        let (throttle, now) = (throttle(), Instant::now());
        (0..9).for_each(|_| throttle.failed(now, HOME, "ada"));
        let waits: Vec<_> = (0..5).map(|_| throttle.wait(now, HOME, "ada")).collect();
        let waits: Vec<_> = waits.iter().map(|w| w.map(|w| w.as_millis())).collect();
        assert_eq!(waits, [Some(3200), Some(6400), Some(9600), None, None]);
    }

    #[test]
    fn one_address_pays_for_all_users_it_tries() {
        let (throttle, now) = (throttle(), Instant::now());
        (0..6).for_each(|i| throttle.failed(now, HOME, &format!("user-{i}")));
        assert!(millis(throttle.wait(now, HOME, "another")) > 0);
        assert_eq!(millis(throttle.wait(now, AWAY, "another")), 0);
    }

    #[test]
    fn one_user_is_guarded_against_many_addresses() {
        let (throttle, now) = (throttle(), Instant::now());
        (0..6).for_each(|i| throttle.failed(now, IpAddr::from([10, 1, 0, i]), "ada"));
        assert!(millis(throttle.wait(now, AWAY, "ada")) > 0);
    }

    #[test]
    fn who_has_been_here_before_is_not_locked_out() {
        let (throttle, now) = (throttle(), Instant::now());
        throttle.succeeded(now, HOME, "ada");
        (0..20).for_each(|_| throttle.failed(now, AWAY, "ada"));
        (0..20).for_each(|_| throttle.failed(now, HOME, "eve"));
        assert_eq!(millis(throttle.wait(now, HOME, "ada")), 0);
        assert!(
            millis(throttle.wait(now, AWAY, "ada")) > 0
                && millis(throttle.wait(now, HOME, "eve")) > 0
        );
        // His own failures count there, too; and an account of one's own buys no guesses at others.
        (0..6).for_each(|_| throttle.failed(now, HOME, "ada"));
        assert!(millis(throttle.wait(now, HOME, "ada")) > 0);
        throttle.succeeded(now, HOME, "ada");
        assert!(millis(throttle.wait(now, HOME, "eve")) > 0);
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_worst() {
        let (throttle, now) = (throttle(), Instant::now());
        (0..9).for_each(|_| throttle.failed(now, HOME, "ada"));
        for i in 0..2 * REMEMBERED as u32 {
            throttle.failed(now, IpAddr::from(i.to_be_bytes()), &format!("user-{i}"));
        }
        let tables = throttle.tables.lock().unwrap();
        let sizes = [tables.addresses.0.len(), tables.users.0.len(), tables.pairs.0.len()];
        drop(tables);
        assert!(sizes.iter().all(|&size| (1..=REMEMBERED).contains(&size)), "{sizes:?}");
        assert!(millis(throttle.wait(now, HOME, "ada")) > 0);
    }

    #[test]
    fn networks() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:10.0.0.1", "10.0.0.1") && !same("10.0.0.1", "10.0.0.2"));
    }
}
