//! The time of one input partition: its watermark, and how it moves on while no line comes.
//!
//! The rules are those of the design, §4. Everything that a restart needs fits into the metadata of the committed offset
//! ([`PartitionClock::metadata`]), as Kafka Streams does with its partition time, so a restart changes nothing.

use crate::record::{Offset, StreamTime};
use crate::vectorise::wire::Outcomes;

/// The watermark is the running maximum of the median of this many times: one line from 2099 moves nothing. Before there are
/// as many, there is none.
const MEDIAN_OF: usize = 9;
/// A line that is this far ahead of its partition's watermark is not believed: it is counted where the partition stands, as late.
/// Far above any pause between two lines of one partition, for whoever comes after a pause is ahead, too.
const AHEAD_MAX_MS: i64 = 30 * 86_400_000;
/// A partition without lines for this long is idle and moves on by the wall clock.
const IDLE_AFTER_MS: i64 = 1_000;
/// What passes between two looks that are further apart than this is no silence: the broker or this process was away. Nor is
/// it when the clock went back.
const LOOK_WITHIN_MS: i64 = 3_000;
/// A partition that was idle for this long holds nobody back any more.
const PATIENCE_MS: i64 = 10_000;
/// What the metadata begins with: the version of its form.
const METADATA_VERSION: &str = "1";

/// When a line happened, as far as its partition can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// The time it is counted at.
    pub(super) time: StreamTime,
    /// Whether it came too late for its own second.
    pub(super) late: bool,
}

/// How far one partition has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartitionClock {
    watermark: Option<StreamTime>,
    last_times: Vec<StreamTime>,
    /// Wall time of the last line, or of the last promise made in its place.
    moved_at_ms: Option<i64>,
    /// Wall time at which it was last read, or known to have nothing to read.
    looked_at_ms: Option<i64>,
    idle_since_ms: Option<i64>,
    is_idle: bool,
    /// First offset that no flush covers yet.
    pub(super) from: Offset,
    /// First offset that was not read yet.
    pub(super) to: Offset,
    /// What became of the records since the last flush.
    pub(super) outcomes: Outcomes,
    /// Whether there is anything that a flush would say.
    pub(super) dirty: bool,
    /// Whether it waits for the others.
    pub(super) is_held: bool,
}

impl PartitionClock {
    /// The clock of a partition that is read from `from` on, with what was committed beside that offset.
    pub(super) fn resume(from: Offset, metadata: Option<&str>) -> Self {
        let mut clock = Self {
            watermark: None,
            last_times: Vec::with_capacity(MEDIAN_OF + 1),
            moved_at_ms: None,
            looked_at_ms: None,
            idle_since_ms: None,
            is_idle: false,
            from,
            to: from,
            outcomes: Outcomes::default(),
            dirty: true,
            is_held: false,
        };
        if let Some(fields) = metadata.and_then(parse_metadata) {
            (clock.watermark, clock.last_times) = fields;
        }
        clock
    }

    /// What has to be committed with the offset: version, watermark, the last times.
    pub(super) fn metadata(&self) -> String {
        let watermark = self.watermark.map_or_else(|| "-".to_owned(), |time| time.0.to_string());
        let times: Vec<String> = self.last_times.iter().map(|time| time.0.to_string()).collect();
        [METADATA_VERSION, &watermark, &times.join(",")].join(" ")
    }

    /// The time of a line without any: that of the line before it.
    pub(super) fn latest(&self) -> Option<StreamTime> {
        self.last_times.last().copied().or(self.watermark)
    }

    /// Places a line and moves the watermark. O(1).
    pub(super) fn place(&mut self, time: StreamTime, lateness_ms: i64, wall_ms: i64) -> Placed {
        let late = self.watermark.is_some_and(|watermark| {
            time.0 < watermark.0.saturating_sub(lateness_ms) || time.0 > watermark.0.saturating_add(AHEAD_MAX_MS)
        });
        let counted_at = if late { self.watermark.unwrap_or(time) } else { time };
        if self.last_times.len() == MEDIAN_OF {
            self.last_times.remove(0);
        }
        self.last_times.push(time);
        if self.last_times.len() == MEDIAN_OF {
            self.watermark = self.watermark.max(self.median());
        }
        self.moved_at_ms = Some(wall_ms);
        self.looked_at_ms = Some(wall_ms);
        self.idle_since_ms = None;
        self.is_idle = false;
        self.dirty = true;
        Placed { time: counted_at, late }
    }

