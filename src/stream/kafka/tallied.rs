//! What tallies say of how far partitions were read: the truth where a broker lost what was committed of them.
//!
//! Tallies are read from their end backwards, twice as many each time, until each partition was met, for no more than [`LOOK_BACK_OFFSETS`] and
//! about [`LOOK_BACK_BYTES`]. A partition that was quiet, or not read, for longer is taken at the group's word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::Message;

use super::log::KafkaLog;
use super::past::{Flow, Past, PastError, Stretch};
use super::producer::TRANSACTION_TIMEOUT;
use crate::record::{Offset, Partition};
use crate::stream::log::{CommitError, Committed, Tallied};
use crate::vectorise::wire::{Flush, Progress};

/// How far back tallies are read, in offsets of each of their partitions.
pub(super) const LOOK_BACK_OFFSETS: i64 = 5_000;
/// Behind so many bytes of each of their partitions no more are read.
const LOOK_BACK_BYTES: usize = 16 << 20;
/// How many offsets are read at first: a partition that was read a moment ago is among them, and a record may have a third of a megabyte.
const FIRST_OFFSETS: i64 = 64;
/// How often it is asked whether transactions have ended.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

impl KafkaLog {
    /// What the last tallies say of these partitions: those that are committed, or all.
    pub(super) fn tallied(
        &self,
        partitions: &[Partition],
        only_committed: bool,
    ) -> Result<BTreeMap<Partition, Tallied>, CommitError> {
        let (past, tallies) = self.tallies(only_committed)?;
        let mut last: BTreeMap<Partition, Tallied> = BTreeMap::new();
        for tallies in tallies {
            for (partition, told) in last_of(&past, &tallies, partitions).map_err(broken)? {
                let known = last.entry(partition).or_insert_with(|| told.clone());
                if known.until.offset < told.until.offset {
                    *known = told;
                }
            }
        }
        Ok(last)
    }

    /// Waits until readers of what is committed have all tallies that there are now, for as long as a transaction can last.
    pub(super) fn wait_for_tallies(&self) -> Result<(), CommitError> {
        let (everything, tallies) = self.tallies(false)?;
        let (committed, _) = self.tallies(true)?;
        let started = Instant::now();
        for tallies in tallies {
            let end = everything.retained(&tallies).map_err(broken)?.to;
            while committed.retained(&tallies).map_err(broken)?.to < end && started.elapsed() < TRANSACTION_TIMEOUT * 2
            {
                if self.stop.is_requested() {
                    return Err(CommitError::Broken("asked to stop before it was known what was counted".to_owned()));
                }
                std::thread::sleep(LOOKS_EVERY);
            }
        }
        Ok(())
    }

    /// A reader of the tallies, and their partitions.
    fn tallies(&self, only_committed: bool) -> Result<(Past, Vec<Partition>), CommitError> {
        let open = if only_committed { Past::open } else { Past::open_to_all };
        let past = open(&self.kafka, &self.role).map_err(broken)?;
        // A broker that has just started may say that there is no such topic, which is no word on what was counted.
        let partitions = past.partitions(&self.kafka.topic("tallies")).map_err(broken)?;
        Ok((past, partitions))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn broken(error: PastError) -> CommitError {
    CommitError::Broken(format!("tallies: {error}"))
}

/// What the last records of one partition of the tallies say.
fn last_of(
    past: &Past,
    tallies: &Partition,
    partitions: &[Partition],
) -> Result<BTreeMap<Partition, Tallied>, PastError> {
    let there = past.retained(tallies)?;
    let first = Offset(there.from.0.max(there.to.0 - LOOK_BACK_OFFSETS));
    let mut missing: BTreeSet<&Partition> = partitions.iter().collect();
    let (mut last, mut to, mut length, mut bytes) = (BTreeMap::new(), there.to, FIRST_OFFSETS, 0);
    while to > first && !missing.is_empty() && bytes < LOOK_BACK_BYTES {
        let from = Offset(first.0.max(to.0 - length));
        let mut found = BTreeMap::new();
        past.read(&Stretch { partition: tallies.clone(), from, to }, |record| {
            bytes += record.payload_len();
            let flush = record.payload().and_then(|value| Flush::decode(value).ok());
            let progress = flush.into_iter().flat_map(|flush| flush.progress);
            // Tallies of earlier builds say no clock, which reading could go on with.
            let is_asked = |progress: &Progress| missing.contains(&progress.partition) && !progress.clock.is_empty();
            found.extend(progress.filter(is_asked).map(told));
            Flow::Continue(())
        })?;
        missing.retain(|partition| !found.contains_key(*partition));
        last.extend(found);
        (to, length) = (from, length * 2);
    }
    Ok(last)
}

pub(super) fn told(progress: Progress) -> (Partition, Tallied) {
    let until = Committed { offset: progress.to, metadata: progress.clock };
    (progress.partition, Tallied { from: progress.from, until })
}
