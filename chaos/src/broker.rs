//! A broker process on a port of its own, killed and started again.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::process::Process;

/// A broker with its data.
pub struct Broker {
    data: PathBuf,
    /// Where it listens, from the first start on.
    pub address: String,
    process: Process,
}

impl Broker {
    /// Starts a broker on a free port.
    pub async fn start(data: &Path) -> anyhow::Result<Self> {
        let (process, address) = launch(data, "127.0.0.1:0", "fsync").await?;
        Ok(Self { data: data.to_owned(), address, process })
    }

    /// Kills it and starts it again in the same place.
    pub async fn kill_and_restart(&mut self, durability: &str) -> anyhow::Result<()> {
        self.process.kill().await?;
        (self.process, _) = launch(&self.data, &self.address, durability).await?;
        Ok(())
    }
}

async fn launch(data: &Path, listen: &str, durability: &str) -> anyhow::Result<(Process, String)> {
    let data = data.to_str().context("the data folder's name is not UTF-8")?;
    let options = ["--listen", listen, "--data-dir", data, "--durability", durability];
    let mut process = Process::start(&[&["broker"], &options[..]].concat())?;
    let line = process.lines()?.next_line().await?.unwrap_or_default();
    let Some(address) = line.strip_prefix("listening on ") else {
        bail!("the broker said {line:?} instead of where it listens");
    };
    Ok((process, address.to_owned()))
}
