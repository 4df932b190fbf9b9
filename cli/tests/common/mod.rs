//! A real broker process and the real command.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

pub const FLYMQ: &str = env!("CARGO_BIN_EXE_flymq");

/// A broker process, killed when dropped.
pub struct Broker {
    pub process: Child,
    pub address: String,
    /// Where it tells of health and metrics, if that was asked for.
    pub http: Option<String>,
}

impl Broker {
    /// Starts a broker on a free port.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, "127.0.0.1:0", &[])
    }

    pub fn start_with(data: &Path, listen: &str, options: &[&str]) -> Self {
        let mut command = Command::new(FLYMQ);
        command.args(["broker", "--listen", listen, "--data-dir"]).arg(data).args(options);
        Self::spawn(&mut command)
    }

    /// Starts a broker by a command that ends up being one, and waits until it listens.
    pub fn spawn(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stdin(Stdio::null());
        clear_environment(command);
        let mut process = command.spawn().expect("a broker process");
        let mut stdout = BufReader::new(process.stdout.take().expect("its standard output"));
        let mut told = |what: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a line");
            let told = line.trim().strip_prefix(what);
            told.unwrap_or_else(|| panic!("the broker said {line:?}")).to_owned()
        };
        let address = told("listening on ");
        let has = |option: &str| command.get_args().any(|arg| arg == option);
        let http = has("--http-listen").then(|| told("health and metrics on "));
        if has("--console") {
            told("console on ");
        }
        Self { process, address, http }
    }

    /// Kills it as a power cut would: without a word.
    pub fn kill(&mut self) {
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("its end");
    }

    /// Stops it as an operator would, and waits for it to be done.
    pub fn terminate(&mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().expect("kill").success());
        assert_eq!(self.process.wait().expect("its end").code(), Some(0));
    }

    /// Runs `flymq` against this broker.
    pub fn flymq(&self, args: &[&str]) -> Ran {
        self.flymq_with(args, "")
    }

    /// As [`flymq`](Self::flymq), with standard input.
    pub fn flymq_with(&self, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
        run(&[&["-a", &self.address], args].concat(), input.as_ref())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Its output, having checked that it succeeded.
    pub fn good(self) -> String {
        assert_eq!(self.status.code(), Some(0), "{self:?}");
        self.out
    }

    /// Its errors, having checked that it ended with this code.
    pub fn bad(self, code: i32) -> String {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        self.err
    }
}

/// Runs `flymq` to its end.
pub fn run(args: &[&str], input: &[u8]) -> Ran {
    let mut command = Command::new(FLYMQ);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    clear_environment(&mut command);
    let mut child = command.spawn().expect("the flymq command");
    let mut stdin = child.stdin.take().expect("its standard input");
    let input = input.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("its end");
    // A command that fails early does not read its input.
    let _ = writing.join().expect("the writing thread");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

/// What the developer has set must not change what is tested.
pub fn clear_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLYMQ_") {
            command.env_remove(name);
        }
    }
}
