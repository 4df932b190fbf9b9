//! Transactions of the embedded engine.
//!
//! | module | holds |
//! | --- | --- |
//! | `state` | one transactional id as a state machine |
//! | `contents` | what an open transaction consists of, and its end |
//! | `registry` | all transactional ids |
//! | `records` | what is stored |
//! | `recover` | what comes back at start, and what is aborted then |
//! | `operations` | the protocol's operations, time-outs, forgetting |
//!
//! Whether a transaction was committed is decided by one write: that which takes its marks away.

mod contents;
mod operations;
pub mod records;
mod recover;
mod registry;
mod state;
#[cfg(test)]
mod tests;

pub use operations::{abort, begin, commit, init, offsets, run};
pub use registry::{Enlistment, Transactions};
pub use state::{Identity, Outcome};
