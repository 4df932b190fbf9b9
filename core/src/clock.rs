//! Points in time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// As good as never.
const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The time when `wait` will be over; as late as can be told, if it is too long for that.
pub(crate) fn after(wait: Duration) -> Instant {
    Instant::now() + wait.min(YEARS)
}

/// Milliseconds since 1970 by this machine's clock.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}
