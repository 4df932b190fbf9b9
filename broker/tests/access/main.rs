//! Who may use the broker, and for what, over real connections.

#[path = "../common/mod.rs"]
mod common;
mod help;
mod login;
mod permissions;
mod walk;
