//! Transactions that have ended and that brokers hold open in some partitions all the same.
//!
//! Two ways to it are known. A broker that does not verify transactions reads a request of a broken connection after the end of its transaction, and
//! takes it for the beginning of another one (KIP-890). And where a partition has no leader in the moment in which its transaction ends, as on a broker
//! that stood still for longer than its session, Kafka takes it for deleted and passes over it (seen in 4.3.1: `getPartitionLeaderEndpoint` of
//! `KRaftMetadataCache` says the same of both), so that the transaction ends without a marker there.
//!
//! Then readers of what is committed stand still, and nobody is told what is committed of the group. The next transaction of the same producer in these
//! partitions ends both; but a producer whose member was started anew has none before it is told. So it sends one to
//! all partitions that it may have written to, and aborts it: what was in the lost one is read and sent again.
//!
//! # Limits
//!
//! How the lost one ended is not known. If it was a commit, and some of its partitions did get their markers (a broker gives its partitions up one after the
//! other), what is in these is there twice then: of `<input>.scored` nobody sees that, of tallies the judge does, and says so. A producer that nobody starts
//! again leaves it open for ever.

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tracing::warn;

use super::commit::topic_of;
use super::log::KafkaLog;
use crate::publish::{Destination, OutputRecord};
use crate::record::Partition;
use crate::stream::log::{CommitError, listed};

impl KafkaLog {
    /// Ends what brokers hold open of an earlier transaction of our producer, given that nobody is told what is committed of these partitions.
    ///
    /// # Errors
    /// Where that is not possible, or leaves requests behind that may be read later: whoever connects anew is safe from these.
    pub(super) fn end_what_is_left_open(&self, partitions: &[Partition]) -> Result<(), CommitError> {
        let Some(transactions) = &self.transactions else {
            return Err(CommitError::Broken("not told what is committed".to_owned()));
        };
        if self.stop.is_requested() {
            return Err(CommitError::Broken("asked to stop before it was known what is committed".to_owned()));
        }
        warn!(partitions = %listed(partitions), "not told what is committed, as if a transaction that has ended were open: aborting one");
        let mut offsets = TopicPartitionList::new();
        for partition in partitions {
            // Which offset does not matter, for it is never committed.
            offsets
                .add_partition_offset(partition.topic.name(), partition.number, KafkaOffset::Offset(0))
                .map_err(|error| self.broken(&error))?;
        }
        let mut outputs = Vec::new();
        for destination in self.destinations(partitions) {
            let topic = topic_of(&self.kafka, &destination);
            let count = transactions.partition_count(&topic).map_err(|error| self.broken(&error))?;
            outputs.extend((0_i32..).take(count).map(|number| nothing(destination.clone(), number)));
        }
        transactions
            .abort_whole(&outputs, &offsets, || self.consumer.group_metadata())
            .map_err(|failure| CommitError::Broken(format!("not told what is committed: {failure:?}")))?;
        if transactions.may_have_stragglers() {
            return Err(CommitError::Broken("a connection broke while a transaction was aborted".to_owned()));
        }
        Ok(())
    }

    /// Where a member writes that reads these partitions.
    fn destinations(&self, partitions: &[Partition]) -> Vec<Destination> {
        if !self.role.reads_anew {
            return vec![Destination::Anomalies, Destination::Episodes, Destination::Templates, Destination::Tallies];
        }
        let scored = partitions.iter().map(|partition| Destination::Scored(partition.topic.clone()));
        let mut destinations: Vec<Destination> =
            scored.chain([Destination::Tallies, Destination::DeadLetters]).collect();
        destinations.dedup();
        destinations
    }
}

/// A record that nobody ever reads.
fn nothing(destination: Destination, partition: i32) -> OutputRecord {
    // With a key, for compacted topics take no record without.
    let (key, partition) = (Some(b"aborted".to_vec()), Some(partition));
    OutputRecord { destination, partition, key, value: None, headers: Vec::new(), timestamp_ms: None }
}
