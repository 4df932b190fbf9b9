//! What the machine can do without a broker: the least work that a scenario cannot do without.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use fjall::{Database, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

/// A limit by the name that `scenarios.toml` uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes a second through a TCP connection within the machine.
    Loopback,
    /// Bytes a second into the storage engine, left to the operating system.
    Append,
    /// The same, on the disk after every MiB.
    AppendFsync,
    /// Bytes a second that OpenSSL encrypts with AES-256-GCM, 1 KiB at a time.
    OpenSsl,
    /// Half of all round trips of 100 bytes through a TCP connection take no longer, in µs.
    PingPong,
}

impl Limit {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "loopback" => Self::Loopback,
            "append" => Self::Append,
            "append-fsync" => Self::AppendFsync,
            "openssl" => Self::OpenSsl,
            "ping-pong" => Self::PingPong,
            _ => return None,
        })
    }

    /// Measures it once.
    pub fn measure(self, data_dir: &Path, quick: bool) -> anyhow::Result<f64> {
        let scale = if quick { 1 } else { 4 };
        match self {
            // Which size of write is best depends on the machine; the limit is the best.
            Self::Loopback => {
                let rates = [64 << 10, 256 << 10, 1 << 20]
                    .map(|write_size| loopback(write_size, scale * (256 << 20)));
                rates.into_iter().try_fold(0.0, |best: f64, rate| Ok(best.max(rate?)))
            }
            Self::Append => append(data_dir, scale * (128 << 20), false),
            Self::AppendFsync => append(data_dir, scale * (128 << 20), true),
            Self::OpenSsl => openssl(if quick { 1 } else { 3 }),
            Self::PingPong => ping_pong(scale * 5_000),
        }
    }
}

fn connection() -> anyhow::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    let (other, _) = listener.accept()?;
    one.set_nodelay(true)?;
    other.set_nodelay(true)?;
    Ok((one, other))
}

fn loopback(write_size: usize, total: usize) -> anyhow::Result<f64> {
    let (mut sender, mut receiver) = connection()?;
    let sending = std::thread::spawn(move || -> std::io::Result<()> {
        let buffer = vec![1; write_size];
        let mut sent = 0;
        while sent < total {
            sender.write_all(&buffer)?;
            sent += buffer.len();
        }
        Ok(())
    });
    let mut buffer = vec![0; 1 << 20];
    let mut received = 0;
    let began = Instant::now();
    loop {
        match receiver.read(&mut buffer)? {
            0 => break,
            bytes => received += bytes,
        }
    }
    let rate = received as f64 / began.elapsed().as_secs_f64();
    sending.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    Ok(rate)
}

/// Values of 64 KiB in ascending order, as the embedded engine stores full batches.
fn append(data_dir: &Path, total: usize, fsync: bool) -> anyhow::Result<f64> {
    let folder = tempfile::Builder::new().prefix("append-").tempdir_in(data_dir)?;
    let database = Database::builder(folder.path())
        .journal_compression(fjall::CompressionType::None)
        .open()
        .context("cannot open a database")?;
    let options = || {
        KeyspaceCreateOptions::default().max_memtable_size(16 << 20).with_kv_separation(Some(
            KvSeparationOptions::default().compression(fjall::CompressionType::None),
        ))
    };
    let keyspace = database.keyspace("log", options)?;
    let value = vec![7; 64 << 10];
    let began = Instant::now();
    for number in 0..(total / value.len()) as u64 {
        keyspace.insert(number.to_be_bytes(), value.as_slice())?;
        if fsync && number % 16 == 15 {
            database.persist(PersistMode::SyncData)?;
        }
    }
    database.persist(if fsync { PersistMode::SyncData } else { PersistMode::Buffer })?;
    Ok(total as f64 / began.elapsed().as_secs_f64())
}

fn openssl(seconds: u32) -> anyhow::Result<f64> {
    let seconds = seconds.to_string();
    let arguments = ["speed", "-seconds", &seconds, "-bytes", "1024", "-evp", "aes-256-gcm"];
    let output = Command::new("openssl").args(arguments).output().context("cannot run openssl")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // The last line is the cipher's name and thousands of bytes a second, such as 1755801.60k.
    let thousands = text.lines().last().and_then(|line| line.trim().strip_suffix('k'));
    let thousands = thousands.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Ok(1000.0 * thousands.with_context(|| format!("openssl speed said {text:?}"))?)
}

fn ping_pong(rounds: usize) -> anyhow::Result<f64> {
    const SIZE: usize = 100;
    let (mut one, mut other) = connection()?;
    let answering = std::thread::spawn(move || {
        let mut buffer = [0; SIZE];
        while other.read_exact(&mut buffer).is_ok() && other.write_all(&buffer).is_ok() {}
    });
    let mut buffer = [0; SIZE];
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        one.write_all(&buffer)?;
        one.read_exact(&mut buffer)?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    drop(one);
    answering.join().map_err(|_| anyhow::anyhow!("the answerer panicked"))?;
    Ok(crate::harness::median(&times))
}
