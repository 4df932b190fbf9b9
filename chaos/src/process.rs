//! Child processes: this program again, as a broker or as a client.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use flymq_core::Client;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a broker may be away.
const CONNECTED_WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// A child that says in lines what it did. It is killed when dropped.
pub struct Process {
    child: Child,
    /// Closed to ask the child to end in good order.
    stdin: Option<ChildStdin>,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Process {
    /// Starts this program with other arguments.
    pub fn start(args: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {args:?}"))?;
        let stdin = child.stdin.take();
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        Ok(Self { child, stdin, lines })
    }

    /// What it says, for whoever listens. They go on after its end until all is read.
    pub fn lines(&mut self) -> anyhow::Result<Lines<BufReader<ChildStdout>>> {
        self.lines.take().context("somebody listens to this process already")
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill a process")
    }

    /// Asks it to end, and waits for that.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        let status = self.child.wait().await?;
        if !status.success() {
            bail!("a process ended with {status}");
        }
        Ok(())
    }
}

/// Connects, although the broker may be away or go away just now.
pub async fn connect(address: &str) -> flymq_core::Result<Client> {
    let deadline = Instant::now() + CONNECTED_WITHIN;
    loop {
        match Client::connect(address).await {
            Err(error) if error.is_retriable() && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            connected => return connected,
        }
    }
}

/// Completes when the process that started this one wants it to end.
pub async fn asked_to_end() {
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(_)) = input.next_line().await {}
}
