//! Looking into a topic: some of its records, shown in part. Whatever they are and however many, an
//! answer and what it takes to make it are bounded.

use std::collections::VecDeque;

use flymq_protocol::batch::DEFAULT_MAX_RAW;
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError, Record, RecordBatch};
use serde::{Deserialize, Serialize};

use super::blob::Shown;
use super::invalid;
use super::session::Session;
use crate::Result;

/// How many records are shown at a time.
const MOST_RECORDS: usize = 500;
/// How many partitions are looked into at a time.
const MOST_PARTITIONS: usize = 64;
/// How many bytes of a key or value are shown.
const MOST_OF_VALUE: usize = 1 << 20;
/// How many of a record's headers are shown, and how many bytes of a header's name or value.
const MOST_HEADERS: usize = 64;
const MOST_OF_HEADER: usize = 1024;
/// Beyond how many bytes an answer takes no further record.
const MOST_SHOWN: usize = 4 << 20;
/// How many bytes are read from the engine at a time, roughly, and for an answer at most.
const READ: u32 = 256 << 10;
const MOST_READ: usize = 16 << 20;
/// How often it is tried to find the newest records where offsets have gaps.
const ATTEMPTS: usize = 8;

/// The header that marks a value which a client has encrypted.
const ENCRYPTED: &str = "flymq.enc";

/// Which records.
#[derive(Deserialize)]
pub struct Wanted {
    topic: String,
    /// All of them where none is named.
    partition: Option<u32>,
    /// Those from this offset on.
    from: Option<u64>,
    /// Those before this offset.
    before: Option<u64>,
    /// Those from this time on, in milliseconds since 1970.
    from_ms: Option<i64>,
    #[serde(default = "fifty")]
    limit: usize,
    #[serde(default = "four_kib")]
    max_value_bytes: usize,
    /// Whether those of open and aborted transactions are shown too.
    #[serde(default)]
    uncommitted: bool,
}

fn fifty() -> usize {
    50
}
fn four_kib() -> usize {
    4096
}

/// Some records of a topic.
#[derive(Serialize)]
pub struct Records {
    topic: String,
    /// By their offsets; of many partitions, by their timestamps.
    records: Vec<ShownRecord>,
    /// What each partition holds, as far as it may be read.
    partitions: Vec<PartitionInfo>,
    /// Whether the bounds of an answer, and not what was asked for, left records out.
    cut: bool,
}

/// A record, shown in part.
#[derive(Serialize)]
struct ShownRecord {
    partition: u32,
    offset: u64,
    timestamp_ms: i64,
    key: Option<Shown>,
    value: Option<Shown>,
    headers: Vec<ShownHeader>,
    /// How many headers are not shown.
    more_headers: usize,
    /// If the value is encrypted.
    encrypted: Option<Encrypted>,
}

#[derive(Serialize)]
struct ShownHeader {
    name: Shown,
    value: Option<Shown>,
}

/// What is readable of how a record is encrypted: `docs/security.md`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Encrypted {
    /// Nothing where the header is malformed.
    key_id: Option<String>,
    headers_sealed: bool,
    /// Whether there is no value, which is vouched for.
    no_value: bool,
}

pub async fn records(session: &mut Session<'_>, wanted: Wanted) -> Result<Records> {
    let positions = [wanted.from.is_some(), wanted.before.is_some(), wanted.from_ms.is_some()];
    if positions.iter().filter(|given| **given).count() > 1 {
        return Err(invalid("from, before and from_ms are alternatives"));
    }
    if wanted.partition.is_none() && (wanted.from.is_some() || wanted.before.is_some()) {
        return Err(invalid("an offset means nothing without a partition"));
    }
    if !(1..=MOST_RECORDS).contains(&wanted.limit) {
        return Err(invalid(format!("limit is outside of 1 to {MOST_RECORDS}")));
    }
    if wanted.max_value_bytes > MOST_OF_VALUE {
        return Err(invalid(format!("max_value_bytes is more than {MOST_OF_VALUE}")));
    }
    let partitions = partitions(session, &wanted).await?;
    let _turn = session.turn().await;
    let mut reader = Reader { session, wanted: &wanted, read: 0, cut: false };
    let mut records = Vec::new();
    for known in &partitions {
        records.extend(reader.look_into(known).await?);
    }
    let cut = reader.cut;
    Ok(choose(&wanted, records, partitions, cut))
}

