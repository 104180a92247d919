//! Transactions that have ended and that brokers hold open in some partitions all the same.
//!
//! Two ways to it are known. A broker that does not verify transactions reads a request of a broken connection after the end of its transaction, and
//! takes it for the beginning of another one (KIP-890). And where a partition has no leader in the moment in which its transaction ends, as on a broker
//! that stood still for longer than its session or was just started again, Kafka takes it for deleted and passes over it (KAFKA-20734, seen in 4.3.1:
//! `getPartitionLeaderEndpoint` of `KRaftMetadataCache` says the same of both), so that the transaction ends without a marker there.
//!
//! Then readers of what is committed stand still, and nobody is told what is committed of the group. What is open in our topics a producer ends before its
//! first transaction ([`super::lost_end`]). Offsets may be open alone, and nothing but the silence of the group tells of them. So a member that is not told
//! what is committed sends a transaction, and ends it as far as tallies tell: where the last ones that say anything of its partitions are committed, so is
//! this one, with the offsets that they say; else it is aborted, in all partitions that the producer may have written to.
//!
//! # Limits
//!
//! A judge has no tallies of its own, so it aborts: messages that were committed when the offsets beside them were not are published again. A producer
//! that nobody starts again leaves it open for ever.

use std::collections::BTreeMap;

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tracing::warn;

use super::commit::topic_of;
use super::log::KafkaLog;
use super::past::Past;
use super::producer::Transactions;
use super::tallied::broken;
use crate::publish::{Destination, OutputRecord, no_record};
use crate::record::{Offset, Partition, Topic};
use crate::stream::commit::Failure;
use crate::stream::log::{CommitError, Committed, Tallied, listed};
use crate::vectorise::wire::Flush;

impl KafkaLog {
    /// Ends what brokers hold open of an earlier transaction of our producer, given that nobody is told what is committed of these partitions.
    ///
    /// # Errors
    /// Where that is not possible, or leaves requests behind that may be read later: whoever connects anew is safe from these.
    pub(super) fn end_what_is_left_open(&self, partitions: &[Partition]) -> Result<(), CommitError> {
        let transactions = self.producer()?;
        if self.stop.is_requested() {
            return Err(CommitError::Broken("asked to stop before it was known what is committed".to_owned()));
        }
        let counted = if self.role.reads_anew { self.counted(partitions)? } else { None };
        warn!(partitions = %listed(partitions), commits = counted.is_some(),
            "not told what is committed, as if a transaction that has ended were open: ending it with another one");
        match counted {
            Some(tallied) => {
                let outputs = self.in_all_partitions(transactions, &Destination::Tallies)?;
                let until = tallied.into_iter().map(|(partition, told)| (partition, told.until)).collect();
                self.commit_more(&outputs, &until)?;
            }
            None => {
                let mut outputs = Vec::new();
                for destination in self.destinations() {
                    outputs.append(&mut self.in_all_partitions(transactions, &destination)?);
                }
                self.abort_again(&outputs)?;
            }
        }
        if transactions.may_have_stragglers() {
            return Err(CommitError::Broken("a connection broke while a transaction was ended".to_owned()));
        }
        Ok(())
    }

    /// What the last tallies of these partitions say, where all of them are committed.
    fn counted(&self, partitions: &[Partition]) -> Result<Option<BTreeMap<Partition, Tallied>>, CommitError> {
        let committed = self.tallied(partitions, true)?;
        let is_all = partitions.iter().all(|partition| committed.contains_key(partition));
        Ok(if is_all && committed == self.tallied(partitions, false)? { Some(committed) } else { None })
    }

    /// Commits these records and offsets.
    pub(super) fn commit_more(
        &self,
        outputs: &[OutputRecord],
        until: &BTreeMap<Partition, Committed>,
    ) -> Result<(), CommitError> {
        let mut offsets = TopicPartitionList::new();
        for (partition, until) in until {
            self.add_offset(&mut offsets, partition, KafkaOffset::Offset(until.offset.0))?;
            if let Some(mut element) = offsets.find_partition(partition.topic.name(), partition.number) {
                element.set_metadata(&until.metadata);
            }
        }
        let group = || self.consumer.group_metadata();
        self.producer()?.send_offsets_first(outputs, &offsets, group).map_err(not_ended)
    }

    /// Aborts these records, and offsets of the group.
    pub(super) fn abort_again(&self, outputs: &[OutputRecord]) -> Result<(), CommitError> {
        let mut offsets = TopicPartitionList::new();
        if let Some(topic) = self.topics.first() {
            // One that changes nothing: were the end of this transaction lost in its turn, the next one would commit it.
            let partition = Partition::new(Topic::new(topic), 0);
            let committed = Past::open_to_all(&self.kafka, &self.role).and_then(|past| past.committed(&partition));
            let offset = committed.map_err(broken)?.unwrap_or(Offset(0));
            self.add_offset(&mut offsets, &partition, KafkaOffset::Offset(offset.0))?;
        }
        self.producer()?.abort_whole(outputs, &offsets, || self.consumer.group_metadata()).map_err(not_ended)
    }

    fn add_offset(
        &self,
        offsets: &mut TopicPartitionList,
        partition: &Partition,
        offset: KafkaOffset,
    ) -> Result<(), CommitError> {
        let added = offsets.add_partition_offset(partition.topic.name(), partition.number, offset);
        added.map_err(|error| self.broken(&error))
    }

    /// A record of no consequence for each partition there.
    fn in_all_partitions(
        &self,
        transactions: &Transactions,
        destination: &Destination,
    ) -> Result<Vec<OutputRecord>, CommitError> {
        let count = transactions.partition_count(&topic_of(&self.kafka, destination));
        let count = count.map_err(|error| self.broken(&error))?;
        Ok((0..).take(count).map(|number| nothing(destination.clone(), number)).collect())
    }

    /// Where a member of this role writes.
    pub(super) fn destinations(&self) -> Vec<Destination> {
        if !self.role.reads_anew {
            return vec![Destination::Anomalies, Destination::Episodes, Destination::Templates, Destination::Tallies];
        }
        let scored = self.topics.iter().map(|topic| Destination::Scored(Topic::new(topic)));
        scored.chain([Destination::Tallies, Destination::DeadLetters]).collect()
    }
}

fn not_ended(failure: Failure) -> CommitError {
    match failure {
        Failure::Permanent(reason) => CommitError::Permanent(reason),
        failure => CommitError::Broken(format!("not told what is committed: {failure:?}")),
    }
}

/// A record of no consequence.
pub(super) fn nothing(destination: Destination, partition: i32) -> OutputRecord {
    let is_tallies = destination == Destination::Tallies;
    let record = no_record(destination, partition);
    if is_tallies { OutputRecord { value: Some(Flush::default().encode()), ..record } } else { record }
}
