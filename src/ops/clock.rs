//! The clocks: one that runs on, for all that waits, and the wall clock, for the past and for whoever waits by it.

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

/// The wall clock, in milliseconds since 1970. Only who has to do with the past looks at it, and [`SetBack`].
pub fn wall_clock_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Notices that the wall clock is set back.
///
/// librdkafka waits until moments of the wall clock (2.12; its issue 2145, open since 2018): whoever waits in it while the clock is set back waits
/// for so long more. What is set forward only ends waits early.
#[derive(Debug)]
pub struct SetBack {
    /// What the wall clock is ahead of the uptime, in milliseconds.
    ahead_ms: i64,
}

impl SetBack {
    /// As much as this does no harm: it is less than what a restart takes.
    const HARMLESS_MS: i64 = 5_000;

    /// From these moments of both clocks on.
    pub fn new(wall_ms: i64, uptime_ms: i64) -> Self {
        Self { ahead_ms: wall_ms.saturating_sub(uptime_ms) }
    }

    /// Both clocks now. By how much the wall clock was set back since the last look, where that does harm.
    pub fn look(&mut self, wall_ms: i64, uptime_ms: i64) -> Option<Duration> {
        let ahead_ms = wall_ms.saturating_sub(uptime_ms);
        let back_ms = self.ahead_ms.saturating_sub(ahead_ms);
        self.ahead_ms = ahead_ms;
        u64::try_from(back_ms).ok().filter(|_| back_ms > Self::HARMLESS_MS).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_back_is_noticed_and_nothing_else() {
        let mut clock = SetBack::new(1_000_000, 0);
        assert_eq!(clock.look(1_000_100, 100), None);
        assert_eq!(clock.look(9_000_000, 200), None, "set forward, or a machine that slept");
        assert_eq!(clock.look(8_996_000, 300), None, "four seconds");
        assert_eq!(clock.look(5_396_000, 400), Some(Duration::from_millis(3_600_100)));
        assert_eq!(clock.look(5_396_100, 500), None, "told once");
        assert_eq!(clock.look(5_396_100, 900_000), Some(Duration::from_millis(899_500)), "it stood still");
        assert_eq!(clock.look(i64::MIN, i64::MAX), Some(Duration::from_millis(u64::try_from(i64::MAX).unwrap())));
    }
}
