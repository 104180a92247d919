//! Before the first transaction of a producer: the one of its forerunner whose end brokers have lost.
//!
//! How ends are lost is said in [`super::left_open`]. The next transaction of that producer ends the lost one in all partitions that both wrote to, and
//! in no others. A member that reads other partitions when it comes back ends it so in the tallies and in the group, and leaves it open for ever in
//! `<input>.scored`, where its readers stand still (seen on Kafka 4.3.1: a commit without a marker in any of its partitions). So before it sends
//! anything it looks where transactions stay open. None of its own is on its way, for it began its life by ending them. In each place what stays open
//! ends as the rest of it ended:
//!
//! * It is committed, where anything that is committed reaches beyond its beginning: tallies, offsets of the group, or copies in `<input>.scored`.
//! * It is aborted where nothing does, or where what it covers was read again behind it; whoever reads its records now reads them again.
//!
//! A commit takes a record in every partition where it ends something: in tallies one without sums, elsewhere one that says that it is none
//! ([`no_record`]). What turns out to be another producer's is not touched by any of that, for brokers end only what the same producer wrote.
//!
//! # Limits
//!
//! Messages of a judge do not say what they cover. Where some stay open and the group is not told of its offsets, everything is aborted and published
//! again, also what got its end; where the group is told, they stay as they are, and [`super::HeldOpen`] tells.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tracing::warn;

use super::commit::topic_of;
use super::left_open::no_sums;
use super::log::KafkaLog;
use super::open::{Open, Readers, copied_until, first_covered};
use super::past::PastError;
use super::tallied::broken;
use crate::publish::{Destination, OutputRecord, no_record};
use crate::record::{Offset, Partition};
use crate::stream::log::{CommitError, Committed, Tallied};

/// How long the transactions of others are waited for. They take some milliseconds; that of a member that was killed ends when it comes back.
const OTHERS_TAKE: Duration = Duration::from_secs(5);
/// How often it is asked whether they have ended.
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// Within this time a group says what is committed, where nothing is open; and again for one partition, once it has answered at all.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
const TOLD_AGAIN_WITHIN: Duration = Duration::from_secs(2);

