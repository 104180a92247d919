//! Before the first transaction of a producer: the one of its forerunner whose end brokers have lost.
//!
//! How ends are lost is said in [`super::left_open`]. The next transaction of that producer ends the lost one in all partitions that both wrote to, and
//! in no others. A member that reads other partitions when it comes back ends it so in the tallies and in the group, and leaves it open for ever in
//! `<input>.scored`, where its readers stand still (seen on Kafka 4.3.1: a commit without a marker in any of its partitions). So before it sends
//! anything it looks whether a transaction stays open where all of its role come by: in the tallies; a judge, where it publishes. None of its
//! own is on its way, for it began its life by ending them. What stays open is ended as a whole, in all partitions that it can have written to:
//!
//! * It is committed, where a part of it is: where the group is told of its offsets, or readers of `<input>.scored` are handed its last record.
//! * Else it is aborted, and its records are read again by whoever reads them now.
//!
//! What turns out to be another's is not touched by that, for brokers end only what the same producer wrote.
//!
//! # Limits
//!
//! A commit takes a record wherever it ends something, and `<input>.scored` and the events are no place for one that is not theirs: where they are open
//! and the tallies are not, they stay so, and [`super::HeldOpen`] tells. A judge knows of no part but the offsets: messages that got their markers
//! when nothing else did are published again.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::OwnedMessage;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use rdkafka::{Message, Timestamp};
use tracing::warn;

use super::commit::topic_of;
use super::log::KafkaLog;
use super::past::{Flow, Past, PastError, Stretch};
use super::tallied::{broken, told};
use crate::publish::Destination;
use crate::record::{Offset, Partition};
use crate::stream::log::{CommitError, Tallied, listed};
use crate::vectorise::wire::Flush;

/// How long the transactions of others are waited for. They take some milliseconds; that of a member that was killed ends when it comes back.
const OTHERS_TAKE: Duration = Duration::from_secs(5);
/// How often it is asked whether they have ended.
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// Within this time a group says what is committed, where nothing is open.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// How many offsets of what is open are read to find what it covers: more than one transaction has.
const COVERED_WITHIN: i64 = 5_000;
/// How many offsets are read at first to find the last record of a partition.
const FIRST_OFFSETS: i64 = 64;

/// Who is handed committed records, and who is handed all.
struct Readers {
    committed: Past,
    all: Past,
}

impl KafkaLog {
    /// Ends what a forerunner of our producer left open. Returns whether it was aborted, so that what was read behind it has to be read again.
    ///
    /// O(partitions of the tallies), in questions to the brokers; where something is open it waits for some seconds.
    ///
    /// # Errors
    /// Where the brokers do not say, or what is open cannot be ended.
    pub(super) fn end_what_was_lost(&mut self) -> Result<bool, CommitError> {
        if self.has_looked_back {
            return Ok(false);
        }
        let readers = Readers {
            committed: Past::open(&self.kafka, &self.role).map_err(broken)?,
            all: Past::open_to_all(&self.kafka, &self.role).map_err(broken)?,
        };
        let open = self.open_for_long(&readers)?;
        let is_aborted = !open.is_empty()
            && if self.role.reads_anew {
                self.end_lost_tallies(&readers, &open)?
            } else {
                self.end_lost_messages(&readers)?
            };
        self.has_looked_back = true;
        Ok(is_aborted)
    }

    /// Where transactions that were open at first still are when others have had their time, from the first open offset on.
    fn open_for_long(&self, Readers { committed, all }: &Readers) -> Result<Vec<Stretch>, CommitError> {
        let published = [Destination::Anomalies, Destination::Episodes, Destination::Templates];
        let asked = if self.role.reads_anew { &[Destination::Tallies][..] } else { &published };
        let mut open = Vec::new();
        for destination in asked {
            for partition in committed.partitions(&topic_of(&self.kafka, destination)).map_err(broken)? {
                open.push(all.retained(&partition).map_err(broken)?);
            }
        }
        let started = Instant::now();
        loop {
            for stretch in &mut open {
                stretch.from = committed.retained(&stretch.partition).map_err(broken)?.to;
            }
            open.retain(|stretch| stretch.from < stretch.to);
            if open.is_empty() || started.elapsed() >= OTHERS_TAKE {
                return Ok(open);
            }
            if self.stop.is_requested() {
                return Err(CommitError::Broken("asked to stop before it was known what is open".to_owned()));
            }
            std::thread::sleep(LOOKS_EVERY);
        }
    }

    fn end_lost_tallies(&self, readers: &Readers, open: &[Stretch]) -> Result<bool, CommitError> {
        let transactions = self.producer()?;
        let covered = covered(&readers.all, open).map_err(broken)?;
        let partitions: Vec<Partition> = covered.iter().map(|(partition, _)| partition.clone()).collect();
        let offsets = self.offsets_told(readers, &partitions)?;
        let is_counted = |(partition, told): &(Partition, Tallied)| {
            offsets.iter().flatten().any(|(found, offset)| found == partition && *offset >= told.until.offset)
        };
        let mut is_committed = covered.iter().any(is_counted);
        for (partition, told) in &covered {
            is_committed = is_committed || is_copied(readers, partition, told).map_err(broken)?;
        }
        warn!(partitions = %listed(&partitions), commits = is_committed,
            "a transaction of which the end was lost may be ours: ending it with another one");
        if is_committed {
            // What the group tells of is committed, and may be far behind it by now.
            let pending = if offsets.is_none() { covered } else { Vec::new() };
            self.commit_again(transactions, &pending.into_iter().collect())?;
        } else {
            self.abort_again(transactions)?;
        }
        Ok(!is_committed)
    }

