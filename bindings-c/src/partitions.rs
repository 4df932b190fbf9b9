//! `flymq_partitions`: partitions of topics with a place in each, as C gives them.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

use flymq_core::{GroupOffset, Result, StartOffset, TopicPartition};

use crate::boundary::{self, given, invalid};
use crate::error::flymq_error;
use crate::text::text;

/// What the number beside a partition means.
#[repr(i32)]
pub enum flymq_start {
    /// The oldest record; the number does not count.
    FLYMQ_START_EARLIEST = 1,
    /// Behind the newest record; the number does not count.
    FLYMQ_START_LATEST = 2,
    /// An offset: of the first record to read, or, for commits, of the last one processed, −1 for
    /// none.
    FLYMQ_START_OFFSET = 3,
    /// The first record of a time or later, in milliseconds since 1970.
    FLYMQ_START_TIMESTAMP = 4,
}

/// A place in a partition as C has given it.
#[derive(Clone, Copy)]
pub enum Place {
    Earliest,
    Latest,
    Offset(i64),
    Timestamp(i64),
}

impl Place {
    pub fn from_c(start: i32, number: i64) -> Result<Self> {
        use flymq_start::*;
        match start {
            s if s == FLYMQ_START_EARLIEST as i32 => Ok(Self::Earliest),
            s if s == FLYMQ_START_LATEST as i32 => Ok(Self::Latest),
            s if s == FLYMQ_START_OFFSET as i32 => Ok(Self::Offset(number)),
            s if s == FLYMQ_START_TIMESTAMP as i32 => Ok(Self::Timestamp(number)),
            _ => Err(invalid(format!("there is no start {start}"))),
        }
    }

    /// To read from.
    pub fn start(self) -> Result<StartOffset> {
        Ok(match self {
            Self::Earliest => StartOffset::Earliest,
            Self::Latest => StartOffset::Latest,
            Self::Timestamp(time) => StartOffset::Timestamp(time),
            Self::Offset(offset) => StartOffset::Offset(
                u64::try_from(offset).map_err(|_| invalid(format!("the offset is {offset}")))?,
            ),
        })
    }
}

type Item = (TopicPartition, Place);

/// A list of partitions, each with a place in it. Functions that take one copy it; the caller frees
/// it with flymq_partitions_free(). Any thread may use it.
pub struct flymq_partitions(Mutex<Vec<Item>>);

impl flymq_partitions {
    fn items(&self) -> Vec<Item> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// To read from.
    pub fn starts(&self) -> Result<Vec<(String, u32, StartOffset)>> {
        let start =
            |(slot, place): Item| Ok((slot.topic.to_string(), slot.partition, place.start()?));
        self.items().into_iter().map(start).collect()
    }

    /// What was processed.
    pub fn processed(&self) -> Result<Vec<GroupOffset>> {
        let offset = |(slot, place): Item| match place {
            Place::Offset(offset) => Ok(GroupOffset::new(slot.topic, slot.partition, offset)),
            _ => Err(invalid("what was processed is given as FLYMQ_START_OFFSET")),
        };
        self.items().into_iter().map(offset).collect()
    }

    /// The partitions alone.
    pub fn slots(&self) -> Vec<TopicPartition> {
        self.items().into_iter().map(|(slot, _)| slot).collect()
    }
}

/// Makes an empty list. The caller frees it with flymq_partitions_free().
///
/// Errors: INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_partitions_new(
    partitions: Option<&mut MaybeUninit<*mut flymq_partitions>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(partitions, error, || Ok(flymq_partitions(Mutex::default())))
}

/// Adds a partition of a topic, and a place in it: `start` is a flymq_start, and says what `number`
/// means. The topic's name is copied. Whether the place makes sense is looked at when the list is used.
///
/// Errors: INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_partitions_add(
    partitions: Option<&flymq_partitions>,
    topic: *const c_char,
    partition: u32,
    start: i32,
    number: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let list = given(partitions, "partitions")?;
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let item = (TopicPartition::new(topic, partition), Place::from_c(start, number)?);
        list.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
        Ok(())
    })
}

/// Frees a list. NULL is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_partitions_free(partitions: Option<Box<flymq_partitions>>) {
    boundary::free(partitions);
}
