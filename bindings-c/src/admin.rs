//! Topics: creating, deleting, describing, altering.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::mem::MaybeUninit;

use flymq_core::{NewTopic, OffsetSpec, Result, StartOffset};

use crate::boundary::{self, given, put};
use crate::client::{flymq_client, isolation};
use crate::error::flymq_error;
use crate::partitions::flymq_partitions;
use crate::table::flymq_table;
use crate::text::{optional_text, text, texts};

/// Options of a topic as C gives them: names and values.
///
/// # Safety
///
/// Each list is NULL or has `count` strings.
unsafe fn pairs(
    names: *const *const c_char,
    values: *const *const c_char,
    count: usize,
) -> Result<Vec<(String, String)>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: as the header demands.
    let (names, values) =
        unsafe { (texts(names, count, "names")?, texts(values, count, "values")?) };
    Ok(names.into_iter().zip(values).collect())
}

/// Creates a topic with so many partitions, and the broker's defaults for all else.
///
/// Errors: TOPIC_EXISTS, NOT_AUTHORIZED, INVALID_REQUEST for a name or a number that the broker does not
/// take; TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_create_topic(
    client: Option<&flymq_client>,
    topic: *const c_char,
    partitions: u32,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_client::get(client)?;
        let wanted = NewTopic::new(topic).partitions(partitions);
        this.host.wait(this.client.create_topic(wanted)).map(drop)
    })
}

/// As flymq_client_create_topic(), with more to say. `replication` is how many brokers of a cluster keep
/// each record, 0 for its default. `names` and `values` are `count` options of the topic, such as
/// retention_ms, borrowed for the call; with a count of 0 they may be NULL. With `if_not_exists`, a topic
/// that is there is no error. `created` gets whether it is new, and may be NULL.
///
/// Errors: as flymq_client_create_topic(); INVALID_REQUEST also for an option that the broker does not
/// take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_create_topic_with(
    client: Option<&flymq_client>,
    topic: *const c_char,
    partitions: u32,
    replication: u16,
    names: *const *const c_char,
    values: *const *const c_char,
    count: usize,
    if_not_exists: bool,
    created: Option<&mut MaybeUninit<bool>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (topic, options) = unsafe { (text(topic, "topic")?, pairs(names, values, count)?) };
        let mut wanted = NewTopic::new(topic).partitions(partitions).replication(replication);
        for (name, value) in options {
            wanted = wanted.config(name, value);
        }
        if if_not_exists {
            wanted = wanted.if_not_exists();
        }
        let this = flymq_client::get(client)?;
        put(created, this.host.wait(this.client.create_topic(wanted))?);
        Ok(())
    })
}

/// Deletes a topic with its records.
///
/// Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_delete_topic(
    client: Option<&flymq_client>,
    topic: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_client::get(client)?;
        this.host.wait(this.client.delete_topic(topic))
    })
}

/// All topics that the user may see, a row each: name, partitions.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_list_topics(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_client::get(client)?;
        let topics = this.host.wait(this.client.list_topics())?;
        let rows = topics.into_iter().map(|t| [t.name.into(), t.partitions.into()]);
        Ok(flymq_table::new(&["name", "partitions"], rows))
    })
}

/// The partitions of a topic, a row each: partition, earliest (the offset of the oldest record), latest
/// (the offset behind the newest).
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_describe_topic(
    client: Option<&flymq_client>,
    topic: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_client::get(client)?;
        let found = this.host.wait(this.client.describe_topic(topic))?;
        let rows = found.partitions.into_iter();
        let rows = rows.map(|p| [p.partition.into(), p.earliest.into(), p.latest.into()]);
        Ok(flymq_table::new(&["partition", "earliest", "latest"], rows))
    })
}

/// How many partitions a topic has. The answer of some time ago may do.
///
/// Errors: UNKNOWN_TOPIC, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_partition_count(
    client: Option<&flymq_client>,
    topic: *const c_char,
    partitions: Option<&mut MaybeUninit<u32>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_client::get(client)?;
        put(partitions, this.host.wait(this.client.partition_count(topic))?);
        Ok(())
    })
}

fn options_table(options: BTreeMap<String, String>) -> flymq_table {
    let rows = options.into_iter().map(|(name, value)| [name.into(), value.into()]);
    flymq_table::new(&["name", "value"], rows)
}

/// The options of a topic that are in force, a row each: name, value.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: as flymq_client_describe_topic().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_topic_options(
    client: Option<&flymq_client>,
    topic: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_client::get(client)?;
        Ok(options_table(this.host.wait(this.client.describe_topic(topic))?.config))
    })
}

/// Sets an option of a topic; NULL for `value` sets its default. Others stay as they are.
///
/// Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, INVALID_REQUEST for an option that the broker does not take;
/// TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_alter_topic(
    client: Option<&flymq_client>,
    topic: *const c_char,
    name: *const c_char,
    value: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (topic, name, value) =
            unsafe { (text(topic, "topic")?, text(name, "name")?, optional_text(value, "value")?) };
        let this = flymq_client::get(client)?;
        let options = BTreeMap::from([(name.to_owned(), value.map(str::to_owned))]);
        this.host.wait(this.client.alter_topic(topic, options)).map(drop)
    })
}

/// Gives a topic more partitions: `partitions` in all.
///
/// Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, INVALID_REQUEST for fewer than there are; TIMEOUT, CLOSED,
/// INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_add_partitions(
    client: Option<&flymq_client>,
    topic: *const c_char,
    partitions: u32,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let topic = unsafe { text(topic, "topic")? };
        let this = flymq_client::get(client)?;
        this.host.wait(this.client.add_partitions(topic, partitions))
    })
}

/// Where places in partitions are: the table has a row for each of `partitions`, in their
/// order: topic, partition, offset. A FLYMQ_START_OFFSET stands for itself. `isolation` is a
/// flymq_isolation, and counts for FLYMQ_START_LATEST.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_list_offsets(
    client: Option<&flymq_client>,
    partitions: Option<&flymq_partitions>,
    isolation: i32,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let isolation = self::isolation(isolation)?;
        let wanted = given(partitions, "partitions")?.starts()?;
        let this = flymq_client::get(client)?;
        let mut rows = Vec::new();
        for (topic, partition, start) in wanted {
            let spec = match start {
                StartOffset::Earliest => OffsetSpec::Earliest,
                StartOffset::Latest => OffsetSpec::Latest,
                StartOffset::Timestamp(time) => OffsetSpec::Timestamp(time),
                StartOffset::Offset(offset) => {
                    rows.push([topic.into(), partition.into(), offset.into()]);
                    continue;
                }
            };
            let query = [(partition, spec)];
            let ask = this.client.list_offsets_with(&topic, &query, isolation);
            let found = this.host.wait(ask)?;
            rows.extend(
                found.into_iter().map(|o| [topic.as_str().into(), partition.into(), o.into()]),
            );
        }
        Ok(flymq_table::new(&["topic", "partition", "offset"], rows))
    })
}

/// The brokers that serve the data, a row each: id, host, port.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_brokers(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_client::get(client)?;
        let brokers = this.host.wait(this.client.brokers())?;
        let rows = brokers.into_iter().map(|b| [b.id.into(), b.host.into(), b.port.into()]);
        Ok(flymq_table::new(&["id", "host", "port"], rows))
    })
}
