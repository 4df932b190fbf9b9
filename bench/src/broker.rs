//! The broker's process, its memory and its time.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use flymq_core::{Config, Pem};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::scenario::{Durability, Scenario};

/// The arguments with which this program is the `flymq` command.
pub const SUBCOMMANDS: [&str; 2] = ["broker", "certs"];

/// A broker in a process and a data folder of its own. Both go when it is dropped.
pub struct Broker {
    process: Child,
    address: String,
    /// Where it tells its metrics, if it does.
    metrics: Option<String>,
    /// Whom clients trust, if the broker takes TLS.
    ca: Option<PathBuf>,
    _data: tempfile::TempDir,
}

impl Broker {
    /// Starts one as the scenario wants it.
    pub fn start(data_dir: &Path, scenario: &Scenario) -> anyhow::Result<Self> {
        let tls = scenario.tls;
        let data = tempfile::Builder::new().prefix("broker-").tempdir_in(data_dir)?;
        let durability = match scenario.durability {
            Durability::Os => "os",
            Durability::Fsync => "fsync",
        };
        let mut command = Command::new(std::env::current_exe()?);
        let certs = data.path().join("certs");
        if tls {
            let mut making = Command::new(std::env::current_exe()?);
            let made = making.args(["certs", "dev"]).arg(&certs).stdout(Stdio::null()).status()?;
            ensure!(made.success(), "cannot make certificates");
        }
        command
            .args(["broker", "--listen", "127.0.0.1:0", "--durability", durability, "--data-dir"])
            .arg(data.path().join("data"));
        if tls {
            command.arg("--tls-cert").arg(certs.join("server.pem"));
            command.arg("--tls-key").arg(certs.join("server.key"));
        }
        if scenario.scraped {
            command.args(["--http-listen", "127.0.0.1:0"]);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a broker")?;
        let stdout = process.stdout.take().context("no standard output")?;
        let mut said = BufReader::new(stdout);
        let address = told(&mut said, "listening on ")?;
        let metrics =
            scenario.scraped.then(|| told(&mut said, "health and metrics on ")).transpose()?;
        let ca = tls.then(|| certs.join("ca.pem"));
        Ok(Self { process, address, metrics, ca, _data: data })
    }

    /// A client's options for this broker.
    pub fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::parse(&self.address)?;
        config.tls.enabled = self.ca.is_some();
        config.tls.ca = self.ca.clone().map(Pem::File);
        Ok(config)
    }

    /// Where it tells its metrics, if it does.
    pub fn metrics(&self) -> Option<&str> {
        self.metrics.as_deref()
    }

    /// Bytes of memory that it has in use now.
    pub fn resident(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most bytes of memory that it ever had in use.
    pub fn peak_resident(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    /// The processor time that it has used.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        cpu_time(self.process.id())
    }

    fn status(&self, field: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: u64 = kib.with_context(|| format!("/proc has no {field}"))?.parse()?;
        Ok(kib << 10)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Politely, so that nothing writes into the folder while it is removed.
        if let Some(pid) = Pid::from_raw(self.process.id() as i32) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// What follows these words on the next line that a broker says.
fn told(said: &mut impl BufRead, words: &str) -> anyhow::Result<String> {
    let mut line = String::new();
    said.read_line(&mut line)?;
    let rest = line.trim().strip_prefix(words).map(str::to_owned);
    rest.with_context(|| format!("the broker said {line:?}"))
}

/// The processor time that a process has used.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command's name, which may contain anything, ends with the last bracket; user and system
    // time are the 12th and 13th field after it.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
    let times = fields.into_iter().flatten().skip(11).take(2);
    let ticks: u64 = times.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
}

/// Allows as many open files as the system does, for this process and its brokers.
pub fn raise_file_limit() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("cannot raise the limit of open files")?;
    ensure!(
        limit.maximum.is_none_or(|most| most > 12_000),
        "the limit of open files is {:?}; `ulimit -Hn 20000` is needed",
        limit.maximum
    );
    Ok(())
}
