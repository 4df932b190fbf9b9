//! The bank: clients transfer between accounts of several topics by transactions, while broker and
//! clients are killed and connections cut.

pub mod client;
mod ledger;
mod reader;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use flymq_core::{Client, Isolation};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::process::Process;
use crate::site::Site;
use crate::{Options, Tally};
use ledger::Ledger;

/// The topics that hold the accounts.
pub const TOPICS: [&str; 3] = ["accounts-a", "accounts-b", "accounts-c"];
/// Partitions of each.
pub const PARTITIONS: u32 = 2;
/// How many clients transfer at a time.
const CLIENTS: u32 = 8;

/// One side of a transfer, as a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The transaction, unlike every other.
    pub transaction: String,
    /// Number of this entry among those of the transaction.
    pub part: u32,
    /// How many entries the transaction has.
    pub parts: u32,
    /// What the account gains. The entries of a transaction add up to 0.
    pub amount: i64,
}

/// What clients have said of their transactions.
#[derive(Default)]
pub struct Books {
    said: Mutex<Said>,
    committed: watch::Sender<u64>,
}

#[derive(Default)]
struct Said {
    committed: Vec<String>,
    aborted: Vec<String>,
}

impl Books {
    /// Notes a line of a client.
    fn note(&self, line: &str) -> anyhow::Result<()> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match line.split_once(' ') {
            Some(("committed", id)) => {
                said.committed.push(id.to_owned());
                self.committed.send_modify(|count| *count += 1);
            }
            Some(("aborted", id)) => said.aborted.push(id.to_owned()),
            Some(("unknown", _)) => {}
            _ => bail!("a client said {line:?}"),
        }
        Ok(())
    }

    /// The transactions committed and aborted since the last call.
    pub fn take(&self) -> (Vec<String>, Vec<String>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut said.committed), std::mem::take(&mut said.aborted))
    }

    /// Counts the transactions that were committed.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    async fn wait_for_more(&self, count: u64, patience: Duration) -> anyhow::Result<()> {
        let goal = *self.committed.borrow() + count;
        let mut committed = self.committed();
        tokio::time::timeout(patience, committed.wait_for(|&count| count >= goal))
            .await
            .with_context(|| format!("{count} transactions took more than {patience:?}"))??;
        Ok(())
    }
}

/// Runs the bank and checks every reading of it.
pub async fn run(options: &Options) -> anyhow::Result<Tally> {
    let began = Instant::now();
    let mut random = StdRng::seed_from_u64(options.seed);
    let data = tempfile::tempdir()?;
    let mut site = Site::start(options.engine, data.path()).await?;
    let client = Client::connect(&site.direct_addresses()).await?;
    for topic in TOPICS {
        // Transactions are to cross from one part of the log to the next.
        client.create_topic(site.topic(topic, PARTITIONS)).await?;
    }

    let books = Arc::new(Books::default());
    let addresses = site.addresses();
    let start = |number: u32, random: &mut StdRng| {
        let seed = random.random();
        let process = options.languages.start("bank-client", &addresses, number, seed)?;
        listen(process, books.clone())
    };
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(start(number, &mut random)?);
    }
    let stop = Arc::new(Notify::new());
    let through_proxy = Client::connect(&addresses).await?;
    let reading = tokio::spawn(reader::watch(through_proxy, books.clone(), stop.clone()));

    let mut tally = Tally::default();
    // The first of all take as long as a JVM takes to start.
    books.wait_for_more(1, Duration::from_secs(90)).await?;
    for _ in 0..options.bank_faults {
        if random.random() {
            site.strike(&mut random, &mut tally).await?;
        } else {
            let number = random.random_range(0..CLIENTS);
            clients[number as usize].kill().await?;
            clients[number as usize] = start(number, &mut random)?;
            tally.kills += 1;
        }
        let healed = Instant::now();
        books.wait_for_more(1, site.patience()).await?;
        tally.went_on_after(healed.elapsed());
        books.wait_for_more(random.random_range(0..20), site.patience()).await?;
        tokio::time::sleep(Duration::from_micros(random.random_range(0..100_000))).await;
    }
    books.wait_for_more(20, site.patience()).await?;
    for client in clients {
        client.finish().await?;
    }
    stop.notify_one();
    let watched = reading.await??;
    // What counts is what is stored, not what the brokers remember that acknowledged it.
    site.start_anew().await?;
    let mut last = Ledger::default();
    let (committed, aborted) = watched.promises();
    last.expect(committed, aborted);
    let (committed, aborted) = books.take();
    last.expect(committed, aborted);
    let mut from_start = reader::Position::default();
    reader::read_up(&client, &mut from_start, Isolation::ReadCommitted, |e| last.enter(e)).await?;
    last.settle();
    watched.report("while it went on", &mut tally);
    last.report("in the end", &mut tally);
    tally.records += last.entries();

    let mut uncommitted = 0;
    let mut from_start = reader::Position::default();
    let count = |_| uncommitted += 1;
    reader::read_up(&client, &mut from_start, Isolation::ReadUncommitted, count).await?;
    if uncommitted <= last.entries() {
        bail!(
            "read uncommitted shows {uncommitted} entries, no more than the {} committed ones, \
             though transactions were aborted",
            last.entries()
        );
    }
    println!(
        "bank, seed {}: {} transactions acknowledged, {} entries committed, {} of open or aborted \
         transactions hidden ({:.1} s)",
        options.seed,
        *books.committed().borrow(),
        last.entries(),
        uncommitted - last.entries(),
        began.elapsed().as_secs_f64(),
    );
    Ok(tally)
}

/// Has what a client says noted.
fn listen(mut process: Process, books: Arc<Books>) -> anyhow::Result<Process> {
    let mut lines = process.lines()?;
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            // A killed client's last line may be torn.
            if let Err(error) = books.note(&line) {
                eprintln!("{error}");
            }
        }
    });
    Ok(process)
}
