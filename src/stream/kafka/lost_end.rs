//! Before the first transaction of a producer: the one of its forerunner whose end brokers have lost.
//!
//! How ends are lost is said in [`super::left_open`]. The next transaction of that producer ends the lost one in all partitions that both wrote to, and
//! in no others. A member that reads other partitions when it comes back ends it so in the tallies and in the group, and leaves it open for ever in
//! `<input>.scored`, where its readers stand still (seen on Kafka 4.3.1: a commit without a marker in any of its partitions). So before it sends
//! anything it looks where transactions stay open that it wrote. None of these is on its way, for it began its life by ending them. In each place it
//! ends what stays open as the rest of it ended:
//!
//! * It is committed, where anything that is committed reaches beyond its beginning: tallies, offsets of the group, or its copies in `<input>.scored`.
//! * It is aborted where nothing does, or where others read again what it covers; whoever reads its records now reads them again.
//!
//! That takes a record in every partition where something is ended, which readers see where it is committed: in tallies one without sums, elsewhere one
//! that says that it is none ([`crate::publish::no_record`]).
//!
//! # Limits
//!
//! Messages of a judge do not say what they cover. Where some stay open and the group is not told of its offsets, everything is aborted and published
//! again, also what got its end; where the group is told, they stay as they are, and [`super::HeldOpen`] tells. What is open in the group alone is not
//! looked for here. A commit that fails between its first record and its end is an abort, and then what it was to end is lost. Where others hold a
//! partition open in front of ours for ever, ours is ended each time, whether it was open or not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tracing::warn;

use super::commit::topic_of;
use super::log::{KafkaLog, QUERY_TIMEOUT};
use super::open::{Left, Open, Readers, copied_until, is_read_again, left};
use super::past::PastError;
use super::tallied::broken;
use crate::publish::{Destination, OutputRecord};
use crate::record::{Offset, Partition};
use crate::stream::log::{CommitError, Committed, Tallied};

/// How long the transactions of others are waited for. They take some milliseconds; that of a member that was killed ends when it comes back.
const OTHERS_TAKE: Duration = Duration::from_secs(5);
/// How often it is asked whether they have ended.
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// Within this time a group whose coordinator is there says what is committed, where nothing is open.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// How far something reaches in partitions of the input: the next offset.
type Reached = BTreeMap<Partition, Offset>;

/// What the group says.
struct Group {
    /// What it has committed, whatever is open.
    committed: Reached,
    /// Whether offsets are open beside that.
    is_open: bool,
}

impl KafkaLog {
    /// Ends what a forerunner of our producer left open. Returns whether some of it was aborted, so that it has to be read again.
    ///
    /// O(partitions that a member of this role writes to), in questions to the brokers; where something is open it waits for some seconds.
    ///
    /// # Errors
    /// Where the brokers do not say, or what is open cannot be ended.
    pub(super) fn end_what_was_lost(&mut self) -> Result<bool, CommitError> {
        if self.has_looked_back {
            return Ok(false);
        }
        let readers = Readers::open(&self.kafka, &self.role).map_err(broken)?;
        let open = self.open_for_long(&readers)?;
        let is_aborted = match (open.is_empty(), self.role.reads_anew) {
            (true, _) => false,
            (false, true) => self.end_lost_copies(&readers, open)?,
            (false, false) => self.end_lost_messages(&readers, &open)?,
        };
        self.has_looked_back = true;
        Ok(is_aborted)
    }

    /// Where transactions that were open at first still are when others have had their time.
    fn open_for_long(&self, readers: &Readers) -> Result<Vec<Open>, CommitError> {
        let mut open = Vec::new();
        for destination in self.destinations() {
            // A judge's tallies are in the middle of the observers'.
            if destination == Destination::Tallies && !self.role.reads_anew {
                continue;
            }
            match readers.committed.partitions(&topic_of(&self.kafka, &destination)) {
                Ok(partitions) => {
                    for partition in partitions {
                        let stretch = readers.all.retained(&partition).map_err(broken)?;
                        open.push(Open { destination: destination.clone(), stretch });
                    }
                }
                Err(PastError::NoTopic(_)) if matches!(destination, Destination::Scored(_)) => {}
                Err(error) => return Err(broken(error)),
            }
        }
        let started = Instant::now();
        loop {
            for Open { stretch, .. } in &mut open {
                stretch.from = readers.committed.retained(&stretch.partition).map_err(broken)?.to;
            }
            open.retain(|open| open.stretch.from < open.stretch.to);
            if open.is_empty() || started.elapsed() >= OTHERS_TAKE {
                return Ok(open);
            }
            if self.stop.is_requested() {
                return Err(CommitError::Broken("asked to stop before it was known what is open".to_owned()));
            }
            std::thread::sleep(LOOKS_EVERY);
        }
    }

