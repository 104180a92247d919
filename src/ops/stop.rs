//! The request to stop, and the clocks: the things that come from outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A request to stop that everybody can see. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

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
