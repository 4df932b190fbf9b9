//! From the names of brokers to addresses: those that the application gave, and those that the
//! brokers tell.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::BrokerInfo;
use tokio::task::JoinSet;

use super::endpoints::{Endpoints, Origin};
use crate::config::Config;
use crate::error::Error;

/// How many brokers are learnt at most, whatever a broker says.
const MOST: usize = 256;
/// How long known addresses wait for names to be looked up again.
const GRACE: Duration = Duration::from_millis(100);

/// The names of brokers, and the addresses that they stood for when last looked up.
pub(super) struct Names {
    hosts: Mutex<Vec<Host>>,
    hosts_file: Option<PathBuf>,
    patience: Duration,
    endpoints: Arc<Endpoints>,
}

#[derive(Debug)]
struct Host {
    name: Arc<str>,
    origin: Origin,
    /// In the order of use.
    addresses: Vec<SocketAddr>,
    /// Why there are none.
    trouble: Option<Error>,
    /// Somebody looks it up.
    asked: bool,
}

impl Host {
    fn new(name: &str, origin: Origin) -> Self {
        let addresses = name.parse().into_iter().collect();
        Self { name: name.into(), origin, addresses, trouble: None, asked: false }
    }

    /// Whether it is an address itself.
    fn is_literal(&self) -> bool {
        self.name.parse::<SocketAddr>().is_ok()
    }
}

impl Names {
    /// Those of the options, in an order of its own, so that not all clients turn to the same one.
    pub fn new(config: &Config, endpoints: Arc<Endpoints>) -> Arc<Self> {
        let mut hosts: Vec<Host> = Vec::new();
        for name in &config.bootstrap {
            if hosts.iter().all(|host| *host.name != **name) {
                hosts.push(Host::new(name, Origin::Bootstrap));
            }
        }
        shuffle(&mut hosts);
        let names = Self {
            hosts: Mutex::new(hosts),
            hosts_file: config.hosts_file.clone(),
            patience: config.connect_timeout,
            endpoints,
        };
        names.publish(&names.lock());
        Arc::new(names)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, hosts: &[Host]) {
        self.endpoints.set(hosts.iter().flat_map(|host| {
            let Host { name, origin, addresses, .. } = host;
            addresses.iter().map(|address| (name.clone(), *address, origin.clone()))
        }));
    }

    /// Takes in which brokers a broker says there are, in place of those of before. They are used
    /// with the options of this client: nothing that a broker says can weaken those.
    pub fn learn(&self, brokers: &[BrokerInfo], cluster: &str) {
        let origin = Origin::Learnt(cluster.into());
        let mut learnt: Vec<_> = brokers.iter().filter_map(advertised).collect();
        shuffle(&mut learnt);
        learnt.truncate(MOST);
        let mut hosts = self.lock();
        let (mut all, mut old): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *hosts).into_iter().partition(|h| h.origin == Origin::Bootstrap);
        // Those that stay go on in the order that they have.
        old.retain(|host| host.origin == origin && learnt.iter().any(|name| **name == *host.name));
        all.extend(old);
        for name in learnt {
            if all.iter().all(|host| *host.name != *name) {
                tracing::debug!(broker = name, "learnt of a broker");
                all.push(Host::new(&name, origin.clone()));
            }
        }
        *hosts = all;
        self.publish(&hosts);
    }

    /// Looks all names up. Where addresses are known it does not wait long for that; what comes
    /// later is there for the next time.
    pub async fn look_up(self: &Arc<Self>) {
        let mut lookups = JoinSet::new();
        for host in self.lock().iter_mut().filter(|host| !host.is_literal() && !host.asked) {
            host.asked = true;
            lookups.spawn(self.clone().look_up_one(host.name.clone()));
        }
        let all = async { while lookups.join_next().await.is_some() {} };
        match self.endpoints.is_empty() {
            true => all.await,
            false => drop(tokio::time::timeout(GRACE, all).await),
        }
        lookups.detach_all();
    }

    async fn look_up_one(self: Arc<Self>, name: Arc<str>) {
        let look_up = resolve(&name, self.hosts_file.as_deref());
        let found = match tokio::time::timeout(self.patience, look_up).await {
            Ok(Ok(found)) if found.is_empty() => Err("there is no address for it".to_owned()),
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} ms", self.patience.as_millis())),
        };
        let mut hosts = self.lock();
        // It may have been forgotten meanwhile.
        let Some(host) = hosts.iter_mut().find(|host| host.name == name) else { return };
        host.asked = false;
        match found {
            Ok(found) => {
                let stays = found.len() == host.addresses.len()
                    && found.iter().all(|address| host.addresses.contains(address));
                if !stays {
                    tracing::debug!(name = &*name, addresses = ?found, "looked up");
                    host.addresses = in_turns(found);
                }
                host.trouble = None;
            }
            // What was known may still be right.
            Err(why) => {
                tracing::debug!(name = &*name, why, "cannot look up");
                host.trouble = Some(Error::new(
                    ErrorCode::ConnectFailed,
                    "connect",
                    format!("cannot look up {name}: {why}"),
                ));
            }
        }
        self.publish(&hosts);
    }

    /// Why there are names without addresses.
    pub fn troubles(&self) -> Vec<(Arc<str>, Error)> {
        let hosts = self.lock();
        let unknown = hosts.iter().filter(|host| host.addresses.is_empty());
        unknown.filter_map(|host| Some((host.name.clone(), host.trouble.clone()?))).collect()
    }
}

