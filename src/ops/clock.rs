//! The clocks: one that runs on, for all that waits, and the wall clock, for the past.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long this process runs: the clock of everything that waits, for it never goes back and never leaps, whatever
/// is done to the wall clock. What the core learns of it is written into the tallies.
pub fn uptime() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

/// [`uptime`] in milliseconds.
pub fn uptime_ms() -> i64 {
    i64::try_from(uptime().as_millis()).unwrap_or(i64::MAX)
}

/// The wall clock, in milliseconds since 1970. Only who has to do with the past looks at it.
pub fn wall_clock_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
