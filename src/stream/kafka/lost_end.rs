//! Before the first transaction of a producer: the one of its forerunner whose end brokers have lost.
//!
//! How ends are lost is said in [`super::left_open`]. The next transaction of that producer ends the lost one in all partitions that both wrote to, and
//! in no others. A member that reads other partitions when it comes back ends it so in the tallies and in the group, and leaves it open for ever in
//! `<input>.scored`, where its readers stand still (seen on Kafka 4.3.1: a commit without a marker in any of its partitions); and one that reads nothing
//! when it comes back sends nothing, so that nobody is ever told what is committed. So before it sends anything, and when it has nothing to send, it
//! looks where transactions stay open that it wrote, and whether the group tells of its offsets. None of its own is on its way, for it began its life by
//! ending it. In each place it ends what stays open as the rest of it ended:
//!
//! * It is committed, where anything that is committed reaches beyond its beginning: tallies, offsets of the group, or its copies in `<input>.scored`.
//! * It is aborted where nothing does, or where others read again what it covers; whoever reads its records now reads them again.
//!
//! That takes a record in every partition where something is ended, which readers see where it is committed: in tallies one without sums, elsewhere one
//! that says that it is none ([`crate::publish::no_record`]).
//!
//! # Limits
//!
//! * Messages of a judge do not say what they cover. Where the group is not told of its offsets, everything is aborted and published again, also messages
//!   that got their end; where the group is told, they stay as they are, and [`super::HeldOpen`] tells.
//! * A commit that fails between its first record and its end is an abort, and what it was to end with that is lost. Tallies and offsets go first.
//! * Who was put out and writes what it read all the same, though it cannot commit it, seems to read again what was committed.
//! * Where others hold a partition open in front of ours, ours is ended, whether it was open or not. Where a place does not answer twice it is passed over.
//! * What builds wrote that did not say their names is not known to be ours: [`super::HeldOpen`] tells what stays of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tracing::warn;

use super::commit::topic_of;
use super::fate::{Fate, Group, Reached, reach};
use super::left_open::nothing;
use super::log::{KafkaLog, QUERY_TIMEOUT};
use super::open::{Left, Open, Readers, copied_until, is_read_again, last_of, left};
use super::past::PastError;
use super::producer::TRANSACTION_TIMEOUT;
use crate::publish::{Destination, OutputRecord};
use crate::record::{Offset, Partition};
use crate::stream::log::{CommitError, Committed};

/// How long the transactions of others are waited for. They take some milliseconds; that of a member that was killed ends when it comes back.
const OTHERS_TAKE: Duration = Duration::from_secs(5);
/// How often it is asked whether they have ended.
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// Within this time a group whose coordinator is there says what is committed, where nothing is open of these partitions.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// The same where others may have been killed that hold some of them open: brokers end these after their time, which they look at every ten seconds.
const TOLD_AFTER_OTHERS_WITHIN: Duration = Duration::from_secs(TRANSACTION_TIMEOUT.as_secs() + 12);

impl KafkaLog {
    /// Ends what a forerunner of our producer left open. Returns whether something was aborted that we know to be committed, so that what was read since
    /// has to be read again.
    ///
    /// O(partitions of the topics that members of this role write to), in questions to the brokers; where something is open it waits for some seconds.
    ///
    /// # Errors
    /// Where the brokers do not say, or what is open cannot be ended.
    pub(super) fn end_what_was_lost(&mut self) -> Result<bool, CommitError> {
        if self.has_looked_back {
            return Ok(false);
        }
        let readers = Readers::open(&self.kafka, &self.role).map_err(unknown)?;
        let open = self.open_for_long(&readers)?;
        let is_aborted = match self.role.reads_anew {
            true => self.end_lost_copies(&readers, open)?,
            false => self.end_lost_messages(&readers, &open)?,
        };
        self.has_looked_back = true;
        Ok(is_aborted)
    }

