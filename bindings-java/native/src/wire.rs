//! Arguments and answers as bytes: numbers are big-endian, what has a length begins with it, and −1
//! for a length stands for what is not there. The counterparts are the Java classes `Out` and `In`.

use std::error::Error as _;
use std::ops::Deref;
use std::time::Duration;

use bytes::{Buf, Bytes};
use flymq_core::{Error, ErrorCode, Result, TopicPartition};

/// The status that an answer begins with.
pub const OK: u8 = 0;
/// The call has failed; the error follows.
pub const FAILED: u8 = 1;
/// No answer yet: a record that waited for room has been taken in.
pub const ADMITTED: u8 = 2;

/// The arguments of a call.
pub struct Args(Bytes);

fn malformed() -> Error {
    let message = "the arguments do not fit the call: the jar and its native library differ";
    Error::new(ErrorCode::Internal, "call", message)
}

impl Args {
    /// Arguments that Java has encoded.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// A byte of 0 or 1.
    pub fn flag(&mut self) -> Result<bool> {
        self.0.try_get_u8().map(|byte| byte != 0).map_err(|_| malformed())
    }

    /// A number from 0 on, of four bytes.
    pub fn u32(&mut self) -> Result<u32> {
        self.0.try_get_u32().map_err(|_| malformed())
    }

    /// A number of eight bytes.
    pub fn i64(&mut self) -> Result<i64> {
        self.0.try_get_i64().map_err(|_| malformed())
    }

    /// A number from 0 on, of eight bytes.
    pub fn u64(&mut self) -> Result<u64> {
        self.0.try_get_u64().map_err(|_| malformed())
    }

    /// Milliseconds.
    pub fn duration(&mut self) -> Result<Duration> {
        self.u64().map(Duration::from_millis)
    }

    /// What may be missing.
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        self.flag()?.then(|| read(self)).transpose()
    }

    /// Bytes that may be missing.
    pub fn bytes(&mut self) -> Result<Option<Bytes>> {
        let length = self.0.try_get_i32().map_err(|_| malformed())?;
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        if length > self.0.len() {
            return Err(malformed());
        }
        Ok(Some(self.0.split_to(length)))
    }

    /// Text that may be missing.
    pub fn optional_text(&mut self) -> Result<Option<String>> {
        let text = |bytes: Bytes| String::from_utf8(bytes.into()).map_err(|_| malformed());
        self.bytes()?.map(text).transpose()
    }

    /// Text.
    pub fn text(&mut self) -> Result<String> {
        self.optional_text()?.ok_or_else(malformed)
    }

    /// Text, where it came to.
    pub fn str(&mut self) -> Result<Text> {
        let bytes = self.bytes()?.filter(|bytes| std::str::from_utf8(bytes).is_ok());
        bytes.map(Text).ok_or_else(malformed)
    }

    /// Several of something.
    pub fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        (0..self.u32()?).map(|_| read(self)).collect()
    }

    /// A partition of a topic.
    pub fn topic_partition(&mut self) -> Result<TopicPartition> {
        Ok(TopicPartition::new(self.text()?, self.u32()?))
    }
}

/// Text that was not copied.
pub struct Text(Bytes);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        // SAFETY: that it is UTF-8 was found out when it was made.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }
}

/// An answer.
#[derive(Default)]
pub struct Out(pub Vec<u8>);

impl Out {
    /// An answer without a value.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds a byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// Adds a byte of 0 or 1.
    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.u8(value.into())
    }

    /// Adds four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Adds eight bytes.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Adds a number that Java has as a `long`; no offset or count comes near its limit.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Adds a length.
    pub fn length(&mut self, length: usize) -> &mut Self {
        self.u32(length as u32)
    }

    /// Adds bytes, or that there are none.
    pub fn bytes(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(bytes) => {
                self.length(bytes.len());
                self.0.extend_from_slice(bytes);
            }
            None => self.0.extend((-1_i32).to_be_bytes()),
        }
        self
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(Some(text.as_bytes()))
    }

    /// Adds text, or that there is none.
    pub fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        self.bytes(text.map(str::as_bytes))
    }

    /// Adds a number, or that there is none.
    pub fn optional_i64(&mut self, value: Option<i64>) -> &mut Self {
        self.flag(value.is_some());
        match value {
            Some(value) => self.i64(value),
            None => self,
        }
    }

    /// Adds several of something.
    pub fn list<T>(
        &mut self,
        values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut add: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        let values = values.into_iter();
        self.length(values.len());
        values.for_each(|value| add(self, value));
        self
    }

    /// Adds several texts.
    pub fn texts(&mut self, texts: &[String]) -> &mut Self {
        self.list(texts, |out, text| {
            out.text(text);
        })
    }

    /// Adds partitions.
    pub fn topic_partitions(&mut self, slots: &[TopicPartition]) -> &mut Self {
        self.list(slots, |out, slot| {
            out.text(&slot.topic).u32(slot.partition);
        })
    }

    /// Adds an error with those that led to it.
    pub fn error(&mut self, error: &Error) -> &mut Self {
        self.u32(error.code_number().into()).text(error.name()).text(error.message());
        self.text(error.operation()).text(error.hint());
        self.flag(error.is_retriable()).flag(error.is_abortable()).flag(error.is_fatal());
        let cause = error.source().and_then(|cause| cause.downcast_ref::<Error>());
        self.flag(cause.is_some());
        match cause {
            Some(cause) => self.error(cause),
            None => self,
        }
    }
}

/// An answer with its status.
pub fn answer(result: Result<Out>) -> Vec<u8> {
    let mut out = Out::default();
    match result {
        Ok(value) => {
            out.0.reserve_exact(value.0.len() + 1);
            out.u8(OK);
            out.0.extend(value.0);
        }
        Err(error) => {
            out.u8(FAILED).error(&error);
        }
    }
    out.0
}
