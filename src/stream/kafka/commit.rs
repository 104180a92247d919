//! One transaction until it is committed: again after an abort, and in doubt ask what was committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tracing::{debug, warn};

use super::log::{KafkaLog, QUERY_TIMEOUT, broken};
use super::native;
use super::producer::{Failure, Transactions};
use crate::publish::{Destination, OutputRecord};
use crate::record::{Offset, Partition};
use crate::stream::log::{CommitError, Committed, Transaction};

/// How long one transaction is tried again before the connection is made anew; far below the poll interval of five
/// minutes after which the group would give up on us.
const COMMIT_FOR: Duration = Duration::from_secs(120);

enum Recovered {
    SendAgain,
    WasCommitted,
}

impl KafkaLog {
    /// Sends a transaction until it is committed, or cannot be.
    pub(super) fn commit_whole(&mut self, transaction: &Transaction, in_rebalance: bool) -> Result<(), CommitError> {
        let offsets = self.offsets_of(transaction)?;
        let started = Instant::now();
        loop {
            let Some(transactions) = &self.transactions else {
                return Err(CommitError::Broken("no producer".to_owned()));
            };
            let group = || native::is_member(&self.consumer).then(|| self.consumer.group_metadata()).flatten();
            let Err(failure) = transactions.send(&transaction.outputs, |output| self.topic_of(output), &offsets, group)
            else {
                return Ok(());
            };
            let reason = format!("{failure:?}");
            if let Recovered::WasCommitted = self.recover(failure, transaction)? {
                return Ok(());
            }
            if self.consumer.assignment_lost() {
                return Err(CommitError::Lost(reason));
            }
            if started.elapsed() >= COMMIT_FOR {
                return Err(CommitError::Broken(reason));
            }
            if !in_rebalance {
                self.poll_paused()?;
                if self.consumer.context().has_rebalances() {
                    return Err(CommitError::RebalanceFirst);
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn offsets_of(&self, transaction: &Transaction) -> Result<TopicPartitionList, CommitError> {
        let mut list = TopicPartitionList::new();
        for (partition, (offset, metadata)) in &transaction.offsets {
            if self.index_of(partition).is_none() {
                return Err(CommitError::Broken(format!("{partition} is to be committed but is not assigned")));
            }
            let name = partition.topic.name();
            list.add_partition_offset(name, partition.number, KafkaOffset::Offset(offset.0)).map_err(broken)?;
            if let Some(mut element) = list.find_partition(name, partition.number) {
                element.set_metadata(metadata);
            }
        }
        Ok(list)
    }

    /// After a failure: may the same transaction be sent again?
    fn recover(&mut self, failure: Failure, transaction: &Transaction) -> Result<Recovered, CommitError> {
        match failure {
            Failure::Permanent(reason) => Err(CommitError::Permanent(reason)),
            Failure::Abort(reason) => {
                debug!(reason, "transaction aborted; it is sent again");
                match self.transactions.as_ref().map(Transactions::abort) {
                    Some(Ok(())) => Ok(Recovered::SendAgain),
                    Some(Err(Failure::Doubt(reason) | Failure::Abort(reason) | Failure::Permanent(reason))) => {
                        self.resolve_doubt(&reason, transaction)
                    }
                    None => self.resolve_doubt("no producer", transaction),
                }
            }
            Failure::Doubt(reason) => self.resolve_doubt(&reason, transaction),
        }
    }

    /// A new producer of the same name ends whatever its forerunner began; then the committed offsets tell how it ended.
    fn resolve_doubt(&mut self, reason: &str, transaction: &Transaction) -> Result<Recovered, CommitError> {
        warn!(reason, "transaction in doubt; asking what was committed");
        self.transactions = None;
        self.transactions = Some(Transactions::begin_life(&self.kafka, &self.role).map_err(broken)?);
        if self.consumer.assignment_lost() {
            return Err(CommitError::Lost(reason.to_owned()));
        }
        let partitions: Vec<Partition> = transaction.offsets.keys().cloned().collect();
        let committed: BTreeMap<_, _> = self
            .committed_offsets(&partitions)?
            .into_iter()
            .filter_map(|(partition, committed)| {
                committed.map(|committed| (partition, (committed.offset, committed.metadata)))
            })
            .collect();
        Ok(if committed == transaction.offsets { Recovered::WasCommitted } else { Recovered::SendAgain })
    }

    /// What the group has committed for these partitions.
    pub(super) fn committed_offsets(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, CommitError> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(partition.topic.name(), partition.number);
        }
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.consumer.committed_offsets(list, QUERY_TIMEOUT).map_err(broken)?;
        let found = partitions.iter().map(|partition| {
            let element = answer.find_partition(partition.topic.name(), partition.number);
            let committed = element.and_then(|element| match element.offset() {
                KafkaOffset::Offset(offset) => {
                    Some(Committed { offset: Offset(offset), metadata: element.metadata().to_owned() })
                }
                _ => None,
            });
            (partition.clone(), committed)
        });
        Ok(found.collect())
    }

    /// Lets the group make progress while a transaction waits, without reading on.
    fn poll_paused(&mut self) -> Result<(), CommitError> {
        let list = self.list_of_read();
        self.consumer.pause(&list).map_err(broken)?;
        let polled = self.consumer.poll(Duration::ZERO);
        let read_on = matches!(polled, Some(Ok(_)));
        drop(polled);
        self.consumer.resume(&list).map_err(broken)?;
        if read_on {
            return Err(CommitError::Broken("a record was read while paused".to_owned()));
        }
        Ok(())
    }

    fn topic_of(&self, output: &OutputRecord) -> String {
        match &output.destination {
            Destination::Anomalies => self.kafka.topic("anomalies"),
            Destination::Episodes => self.kafka.topic("episodes"),
            Destination::DeadLetters => self.kafka.topic("deadletters"),
            Destination::Tallies => self.kafka.topic("tallies"),
            Destination::Snapshots => self.kafka.topic("snapshots"),
            Destination::Scored(topic) => format!("{topic}.scored"),
        }
    }
}
