//! Whether the broker lives, and whether it is of use.
//!
//! A process that lives is not restarted; one that is not ready gets no clients. So what is wrong with
//! the engine, or with the cluster behind it, never shows in the first, since a restart would not mend
//! it.

use std::time::Duration;

use serde::Serialize;

use super::listener::Context;
use crate::engine::stats::Health;

/// How long the engine may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a process that can answer says.
pub const LIVE: Part = Part { status: Status::Ok, reason: None };

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should.
    Ok,
    /// It does part of its work.
    Degraded,
    /// It is of no use now.
    Unavailable,
}

/// A part of the broker.
#[derive(Debug, Serialize)]
pub struct Part {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The whole.
#[derive(Debug, Serialize)]
pub struct Readiness {
    status: Status,
    /// Listening, and not stopping.
    broker: Part,
    /// What stores the records.
    engine: Part,
}

impl Part {
    fn ok() -> Self {
        Self { status: Status::Ok, reason: None }
    }

    fn unavailable(reason: impl Into<String>) -> Self {
        Self { status: Status::Unavailable, reason: Some(reason.into()) }
    }
}

impl Readiness {
    fn of(broker: Part, engine: Part) -> Self {
        Self { status: broker.status.max(engine.status), broker, engine }
    }

    /// Whether clients should be sent here.
    pub fn is_ready(&self) -> bool {
        self.status < Status::Unavailable
    }
}

/// Asks every part.
pub async fn readiness(context: &Context) -> Readiness {
    let Some(broker) = context.broker.get() else {
        return Readiness::of(Part::unavailable("starting"), Part::unavailable("opening"));
    };
    let own = match broker.is_stopping() {
        true => Part::unavailable("stopping"),
        false => match broker.access.as_ref().and_then(|access| access.problem()) {
            Some(why) => Part { status: Status::Degraded, reason: Some(why) },
            None => Part::ok(),
        },
    };
    let engine = match tokio::time::timeout(PATIENCE, broker.engine.health().wait()).await {
        Ok(Ok(Health::Ok)) => Part::ok(),
        Ok(Ok(Health::Degraded(why))) => Part { status: Status::Degraded, reason: Some(why) },
        Ok(Ok(Health::Failed(why))) => Part::unavailable(why),
        Ok(Err(error)) => Part::unavailable(error.to_string()),
        Err(_) => Part::unavailable(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    Readiness::of(own, engine)
}
