//! Which gateways are alive: each says so every second, in a topic of theirs.
//!
//! The node that leads the topic stamps the time, so no clock of a gateway matters: one that has not
//! been heard of for a few seconds, by the time of the newest word of any, is gone. Kafka's groups
//! would notice too, but no sooner than after the 45 s that they give their members by default.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flymq_protocol::messages::BrokerInfo;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Inner;
use super::journal::{Entry, Journal};
use crate::Result;

const TOPIC: &str = "__flymq_gateways";
const CONFIG: [(&str, &str); 5] = [
    ("cleanup.policy", "compact,delete"),
    ("message.timestamp.type", "LogAppendTime"),
    ("retention.ms", "600000"),
    ("segment.ms", "600000"),
    ("segment.bytes", "1048576"),
];
/// How often a gateway says that it is there, and looks who else is.
const EVERY: Duration = Duration::from_secs(1);
/// After how many milliseconds of silence it is gone.
const SILENCE: i64 = 4_000;
/// How long the last word may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The gateways that were heard of.
#[derive(Default)]
pub struct Gateways {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When each gateway was heard of last.
    heard: BTreeMap<String, (Word, i64)>,
    /// When anyone was.
    newest: i64,
    /// This gateway.
    own: Option<BrokerInfo>,
}

/// What a gateway says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    host: String,
    port: u16,
}

impl Gateways {
    /// The gateways that are alive, by id; none before this one has been announced.
    pub fn alive(&self) -> Vec<BrokerInfo> {
        let seen = self.lock();
        let Some(own) = &seen.own else { return Vec::new() };
        let alive = seen.heard.values().filter(|(_, at)| seen.newest - at <= SILENCE);
        let mut brokers: Vec<_> = alive.map(|(word, _)| word.broker()).collect();
        if !brokers.contains(own) {
            brokers.push(own.clone());
        }
        brokers.sort_by_key(|broker| broker.id);
        brokers
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, entries: Vec<Entry>) {
        let mut seen = self.lock();
        for Entry { key, value, timestamp } in entries {
            seen.newest = seen.newest.max(timestamp);
            let word = value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
            match word {
                Some(word) => seen.heard.insert(key, (word, timestamp)),
                None => seen.heard.remove(&key),
            };
        }
        let newest = seen.newest;
        seen.heard.retain(|_, (_, at)| newest - *at <= SILENCE);
    }
}

impl Word {
    fn key(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// An address has one number, wherever and whenever.
    fn broker(&self) -> BrokerInfo {
        let id = crc32c::crc32c(self.key().as_bytes());
        BrokerInfo { id, host: self.host.clone(), port: self.port }
    }
}

/// Says that a gateway is there, and learns who else is, until it is to stop.
pub async fn run(inner: Arc<Inner>, broker: BrokerInfo, mut stopping: watch::Receiver<bool>) {
    let word = Word { host: broker.host, port: broker.port };
    inner.gateways.lock().own = Some(word.broker());
    let mut failed = false;
    let mut open: Option<(Journal, i64)> = None;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|&stopping| stopping) => break,
        }
        let told = tokio::select! {
            told = tell(&inner, &word, &mut open) => told,
            _ = stopping.wait_for(|&stopping| stopping) => break,
        };
        match told {
            Err(error) if !failed => {
                tracing::warn!(%error, "cannot tell other gateways of this one, or learn of them");
                failed = true;
            }
            told => failed &= told.is_err(),
        }
    }
    if let Some((journal, _)) = &open {
        // The others would notice before long.
        let _ = tokio::time::timeout(FAREWELL, journal.append(&word.key(), None)).await;
    }
}

async fn tell(inner: &Arc<Inner>, word: &Word, open: &mut Option<(Journal, i64)>) -> Result<()> {
    let (journal, next) = match open {
        Some(open) => open,
        None => {
            let journal = Journal::open(inner.clone(), TOPIC, &CONFIG).await?;
            open.insert((journal, 0))
        }
    };
    let value = serde_json::to_vec(word).unwrap_or_default();
    journal.append(&word.key(), Some(Bytes::from(value))).await?;
    loop {
        let page = journal.read(*next).await?;
        *next = page.next;
        inner.gateways.take(page.entries);
        if page.is_end {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(port: u16, timestamp: i64, alive: bool) -> Entry {
        let word = Word { host: "h".into(), port };
        let value = alive.then(|| Bytes::from(serde_json::to_vec(&word).unwrap()));
        Entry { key: word.key(), value, timestamp }
    }

    fn ports(gateways: &Gateways) -> Vec<u16> {
        let mut ports: Vec<_> = gateways.alive().iter().map(|broker| broker.port).collect();
        ports.sort_unstable();
        ports
    }

    #[test]
    fn who_is_silent_is_gone() {
        let gateways = Gateways::default();
        gateways.take(vec![entry(1, 0, true), entry(2, 100, true)]);
        assert!(ports(&gateways).is_empty());
        let own = Word { host: "h".into(), port: 3 };
        gateways.lock().own = Some(own.broker());
        assert_eq!(ports(&gateways), [1, 2, 3]);
        gateways.take(vec![entry(2, 3_000, true), entry(3, 4_050, true)]);
        assert_eq!(ports(&gateways), [2, 3]);
        gateways.take(vec![entry(2, 4_100, false)]);
        assert_eq!(ports(&gateways), [3]);
        gateways.take(vec![entry(1, 4_200, true), entry(1, 90_000, true)]);
        assert_eq!(ports(&gateways), [1, 3], "this one is always there");
    }
}
