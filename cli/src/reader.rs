//! Reads partitions of a topic to where they end now, or on and on.

use std::collections::HashMap;
use std::time::Duration;

use flymq_core::{
    Client, Consumer, Error, ErrorCode, Isolation, Message, OffsetReset, OffsetSpec, OnUnreadable,
    StartOffset,
};

/// How long to wait for records before looking whether anything is wrong.
const PATIENCE: Duration = Duration::from_millis(500);

/// What to read.
pub struct Selection {
    pub topic: String,
    pub partitions: Vec<u32>,
    pub from: StartOffset,
    /// Go on with new records.
    pub follow: bool,
    pub isolation: Isolation,
    /// How many bytes to ask for at a time.
    pub fetch_bytes: u32,
    pub on_undecryptable: OnUnreadable,
}

pub struct Reader {
    client: Client,
    consumer: Consumer,
    topic: String,
    follow: bool,
    /// Where the partitions that are not read to their end yet end.
    ends: HashMap<u32, u64>,
}

impl Reader {
    pub async fn open(client: &Client, selection: Selection) -> Result<Self, Error> {
        let Selection { topic, partitions, from, follow, isolation, .. } = selection;
        let at = |spec| partitions.iter().map(|&p| (p, spec)).collect::<Vec<_>>();
        let latest = client.list_offsets(&topic, &at(OffsetSpec::Latest)).await?;
        let mut builder = client
            .consumer()
            .isolation(isolation)
            .fetch_bytes(selection.fetch_bytes)
            .on_undecryptable(selection.on_undecryptable);
        if let StartOffset::Offset(offset) = from {
            // Whoever names an offset wants that one, or to know why not.
            builder = builder.auto_offset_reset(OffsetReset::Error);
            for (&partition, &end) in partitions.iter().zip(&latest) {
                if offset > end {
                    client.consume(&topic, partition, offset).await?;
                }
            }
        }
        let consumer = builder.build();
        let starts: Vec<_> = partitions.iter().map(|&p| (topic.clone(), p, from)).collect();
        consumer.assign(starts).await?;
        let mut reader = Self {
            client: client.clone(),
            consumer,
            topic,
            follow,
            ends: partitions.into_iter().zip(latest).collect(),
        };
        reader.leave_out_finished()?;
        Ok(reader)
    }

    /// The next records, at most `max`; none when all partitions have been read to their end.
    pub async fn next(&mut self, max: usize) -> Result<Option<Vec<Message>>, Error> {
        loop {
            if !self.follow && self.ends.is_empty() {
                return Ok(None);
            }
            let mut messages = self.consumer.poll(max, PATIENCE).await?;
            if self.follow {
                if !messages.is_empty() {
                    return Ok(Some(messages));
                }
                continue;
            }
            if messages.is_empty() {
                // Nothing came although there is something: the broker may be gone for good.
                self.client.ping().await?;
            }
            // What was stored after the beginning is left for another time.
            messages.retain(|m| self.ends.get(&m.partition).is_some_and(|&end| m.offset < end));
            self.leave_out_finished()?;
            if !messages.is_empty() {
                return Ok(Some(messages));
            }
        }
    }

    fn leave_out_finished(&mut self) -> Result<(), Error> {
        if self.follow {
            return Ok(());
        }
        let mut finished = Vec::new();
        for (&partition, &end) in &self.ends {
            if self.consumer.position(&self.topic, partition)? >= end {
                finished.push(partition);
            }
        }
        for partition in finished {
            self.ends.remove(&partition);
            self.consumer.pause(&self.topic, partition)?;
        }
        Ok(())
    }
}

/// All partitions of a topic, or the one that is asked for.
pub async fn partitions(
    client: &Client,
    topic: &str,
    only: Option<u32>,
) -> Result<Vec<u32>, Error> {
    let count = client.partition_count(topic).await?;
    match only {
        None => Ok((0..count).collect()),
        Some(partition) if partition < count => Ok(vec![partition]),
        Some(partition) => Err(Error::new(
            ErrorCode::UnknownPartition,
            "consume",
            format!("topic {topic:?} has partitions 0 to {}, not {partition}", count - 1),
        )),
    }
}
