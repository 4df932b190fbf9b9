//! A batch's records without copies: for those who turn them into another form.
//!
//! ```
//! use flymq_protocol::view::RecordView;
//! use flymq_protocol::{BatchBuilder, Codec};
//!
//! let mut builder = BatchBuilder::new();
//! builder.push(Some(b"key"), Some(b"value"), &[], 1_700_000_000_000);
//! let batch = builder.build(Codec::Lz4);
//! let view = batch.view(1024)?;
//! let records: Vec<RecordView> = view.records().collect::<Result<_, _>>()?;
//! assert_eq!((records[0].key, records[0].timestamp), (Some(&b"key"[..]), 1_700_000_000_000));
//! # Ok::<(), flymq_protocol::ProtocolError>(())
//! ```

use bytes::Bytes;

use crate::batch::{self, RecordBatch};
use crate::error::ProtocolError;
use crate::msgpack::Cursor;

/// A header that is borrowed: its name and value.
pub type HeaderView<'a> = (&'a str, Option<&'a [u8]>);

/// A batch's records, decompressed. Made by [`RecordBatch::view`].
#[derive(Debug)]
pub struct BatchView {
    raw: Bytes,
    count: u32,
    base_timestamp: i64,
}

/// One record, borrowed from its batch.
#[derive(Clone, Debug)]
pub struct RecordView<'a> {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// What chose the partition, if anything did.
    pub key: Option<&'a [u8]>,
    /// The payload.
    pub value: Option<&'a [u8]>,
    /// How many headers there are.
    pub header_count: u32,
    /// How many bytes the record takes in the batch, before compression.
    pub size: usize,
    headers: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// The headers, in order. They have been checked.
    pub fn headers(&self) -> impl Iterator<Item = HeaderView<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.headers);
        (0..self.header_count).map_while(move |_| batch::header(&mut cursor).ok())
    }
}

impl RecordBatch {
    /// Checks the checksum and decompresses; `max_raw` bounds what that takes.
    pub fn view(&self, max_raw: usize) -> Result<BatchView, ProtocolError> {
        self.check_crc()?;
        let (count, base_timestamp) = (self.count, self.base_timestamp);
        Ok(BatchView { raw: self.raw(max_raw)?, count, base_timestamp })
    }
}

impl BatchView {
    /// The records in order. Iteration ends with an error if the bytes are not exactly as many
    /// well-formed records as the batch says.
    pub fn records(&self) -> Records<'_> {
        Records {
            cursor: Cursor::new(&self.raw),
            index: 0,
            count: self.count,
            base_timestamp: self.base_timestamp,
        }
    }

    /// How many bytes the records take.
    pub fn size(&self) -> usize {
        self.raw.len()
    }
}

/// The records of a [`BatchView`].
pub struct Records<'a> {
    cursor: Cursor<'a>,
    index: u32,
    count: u32,
    base_timestamp: i64,
}

impl<'a> Records<'a> {
    #[inline]
    fn read(&mut self) -> Result<RecordView<'a>, ProtocolError> {
        let cursor = &mut self.cursor;
        let before = cursor.remaining();
        batch::record_head(cursor)?;
        let key = batch::optional_bin(cursor)?;
        let value = batch::optional_bin(cursor)?;
        let header_count = batch::header_count(cursor)?;
        let headers = cursor.rest();
        for _ in 0..header_count {
            batch::header(cursor)?;
        }
        let timestamp = self.base_timestamp.saturating_add(batch::delta(cursor)?);
        let size = before - cursor.remaining();
        Ok(RecordView { timestamp, key, value, header_count, size, headers })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, ProtocolError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.count {
            let left = self.cursor.remaining();
            self.cursor = Cursor::new(&[]);
            return (left > 0).then(|| Err(batch::leftover(left, self.count)));
        }
        let index = self.index;
        match self.read() {
            Ok(record) => {
                self.index += 1;
                Some(Ok(record))
            }
            Err(error) => {
                (self.index, self.cursor) = (self.count, Cursor::new(&[]));
                Some(Err(batch::in_record(index, error)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchBuilder, Header, Record};
    use crate::compression::Codec;
    use bytes::Bytes;
    use proptest::prelude::*;

    type Parts = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, i64);

    proptest! {
        /// What is seen without copies is what is read with them.
        #[test]
        fn agrees_with_reading(records in prop::collection::vec(any::<Parts>(), 1..8)) {
            let mut builder = BatchBuilder::new();
            for (key, value, headers, timestamp) in &records {
                let headers: Vec<Header> =
                    headers.iter().map(|(n, v)| (n.clone(), v.clone().map(Bytes::from))).collect();
                builder.push(key.as_deref(), value.as_deref(), &headers, *timestamp);
            }
            let batch = builder.build(Codec::None);
            let read: Vec<Record> = batch.records(1 << 20).unwrap().map(Result::unwrap).collect();
            let view = batch.view(1 << 20).unwrap();
            let seen: Vec<RecordView> = view.records().map(Result::unwrap).collect();
            prop_assert_eq!(read.len(), seen.len());
            prop_assert_eq!(seen.iter().map(|r| r.size).sum::<usize>(), view.size());
            for (read, seen) in read.iter().zip(&seen) {
                prop_assert_eq!(read.key.as_deref(), seen.key);
                prop_assert_eq!(read.value.as_deref(), seen.value);
                prop_assert_eq!(read.timestamp, seen.timestamp);
                let headers: Vec<_> = seen.headers().collect();
                let expected: Vec<_> =
                    read.headers.iter().map(|(n, v)| (n.as_str(), v.as_deref())).collect();
                prop_assert_eq!(headers, expected);
            }
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, count in 0u32..5) {
            let crc32c = crc32c::crc32c(&bytes);
            let batch = BatchBuilder::new().build(Codec::None);
            let batch = RecordBatch { count, crc32c, records: bytes.into(), ..batch };
            let view = batch.view(1 << 20).unwrap();
            let seen = view.records().collect::<Result<Vec<_>, _>>();
            let read = batch.records(1 << 20).unwrap().collect::<Result<Vec<_>, _>>();
            prop_assert_eq!(seen.map(|r| r.len()), read.map(|r| r.len()));
        }
    }
}
