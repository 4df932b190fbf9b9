//! Who is connected, for those who watch the broker.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::access::Owner;
use crate::now_ms;

/// The connections that are open.
#[derive(Default)]
pub struct Connections {
    last_id: AtomicU64,
    open: Mutex<BTreeMap<u64, Arc<Connected>>>,
}

/// A connection.
pub struct Connected {
    /// Its number, counted from 1.
    pub id: u64,
    /// Where it comes from.
    pub address: String,
    pub tls: bool,
    /// Since when it is there, in milliseconds since 1970.
    pub since_ms: i64,
    /// How many requests came.
    pub requests: AtomicU64,
    /// What HELLO said.
    pub greeting: OnceLock<Greeting>,
    /// Who has logged in.
    pub owner: Owner,
}

/// What a client calls itself.
pub struct Greeting {
    pub client_id: String,
    pub software: String,
}

/// Keeps a connection listed until it is dropped.
pub struct Listed {
    connections: Arc<Connections>,
    connected: Arc<Connected>,
}

impl Connections {
    /// Lists a connection.
    pub fn add(self: &Arc<Self>, address: String, tls: bool, owner: Owner) -> Listed {
        let connected = Arc::new(Connected {
            id: self.last_id.fetch_add(1, Ordering::Relaxed) + 1,
            address,
            tls,
            since_ms: now_ms(),
            requests: AtomicU64::new(0),
            greeting: OnceLock::new(),
            owner,
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(connected.id, connected.clone());
        Listed { connections: self.clone(), connected }
    }

    /// The newest connections, at most so many, and how many there are in all.
    pub fn newest(&self, most: usize) -> (Vec<Arc<Connected>>, usize) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        (open.values().rev().take(most).cloned().collect(), open.len())
    }
}

impl Deref for Listed {
    type Target = Connected;

    fn deref(&self) -> &Connected {
        &self.connected
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&self.connected.id);
    }
}
