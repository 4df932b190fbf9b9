//! Reads a topic as a member of a group.

use std::time::Duration;

use anyhow::bail;
use flymq_core::{Client, Consumer, Isolation, Message, OffsetReset, OffsetSpec, StartOffset};

use crate::args::ConsumeOptions;

/// How long to wait for records before looking whether there are any.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a member that gets no partitions waits for some.
const WITHOUT_PARTITIONS: u32 = 20;

pub struct Member {
    client: Client,
    consumer: Consumer,
    follow: bool,
    isolation: Isolation,
    /// How often in a row nothing came while it had no partitions.
    idle: u32,
}

impl Member {
    pub async fn join(
        client: &Client,
        group: &str,
        options: &ConsumeOptions,
    ) -> anyhow::Result<Self> {
        let reset = match options.from.0 {
            StartOffset::Earliest => OffsetReset::Earliest,
            StartOffset::Latest => OffsetReset::Latest,
            _ => bail!(
                "a group goes on where it has come to; set that with: flymq group reset {group} {} --to …",
                options.topic
            ),
        };
        // A topic that does not exist would be waited for.
        client.partition_count(&options.topic).await?;
        let isolation = options.isolation.into();
        let consumer = client
            .consumer()
            .group(group)
            .auto_commit(None)
            .auto_offset_reset(reset)
            .isolation(isolation)
            .build();
        consumer.subscribe([&options.topic])?;
        Ok(Self { client: client.clone(), consumer, follow: options.follow, isolation, idle: 0 })
    }

    /// The next records, at most `max`; none when those of this member's partitions have been read.
    pub async fn next(&mut self, max: usize) -> flymq_core::Result<Option<Vec<Message>>> {
        loop {
            let messages = self.consumer.poll(max, PATIENCE).await?;
            if !messages.is_empty() {
                self.idle = 0;
                return Ok(Some(messages));
            }
            if !self.follow && self.is_done().await? {
                return Ok(None);
            }
        }
    }

    async fn is_done(&mut self) -> flymq_core::Result<bool> {
        let assignment = self.consumer.assignment();
        if assignment.is_empty() {
            self.idle += 1;
            return Ok(self.idle > WITHOUT_PARTITIONS);
        }
        for slot in assignment {
            let latest = [(slot.partition, OffsetSpec::Latest)];
            let found = self.client.list_offsets_with(&slot.topic, &latest, self.isolation).await?;
            // A partition that was taken away meanwhile is no longer this member's concern.
            let position = self.consumer.position(&slot.topic, slot.partition);
            if position.is_ok_and(|position| position < found[0]) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub async fn commit(&self) -> flymq_core::Result<()> {
        self.consumer.commit().await
    }

    pub async fn leave(self) -> flymq_core::Result<()> {
        self.consumer.close(Duration::from_secs(10)).await
    }
}
