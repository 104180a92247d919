//! The first stage: records become tallies.
//!
//! One [`Observer`] serves the partitions of one worker. It keeps nothing that would be missed: the clocks travel with the
//! committed offsets, and the memory of what was announced only spares bytes.

use std::collections::BTreeMap;

use super::clock::PartitionClock;
use crate::decode::{Decoder, Format};
use crate::publish::Outcome;
use crate::record::{NotALine, Offset, Partition, Record, StreamTime, TimeBasis, Topic};
use crate::template::Skeletoniser;
use crate::vectorise::wire::{Flush, Progress};
use crate::vectorise::{Collector, Line};

/// Turns the records of some partitions into tallies.
pub struct Observer {
    lateness_ms: i64,
    decoder: Decoder,
    skeletoniser: Skeletoniser,
    collector: Collector,
    clocks: BTreeMap<Partition, PartitionClock>,
    scratch_service: String,
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
        }
    }

    /// Begins with a partition at `from`, where `metadata` was committed beside that offset.
    pub fn assign(&mut self, partition: Partition, from: Offset, metadata: Option<&str>) {
        self.clocks.insert(partition, PartitionClock::resume(from, metadata));
    }

    /// Ends with a partition, after a flush: what was not flushed of it is counted by whoever reads it next.
    pub fn revoke(&mut self, partition: &Partition) {
        self.clocks.remove(partition);
    }

    /// Drops everything: clocks, sums and memory. What was not committed is read again.
    pub fn drop_all(&mut self) {
        self.clocks.clear();
        self.collector.take();
        self.collector.forget();
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

    /// Takes one record of a partition that was assigned, read at this wall time.
    pub fn record<'a>(&'a mut self, partition: &Partition, record: &Record<'a>, wall_ms: i64) -> Outcome<'a> {
        let Some(clock) = self.clocks.get_mut(partition) else { return Outcome::Empty };
        clock.to = record.offset.next();
        clock.dirty = true;
        let decoded = match self.decoder.decode(record) {
            Ok(line) => line,
            Err(NotALine::Empty) => {
                clock.outcomes.empty += 1;
                return Outcome::Empty;
            }
            Err(NotALine::Reject(reject)) => {
                clock.outcomes.rejects += 1;
                return Outcome::Rejected(reject);
            }
        };
        let (time, basis, clamped) = resolve_time(decoded.time, record.timestamp, clock, self.lateness_ms);
        let placed = clock.place(time, self.lateness_ms, wall_ms);
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
            template,
        });
        let Some((_, skeleton)) = template else {
            clock.outcomes.continuations += 1;
            return Outcome::Continuation { service, time };
        };
        clock.outcomes.lines += 1;
        clock.outcomes.late += u64::from(placed.late);
        clock.outcomes.clamped += u64::from(clamped);
        Outcome::Decoded { template: skeleton.id, service, level: decoded.level, time }
    }

    /// A partition has nothing more to read at this wall time.
    pub fn at_end(&mut self, partition: &Partition, wall_ms: i64) {
        if let Some(clock) = self.clocks.get_mut(partition) {
            clock.at_end(wall_ms);
        }
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

    /// Takes what was counted since the last flush, with how far each partition has come.
    pub fn flush(&mut self, roster: BTreeMap<Topic, u32>, wall_ms: i64) -> Flush {
        let cells = self.collector.take();
        let progress = self.clocks.iter_mut().filter(|(_, clock)| clock.dirty).map(|(partition, clock)| {
            let progress = Progress {
                partition: partition.clone(),
                from: clock.from,
                to: clock.to,
                complete_until: clock.complete_until(self.lateness_ms),
                idle: clock.is_idle(wall_ms),
                outcomes: std::mem::take(&mut clock.outcomes),
            };
            clock.from = clock.to;
            clock.dirty = false;
            progress
        });
        Flush { roster, cells, progress: progress.collect() }
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
