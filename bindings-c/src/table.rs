//! `flymq_table`: what is asked for and has rows. One type for all of them, so that an answer can
//! have more columns one day without a change of the interface.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use flymq_core::Result;

use crate::boundary::{self, given, invalid, put};
use crate::error::flymq_error;
use crate::text::{c_string, text};

/// Rows of an answer, with named columns; which ones, the function says that returns it. Later
/// versions may add columns. It never changes; any thread may read it.
///
/// Whoever got it from a function frees it with flymq_table_free(). One that belongs to an event is
/// freed with the event.
pub struct flymq_table {
    columns: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

/// A value of a table.
pub enum Cell {
    Text(CString),
    Number(i64),
    None,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(c_string(text))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl From<$number> for Cell {
            fn from(number: $number) -> Self {
                Self::Number(number.try_into().unwrap_or(i64::MAX))
            }
        }
    )*};
}
numbers!(u16 u32 i32 u64 i64 u128 usize);

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl flymq_table {
    /// A table with these columns, and a value for each in each row.
    pub fn new<const N: usize>(
        columns: &'static [&'static str; N],
        rows: impl IntoIterator<Item = [Cell; N]>,
    ) -> Self {
        Self { columns, rows: rows.into_iter().map(Vec::from).collect() }
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| *column == name)
    }
}

/// How many rows there are. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_table_rows(table: Option<&flymq_table>) -> usize {
    boundary::get(0, || Some(table?.rows.len()))
}

/// The value of a column that holds strings. Lives as long as the table; NULL for a value that is not
/// there, a number, a row or a column that there is not, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_table_text(
    table: Option<&flymq_table>,
    row: usize,
    column: *const c_char,
) -> *const c_char {
    boundary::get(std::ptr::null(), || {
        // SAFETY: as the header demands.
        let column = table?.column(unsafe { text(column, "column").ok()? })?;
        match &table?.rows.get(row)?[column] {
            Cell::Text(text) => Some(text.as_ptr()),
            _ => None,
        }
    })
}

/// The value of a column that holds numbers. Numbers beyond 2^63 − 1 are given as that.
///
/// Errors: INVALID_ARGUMENT for a value that is not there, a string, and a row or a column that there
/// is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_table_number(
    table: Option<&flymq_table>,
    row: usize,
    column: *const c_char,
    number: Option<&mut MaybeUninit<i64>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        let table = given(table, "table")?;
        // SAFETY: as the header demands.
        let name = unsafe { text(column, "column")? };
        put(number, find(table, row, name)?);
        Ok(())
    })
}

fn find(table: &flymq_table, row: usize, name: &str) -> Result<i64> {
    let cells = table.rows.get(row).ok_or_else(|| invalid(format!("there is no row {row}")))?;
    match table.column(name).map(|column| &cells[column]) {
        Some(Cell::Number(number)) => Ok(*number),
        Some(Cell::Text(_)) => Err(invalid(format!("column {name:?} holds strings"))),
        Some(Cell::None) => Err(invalid(format!("row {row} has no {name:?}"))),
        None => Err(invalid(format!("there is no column {name:?}"))),
    }
}

/// How many columns there are. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_table_columns(table: Option<&flymq_table>) -> usize {
    boundary::get(0, || Some(table?.columns.len()))
}

/// Frees a table that a function gave to the caller. Not for one borrowed from an event. NULL is
/// harmless.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_table_free(table: Option<Box<flymq_table>>) {
    boundary::free(table);
}
