//! Three Kafka nodes, by the tool that runs them for tests.

use std::path::Path;

use anyhow::{Context, bail};
use tokio::io::{BufReader, Lines};
use tokio::process::ChildStdout;

use super::text;
use crate::process::Process;

/// Where the tool is.
const TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/kafka/kafka.py");

/// How many nodes there are; their numbers begin at 1.
pub const NODES: u32 = 3;

/// A running cluster, which ends with this value.
pub struct Kafka {
    process: Process,
    answers: Lines<BufReader<ChildStdout>>,
    /// The addresses of its nodes.
    pub bootstrap: String,
}

impl Kafka {
    /// Starts the nodes and waits until they can be used.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let nodes = NODES.to_string();
        let mut process = Process::start(
            "python3",
            &[TOOL, "run", "--nodes", &nodes, "--directory", text(&folder.join("kafka"))?],
        )?;
        let mut answers = process.lines()?;
        let line = answers.next_line().await?.unwrap_or_default();
        let Some(bootstrap) = line.strip_prefix("listening on ").map(str::to_owned) else {
            bail!("Kafka said {line:?} instead of where it listens");
        };
        Ok(Self { process, answers, bootstrap })
    }

    /// Gives the tool an order such as `kill 2`, and waits until it is carried out.
    pub async fn order(&mut self, order: &str) -> anyhow::Result<()> {
        self.process.tell(order).await?;
        let answer = self.answers.next_line().await?.context("Kafka has ended")?;
        if answer != "ok" {
            bail!("Kafka answered {order:?} with {answer:?}");
        }
        Ok(())
    }
}