    /// Where transactions that were open at first still are when others have had their time.
    fn open_for_long(&self, readers: &Readers) -> Result<Vec<Open>, CommitError> {
        let mut open = Vec::new();
        for destination in self.destinations() {
            let is_tallies = destination == Destination::Tallies;
            // A judge's tallies are in the middle of the observers'.
            if is_tallies && !self.role.reads_anew {
                continue;
            }
            let partitions = match readers.committed.partitions(&topic_of(&self.kafka, &destination)) {
                Err(error) if is_tallies => return Err(unknown(error)),
                partitions => partitions.unwrap_or_default(),
            };
            for partition in partitions {
                match twice(|| readers.all.retained(&partition)) {
                    Err(error) if is_tallies => return Err(unknown(error)),
                    Err(error) => pass_over(&partition, &error),
                    Ok(stretch) => open.push(Open { destination: destination.clone(), stretch }),
                }
            }
        }
        let started = Instant::now();
        loop {
            for Open { stretch, .. } in &mut open {
                match twice(|| readers.committed.retained(&stretch.partition)) {
                    Ok(committed) => stretch.from = committed.to,
                    Err(error) => {
                        pass_over(&stretch.partition, &error);
                        stretch.from = stretch.to;
                    }
                }
            }
            open.retain(|open| open.stretch.from < open.stretch.to);
            if open.is_empty() || started.elapsed() >= OTHERS_TAKE {
                return Ok(open);
            }
            self.go_on()?;
            std::thread::sleep(LOOKS_EVERY);
        }
    }

    fn end_lost_copies(&self, readers: &Readers, open: Vec<Open>) -> Result<bool, CommitError> {
        let producer = self.role.transactional_id();
        let mut last = Vec::new();
        for partition in readers.all.partitions(&topic_of(&self.kafka, &Destination::Tallies)).map_err(unknown)? {
            last.extend(last_of(&readers.all, &partition, &producer).map_err(unknown)?);
        }
        let mut lost = Vec::new();
        for open in open {
            self.go_on()?;
            let partition = open.stretch.partition.clone();
            match left(&readers.all, open, &producer) {
                Ok(left) => lost.extend(left),
                Err(error) => pass_over(&partition, &error),
            }
        }
        let group = self.group_of(readers, lost.iter().chain(&last))?;
        if lost.is_empty() && group.is_open {
            // Tallies and copies have ended, and the offsets beside them have not.
            lost = last;
        }
        if lost.is_empty() {
            return Ok(false);
        }
        let covered = covered(lost.iter());
        let counted = self.tallied(&covered, true)?;
        let reached = self.reached(readers, &lost, &group, counted.iter().map(|(of, told)| (of, told.until.offset)))?;
        let mut fates = Vec::with_capacity(lost.len());
        for left in lost {
            self.go_on()?;
            // Asked last: what was read again is in the evidence.
            let is_again = is_read_again(&readers.all, &left).map_err(unknown)?;
            fates.push((left, is_again));
        }
        let fate = Fate::of(fates, reached);
        let (commits, aborts) = (fate.committed.len(), fate.aborted.len());
        warn!(
            commits,
            aborts, "the end of our last transaction may be lost in some partitions: ending it with another one"
        );
        let (tallies, copies): (Vec<OutputRecord>, Vec<_>) = fate
            .committed
            .iter()
            .map(|left| left.open.nothing())
            .partition(|output| output.destination == Destination::Tallies);
        // What fails with the first loses nothing but copies.
        let mut until = fate.offsets_left(&group, &counted);
        // Another's topic now, or nobody's.
        until.retain(|partition, _| self.topics.iter().any(|topic| topic == partition.topic.name()));
        for (outputs, until) in [(tallies, until), (copies, BTreeMap::new())] {
            if !outputs.is_empty() || !until.is_empty() {
                self.commit_more(&outputs, &until)?;
            }
        }
        if !fate.aborted.is_empty() {
            self.abort_again(&fate.aborted.iter().map(|left| left.open.nothing()).collect::<Vec<_>>())?;
        }
        let known =
            self.known.iter().filter_map(|(partition, known)| Some((partition.clone(), known.as_ref()?.offset)));
        let known: Reached = known.collect();
        Ok(fate.aborted.iter().any(|left| left.is_reached(&known)))
    }

    /// How far reaches what is committed in the partitions that these cover; copies are looked for only where nothing else is beyond the beginning.
    fn reached<'a>(
        &self,
        readers: &Readers,
        lost: &[Left],
        group: &Group,
        counted: impl Iterator<Item = (&'a Partition, Offset)>,
    ) -> Result<Reached, CommitError> {
        let mut reached = group.committed.clone();
        reach(&mut reached, counted);
        for (partition, told) in lost.iter().flat_map(|left| &left.covers) {
            if reached.get(partition).is_some_and(|reached| *reached > told.from) {
                continue;
            }
            self.go_on()?;
            match copied_until(&readers.committed, partition, &self.role.transactional_id()) {
                Ok(copied) => reach(&mut reached, copied.map(|offset| (partition, offset))),
                Err(error) => pass_over(partition, &error),
            }
        }
        Ok(reached)
    }