    /// The lower median of the last times.
    fn median(&self) -> Option<StreamTime> {
        let mut sorted = [StreamTime::MIN; MEDIAN_OF];
        for (place, &time) in sorted.iter_mut().zip(&self.last_times) {
            *place = time;
        }
        let filled = sorted.get_mut(..self.last_times.len()).unwrap_or_default();
        filled.sort_unstable();
        filled.get((filled.len().saturating_sub(1)) / 2).copied()
    }

    /// The partition has nothing more to read at this wall time. Its promise moves on with the wall clock, and after the
    /// patience it holds nobody back.
    pub(super) fn at_end(&mut self, wall_ms: i64) {
        let since_look_ms = self.looked_at_ms.map(|looked_ms| wall_ms.saturating_sub(looked_ms));
        if !since_look_ms.is_some_and(|since_ms| (0..=LOOK_WITHIN_MS).contains(&since_ms)) {
            self.moved_at_ms = Some(wall_ms);
            self.idle_since_ms = None;
            self.is_idle = false;
        }
        self.looked_at_ms = Some(wall_ms);
        let idle_since_ms = *self.idle_since_ms.get_or_insert(wall_ms);
        let passed_ms = wall_ms.saturating_sub(*self.moved_at_ms.get_or_insert(wall_ms));
        if passed_ms >= IDLE_AFTER_MS
            && let Some(watermark) = self.watermark.or_else(|| self.median())
        {
            self.watermark = Some(StreamTime(watermark.0.saturating_add(passed_ms)));
            for time in &mut self.last_times {
                *time = StreamTime(time.0.saturating_add(passed_ms));
            }
            self.moved_at_ms = Some(wall_ms);
            self.dirty = true;
        }
        if wall_ms.saturating_sub(idle_since_ms) >= PATIENCE_MS {
            self.is_idle = true;
            self.dirty = true;
        }
    }

    /// Nothing follows at all: it holds nobody back from now on.
    pub(super) fn end_of_input(&mut self) {
        self.is_idle = true;
        self.dirty = true;
    }

    /// How far its lines' times have come, while it is not at its end.
    pub(super) fn reading_at(&self) -> Option<StreamTime> {
        self.watermark.or_else(|| self.median()).filter(|_| self.idle_since_ms.is_none())
    }

    /// Whether it holds nobody back.
    pub(super) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Nothing before this moment follows.
    pub(super) fn complete_until(&self, lateness_ms: i64) -> Option<StreamTime> {
        self.watermark.map(|time| StreamTime(time.0.saturating_sub(lateness_ms)))
    }
}

type Fields = (Option<StreamTime>, Vec<StreamTime>);

