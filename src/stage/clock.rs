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
/// A partition without lines for this long is idle and moves on by the clock of who reads it, which never goes back or leaps.
const IDLE_AFTER_MS: i64 = 1_000;
/// What passes between two looks that are further apart than this is no silence: the broker or this process was away.
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
    /// When the last line came, or of the last promise made in its place.
    moved_at_ms: Option<i64>,
    /// When it was last read, or known to have nothing to read.
    looked_at_ms: Option<i64>,
    idle_since_ms: Option<i64>,
    is_idle: bool,
    /// Since when the others wait for it without a sign of it.
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
    pub(super) fn place(&mut self, time: StreamTime, lateness_ms: i64, now_ms: i64) -> Placed {
        let is_behind = self.watermark.is_some_and(|watermark| time.0 < watermark.0.saturating_sub(lateness_ms));
        let is_far = self.watermark.is_some_and(|watermark| time.0 > watermark.0.saturating_add(AHEAD_MAX_MS));
        let late = is_behind || is_far;
        let counted_at = if late { self.watermark.unwrap_or(time) } else { time };
        // One behind says nothing of where the others are.
        if !is_behind {
            self.move_on(time, lateness_ms);
        }
        self.moved_at_ms = Some(now_ms);
        self.looked_at_ms = Some(now_ms);
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

    /// The partition has nothing more to read at this moment. Its promise moves on with the clock, and after the
    /// patience it holds nobody back.
    pub(super) fn at_end(&mut self, now_ms: i64) {
        // The first look is no gap.
        if self.looked_at_ms.is_some_and(|looked_ms| now_ms.saturating_sub(looked_ms) > LOOK_WITHIN_MS) {
            let from_ms = now_ms.saturating_add(SHIPPERS_RETURN_WITHIN_MS);
            self.moved_at_ms = Some(from_ms);
            self.idle_since_ms = Some(from_ms);
            self.is_idle = false;
        }
        self.looked_at_ms = Some(now_ms);
        self.waited_for_since_ms = None;
        let idle_since_ms = *self.idle_since_ms.get_or_insert(now_ms);
        let passed_ms = now_ms.saturating_sub(*self.moved_at_ms.get_or_insert(now_ms));
        if passed_ms >= IDLE_AFTER_MS
            && let Some(watermark) = self.watermark.or_else(|| self.median())
        {
            self.watermark = Some(StreamTime(watermark.0.saturating_add(passed_ms)));
            for time in &mut self.last_times {
                *time = StreamTime(time.0.saturating_add(passed_ms));
            }
            self.moved_at_ms = Some(now_ms);
            self.dirty = true;
        }
        if now_ms.saturating_sub(idle_since_ms) >= PATIENCE_MS {
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
    pub(super) fn waited_for_at(&mut self, now_ms: i64) -> Option<StreamTime> {
        let since_ms = if self.is_held { now_ms } else { *self.waited_for_since_ms.get_or_insert(now_ms) };
        self.reading_at().filter(|_| now_ms.saturating_sub(since_ms) < PATIENCE_MS)
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
mod tests;
