//! Consumer groups: Kafka's own (KIP-848). A gateway relays.
//!
//! | module | holds |
//! | --- | --- |
//! | `membership` | joining, heartbeats, leaving |
//! | `session` | how long members may be silent, which Kafka sets for whole groups |
//! | `describe` | groups as others see them; deleting |
//! | `pattern` | topics by regular expression |

pub mod describe;
mod membership;
mod pattern;
mod session;

use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::GroupId;

pub use membership::{heartbeat, leave, subscribe};
pub use session::Sessions;

use super::errors;
use super::topics::text;
use crate::topic::shorten;

pub fn group_id(name: &str) -> GroupId {
    GroupId(text(name))
}

/// What an error means for a member of a group.
pub fn member_error(
    error: E,
    message: Option<&str>,
    group: &str,
    member_id: &str,
) -> ProtocolError {
    match error {
        // The last member's group is gone with it.
        E::UnknownMemberId | E::GroupIdNotFound => ProtocolError::new(
            ErrorCode::UnknownMember,
            format!("group {:?} has no member {:?}", shorten(group), shorten(member_id)),
        ),
        E::FencedInstanceId => instance_fenced(member_id),
        E::InconsistentGroupProtocol => ProtocolError::new(
            ErrorCode::InvalidRequest,
            format!(
                "group {:?} has members of Kafka's older group protocol, which cannot share it \
                 with FlyMQ's; stop them first, or give them group.protocol=consumer",
                shorten(group)
            ),
        ),
        _ => errors::error_with(error.code(), "act as a member of a group", message),
    }
}

pub fn instance_fenced(member_id: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::InstanceFenced,
        format!(
            "another consumer with the same instance_id has taken the place of {:?}",
            shorten(member_id)
        ),
    )
}

pub fn stale(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::StaleGeneration, message)
}