fn parse_metadata(metadata: &str) -> Option<Fields> {
    let mut words = metadata.split(' ');
    if words.next() != Some(METADATA_VERSION) {
        return None;
    }
    let watermark = match words.next()? {
        "-" => None,
        word => Some(StreamTime(word.parse().ok()?)),
    };
    let times = words.next().unwrap_or_default().split(',').filter(|time| !time.is_empty());
    let times: Vec<StreamTime> = times.map(|time| time.parse().map(StreamTime)).collect::<Result<_, _>>().ok()?;
    (times.len() <= MEDIAN_OF).then_some((watermark, times))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENESS_MS: i64 = 5_000;

    fn clock() -> PartitionClock {
        PartitionClock::resume(Offset(0), None)
    }

    #[test]
    fn one_line_from_2099_moves_nothing() {
        let mut clock = clock();
        for second in 0..20 {
            clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
        }
        let before = clock.watermark;
        clock.place(StreamTime(4_070_908_800_000), LATENESS_MS, 0);
        assert!(clock.watermark <= Some(StreamTime(before.unwrap().0 + 1_000)));
    }

    #[test]
    fn not_even_the_first_line_or_the_one_after_a_pause() {
        let far = StreamTime(4_070_908_800_000);
        let mut clock = clock();
        clock.place(far, LATENESS_MS, 0);
        for second in 0..20 {
            assert!(!clock.place(StreamTime(second * 1_000), LATENESS_MS, 0).late);
        }
        assert!(clock.watermark.unwrap() < StreamTime(20_000));
        for wall_ms in (1_000..=30_000).step_by(1_000) {
            clock.at_end(wall_ms);
        }
        let before = clock.watermark.unwrap();
        assert_eq!(clock.place(far, LATENESS_MS, 30_000), Placed { time: before, late: true });
        assert!(clock.watermark.unwrap() < StreamTime(before.0 + 60_000));
    }

    #[test]
    fn a_line_is_late_only_behind_the_lateness_and_counts_in_the_current_second() {
        let mut clock = clock();
        for second in 100..120 {
            clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
        }
        let watermark = clock.watermark.unwrap();
        assert_eq!(
            clock.place(StreamTime(watermark.0 - LATENESS_MS), LATENESS_MS, 0),
            Placed { time: StreamTime(watermark.0 - LATENESS_MS), late: false }
        );
        assert_eq!(
            clock.place(StreamTime(50_000), LATENESS_MS, 0),
            Placed { time: clock.watermark.unwrap(), late: true }
        );
        assert!(clock.complete_until(LATENESS_MS).unwrap() <= StreamTime(watermark.0 - LATENESS_MS));
    }

    #[test]
    fn an_idle_partition_moves_on_with_the_wall_clock_and_then_holds_nobody_back() {
        let mut clock = clock();
        clock.place(StreamTime(10_000), LATENESS_MS, 500);
        clock.at_end(900);
        assert_eq!(clock.watermark, None);
        clock.at_end(2_500);
        assert_eq!(clock.watermark, Some(StreamTime(12_000)));
        assert!(!clock.is_idle());
        for wall_ms in (2_500..900 + PATIENCE_MS).step_by(1_000) {
            clock.at_end(wall_ms);
        }
        clock.at_end(900 + PATIENCE_MS);
        assert!(clock.is_idle());
        clock.place(StreamTime(13_000), LATENESS_MS, 11_000);
        assert!(!clock.is_idle());
    }

    #[test]
    fn what_passes_while_nobody_looks_is_no_silence() {
        let mut clock = clock();
        clock.place(StreamTime(10_000), LATENESS_MS, 500);
        clock.at_end(1_600);
        assert_eq!(clock.watermark, Some(StreamTime(11_100)));
        clock.at_end(21_000);
        assert_eq!(clock.watermark, Some(StreamTime(11_100)));
        assert!(!clock.is_idle());
        clock.at_end(22_000);
        assert_eq!(clock.watermark, Some(StreamTime(12_100)));
    }

    #[test]
    fn a_wall_clock_that_goes_back_delays_promises_by_nothing_but_the_jump() {
        let mut clock = clock();
        clock.place(StreamTime(10_000), LATENESS_MS, 3_600_000);
        clock.at_end(3_601_000);
        let watermark = clock.watermark;
        for wall_ms in (1_000..=1_000 + PATIENCE_MS).step_by(1_000) {
            clock.at_end(wall_ms);
        }
        assert_eq!(clock.watermark.map(|time| time.0), watermark.map(|time| time.0 + PATIENCE_MS));
        assert!(clock.is_idle());
    }

    #[test]
    fn an_empty_partition_becomes_idle_without_a_watermark() {
        let mut clock = clock();
        for wall_ms in (0..=PATIENCE_MS).step_by(1_000) {
            clock.at_end(wall_ms);
        }
        assert!(clock.is_idle());
        assert_eq!(clock.complete_until(LATENESS_MS), None);
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut clock = clock();
        for second in [5, 3, 9, 7, 8, 12] {
            clock.place(StreamTime(second * 1_000), LATENESS_MS, second);
        }
        let resumed = PartitionClock::resume(clock.to, Some(&clock.metadata()));
        assert_eq!(resumed.watermark, clock.watermark);
        assert_eq!(resumed.last_times, clock.last_times);
        assert_eq!(PartitionClock::resume(Offset(3), Some("nonsense")).watermark, None);
    }
}
