//! Groups from outside: which there are, who is in them, what they have processed.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use flymq_core::{GroupDescription, GroupOffset, Result, TopicPartition};

use crate::boundary;
use crate::client::flymq_client;
use crate::error::flymq_error;
use crate::partitions::Place;
use crate::table::flymq_table;
use crate::text::text;

/// A table of partitions.
pub fn slots_table(slots: &[TopicPartition]) -> flymq_table {
    let rows = slots.iter().map(|slot| [(&*slot.topic).into(), slot.partition.into()]);
    flymq_table::new(&["topic", "partition"], rows)
}

/// A table of what was committed.
pub fn offsets_table(offsets: Vec<GroupOffset>) -> flymq_table {
    let rows = offsets.into_iter();
    let rows =
        rows.map(|o| [(&*o.topic).into(), o.partition.into(), o.offset.into(), o.metadata.into()]);
    flymq_table::new(&["topic", "partition", "offset", "metadata"], rows)
}

/// The groups that have members or committed offsets, a row each: group, state ("empty", "rebalancing"
/// or "stable"), members.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_list_groups(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_client::get(client)?;
        let groups = this.host.wait(this.client.list_groups())?;
        let rows = groups.into_iter();
        let rows = rows.map(|g| [g.group.into(), g.state.to_string().into(), g.members.into()]);
        Ok(flymq_table::new(&["group", "state", "members"], rows))
    })
}

/// A group by its name.
///
/// # Safety
///
/// `group` is a string.
unsafe fn describe(
    client: Option<&flymq_client>,
    group: *const c_char,
) -> Result<GroupDescription> {
    // SAFETY: as the header demands.
    let group = unsafe { text(group, "group")? };
    let this = flymq_client::get(client)?;
    this.host.wait(this.client.describe_group(group))
}

/// A group, in one row: group, state, generation, assignor, members.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: UNKNOWN_GROUP, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_describe_group(
    client: Option<&flymq_client>,
    group: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let found = unsafe { describe(client, group)? };
        let row = [
            found.group.into(),
            found.state.to_string().into(),
            found.generation.into(),
            found.assignor.into(),
            found.members.len().into(),
        ];
        Ok(flymq_table::new(&["group", "state", "generation", "assignor", "members"], [row]))
    })
}

/// The members of a group, a row each: member_id, instance_id (or nothing), client_id, address,
/// generation, pattern (or nothing).
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: as flymq_client_describe_group().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_group_members(
    client: Option<&flymq_client>,
    group: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let found = unsafe { describe(client, group)? };
        let rows = found.members.into_iter().map(|m| {
            [
                m.member_id.into(),
                m.instance_id.into(),
                m.client_id.into(),
                m.address.into(),
                m.generation.into(),
                m.pattern.into(),
            ]
        });
        let columns =
            &["member_id", "instance_id", "client_id", "address", "generation", "pattern"];
        Ok(flymq_table::new(columns, rows))
    })
}

/// Who holds the partitions of a group, a row each: member_id, topic, partition.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: as flymq_client_describe_group().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_group_assignments(
    client: Option<&flymq_client>,
    group: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let found = unsafe { describe(client, group)? };
        let rows = found.members.iter().flat_map(|m| {
            let slots = m.assignment.iter();
            slots.map(|s| [m.member_id.as_str().into(), (&*s.topic).into(), s.partition.into()])
        });
        Ok(flymq_table::new(&["member_id", "topic", "partition"], rows))
    })
}

/// Deletes a group that has no members, with its offsets.
///
/// Errors: UNKNOWN_GROUP, GROUP_NOT_EMPTY, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_delete_group(
    client: Option<&flymq_client>,
    group: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let group = unsafe { text(group, "group")? };
        let this = flymq_client::get(client)?;
        this.host.wait(this.client.delete_group(group))
    })
}

/// All that a group has committed, a row each: topic, partition, offset (the last one processed, −1 for
/// none), metadata. No row for a group that is not known.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_group_offsets(
    client: Option<&flymq_client>,
    group: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let group = unsafe { text(group, "group")? };
        let this = flymq_client::get(client)?;
        Ok(offsets_table(this.host.wait(this.client.group_offsets(group))?))
    })
}

/// Has a group that has no members go on somewhere else in all partitions of a topic: `start` is a
/// flymq_start, and says what `number` means.
///
/// Errors: UNKNOWN_TOPIC, GROUP_NOT_EMPTY, OFFSET_OUT_OF_RANGE for an offset that is not in the log,
/// NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_reset_group_offsets(
    client: Option<&flymq_client>,
    group: *const c_char,
    topic: *const c_char,
    start: i32,
    number: i64,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (group, topic) = unsafe { (text(group, "group")?, text(topic, "topic")?) };
        let to = Place::from_c(start, number)?.start()?;
        let this = flymq_client::get(client)?;
        this.host.wait(this.client.reset_group_offsets(group, topic, None, to)).map(drop)
    })
}

/// How far a group is behind, a row for each partition that it has committed or a member holds: topic,
/// partition, committed (or nothing), end, lag (or nothing).
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_group_lag(
    client: Option<&flymq_client>,
    group: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let group = unsafe { text(group, "group")? };
        let this = flymq_client::get(client)?;
        let lags = this.host.wait(this.client.group_lag(group))?;
        let rows = lags.into_iter().map(|l| {
            [l.topic.into(), l.partition.into(), l.committed.into(), l.end.into(), l.lag.into()]
        });
        Ok(flymq_table::new(&["topic", "partition", "committed", "end", "lag"], rows))
    })
}
