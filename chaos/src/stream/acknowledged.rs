//! What was acknowledged, against what is stored.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use tokio::sync::watch;

use crate::Tally;

/// The numbers that clients were told are stored, by key.
#[derive(Default)]
pub struct Acknowledged {
    numbers: Mutex<HashMap<String, HashSet<u64>>>,
    count: watch::Sender<u64>,
}

impl Acknowledged {
    /// Notes a line of a client.
    pub fn note(&self, line: &str) -> anyhow::Result<()> {
        let mut words = line.split(' ');
        if words.next() != Some("acked") {
            bail!("a client said {line:?}");
        }
        let key = words.next().context("a client named no key")?;
        self.add(key, words.map(str::parse).collect::<Result<_, _>>()?);
        Ok(())
    }

    /// Notes records of a key.
    pub fn add(&self, key: &str, new: Vec<u64>) {
        self.count.send_modify(|count| *count += new.len() as u64);
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.entry(key.to_owned()).or_default().extend(new);
    }

    /// Counts the records that were acknowledged.
    pub fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// Compares with the records of the topic, each as key and number, in the order of their
    /// partitions. A record whose fate nobody was told may be there, but only in its place.
    pub fn compare(&self, stored: &[(String, u64)], tally: &mut Tally) {
        let acknowledged = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen: HashMap<&str, HashSet<u64>> = HashMap::new();
        let mut highest: HashMap<&str, u64> = HashMap::new();
        for (key, number) in stored {
            if !seen.entry(key).or_default().insert(*number) {
                eprintln!("record {number} of {key} is stored twice");
                tally.doubled += 1;
            } else if highest.get(&**key).is_some_and(|highest| highest > number) {
                eprintln!("record {number} of {key} is stored behind a later one");
                tally.reordered += 1;
            }
            let highest = highest.entry(key).or_default();
            *highest = number.max(highest).to_owned();
        }
        for (key, numbers) in acknowledged.iter() {
            let seen = seen.remove(&**key).unwrap_or_default();
            for number in numbers.difference(&seen) {
                eprintln!("record {number} of {key} was acknowledged and is lost");
                tally.lost += 1;
            }
        }
        tally.records += stored.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_found() {
        let acknowledged = Acknowledged::default();
        acknowledged.note("acked a 0 1 3").unwrap();
        assert_eq!(*acknowledged.count().borrow(), 3);
        assert!(acknowledged.note("stored a 0").is_err());
        assert!(acknowledged.note("acked a one").is_err());
        let compare = |stored: &[(&str, u64)]| {
            let stored: Vec<_> = stored.iter().map(|(key, n)| (key.to_string(), *n)).collect();
            let mut tally = Tally::default();
            acknowledged.compare(&stored, &mut tally);
            (tally.lost, tally.doubled, tally.reordered)
        };
        assert_eq!(compare(&[("a", 0), ("b", 9), ("a", 1), ("a", 2), ("a", 3)]), (0, 0, 0));
        assert_eq!(compare(&[("a", 0), ("a", 1)]), (1, 0, 0));
        assert_eq!(compare(&[("a", 0), ("a", 1), ("a", 1), ("a", 3)]), (0, 1, 0));
        assert_eq!(compare(&[("a", 1), ("a", 0), ("a", 3)]), (0, 0, 1));
    }
}