/// What the group has committed of some partitions: nothing of those of which it does not say, for a transaction is open.
type Told = BTreeMap<Partition, Option<Offset>>;

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
            (false, false) => self.end_lost_messages(&readers)?,
        };
        self.has_looked_back = true;
        Ok(is_aborted)
    }

    /// Where transactions that were open at first still are when others have had their time.
    fn open_for_long(&self, readers: &Readers) -> Result<Vec<Open>, CommitError> {
        let mut open = Vec::new();
        for destination in self.destinations_looked_at() {
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

    /// Where a member of this role writes; of a judge only what it publishes.
    fn destinations_looked_at(&self) -> Vec<Destination> {
        let mut destinations = self.destinations();
        destinations.retain(|destination| self.role.reads_anew || *destination != Destination::Tallies);
        destinations
    }

    fn end_lost_copies(&self, readers: &Readers, open: Vec<Open>) -> Result<bool, CommitError> {
        let mut lost = Vec::new();
        for open in open {
            let covers = first_covered(&readers.all, &open).map_err(broken)?;
            lost.push((open, covers));
        }
        let mut covered: Vec<Partition> =
            lost.iter().flat_map(|(_, covers)| covers).map(|(partition, _)| partition.clone()).collect();
        covered.sort();
        covered.dedup();
        let told = self.told(readers, &covered)?;
        let counted = self.tallied(&covered, true)?;
        let mut reached: BTreeMap<Partition, Offset> = BTreeMap::new();
        for partition in covered {
            let counted = counted.get(&partition).map(|counted| counted.until.offset);
            let group = told.get(&partition).copied().flatten();
            let copied = copied_until(readers, &partition).map_err(broken)?;
            reached.extend([counted, group, copied].into_iter().flatten().max().map(|offset| (partition, offset)));
        }
        // All that tallies cover was written in one transaction: what is true of one of their partitions is true of all.
        for (_, covers) in lost.iter().filter(|(open, _)| open.destination == Destination::Tallies) {
            if covers.iter().any(|told| is_reached(&reached, told)) {
                for (partition, told) in covers {
                    let reached = reached.entry(partition.clone()).or_insert(told.until.offset);
                    *reached = told.until.offset.max(*reached);
                }
            }
        }
        let (committed, aborted): (Vec<_>, Vec<_>) =
            lost.into_iter().partition(|(_, covers)| covers.iter().any(|told| is_reached(&reached, told)));
        let is_aborted = !aborted.is_empty();
        warn!(
            commits = committed.len(),
            aborts = aborted.len(),
            "a transaction of which the end was lost may be ours: ending it with another one"
        );
        if !committed.is_empty() {
            let until = offsets_left(&told, counted, &committed);
            let outputs: Vec<OutputRecord> = committed.iter().map(|(open, _)| nothing_more(open)).collect();
            self.commit_more(self.producer()?, &outputs, &until)?;
        }
        if is_aborted {
            self.abort_again(self.producer()?)?;
        }
        Ok(is_aborted)
    }

    fn end_lost_messages(&self, readers: &Readers) -> Result<bool, CommitError> {
        let tallies = readers.committed.partitions(&topic_of(&self.kafka, &Destination::Tallies)).map_err(broken)?;
        if self.told(readers, &tallies)?.values().all(Option::is_some) {
            return Ok(false);
        }
        warn!("a transaction of which the end was lost may be ours: aborting it with another one");
        self.abort_again(self.producer()?)?;
        Ok(true)
    }

    fn told(&self, readers: &Readers, partitions: &[Partition]) -> Result<Told, CommitError> {
        if let Some(told) = self.told_within(readers, partitions, TOLD_WITHIN)? {
            return Ok(told);
        }
        let mut told = Told::new();
        for partition in partitions {
            let one = self.told_within(readers, std::slice::from_ref(partition), TOLD_AGAIN_WITHIN)?;
            told.extend(one.unwrap_or_else(|| Told::from([(partition.clone(), None)])));
        }
        Ok(told)
    }

    /// `None` where it is not said of all of them.
    fn told_within(
        &self,
        readers: &Readers,
        partitions: &[Partition],
        limit: Duration,
    ) -> Result<Option<Told>, CommitError> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(partition.topic.name(), partition.number);
        }
        if partitions.is_empty() {
            return Ok(Some(Told::new()));
        }
        match readers.committed.consumer.committed_offsets(list, limit) {
            Ok(answer) => {
                let offset = |partition: &Partition| match answer
                    .find_partition(partition.topic.name(), partition.number)
                    .map(|element| element.offset())
                {
                    Some(KafkaOffset::Offset(offset)) => Offset(offset),
                    // Of which nothing is committed yet.
                    _ => Offset(0),
                };
                Ok(Some(partitions.iter().map(|partition| (partition.clone(), Some(offset(partition)))).collect()))
            }
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) => Ok(None),
            Err(error) => Err(self.broken(&error)),
        }
    }
}

/// Whether anything that is committed reaches beyond the beginning of what this covers.
fn is_reached(reached: &BTreeMap<Partition, Offset>, (partition, told): &(Partition, Tallied)) -> bool {
    reached.get(partition).is_some_and(|reached| *reached > told.from)
}

/// The offsets that committed tallies say, and those that are to be, of partitions of which the group does not say.
fn offsets_left(
    told: &Told,
    counted: BTreeMap<Partition, Tallied>,
    committed: &[(Open, Vec<(Partition, Tallied)>)],
) -> BTreeMap<Partition, Committed> {
    let tallies = committed.iter().filter(|(open, _)| open.destination == Destination::Tallies);
    let mut until: BTreeMap<Partition, Committed> = BTreeMap::new();
    for (partition, told) in counted.into_iter().chain(tallies.flat_map(|(_, covers)| covers.iter().cloned())) {
        let known = until.entry(partition).or_insert_with(|| told.until.clone());
        if known.offset < told.until.offset {
            *known = told.until;
        }
    }
    until.retain(|partition, _| told.get(partition) == Some(&None));
    until
}

/// The record with which a commit ends what is open there.
fn nothing_more(open: &Open) -> OutputRecord {
    let number = open.stretch.partition.number;
    match &open.destination {
        Destination::Tallies => no_sums(number),
        destination => no_record(destination.clone(), number),
    }
}
