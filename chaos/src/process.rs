//! Child processes: brokers, clients, and what brokers depend on.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use flymq_core::Client;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
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
    /// Starts a program.
    pub fn start(program: impl AsRef<OsStr>, args: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(&program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {:?} {args:?}", program.as_ref()))?;
        let stdin = child.stdin.take();
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        Ok(Self { child, stdin, lines })
    }

    /// Starts this program with other arguments.
    pub fn start_this(args: &[&str]) -> anyhow::Result<Self> {
        Self::start(std::env::current_exe().context("cannot tell where this program is")?, args)
    }

    /// What it says, for whoever listens. They go on after its end until all is read.
    pub fn lines(&mut self) -> anyhow::Result<Lines<BufReader<ChildStdout>>> {
        self.lines.take().context("somebody listens to this process already")
    }

    /// Writes a line to it.
    pub async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("the process was asked to end")?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(())
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill a process")
    }

    /// Ends it as an operator would (SIGTERM), and waits until it is gone.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.child.wait().await?;
        if !status.success() {
            bail!("a process that was asked to end did so with {status}");
        }
        Ok(())
    }

    /// Lets it do nothing until [`resume`](Self::resume), while its connections stay open.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(id.context("the process has ended")?, signal)?;
        Ok(())
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

/// Starts a broker. Returns where it listens too.
pub async fn launch_broker(options: &[&str]) -> anyhow::Result<(Process, String)> {
    let mut process = Process::start_this(&[&["broker"], options].concat())?;
    let line = process.lines()?.next_line().await?.unwrap_or_default();
    let Some(address) = line.strip_prefix("listening on ") else {
        bail!("the broker said {line:?} instead of where it listens");
    };
    Ok((process, address.to_owned()))
}

/// As a URL of a client that stays with these addresses, behind which there are proxies: it would learn
/// of ways around them.
pub fn only(addresses: &str) -> String {
    format!("flymq://{addresses}/?metadata_max_age_ms=0")
}

/// Connects, although the broker may be away or go away just now.
pub async fn connect(addresses: &str) -> flymq_core::Result<Client> {
    let deadline = Instant::now() + CONNECTED_WITHIN;
    loop {
        match Client::connect(addresses).await {
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