/// `host:port` of a broker that can be one.
fn advertised(broker: &BrokerInfo) -> Option<String> {
    let BrokerInfo { host, port, .. } = broker;
    let plausible = (1..=255).contains(&host.len())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:%[]".contains(c));
    if !plausible || *port == 0 {
        return None;
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        // Where it listens, said by one that does not know how it is reached.
        Ok(address) if address.is_unspecified() => None,
        Ok(address) => Some(SocketAddr::new(address, *port).to_string()),
        Err(_) if bare.contains(':') => None,
        Err(_) => Some(format!("{bare}:{port}")),
    }
}

async fn resolve(name: &str, hosts_file: Option<&Path>) -> io::Result<Vec<SocketAddr>> {
    if let Some(file) = hosts_file
        && let Some((host, port)) = name.rsplit_once(':')
        && let Ok(port) = port.parse()
    {
        let path = file.to_owned();
        let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        let text = text.map_err(io::Error::other).and_then(|text| text);
        let text =
            text.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", file.display())))?;
        let listed = listed(&text, host, port);
        if !listed.is_empty() {
            return Ok(listed);
        }
    }
    Ok(tokio::net::lookup_host(name).await?.collect())
}

/// The addresses of a host in a file of the form of `/etc/hosts`.
fn listed(text: &str, host: &str, port: u16) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        let named = words.any(|word| word.eq_ignore_ascii_case(host));
        named.then_some(SocketAddr::new(address, port))
    };
    text.lines().filter_map(address).collect()
}

/// Puts addresses of both versions in turns, beginning with the one that the system prefers; those of
/// a version in random order.
fn in_turns(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let mut unique = Vec::new();
    shuffle(&mut addresses);
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let (first, second): (Vec<_>, Vec<_>) =
        unique.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(first.next());
        turns.extend(second.next());
        if turns.len() == before {
            return turns;
        }
    }
}

fn shuffle<T>(items: &mut [T]) {
    use rand::seq::SliceRandom;
    items.shuffle(&mut rand::rng());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bootstrap: &[&str], hosts_file: Option<&Path>) -> (Arc<Names>, Arc<Endpoints>) {
        let config = Config {
            bootstrap: bootstrap.iter().map(|&name| name.to_owned()).collect(),
            hosts_file: hosts_file.map(Into::into),
            ..Config::default()
        };
        let endpoints = Arc::new(Endpoints::default());
        (Names::new(&config, endpoints.clone()), endpoints)
    }

    fn known(endpoints: &Endpoints) -> Vec<String> {
        let mut known: Vec<_> = endpoints.by_preference().iter().map(|e| e.to_string()).collect();
        known.sort();
        known
    }

    fn broker(host: &str, port: u16) -> BrokerInfo {
        BrokerInfo { id: 0, host: host.to_owned(), port }
    }

    #[test]
    fn brokers_are_learnt_and_forgotten_but_never_those_that_were_given() {
        let (names, endpoints) = names(&["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1"], None);
        assert_eq!(known(&endpoints), ["127.0.0.1:1", "127.0.0.1:2"]);
        names.learn(&[broker("127.0.0.1", 2), broker("127.0.0.1", 3)], "x");
        assert_eq!(known(&endpoints), ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
        names.learn(&[broker("::1", 4)], "x");
        assert_eq!(known(&endpoints), ["127.0.0.1:1", "127.0.0.1:2", "[::1]:4"]);
        names.learn(&[], "x");
        assert_eq!(known(&endpoints), ["127.0.0.1:1", "127.0.0.1:2"]);
    }

    #[test]
    fn what_can_be_no_address_is_not_learnt() {
        for host in ["0.0.0.0", "::", "", "a b", "a/b", "user@a", "a:b", "a\n", &"a".repeat(256)] {
            assert_eq!(advertised(&broker(host, 1)), None, "{host:?}");
        }
        assert_eq!(advertised(&broker("a", 0)), None);
        for (host, name) in [("a.b", "a.b:1"), ("::1", "[::1]:1"), ("[::1]", "[::1]:1")] {
            assert_eq!(advertised(&broker(host, 1)).as_deref(), Some(name));
        }
        let (names, endpoints) = names(&["127.0.0.1:1"], None);
        let many: Vec<_> = (1..2000).map(|port| broker("127.0.0.2", port)).collect();
        names.learn(&many, "x");
        assert_eq!(known(&endpoints).len(), 1 + MOST);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        let text = "127.0.0.1 a.test # b.test\n::1 x A.test\n\nnonsense a.test";
        std::fs::write(&file, text).unwrap();
        let (names, endpoints) = names(&["a.test:1", "localhost:2"], Some(&file));
        assert_eq!(known(&endpoints), [""; 0]);
        names.look_up().await;
        let both = known(&endpoints);
        assert!(both.starts_with(&["a.test:1 (127.0.0.1:1)".into(), "a.test:1 ([::1]:1)".into()]));
        assert!(both.contains(&"localhost:2 (127.0.0.1:2)".to_owned()));
        std::fs::write(&file, "127.0.0.3 a.test").unwrap();
        names.look_up().await;
        assert_eq!(known(&endpoints)[0], "a.test:1 (127.0.0.3:1)");
        // What was known is kept when the name cannot be looked up.
        std::fs::remove_file(&file).unwrap();
        names.look_up().await;
        assert_eq!(known(&endpoints)[0], "a.test:1 (127.0.0.3:1)");
        assert!(names.troubles().is_empty());
    }

    #[test]
    fn both_versions_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.2:1"];
        let ordered = in_turns(given.map(address).into());
        let versions: Vec<_> = ordered.iter().map(SocketAddr::is_ipv6).collect();
        assert_eq!(versions, [true, false, true, false, true]);
        assert!(in_turns(Vec::new()).is_empty());
    }
}
