//! Members of a consumer group, each with a connection of its own, and who of them reads what.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail};
use flymq_cli::load;
use flymq_core::{Client, Config, Consumer, Rebalance, TopicPartition};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const TOPIC: &str = "shared";
const GROUP: &str = "members";
/// How long a rebalance may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the members of a group do with their partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// They read them.
    Reading,
    /// They have them paused, so that heartbeats are all they send.
    Paused,
}

/// The members of a group that there are.
pub struct Members {
    config: Config,
    activity: Activity,
    shares: watch::Sender<Shares>,
    present: Vec<Member>,
    named: u64,
}

struct Member {
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Who reads which partition, as the members themselves see it.
#[derive(Debug)]
struct Shares {
    owners: Vec<Option<u64>>,
    /// How many partitions each member has.
    held: HashMap<u64, usize>,
    failure: Option<String>,
}

impl Shares {
    fn new(partitions: u32) -> Self {
        Self { owners: vec![None; partitions as usize], held: HashMap::new(), failure: None }
    }

    fn change(&mut self, member: u64, change: &Rebalance) {
        let (partitions, before, after) = match change {
            Rebalance::Assigned(partitions) => (partitions, None, Some(member)),
            Rebalance::Revoked(partitions) | Rebalance::Lost(partitions) => {
                (partitions, Some(member), None)
            }
        };
        let held = self.held.entry(member).or_default();
        for &TopicPartition { partition, .. } in partitions {
            let owner = &mut self.owners[partition as usize];
            if *owner != before {
                self.failure = Some(format!("partition {partition} has two owners"));
            }
            *owner = after;
            *held = held.saturating_add_signed(if after.is_some() { 1 } else { -1 });
        }
    }

    /// Whether so many members have all partitions, and as many each as the others or one more.
    fn are_final(&self, members: usize) -> bool {
        let Some(least) = self.owners.len().checked_div(members) else {
            return self.held.is_empty();
        };
        let most = self.owners.len().div_ceil(members);
        self.held.len() == members
            && self.held.values().all(|held| (least..=most).contains(held))
            && self.owners.iter().all(Option::is_some)
    }
}

impl Members {
    /// None yet, of a group that reads a topic of so many partitions.
    pub async fn none(
        config: &Config,
        partitions: u32,
        activity: Activity,
    ) -> anyhow::Result<Self> {
        load::ensure_topic(config, TOPIC, partitions).await?;
        let shares = watch::Sender::new(Shares::new(partitions));
        Ok(Self { config: config.clone(), activity, shares, present: Vec::new(), named: 0 })
    }

    /// Has so many more join. Returns how long it took until all had their shares, from when they
    /// were connected.
    pub async fn join(&mut self, count: u32) -> anyhow::Result<Duration> {
        let mut joining = Vec::new();
        for _ in 0..count {
            joining.push(self.connect().await?);
        }
        let began = Instant::now();
        for (client, consumer, name) in joining {
            consumer.subscribe([TOPIC])?;
            let (leave, left) = oneshot::channel();
            let shares = self.shares.clone();
            let task = tokio::spawn(async move {
                let failed = stay(consumer, left).await.err().map(|error| error.to_string());
                shares.send_modify(|shares| {
                    shares.held.remove(&name);
                    shares.failure = shares.failure.take().or(failed);
                });
                client.close().await;
            });
            self.present.push(Member { leave, task });
        }
        self.settled().await?;
        Ok(began.elapsed())
    }

    /// Has so many leave. Returns how long it took until the others had their shares.
    pub async fn leave(&mut self, count: u32) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut leaving = Vec::new();
        for Member { leave, task } in self.present.drain(..count as usize) {
            // A member that has failed has said so.
            let _ = leave.send(());
            leaving.push(task);
        }
        self.settled().await?;
        let elapsed = began.elapsed();
        for task in leaving {
            task.await?;
        }
        Ok(elapsed)
    }

    async fn connect(&mut self) -> anyhow::Result<(Client, Consumer, u64)> {
        self.named += 1;
        let (name, shares, activity) = (self.named, self.shares.clone(), self.activity);
        let client = Client::with_config(self.config.clone()).await?;
        let mut consumer = client.consumer().group(GROUP).build();
        consumer.on_rebalance(move |consumer, change| {
            let paused = match change {
                Rebalance::Assigned(partitions) if activity == Activity::Paused => {
                    partitions.iter().try_for_each(|p| consumer.pause(&p.topic, p.partition))
                }
                _ => Ok(()),
            };
            shares.send_modify(|shares| {
                shares.change(name, change);
                if let Err(error) = paused {
                    shares.failure = Some(error.to_string());
                }
            });
        });
        Ok((client, consumer, name))
    }

    async fn settled(&self) -> anyhow::Result<()> {
        let members = self.present.len();
        let mut shares = self.shares.subscribe();
        let settled = shares.wait_for(|s| s.failure.is_some() || s.are_final(members));
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        let settled = settled.with_context(|| format!("not settled within {PATIENCE:?}"))??;
        match &settled.failure {
            Some(failure) => bail!("a member failed: {failure}"),
            None => Ok(()),
        }
    }
}

/// Reads until it is to leave.
async fn stay(mut consumer: Consumer, mut leave: oneshot::Receiver<()>) -> flymq_core::Result<()> {
    loop {
        tokio::select! {
            polled = consumer.poll(500, Duration::from_secs(60)) => drop(polled?),
            _ = &mut leave => return consumer.close(Duration::from_secs(10)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(partitions: impl IntoIterator<Item = u32>) -> Vec<TopicPartition> {
        partitions.into_iter().map(|p| TopicPartition::new("t", p)).collect()
    }

    #[test]
    fn shares_are_final_when_they_are_even_and_whole() {
        let mut shares = Shares::new(3);
        assert!(shares.are_final(0));
        shares.change(1, &Rebalance::Assigned(partitions(0..3)));
        assert!(shares.are_final(1) && !shares.are_final(2));
        shares.change(1, &Rebalance::Revoked(partitions([2])));
        assert!(!shares.are_final(1) && !shares.are_final(2));
        shares.change(2, &Rebalance::Assigned(partitions([2])));
        assert!(shares.are_final(2) && shares.failure.is_none());
    }

    #[test]
    fn two_owners_are_noticed() {
        let mut shares = Shares::new(1);
        shares.change(1, &Rebalance::Assigned(partitions([0])));
        shares.change(2, &Rebalance::Assigned(partitions([0])));
        assert!(shares.failure.is_some());
    }
}
