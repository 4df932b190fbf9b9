//! The console's API and page, as a browser or curl sees them.

#[path = "../common/mod.rs"]
mod common;
#[path = "../access/help.rs"]
#[allow(dead_code, reason = "the tests of access want more of it")]
mod help;

mod hostile;
mod permissions;
mod records;
mod views;
mod web;
