//! FlyMQ's Rust examples, in `examples/`. Each talks to the broker that `FLYMQ_BOOTSTRAP_SERVERS`
//! names, or starts one of its own.
//!
//! ```sh
//! cargo run -p flymq-examples --example quickstart
//! FLYMQ_BOOTSTRAP_SERVERS=localhost:9092 cargo run -p flymq-examples --example quickstart
//! ```

#![forbid(unsafe_code)]

use anyhow::anyhow;
use flymq_broker::Broker;

/// Where to find a broker, and the broker itself if it was started here.
pub struct Server {
    /// What to connect to.
    pub address: String,
    embedded: Option<(Broker, tempfile::TempDir)>,
}

impl Server {
    /// The broker that `FLYMQ_BOOTSTRAP_SERVERS` names, or else one in this process, with its data in
    /// a folder that goes with it.
    pub async fn find_or_start() -> anyhow::Result<Self> {
        if let Ok(address) = std::env::var("FLYMQ_BOOTSTRAP_SERVERS") {
            return Ok(Self { address, embedded: None });
        }
        let data = tempfile::tempdir()?;
        let config = flymq_broker::Config {
            data_dir: data.path().into(),
            listen: ([127, 0, 0, 1], 0).into(),
            ..Default::default()
        };
        let broker = Broker::start(config).await.map_err(|e| anyhow!(e.message))?;
        Ok(Self { address: broker.local_addr().to_string(), embedded: Some((broker, data)) })
    }

    /// Stops the broker if it was started here.
    pub async fn stop(self) {
        if let Some((broker, _data)) = self.embedded {
            broker.shutdown().await;
        }
    }
}