    fn end_lost_messages(&self, readers: &Readers, open: &[Open]) -> Result<bool, CommitError> {
        let tallies = readers.committed.partitions(&topic_of(&self.kafka, &Destination::Tallies)).map_err(unknown)?;
        let committed = self.committed_anyway(readers, &tallies)?;
        if !self.is_open(readers, &tallies, TOLD_AFTER_OTHERS_WITHIN)? {
            return Ok(false);
        }
        let group = Group { committed, is_open: true };
        let lacks = |(partition, known): (&Partition, &Option<Committed>)| {
            known.as_ref().is_some_and(|known| group.lacks(partition, known))
        };
        // Of what was before our first assignment nobody knows.
        let is_behind = self.known.iter().any(lacks);
        if !is_behind && !self.known.is_empty() {
            return Ok(false);
        }
        warn!("the end of our last transaction may be lost in some partitions: aborting it with another one");
        self.abort_again(&open.iter().map(Open::nothing).collect::<Vec<_>>())?;
        Ok(is_behind)
    }

    /// What the group says of the partitions that these cover.
    fn group_of<'a>(
        &self,
        readers: &Readers,
        left: impl Iterator<Item = &'a Left> + Clone,
    ) -> Result<Group, CommitError> {
        let mut group = Group { committed: self.committed_anyway(readers, &covered(left.clone()))?, is_open: false };
        let lacks = |(partition, told): &&(Partition, _)| group.lacks(partition, told);
        let covers =
            left.flat_map(|left| &left.covers).map(|(partition, told)| (partition.clone(), told.until.clone()));
        let covers: Vec<(Partition, Committed)> = covers.collect();
        let lacking: Vec<Partition> = covers.iter().filter(lacks).map(|(partition, _)| partition.clone()).collect();
        group.is_open = self.is_open(readers, &lacking, TOLD_WITHIN)?;
        Ok(group)
    }

    /// What the group has committed, whatever is open: who may see that is always answered.
    fn committed_anyway(&self, readers: &Readers, partitions: &[Partition]) -> Result<Reached, CommitError> {
        if partitions.is_empty() {
            return Ok(Reached::new());
        }
        let answer = readers.all.consumer.committed_offsets(listed(partitions), QUERY_TIMEOUT);
        let answer = answer.map_err(|error| self.broken(&error))?;
        let offset =
            |partition: &Partition| match answer.find_partition(partition.topic.name(), partition.number)?.offset() {
                KafkaOffset::Offset(offset) => Some((partition.clone(), Offset(offset))),
                _ => None,
            };
        Ok(partitions.iter().filter_map(offset).collect())
    }

    /// Whether offsets of some of these are open for longer than this.
    fn is_open(&self, readers: &Readers, partitions: &[Partition], limit: Duration) -> Result<bool, CommitError> {
        if partitions.is_empty() {
            return Ok(false);
        }
        match readers.committed.consumer.committed_offsets(listed(partitions), limit) {
            Ok(_) => Ok(false),
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) => {
                // Not where nobody is told anything.
                self.committed_anyway(readers, partitions).map(|_| true)
            }
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn go_on(&self) -> Result<(), CommitError> {
        if self.stop.is_requested() {
            return Err(CommitError::Broken("asked to stop before it was known what is open".to_owned()));
        }
        Ok(())
    }
}

/// The partitions of the input that these cover.
fn covered<'a>(left: impl Iterator<Item = &'a Left>) -> Vec<Partition> {
    let mut covered: Vec<Partition> =
        left.flat_map(|left| &left.covers).map(|(partition, _)| partition.clone()).collect();
    covered.sort();
    covered.dedup();
    covered
}

fn listed(partitions: &[Partition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(partition.topic.name(), partition.number);
    }
    list
}

impl Open {
    /// The record with which a transaction ends what is open here.
    fn nothing(&self) -> OutputRecord {
        nothing(self.destination.clone(), self.stretch.partition.number)
    }
}

/// A broker that comes back just then, as it does where ends were lost, answers the second time.
fn twice<T>(ask: impl Fn() -> Result<T, PastError>) -> Result<T, PastError> {
    ask().or_else(|_| ask())
}

/// What stays open there is told of elsewhere.
fn pass_over(partition: &Partition, error: &PastError) {
    warn!(%partition, %error, "not looked whether our last transaction is open here");
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unknown(error: PastError) -> CommitError {
    CommitError::Broken(format!("looking for what our last transaction left open: {error}"))
}
