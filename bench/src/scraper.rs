//! Whoever asks a broker for its metrics, as Prometheus does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(1);
const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";

/// Asks each second, until it is dropped.
pub struct Scraper {
    until: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scraper {
    /// Asks whoever listens at this address.
    pub fn begin(address: &str) -> Self {
        let address = address.to_owned();
        let (until, ended) = channel();
        let thread = std::thread::spawn(move || {
            while matches!(ended.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
                if let Err(error) = scrape(&address) {
                    eprintln!("  no metrics from {address}: {error}");
                }
            }
        });
        Self { until: Some(until), thread: Some(thread) }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.until.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn scrape(address: &str) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(address)?;
    connection.write_all(REQUEST)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(std::io::Error::other("another answer than 200"));
    }
    Ok(())
}
