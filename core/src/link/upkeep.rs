//! What a client does in the background, without keeping anybody waiting: it asks which brokers there
//! are, and finds out whether those that failed can be reached again.

use std::sync::{Arc, Weak};
use std::time::Duration;

use flymq_protocol::messages::MetadataRequest;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::Connection;
use super::router::{Lane, Router};
use crate::client::Core;
use crate::clock::after;

/// How long the answer with the brokers is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks after a client's brokers until it is closed or gone.
pub(crate) async fn look_after(core: Weak<Core>) {
    let Some(attention) = core.upgrade().map(|core| core.router.attention.clone()) else { return };
    let mut probes = JoinSet::new();
    // Over which connection the brokers were asked for, and when to do so again.
    let mut asked: Weak<Connection> = Weak::new();
    let mut ask_at = Instant::now();
    loop {
        let (connection, wake) = {
            let Some(core) = core.upgrade() else { return };
            let router = &core.router;
            if router.check_open().is_err() {
                return;
            }
            while probes.try_join_next().is_some() {}
            // Without a connection, whoever needs one tries everything anyhow.
            let connection = router.ready(Lane::Main);
            if connection.is_some() {
                router.probe(&mut probes);
            }
            let learns = !router.config().metadata_max_age.is_zero();
            let wake = [router.endpoints.next_probe(), learns.then_some(ask_at)];
            let wake = wake.into_iter().flatten().min().filter(|_| connection.is_some());
            let due = |connection: &Arc<Connection>| {
                let again = std::ptr::eq(asked.as_ptr(), Arc::as_ptr(connection));
                learns && (!again || ask_at <= Instant::now())
            };
            (connection.filter(due), wake)
        };
        match (connection, wake) {
            (Some(connection), _) => {
                asked = Arc::downgrade(&connection);
                ask_at = ask(&core, &connection).await;
            }
            (None, Some(at)) => drop(tokio::time::timeout_at(at, attention.notified()).await),
            (None, None) => attention.notified().await,
        }
    }
}

/// Asks which brokers there are. Returns when to do so again.
async fn ask(core: &Weak<Core>, connection: &Connection) -> Instant {
    let request = MetadataRequest::default();
    let answer = tokio::time::timeout(PATIENCE, connection.call("metadata", &request)).await;
    let Some(core) = core.upgrade() else { return Instant::now() };
    let router = &core.router;
    match answer {
        Ok(Ok(answer)) => {
            router.metrics().refreshed();
            router.names.learn(&answer.brokers, &connection.hello.cluster_id);
            // So that names are known before they are needed.
            router.names.look_up().await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "cannot learn which brokers there are"),
        Err(_) => tracing::debug!("cannot learn which brokers there are in time"),
    }
    // Not all clients at the same moment.
    after(router.config().metadata_max_age.mul_f64(0.8 + 0.2 * rand::random::<f64>()))
}

impl Router {
    /// Tries endpoints again whose time it is.
    fn probe(&self, probes: &mut JoinSet<()>) {
        for endpoint in self.endpoints.take_probes() {
            let (dialer, attention) = (self.dialer.clone(), self.attention.clone());
            probes.spawn(async move {
                // A connection that was opened for this is closed as it is dropped.
                let _ = dialer.open(&endpoint).await;
                attention.notify_one();
            });
        }
    }
}
