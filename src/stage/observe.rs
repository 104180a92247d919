//! The first stage: records become tallies.
//!
//! One [`Observer`] serves the partitions of one worker. It keeps nothing that would be missed: the clocks travel with the
//! committed offsets, and the memory of what was announced only spares bytes.

use std::collections::BTreeMap;

use super::clock::PartitionClock;
use crate::decode::{Decoder, Format};
use crate::publish::Outcome;
use crate::record::{NotALine, Offset, Partition, Record, Reject, Second, StreamTime, TimeBasis, Topic};
use crate::template::{Masks, Skeletoniser};
use crate::vectorise::wire::{Flush, Progress};
use crate::vectorise::{Collector, Line};

/// A partition waits when it is this far ahead of the others, in milliseconds of log time …
const HOLD_ABOVE_MS: i64 = 60_000;
/// … until it is only this far ahead: what was fetched of it is fetched again, so it should not stop and go.
const RELEASE_BELOW_MS: i64 = 30_000;

/// Turns the records of some partitions into tallies.
pub struct Observer {
    lateness_ms: i64,
    decoder: Decoder,
    skeletoniser: Skeletoniser,
    collector: Collector,
    clocks: BTreeMap<Partition, PartitionClock>,
    scratch_service: String,
    lines_cut: u64,
    /// Whether everything was dropped and nothing read since: brokers were away, and the shippers are not back yet, maybe.
    was_away: bool,
    /// The second that could be closed after the last flush, as far as these partitions go.
    told_until: Option<Second>,
}

/// What the limits of an observer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitsMet {
    /// Lines that were cut off because they were too long.
    pub lines_cut: u64,
    /// Services that were folded into one because a second had too many.
    pub services_folded: u64,
}

impl Observer {
    /// An observer that reads this format and lets lines be late by this much.
    pub fn new(format: Format, lateness_ms: i64) -> Self {
        Self {
            lateness_ms,
            decoder: Decoder::new(format),
            skeletoniser: Skeletoniser::new(),
            collector: Collector::default(),
            clocks: BTreeMap::new(),
            scratch_service: String::new(),
            lines_cut: 0,
            was_away: false,
            told_until: None,
        }
    }

    /// The same observer, with these masks.
    pub fn with_masks(self, masks: Masks) -> Self {
        Self { skeletoniser: Skeletoniser::with_masks(masks), ..self }
    }

    /// Records without a timestamp that follow were written before this moment; see [`Decoder::written_by`].
    pub fn written_by(&mut self, moment_ms: i64) {
        self.decoder.written_by(moment_ms);
    }

    /// Lines that follow are cut off at this length, in bytes.
    pub fn cut_lines_at(&mut self, line_bytes: usize) {
        self.decoder.cut_lines_at(line_bytes);
    }

    /// Begins with a partition at `from`, where `metadata` was committed beside that offset.
    pub fn assign(&mut self, partition: Partition, from: Offset, metadata: Option<&str>) {
        let mut clock = PartitionClock::resume(from, metadata);
        if self.was_away {
            clock.was_away();
        }
        self.clocks.insert(partition, clock);
    }

    /// Ends with a partition, after a flush: what was not flushed of it is counted by whoever reads it next.
    pub fn revoke(&mut self, partition: &Partition) {
        self.clocks.remove(partition);
    }

    /// What is read from now on was not read before because brokers were away.
    pub fn was_away(&mut self) {
        self.was_away = true;
    }

    /// Drops everything: clocks, sums and memory. What was not committed is read again.
    pub fn drop_all(&mut self) {
        self.clocks.clear();
        self.collector.take();
        self.collector.forget();
        self.limits_met();
        self.was_away();
    }

    /// Forgets what was announced. Changes no event.
    pub fn forget(&mut self) {
        self.collector.forget();
    }

    /// How many sums a flush would send now.
    pub fn entries(&self) -> usize {
        self.collector.entries()
    }

    /// The latest time of a partition's lines.
    pub fn latest(&self, partition: &Partition) -> Option<StreamTime> {
        self.clocks.get(partition).and_then(PartitionClock::latest)
    }

    /// Takes one record of a partition that was assigned, read at this moment of a clock that never goes back. `None` where it was counted already, or is of
    /// another partition: what was read before an assignment was lost may still be handed out after it, and belongs to
    /// somebody else.
    pub fn record<'a>(&'a mut self, partition: &Partition, record: &Record<'a>, now_ms: i64) -> Option<Outcome<'a>> {
        let clock = self.clocks.get_mut(partition)?;
        // What a client hands out again, after a pause or a rebalance, is counted already.
        if record.offset < clock.to {
            return None;
        }
        clock.to = record.offset.next();
        clock.dirty = true;
        self.was_away = false;
        let decoded = match self.decoder.decode(record) {
            Ok(line) => line,
            Err(NotALine::Empty) => {
                clock.outcomes.empty += 1;
                return Some(Outcome::Empty);
            }
            Err(NotALine::Reject(reject)) => {
                clock.outcomes.rejects += 1;
                return Some(Outcome::Rejected(reject));
            }
        };
        self.lines_cut += u64::from(decoded.is_cut);
        let (time, basis, clamped) = resolve_time(decoded.time, record.timestamp, clock, self.lateness_ms);
        let placed = clock.place(time, self.lateness_ms, now_ms);
        let service = match decoded.service {
            Some(service) => service,
            None => {
                self.scratch_service.clear();
                self.scratch_service.push_str(partition.topic.name());
                &self.scratch_service
            }
        };
        let template =
            (!decoded.is_continuation).then(|| (decoded.message, self.skeletoniser.skeletonise(decoded.message)));
        self.collector.add(&Line {
            partition,
            offset: record.offset,
            time: placed.time,
            late: placed.late,
            basis,
            environment: decoded.environment,
            service,
            host: decoded.host,
            level: decoded.level,
            is_cut: decoded.is_cut,
            template,
        });
        let Some((_, skeleton)) = template else {
            clock.outcomes.continuations += 1;
            return Some(Outcome::Continuation { service, time });
        };
        clock.outcomes.lines += 1;
        clock.outcomes.late += u64::from(placed.late);
        clock.outcomes.clamped += u64::from(clamped);
        Some(Outcome::Decoded { template: skeleton.id, service, level: decoded.level, time })
    }