    fn end_lost_messages(&self, readers: &Readers) -> Result<bool, CommitError> {
        let transactions = self.producer()?;
        let tallies = readers.committed.partitions(&topic_of(&self.kafka, &Destination::Tallies)).map_err(broken)?;
        if self.offsets_told(readers, &tallies)?.is_some() {
            return Ok(false);
        }
        warn!("a transaction of which the end was lost may be ours: aborting it with another one");
        self.abort_again(transactions)?;
        Ok(true)
    }

    /// What the group has committed; `None` where it does not say because a transaction is open.
    fn offsets_told(
        &self,
        readers: &Readers,
        partitions: &[Partition],
    ) -> Result<Option<Vec<(Partition, Offset)>>, CommitError> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(partition.topic.name(), partition.number);
        }
        if partitions.is_empty() {
            return Ok(Some(Vec::new()));
        }
        match readers.committed.consumer.committed_offsets(list, TOLD_WITHIN) {
            Ok(answer) => Ok(Some(partitions.iter().filter_map(|partition| offset_in(&answer, partition)).collect())),
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) => Ok(None),
            Err(error) => Err(self.broken(&error)),
        }
    }
}

fn offset_in(answer: &TopicPartitionList, partition: &Partition) -> Option<(Partition, Offset)> {
    let element = answer.find_partition(partition.topic.name(), partition.number)?;
    let KafkaOffset::Offset(offset) = element.offset() else { return None };
    Some((partition.clone(), Offset(offset)))
}

/// What the first tallies of these stretches cover that cover anything; nothing where that was read again behind them, which is done with what was
/// aborted only.
fn covered(all: &Past, open: &[Stretch]) -> Result<Vec<(Partition, Tallied)>, PastError> {
    let mut covered: Vec<(Partition, Tallied)> = Vec::new();
    for stretch in open {
        let to = Offset(stretch.to.0.min(stretch.from.0 + COVERED_WITHIN));
        let mut is_aborted = false;
        let mut first: Vec<(Partition, Tallied)> = Vec::new();
        all.read(&Stretch { to, ..stretch.clone() }, |record| {
            let flush = record.payload().and_then(|value| Flush::decode(value).ok());
            let progress =
                flush.into_iter().flat_map(|flush| flush.progress).filter(|progress| progress.from < progress.to);
            let covers: Vec<_> = progress.map(told).collect();
            if first.is_empty() {
                first = covers;
                return Flow::Continue(());
            }
            is_aborted = covers.iter().any(|(partition, told)| {
                first.iter().any(|(before, lost)| before == partition && told.from < lost.until.offset)
            });
            if is_aborted { Flow::Break(()) } else { Flow::Continue(()) }
        })?;
        if is_aborted {
            continue;
        }
        for (partition, told) in first {
            if !covered.iter().any(|(found, _)| *found == partition) {
                covered.push((partition, told));
            }
        }
    }
    Ok(covered)
}

/// Whether readers of `<input>.scored` are handed the last record that these tallies cover.
fn is_copied(readers: &Readers, partition: &Partition, told: &Tallied) -> Result<bool, PastError> {
    let Readers { committed, all } = readers;
    let copies = format!("{}.scored", partition.topic.name());
    let copies = match committed.partitions(&copies) {
        Ok(partitions) => partitions.into_iter().find(|copy| copy.number == partition.number),
        Err(PastError::NoTopic(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(copies) = copies else { return Ok(false) };
    let (last, stable) = (all.retained(&copies)?, committed.retained(&copies)?);
    if stable.to < last.to {
        return Ok(false);
    }
    let input = Stretch { partition: partition.clone(), from: told.from, to: told.until.offset };
    let (Some(original), Some(copy)) = (last_record(committed, &input)?, last_record(committed, &stable)?) else {
        return Ok(false);
    };
    let same =
        |record: &OwnedMessage| (record.key().map(<[u8]>::to_vec), record.payload().map(<[u8]>::to_vec), time(record));
    Ok(same(&original) == same(&copy))
}

fn time(record: &OwnedMessage) -> Option<i64> {
    match record.timestamp() {
        Timestamp::CreateTime(time_ms) => Some(time_ms),
        Timestamp::LogAppendTime(_) | Timestamp::NotAvailable => None,
    }
}

/// The last record of a stretch, read backwards, twice as much each time.
fn last_record(past: &Past, stretch: &Stretch) -> Result<Option<OwnedMessage>, PastError> {
    let (mut to, mut length) = (stretch.to, FIRST_OFFSETS);
    let mut last = None;
    while last.is_none() && to > stretch.from {
        let from = Offset(stretch.from.0.max(to.0 - length));
        past.read(&Stretch { partition: stretch.partition.clone(), from, to }, |record| {
            last = Some(record.detach());
            Flow::Continue(())
        })?;
        (to, length) = (from, length * 2);
    }
    Ok(last)
}
