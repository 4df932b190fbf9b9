//! Reads of single records.

use std::sync::Arc;

use bytes::Bytes;
use flymq_protocol::messages::{ConsumeRequest, ConsumeResponse, ConsumedRecord};
use flymq_protocol::{Blob, ErrorCode, ProtocolError, Record, batch};
use tokio::time::Instant;

use super::target::Target;
use super::{Fetch, LEAST_ROOM};
use crate::Result;
use crate::kafka::{Inner, errors};

/// How much is asked for to find one record. Kafka returns a whole batch at least.
const ONE_RECORD: usize = 16 << 10;

/// Reads the first visible record at or after an offset.
pub async fn consume(inner: Arc<Inner>, request: ConsumeRequest) -> Result<ConsumeResponse> {
    let _room = inner.budget.take(LEAST_ROOM).await;
    let mut offset = request.offset;
    loop {
        let target = Target::new(0, request.partition, offset, ONE_RECORD);
        let mut fetch = Fetch {
            inner: inner.clone(),
            isolation: request.isolation,
            topics: vec![request.topic.clone()],
            targets: vec![target],
            begun: Instant::now(),
        };
        fetch.read(ONE_RECORD).await?;
        let Some(Target { answer, .. }) = fetch.targets.pop() else {
            return Err(errors::malformed("a read came to nothing"));
        };
        if answer.error != 0 {
            let code = ErrorCode::from_u16(answer.error).unwrap_or(ErrorCode::Internal);
            return Err(ProtocolError::new(code, answer.message));
        }
        for batch in &answer.batches {
            for record in batch.records(batch::DEFAULT_MAX_RAW)? {
                let record = record?;
                if record.offset >= request.offset {
                    let next_offset = record.offset + 1;
                    return Ok(ConsumeResponse { record: Some(consumed(record)), next_offset });
                }
            }
        }
        if answer.next_offset == offset {
            return Ok(ConsumeResponse { record: None, next_offset: offset });
        }
        offset = answer.next_offset;
    }
}

fn consumed(record: Record) -> ConsumedRecord {
    let blob = |bytes: Bytes| Blob(bytes);
    ConsumedRecord {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(blob),
        value: record.value.map(blob),
        headers: record.headers.into_iter().map(|(n, v)| (n, v.map(blob))).collect(),
    }
}