    fn end_lost_copies(&self, readers: &Readers, open: Vec<Open>) -> Result<bool, CommitError> {
        let producer = self.role.transactional_id();
        let mut lost = Vec::new();
        for open in open {
            lost.extend(left(&readers.all, open, &producer).map_err(broken)?);
        }
        let mut covered: Vec<Partition> =
            lost.iter().flat_map(|left| &left.covers).map(|(partition, _)| partition.clone()).collect();
        covered.sort();
        covered.dedup();
        let group = self.group(readers, &covered)?;
        let counted = self.tallied(&covered, true)?;
        let mut reached = group.committed.clone();
        reach(&mut reached, counted.iter().map(|(partition, told)| (partition, told.until.offset)));
        for partition in &covered {
            let copied = copied_until(&readers.committed, partition, &producer).map_err(broken)?;
            reach(&mut reached, copied.map(|offset| (partition, offset)));
        }
        // Asked last: what was read again is in the evidence.
        let mut is_again = Vec::with_capacity(lost.len());
        for left in &lost {
            is_again.push(is_read_again(&readers.all, left).map_err(broken)?);
        }
        let Fate { committed, aborted } = Fate::of(lost.into_iter().zip(is_again), reached);
        if committed.is_empty() && aborted.is_empty() {
            return Ok(false);
        }
        warn!(
            commits = committed.len(),
            aborts = aborted.len(),
            "the end of our last transaction may be lost in some partitions: ending it with another one"
        );
        if !committed.is_empty() {
            let until = offsets_left(&group, counted, &committed);
            self.commit_more(&committed.iter().map(|left| left.open.nothing()).collect::<Vec<_>>(), &until)?;
        }
        if !aborted.is_empty() {
            self.abort_again(&aborted.iter().map(|left| left.open.nothing()).collect::<Vec<_>>())?;
        }
        // What covers nothing nobody went on behind.
        Ok(aborted.iter().any(|left| !left.covers.is_empty()))
    }

    fn end_lost_messages(&self, readers: &Readers, open: &[Open]) -> Result<bool, CommitError> {
        let tallies = readers.committed.partitions(&topic_of(&self.kafka, &Destination::Tallies)).map_err(broken)?;
        if !self.group(readers, &tallies)?.is_open {
            return Ok(false);
        }
        warn!("the end of our last transaction may be lost in some partitions: aborting it with another one");
        self.abort_again(&open.iter().map(Open::nothing).collect::<Vec<_>>())?;
        Ok(true)
    }

    fn group(&self, readers: &Readers, partitions: &[Partition]) -> Result<Group, CommitError> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(partition.topic.name(), partition.number);
        }
        if partitions.is_empty() {
            return Ok(Group { committed: Reached::new(), is_open: false });
        }
        // Who may see what is open is always answered, so that only open offsets keep the other one waiting.
        let all = readers.all.consumer.committed_offsets(list.clone(), QUERY_TIMEOUT);
        let all = all.map_err(|error| self.broken(&error))?;
        let is_open = match readers.committed.consumer.committed_offsets(list, TOLD_WITHIN) {
            Ok(_) => false,
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) => true,
            Err(error) => return Err(self.broken(&error)),
        };
        let offset =
            |partition: &Partition| match all.find_partition(partition.topic.name(), partition.number)?.offset() {
                KafkaOffset::Offset(offset) => Some((partition.clone(), Offset(offset))),
                _ => None,
            };
        Ok(Group { committed: partitions.iter().filter_map(offset).collect(), is_open })
    }
}

/// How the places end that are open.
struct Fate {
    committed: Vec<Left>,
    aborted: Vec<Left>,
}

impl Fate {
    /// Given for each of them whether it was read again behind it, and how far reaches what is committed.
    fn of(lost: impl Iterator<Item = (Left, bool)>, mut reached: Reached) -> Self {
        let lost: Vec<(Left, bool)> = lost.collect();
        // All that tallies cover was written in one transaction: what is true of one of their partitions is true of all.
        for (left, is_again) in &lost {
            if left.open.destination == Destination::Tallies && !is_again && left.is_reached(&reached) {
                reach(&mut reached, left.covers.iter().map(|(partition, told)| (partition, told.until.offset)));
            }
        }
        let (committed, aborted): (Vec<_>, Vec<_>) =
            lost.into_iter().partition(|(left, is_again)| !is_again && left.is_reached(&reached));
        let only = |lost: Vec<(Left, bool)>| lost.into_iter().map(|(left, _)| left).collect();
        Self { committed: only(committed), aborted: only(aborted) }
    }
}

impl Left {
    /// Whether anything that is committed reaches beyond the beginning of what it covers.
    fn is_reached(&self, reached: &Reached) -> bool {
        self.covers.iter().any(|(partition, told)| reached.get(partition).is_some_and(|reached| *reached > told.from))
    }
}

fn reach<'a>(reached: &mut Reached, more: impl IntoIterator<Item = (&'a Partition, Offset)>) {
    for (partition, offset) in more {
        let reached = reached.entry(partition.clone()).or_insert(offset);
        *reached = offset.max(*reached);
    }
}

/// The offsets that belong to what is committed and that the group has not: those of the tallies that are ended, and those of committed tallies where
/// offsets are open.
fn offsets_left(
    group: &Group,
    counted: BTreeMap<Partition, Tallied>,
    committed: &[Left],
) -> BTreeMap<Partition, Committed> {
    let ended = committed.iter().filter(|left| left.open.destination == Destination::Tallies);
    let counted = counted.into_iter().filter(|_| group.is_open);
    let mut until: BTreeMap<Partition, Committed> = BTreeMap::new();
    for (partition, told) in counted.chain(ended.flat_map(|left| left.covers.iter().cloned())) {
        let known = until.entry(partition).or_insert_with(|| told.until.clone());
        if known.offset < told.until.offset {
            *known = told.until;
        }
    }
    until.retain(|partition, until| group.committed.get(partition).is_none_or(|committed| *committed < until.offset));
    until
}

impl Open {
    /// The record with which a transaction ends what is open here.
    fn nothing(&self) -> OutputRecord {
        super::left_open::nothing(self.destination.clone(), self.stretch.partition.number)
    }
}

#[cfg(test)]
mod tests;
