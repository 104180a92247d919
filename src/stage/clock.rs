//! The time of one input partition: its watermark, and how it moves on while no line comes.
//!
//! The rules are those of the design, §4. Everything that a restart needs fits into the metadata of the committed offset
//! ([`PartitionClock::metadata`]), as Kafka Streams does with its partition time, so a restart changes nothing.

use crate::record::{Offset, StreamTime};
use crate::vectorise::wire::Outcomes;

/// The watermark is the running maximum of the median of this many times: one line from 2099 moves nothing. Before there are
/// as many, there is none.
const MEDIAN_OF: usize = 9;
/// Lines that leap ahead of all believed ones would make the others late, if they were believed. So they are only once they went
/// on for so long in their own time, [`MEDIAN_OF`] of them at least, and far outnumber the lines that contradict them, which are those
/// that move on where the watermark stands: then there was a pause. This is far longer than what shippers send at once.
const BELIEVED_AFTER_MS: i64 = 30_000;
/// So many lines ahead outweigh one that contradicts them: else a host whose clock is slow could hold back all others for ever.
const OUTWEIGH_ONE: u64 = 20;
/// The least that counts as a leap: no usual gap between two lines is one.
const LEAP_MIN_MS: i64 = 15_000;
/// A line that is this far ahead of its partition's watermark is not believed: it is counted where the partition stands, as late.
/// Far above any pause between two lines of one partition, for whoever comes after a pause is ahead, too.
const AHEAD_MAX_MS: i64 = 30 * 86_400_000;
/// A partition without lines for this long is idle and moves on by the wall clock.
const IDLE_AFTER_MS: i64 = 1_000;
/// What passes between two looks that are further apart than this is no silence: the broker or this process was away. Nor is
/// it when the clock went back.
const LOOK_WITHIN_MS: i64 = 3_000;
/// Who shipped the lines was cut off as well, and comes back later than the readers do: librdkafka, which most shippers use, tries
/// again every ten seconds. Until then a partition at its end is not idle.
const SHIPPERS_RETURN_WITHIN_MS: i64 = 10_000;
/// A partition that was idle for this long holds nobody back any more.
const PATIENCE_MS: i64 = 10_000;
/// What the metadata begins with: the version of its form.
const METADATA_VERSION: &str = "2";

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
    /// Lines that are far ahead of those.
    leap: Option<Leap>,
    /// Wall time of the last line, or of the last promise made in its place.
    moved_at_ms: Option<i64>,
    /// Wall time at which it was last read, or known to have nothing to read.
    looked_at_ms: Option<i64>,
    idle_since_ms: Option<i64>,
    is_idle: bool,
    /// Wall time since which the others wait for it without a sign of it.
    waited_for_since_ms: Option<i64>,
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

/// Lines far ahead of all that are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leap {
    /// The lowest of their times.
    since: StreamTime,
    lines: u64,
    /// Lines that moved on where the watermark stands, in the meantime.
    against: u64,
    last_times: Vec<StreamTime>,
}

impl Leap {
    fn new(time: StreamTime) -> Self {
        Self { since: time, lines: 0, against: 0, last_times: Vec::new() }
    }

    /// Whether it went on long enough, with this line, to be believed or not.
    fn is_decided(&self, time: StreamTime) -> bool {
        self.last_times.len() == MEDIAN_OF && time.0.saturating_sub(self.since.0) >= BELIEVED_AFTER_MS
    }

    fn is_believed(&self) -> bool {
        self.lines > self.against.saturating_mul(OUTWEIGH_ONE)
    }
}

impl PartitionClock {
    /// The clock of a partition that is read from `from` on, with what was committed beside that offset.
    pub(super) fn resume(from: Offset, metadata: Option<&str>) -> Self {
        let mut clock = Self {
            watermark: None,
            last_times: Vec::with_capacity(MEDIAN_OF + 1),
            leap: None,
            moved_at_ms: None,
            looked_at_ms: None,
            idle_since_ms: None,
            is_idle: false,
            waited_for_since_ms: None,
            from,
            to: from,
            outcomes: Outcomes::default(),
            dirty: true,
            is_held: false,
        };
        if let Some(fields) = metadata.and_then(parse_metadata) {
            (clock.watermark, clock.last_times, clock.leap) = fields;
        }
        clock
    }

    /// Its brokers were away until now.
    pub(super) fn was_away(&mut self) {
        self.looked_at_ms = Some(i64::MIN);
    }

    /// What has to be committed with the offset: version, watermark, the last times, and of a leap its first and last times.
    pub(super) fn metadata(&self) -> String {
        let listed = |times: &[StreamTime]| times.iter().map(|time| time.0.to_string()).collect::<Vec<_>>().join(",");
        let watermark = self.watermark.map_or_else(|| "-".to_owned(), |time| time.0.to_string());
        let mut words = vec![METADATA_VERSION.to_owned(), watermark, listed(&self.last_times)];
        if let Some(Leap { since, lines, against, last_times }) = &self.leap {
            words.extend([since.0.to_string(), lines.to_string(), against.to_string(), listed(last_times)]);
        }
        words.join(" ")
    }