/// The partitions to look into, and where they begin and end for such a reader.
async fn partitions(session: &mut Session<'_>, wanted: &Wanted) -> Result<Vec<PartitionInfo>> {
    let request = DescribeTopicRequest { name: wanted.topic.clone() };
    let described = session.call(request, |engine, request| engine.describe_topic(request)).await?;
    let mut partitions = described.partitions;
    match wanted.partition {
        Some(partition) => partitions.retain(|known| known.partition == partition),
        None if partitions.len() > MOST_PARTITIONS => {
            return Err(invalid(format!(
                "a topic of more than {MOST_PARTITIONS} partitions is looked into one by one: name one"
            )));
        }
        None => {}
    }
    if partitions.is_empty() {
        let message = format!("the topic has no partition {}", wanted.partition.unwrap_or(0));
        return Err(ProtocolError::new(ErrorCode::UnknownPartition, message));
    }
    let end = |known: &PartitionInfo| OffsetQuery { partition: known.partition, timestamp: LATEST };
    let ends = list_offsets(session, wanted, partitions.iter().map(end).collect()).await?;
    for (known, found) in partitions.iter_mut().zip(ends) {
        known.latest = found.offset.max(known.earliest);
    }
    Ok(partitions)
}

async fn list_offsets(
    session: &mut Session<'_>,
    wanted: &Wanted,
    queries: Vec<OffsetQuery>,
) -> Result<Vec<FoundOffset>> {
    let request = ListOffsetsRequest {
        topic: wanted.topic.clone(),
        partitions: queries,
        isolation: wanted.isolation(),
    };
    let found = session.call(request, |engine, request| engine.list_offsets(request)).await?;
    for offset in &found.partitions {
        failed(offset.error, "the partition cannot be read")?;
    }
    Ok(found.partitions)
}

fn failed(error: u16, message: &str) -> Result<()> {
    match error {
        0 => Ok(()),
        code => {
            let code = ErrorCode::from_u16(code).unwrap_or(ErrorCode::Internal);
            Err(ProtocolError::new(code, message))
        }
    }
}

/// Of what was found in each partition, what was asked for.
fn choose(
    wanted: &Wanted,
    mut records: Vec<ShownRecord>,
    partitions: Vec<PartitionInfo>,
    mut cut: bool,
) -> Records {
    if wanted.partition.is_none() {
        records.sort_by_key(|record| (record.timestamp_ms, record.partition, record.offset));
    }
    let beyond = records.len().saturating_sub(wanted.limit);
    let forward = wanted.from.is_some() || wanted.from_ms.is_some();
    if forward {
        records.truncate(wanted.limit);
    } else {
        records.drain(..beyond);
    }
    let mut weight = 0;
    let mut fits = |record: &ShownRecord| {
        weight += record.weight();
        weight <= MOST_SHOWN
    };
    let kept = match forward {
        true => records.iter().take_while(|record| fits(record)).count(),
        false => records.iter().rev().take_while(|record| fits(record)).count(),
    };
    // One is always shown: by itself it stays within other bounds.
    let kept = kept.max(1).min(records.len());
    cut |= kept < records.len();
    if forward {
        records.truncate(kept);
    } else {
        records.drain(..records.len() - kept);
    }
    Records { topic: wanted.topic.clone(), records, partitions, cut }
}

impl Wanted {
    fn isolation(&self) -> Isolation {
        match self.uncommitted {
            true => Isolation::ReadUncommitted,
            false => Isolation::ReadCommitted,
        }
    }
}

/// Reads partitions, and counts what that takes.
struct Reader<'s, 'a> {
    session: &'s mut Session<'a>,
    wanted: &'s Wanted,
    read: usize,
    cut: bool,
}

impl Reader<'_, '_> {
    /// What is wanted of one partition.
    async fn look_into(&mut self, known: &PartitionInfo) -> Result<Vec<ShownRecord>> {
        let PartitionInfo { partition, earliest, latest } = *known;
        let from = match (self.wanted.from, self.wanted.from_ms) {
            (Some(offset), _) => offset,
            (_, Some(timestamp)) => {
                let query = OffsetQuery { partition, timestamp: timestamp.max(0) };
                let found = list_offsets(self.session, self.wanted, vec![query]).await?;
                found.first().map_or(latest, |found| found.offset)
            }
            _ => return self.newest(known).await,
        };
        let (records, _) = self.read(partition, from.max(earliest)..latest, true).await?;
        Ok(records.into())
    }

    /// The last records before an offset, or of all. How large they are, and whether offsets have gaps,
    /// shows only when they are read.
    async fn newest(&mut self, known: &PartitionInfo) -> Result<Vec<ShownRecord>> {
        let end = self.wanted.before.unwrap_or(known.latest).min(known.latest);
        let mut span = self.wanted.limit as u64;
        let mut shrinking = false;
        let mut best = VecDeque::new();
        for _ in 0..ATTEMPTS {
            let from = end.saturating_sub(span).max(known.earliest);
            let (records, whole) = self.read(known.partition, from..end, false).await?;
            if whole {
                best = records;
                if best.len() >= self.wanted.limit || from <= known.earliest || shrinking {
                    break;
                }
                span = span.saturating_mul(8);
            } else if span == 1 || !best.is_empty() {
                break;
            } else {
                shrinking = true;
                self.cut = true;
                span = (span / 4).max(1);
            }
        }
        Ok(best.into())
    }