    /// A record that is not looked at, because a stage panicked on it: it is accounted for as one that cannot be decoded. `None`
    /// as for [`Observer::record`].
    pub fn set_aside(&mut self, partition: &Partition, offset: Offset) -> Option<Outcome<'static>> {
        let clock = self.clocks.get_mut(partition)?;
        if offset < clock.to {
            return None;
        }
        clock.to = offset.next();
        clock.dirty = true;
        clock.outcomes.rejects += 1;
        Some(Outcome::Rejected(Reject::Panic))
    }

    /// A partition has nothing more to read at this moment.
    pub fn at_end(&mut self, partition: &Partition, now_ms: i64) {
        if let Some(clock) = self.clocks.get_mut(partition) {
            clock.at_end(now_ms);
        }
    }

    /// The partitions that it serves.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.clocks.keys()
    }

    /// How far the slowest partition has come that is not at its end, and that can be read at this moment.
    pub fn slowest(&mut self, now_ms: i64) -> Option<StreamTime> {
        self.clocks.values_mut().filter_map(|clock| clock.waited_for_at(now_ms)).min()
    }

    /// The partitions whose lines are so far ahead of the slowest, here or elsewhere, that they have to wait: what they
    /// would bring could only be kept by the judge until the others have come as far. Those at their end wait for nobody
    /// and are not waited for.
    pub fn ahead(&mut self, slowest: Option<StreamTime>) -> Vec<Partition> {
        let Some(earliest) = slowest else { return Vec::new() };
        let mut ahead = Vec::new();
        for (partition, clock) in &mut self.clocks {
            let lead_ms = clock.reading_at().map_or(0, |time| time.0.saturating_sub(earliest.0));
            let limit_ms = if clock.is_held { RELEASE_BELOW_MS } else { HOLD_ABOVE_MS };
            clock.is_held = lead_ms > limit_ms;
            if clock.is_held {
                ahead.push(partition.clone());
            }
        }
        ahead
    }

    /// Nothing of a partition follows at all: what ends the reading of a file.
    pub fn end_of_input(&mut self, partition: &Partition) {
        if let Some(clock) = self.clocks.get_mut(partition) {
            clock.end_of_input();
        }
    }

    /// Whether a flush would say anything.
    pub fn is_dirty(&self) -> bool {
        self.clocks.values().any(|clock| clock.dirty)
    }

    /// Whether seconds can be closed, as far as these partitions go, of which no flush has said so: the judge waits for one.
    pub fn ends_a_second(&self) -> bool {
        self.complete_until() > self.told_until
    }

    /// The second in which the slowest partition is that holds others back; those before it are complete.
    fn complete_until(&self) -> Option<Second> {
        let clocks = self.clocks.values().filter(|clock| !clock.is_idle());
        clocks.map(|clock| clock.complete_until(self.lateness_ms).map(StreamTime::second)).min().flatten()
    }

    /// Takes what was counted since the last flush, with how far each partition has come.
    pub fn flush(&mut self, roster: BTreeMap<Topic, u32>) -> Flush {
        self.told_until = self.complete_until();
        let cells = self.collector.take();
        let progress = self.clocks.iter_mut().filter(|(_, clock)| clock.dirty).map(|(partition, clock)| {
            let progress = Progress {
                partition: partition.clone(),
                from: clock.from,
                to: clock.to,
                complete_until: clock.complete_until(self.lateness_ms),
                idle: clock.is_idle(),
                outcomes: std::mem::take(&mut clock.outcomes),
                clock: clock.metadata(),
            };
            clock.from = clock.to;
            clock.dirty = false;
            progress
        });
        Flush { roster, cells, progress: progress.collect(), ..Flush::default() }
    }

    /// What the limits did since the last call: asked after a flush, of what that flush holds.
    pub fn limits_met(&mut self) -> LimitsMet {
        let services_folded = self.collector.take_services_folded();
        LimitsMet { lines_cut: std::mem::take(&mut self.lines_cut), services_folded }
    }

    /// What to commit: of each partition the next offset and the metadata beside it.
    pub fn positions(&self) -> impl Iterator<Item = (&Partition, Offset, String)> {
        self.clocks.iter().map(|(partition, clock)| (partition, clock.to, clock.metadata()))
    }
}

/// The line's own time where it has one, else the record's timestamp, else the time of the line before it. A time ahead of
/// the timestamp by more than the lateness is replaced by it.
fn resolve_time(
    own: Option<StreamTime>,
    timestamp: Option<(i64, TimeBasis)>,
    clock: &PartitionClock,
    lateness_ms: i64,
) -> (StreamTime, TimeBasis, bool) {
    let timestamp = timestamp.filter(|&(milliseconds, _)| milliseconds > 0);
    match (own, timestamp) {
        (Some(own), Some((limit, basis))) if basis != TimeBasis::Log && own.0 > limit.saturating_add(lateness_ms) => {
            (StreamTime(limit), basis, true)
        }
        (Some(own), _) => (own, TimeBasis::Log, false),
        (None, Some((milliseconds, basis))) => (StreamTime(milliseconds), basis, false),
        (None, None) => (clock.latest().unwrap_or_default(), TimeBasis::Log, false),
    }
}

#[cfg(test)]
mod tests;