    /// The time of a line without any: that of the line before it.
    pub(super) fn latest(&self) -> Option<StreamTime> {
        self.last_times.last().copied().or(self.watermark)
    }

    /// Places a line and moves the watermark. O(1).
    pub(super) fn place(&mut self, time: StreamTime, lateness_ms: i64, wall_ms: i64) -> Placed {
        let is_behind = self.watermark.is_some_and(|watermark| time.0 < watermark.0.saturating_sub(lateness_ms));
        let is_far = self.watermark.is_some_and(|watermark| time.0 > watermark.0.saturating_add(AHEAD_MAX_MS));
        let late = is_behind || is_far;
        let counted_at = if late { self.watermark.unwrap_or(time) } else { time };
        // One behind says nothing of where the others are.
        if !is_behind {
            self.move_on(time, lateness_ms);
        }
        self.moved_at_ms = Some(wall_ms);
        self.looked_at_ms = Some(wall_ms);
        self.waited_for_since_ms = None;
        self.idle_since_ms = None;
        self.is_idle = false;
        self.dirty = true;
        Placed { time: counted_at, late }
    }

    fn move_on(&mut self, time: StreamTime, lateness_ms: i64) {
        let believed = self.median().filter(|_| self.watermark.is_some());
        if believed.is_some_and(|median| time.0 > median.0.saturating_add(lateness_ms.max(LEAP_MIN_MS))) {
            // A lower one contradicts those before it.
            let leap = self.leap.take().filter(|leap| time >= leap.since);
            let leap = self.leap.insert(leap.unwrap_or_else(|| Leap::new(time)));
            push(&mut leap.last_times, time);
            leap.lines += 1;
            if !leap.is_decided(time) {
                return;
            }
            // What is not believed is looked at anew: who was contradicted has gone, maybe.
            let leap = self.leap.take().filter(Leap::is_believed);
            let Some(leap) = leap else { return };
            self.last_times = leap.last_times;
        } else {
            if let Some(leap) = self.leap.as_mut().filter(|_| Some(time) > self.watermark) {
                leap.against += 1;
            }
            push(&mut self.last_times, time);
        }
        if self.last_times.len() == MEDIAN_OF {
            self.watermark = self.watermark.max(self.median());
        }
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
        // The first look is no gap, and neither is a clock that went back.
        let since_look_ms = self.looked_at_ms.map_or(-1, |looked_ms| wall_ms.saturating_sub(looked_ms));
        if !(0..=LOOK_WITHIN_MS).contains(&since_look_ms) {
            let was_away = since_look_ms > LOOK_WITHIN_MS;
            let from_ms = wall_ms.saturating_add(if was_away { SHIPPERS_RETURN_WITHIN_MS } else { 0 });
            self.moved_at_ms = Some(from_ms);
            self.idle_since_ms = Some(from_ms);
            self.is_idle = false;
        }
        self.looked_at_ms = Some(wall_ms);
        self.waited_for_since_ms = None;
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

    /// The same, where the others have to wait for it: not for one of which nothing was read, nor is there nothing to read, for
    /// longer than the patience. Its broker may be away.
    pub(super) fn waited_for_at(&mut self, wall_ms: i64) -> Option<StreamTime> {
        let since_ms = if self.is_held { wall_ms } else { *self.waited_for_since_ms.get_or_insert(wall_ms) };
        self.reading_at().filter(|_| wall_ms.saturating_sub(since_ms) < PATIENCE_MS)
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

/// Adds a time to the last ones.
fn push(times: &mut Vec<StreamTime>, time: StreamTime) {
    if times.len() == MEDIAN_OF {
        times.remove(0);
    }
    times.push(time);
}

type Fields = (Option<StreamTime>, Vec<StreamTime>, Option<Leap>);

fn parse_metadata(metadata: &str) -> Option<Fields> {
    let mut words = metadata.split(' ');
    if words.next() != Some(METADATA_VERSION) {
        return None;
    }
    let watermark = match words.next()? {
        "-" => None,
        word => Some(StreamTime(word.parse().ok()?)),
    };
    let last_times = parse_times(words.next()?)?;
    let leap = match words.next() {
        Some(since) => Some(Leap {
            since: StreamTime(since.parse().ok()?),
            lines: words.next()?.parse().ok()?,
            against: words.next()?.parse().ok()?,
            last_times: parse_times(words.next()?)?,
        }),
        None => None,
    };
    Some((watermark, last_times, leap))
}

fn parse_times(word: &str) -> Option<Vec<StreamTime>> {
    let times = word.split(',').filter(|time| !time.is_empty()).map(|time| time.parse().map(StreamTime));
    times.collect::<Result<Vec<_>, _>>().ok().filter(|times| times.len() <= MEDIAN_OF)
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

    /// Shares of the lines of a partition that come from a host whose clock is four minutes fast, one line in twenty milliseconds, and
    /// in batches as shippers send them.
    #[test]
    fn a_host_with_a_fast_clock_makes_nobody_late() {
        for (share, batch) in [(0.01, 1), (0.1, 1), (0.3, 1), (0.6, 1), (0.3, 100), (0.6, 60)] {
            let (mut clock, mut random, mut late) = (clock(), 7_u64, 0);
            for number in 0..60_000_i64 {
                if number % batch == 0 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                }
                let is_fast = number >= 100 && ((random >> 40) as f64) < share * f64::from(1 << 24);
                let time = StreamTime(number * 20 + if is_fast { 240_000 } else { 0 });
                late += u64::from(clock.place(time, LATENESS_MS, 0).late && !is_fast);
            }
            assert_eq!(late, 0, "{share} of the lines, {batch} at once");
            assert!(clock.watermark > Some(StreamTime(59_000 * 20)), "{:?}", clock.watermark);
        }
    }

    #[test]
    fn after_a_pause_the_lines_are_believed_once_they_went_on_for_a_while() {
        let mut clock = clock();
        let place = |clock: &mut PartitionClock, second: i64| clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
        for second in (0..20).chain(600..630) {
            place(&mut clock, second);
        }
        assert!(clock.watermark < Some(StreamTime(20_000)));
        place(&mut clock, 630);
        assert!(clock.watermark > Some(StreamTime(600_000)));
        // A backfill of old lines holds up nothing.
        for second in 631..700 {
            assert!(place(&mut clock, second - 500).late && !place(&mut clock, second).late);
        }
        assert!(clock.watermark > Some(StreamTime(690_000)));
    }

    /// After a pause one line in a hundred comes from a host that writes the time of its start, or one that is eleven minutes slow.
    #[test]
    fn a_few_lines_of_the_past_hold_nobody_back() {
        for slow_s in [i64::MAX, 660] {
            let mut clock = clock();
            (0..20).for_each(|second| {
                clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
            });
            for number in 0..20_000_i64 {
                let second = 700 + number / 20;
                let second = if number % 100 == 50 { (second.saturating_sub(slow_s)).max(19) } else { second };
                clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
            }
            assert!(clock.watermark > Some(StreamTime(1_690_000)), "{slow_s}: {:?}", clock.watermark);
        }
    }

    /// Also after a pause of more than a month, or where the first lines came from a device without a clock.
    #[test]
    fn no_pause_is_too_long() {
        let mut clock = clock();
        (0..20).for_each(|second| {
            clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
        });
        let years_later = 26 * 365 * 86_400;
        let late =
            (0..100).filter(|second| clock.place(StreamTime((years_later + second) * 1_000), LATENESS_MS, 0).late);
        assert_eq!(late.count(), 31);
        assert!(clock.watermark > Some(StreamTime((years_later + 90) * 1_000)));
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
        // Nor is what passes until the shippers are back.
        for wall_ms in (21_000..=21_000 + SHIPPERS_RETURN_WITHIN_MS).step_by(1_000) {
            clock.at_end(wall_ms);
            assert_eq!(clock.watermark, Some(StreamTime(11_100)));
            assert!(!clock.is_idle());
        }
        assert!(!clock.clone().place(StreamTime(10_100), LATENESS_MS, 31_000).late);
        clock.at_end(32_000);
        assert_eq!(clock.watermark, Some(StreamTime(12_100)));
    }

    #[test]
    fn who_begins_anew_after_an_outage_waits_for_the_shippers_too() {
        let mut clock = clock();
        clock.place(StreamTime(10_000), LATENESS_MS, 500);
        let mut resumed = PartitionClock::resume(clock.to, Some(&clock.metadata()));
        resumed.was_away();
        let before = resumed.latest();
        for wall_ms in (0..=SHIPPERS_RETURN_WITHIN_MS).step_by(1_000) {
            resumed.at_end(wall_ms);
        }
        assert_eq!((resumed.latest(), resumed.is_idle()), (before, false));
        resumed.at_end(SHIPPERS_RETURN_WITHIN_MS + 1_000);
        assert!(resumed.latest() > before);
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
        for second in [5, 3, 9, 7, 8, 12, 11, 12, 13, 14, 100, 101] {
            clock.place(StreamTime(second * 1_000), LATENESS_MS, second);
            let resumed = PartitionClock::resume(clock.to, Some(&clock.metadata()));
            assert_eq!(resumed.watermark, clock.watermark);
            assert_eq!((resumed.last_times, resumed.leap), (clock.last_times.clone(), clock.leap.clone()));
        }
        assert!(clock.leap.is_some());
        assert_eq!(PartitionClock::resume(Offset(3), Some("nonsense")).watermark, None);
    }
}