    /// The records of a range of offsets, no more than are wanted: the first, or else the last of
    /// them. Whether the range was read as far as that takes.
    async fn read(
        &mut self,
        partition: u32,
        range: std::ops::Range<u64>,
        first: bool,
    ) -> Result<(VecDeque<ShownRecord>, bool)> {
        let limit = self.wanted.limit;
        let mut records = VecDeque::new();
        let mut at = range.start;
        let enough = self.read + MOST_READ / 4;
        while at < range.end && !(first && records.len() >= limit) {
            if self.read >= MOST_READ || (!first && self.read >= enough) {
                self.cut |= first;
                return Ok((records, false));
            }
            let (response, room) = self.session.fetch(self.request(partition, at)).await?;
            let fetched = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
            let Some(fetched) = fetched else { break };
            failed(fetched.error, &fetched.message)?;
            if fetched.next_offset <= at {
                break;
            }
            at = fetched.next_offset;
            let most = self.wanted.max_value_bytes;
            let range = range.clone();
            for batch in fetched.batches {
                self.read += batch.records.len().max(batch.raw_size as usize);
                let range = range.clone();
                let show = move || show(&batch, partition, range, limit, first, most);
                let shown = tokio::task::spawn_blocking(show).await;
                records.extend(shown.map_err(|e| {
                    ProtocolError::new(ErrorCode::Internal, format!("records cannot be shown: {e}"))
                })??);
                if !first {
                    records.drain(..records.len().saturating_sub(limit));
                }
            }
            drop(room);
        }
        records.truncate(limit);
        Ok((records, true))
    }

    fn request(&self, partition: u32, offset: u64) -> FetchRequest {
        FetchRequest {
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: READ,
            isolation: self.wanted.isolation(),
            topics: vec![FetchTopic {
                topic: self.wanted.topic.clone(),
                partitions: vec![FetchPartition { partition, offset, max_bytes: READ }],
            }],
        }
    }
}

/// The first or last `limit` records of a batch within `range`.
fn show(
    batch: &RecordBatch,
    partition: u32,
    range: std::ops::Range<u64>,
    limit: usize,
    first: bool,
    most: usize,
) -> Result<VecDeque<ShownRecord>> {
    let mut shown = VecDeque::new();
    for record in batch.records(DEFAULT_MAX_RAW)? {
        let record = record?;
        if !range.contains(&record.offset) {
            continue;
        }
        if shown.len() == limit {
            if first {
                break;
            }
            shown.pop_front();
        }
        shown.push_back(ShownRecord::of(partition, &record, most));
    }
    Ok(shown)
}

impl ShownRecord {
    fn of(partition: u32, record: &Record, most: usize) -> Self {
        let headers = record.headers.iter().take(MOST_HEADERS).map(|(name, value)| ShownHeader {
            name: Shown::of(name.as_bytes(), MOST_OF_HEADER),
            value: value.as_ref().map(|value| Shown::of(value, MOST_OF_HEADER)),
        });
        let mark = record.headers.iter().find(|(name, _)| name == ENCRYPTED);
        Self {
            partition,
            offset: record.offset,
            timestamp_ms: record.timestamp,
            key: record.key.as_ref().map(|key| Shown::of(key, most.min(MOST_OF_HEADER))),
            value: record.value.as_ref().map(|value| Shown::of(value, most)),
            headers: headers.collect(),
            more_headers: record.headers.len().saturating_sub(MOST_HEADERS),
            encrypted: mark.map(|(_, mark)| Encrypted::parse(mark.as_deref().unwrap_or_default())),
        }
    }

    fn weight(&self) -> usize {
        let headers = self.headers.iter().flat_map(|h| [Some(&h.name), h.value.as_ref()]);
        let parts = headers.chain([self.key.as_ref(), self.value.as_ref()]);
        parts.flatten().map(Shown::weight).sum()
    }
}

impl Encrypted {
    /// Reads the beginning of the header's value: version, flags, and the key's id with its length.
    fn parse(mark: &[u8]) -> Self {
        let read = || {
            let [1, flags, length, rest @ ..] = mark else { return None };
            let id = rest.get(..usize::from(*length)).filter(|id| !id.is_empty())?;
            let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            let id = id.iter().all(legal).then(|| String::from_utf8_lossy(id).into_owned())?;
            Some(Self {
                key_id: Some(id),
                headers_sealed: flags & 1 != 0,
                no_value: flags & 2 != 0,
            })
        };
        read().unwrap_or(Self { key_id: None, headers_sealed: false, no_value: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_readable_of_encryption() {
        let known = |id: &str, headers_sealed, no_value| Encrypted {
            key_id: Some(id.into()),
            headers_sealed,
            no_value,
        };
        assert_eq!(Encrypted::parse(b"\x01\x00\x042026salt"), known("2026", false, false));
        assert_eq!(Encrypted::parse(b"\x01\x03\x01k"), known("k", true, true));
        for bad in [&b""[..], b"\x02\x00\x01k", b"\x01\x00\x00", b"\x01\x00\x05k", b"\x01\x00\x01<"]
        {
            assert_eq!(Encrypted::parse(bad).key_id, None, "{bad:?}");
        }
    }
}
