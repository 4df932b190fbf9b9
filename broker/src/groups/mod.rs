//! Consumer groups: who reads which partition.
//!
//! Everything here is pure: time and topics are handed in, and what has to be stored is handed out,
//! so that the engine decides about locks and disks, and tests about time.
//!
//! | module | holds |
//! | --- | --- |
//! | `subscription` | a SUBSCRIBE request, checked |
//! | `assignor` | who should read what: `sticky` and `range` |
//! | `member` | one member: what it holds, is giving up, and should hold |
//! | `group` | the state machine of one group |
//! | `rebalance` | deciding who should hold what |
//! | `describe` | a group as others see it |
//! | `records` | what of it survives a restart |
//! | `slots` | sets of partitions |

mod assignor;
mod describe;
mod group;
mod member;
mod rebalance;
mod records;
mod slots;
mod subscription;
#[cfg(test)]
mod tests;

pub use group::{Group, Limits};
pub use records::{Changes, GroupRecord};
pub use slots::{Catalog, TopicSize};
#[cfg(feature = "kafka")]
pub use subscription::Assignor;
pub use subscription::{Join, check_group};

/// Milliseconds of a clock that never goes back.
pub type Millis = u64;
