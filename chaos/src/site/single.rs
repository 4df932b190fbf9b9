//! A broker on a port of its own, behind a proxy.

use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::StdRng;

use super::proxy::Proxy;
use super::text;
use crate::Tally;
use crate::process::{Process, launch_broker};

/// A broker with its data.
pub struct Single {
    data: PathBuf,
    /// Where it listens, from the first start on.
    address: String,
    process: Process,
    proxy: Proxy,
}

impl Single {
    /// Starts a broker on a free port.
    pub async fn start(data: &Path) -> anyhow::Result<Self> {
        let (process, address) = launch(data, "127.0.0.1:0", "fsync").await?;
        let proxy = Proxy::start(address.parse()?).await?;
        Ok(Self { data: data.to_owned(), address, process, proxy })
    }

    pub fn proxied(&self) -> &str {
        &self.proxy.address
    }

    pub fn direct(&self) -> &str {
        &self.address
    }

    /// Kills the broker or cuts its connections.
    pub async fn strike(&mut self, random: &mut StdRng, tally: &mut Tally) -> anyhow::Result<()> {
        if random.random() {
            let durability = if random.random() { "fsync" } else { "os" };
            self.restart(durability).await?;
            tally.kills += 1;
        } else {
            tally.cuts += self.proxy.cut();
        }
        Ok(())
    }

    /// Kills it and starts it again, so that it knows only what is on the disk.
    pub async fn start_anew(&mut self) -> anyhow::Result<()> {
        self.restart("fsync").await
    }

    /// Ends it in good order and starts it again.
    pub async fn roll(&mut self) -> anyhow::Result<()> {
        self.process.terminate().await?;
        self.launch("fsync").await
    }

    async fn restart(&mut self, durability: &str) -> anyhow::Result<()> {
        self.process.kill().await?;
        self.launch(durability).await
    }

    async fn launch(&mut self, durability: &str) -> anyhow::Result<()> {
        (self.process, _) = launch(&self.data, &self.address, durability).await?;
        Ok(())
    }
}

async fn launch(data: &Path, listen: &str, durability: &str) -> anyhow::Result<(Process, String)> {
    launch_broker(&["--listen", listen, "--data-dir", text(data)?, "--durability", durability])
        .await
}
