//! Whether a partition holds something that is no log: nearly all of it goes to the dead letters.

/// So many records in a row that cannot be decoded are no accident.
const IN_A_ROW_MAX: u64 = 1_000;
/// Nor is it when more than half of the records of a minute cannot …
const REJECTS_PART_MAX: u64 = 2;
/// … and they are at least so many.
const REJECTS_MIN: u64 = 100;
/// How long a window is, in milliseconds. What was found holds for the next one, too, so that an alarm does not flicker.
const WINDOW_MS: i64 = 60_000;

/// The dead letters of one partition against its other records. Like `DlqLimit` of Sentry's Arroyo: a part, and a number in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undecodable {
    in_a_row: u64,
    window: Window,
    last: Window,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began_ms: i64,
    decoded: u64,
    rejects: u64,
}

impl Undecodable {
    /// What a flush says of its records. Within one the order is not known: a decoded record ends a row.
    pub(super) fn count(&mut self, decoded: u64, rejects: u64, now_ms: i64) {
        if now_ms.abs_diff(self.window.began_ms) >= WINDOW_MS.unsigned_abs() {
            self.last = std::mem::replace(&mut self.window, Window { began_ms: now_ms, ..Window::default() });
        }
        self.in_a_row = if decoded > 0 { 0 } else { self.in_a_row + rejects };
        self.window.decoded += decoded;
        self.window.rejects += rejects;
    }

    /// Whether there are too many dead letters; of a partition without new records not for ever.
    pub(super) fn is_exceeded(&self, now_ms: i64) -> bool {
        let exceeds = |window: &Window| {
            let is_recent = now_ms.abs_diff(window.began_ms) < 2 * WINDOW_MS.unsigned_abs();
            let Window { decoded, rejects, .. } = *window;
            is_recent && rejects >= REJECTS_MIN && rejects * REJECTS_PART_MAX > decoded + rejects
        };
        self.in_a_row >= IN_A_ROW_MAX || exceeds(&self.window) || exceeds(&self.last)
    }

    /// Records that went to the dead letters in this window and the one before.
    pub(super) fn rejects(&self) -> u64 {
        self.window.rejects + self.last.rejects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_420_900_000;

    #[test]
    fn more_than_half_of_a_minute_or_a_thousand_in_a_row_are_too_many() {
        for (flushes, expected) in [
            (&[(100, 100)][..], false),
            (&[(99, 100)], true),
            (&[(0, 99)], false),
            (&[(0, 500), (1, 0), (0, 500), (1_000, 0)], false),
            (&[(100_000, 0), (0, 999)], false),
            (&[(100_000, 0), (0, 500), (0, 500)], true),
            (&[(100_000, 0), (0, 500), (0, 500), (1, 1)], false),
        ] {
            let mut undecodable = Undecodable::default();
            flushes.iter().for_each(|&(decoded, rejects)| undecodable.count(decoded, rejects, NOW_MS));
            assert_eq!(undecodable.is_exceeded(NOW_MS), expected, "{flushes:?}");
        }
    }

    #[test]
    fn it_is_over_a_minute_after_the_records_are_well_again() {
        let mut undecodable = Undecodable::default();
        undecodable.count(10, 200, NOW_MS);
        for (after_ms, expected) in
            [(59_000, true), (WINDOW_MS, true), (WINDOW_MS + 59_000, true), (2 * WINDOW_MS, false)]
        {
            undecodable.count(1, 0, NOW_MS + after_ms);
            assert_eq!(undecodable.is_exceeded(NOW_MS + after_ms), expected, "{after_ms}");
        }
        undecodable = Undecodable::default();
        undecodable.count(10, 200, NOW_MS);
        assert!(!undecodable.is_exceeded(NOW_MS + 2 * WINDOW_MS), "nothing follows");
    }
}
