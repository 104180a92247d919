//! The steps of a commit as librdkafka takes them.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};

use super::log::{KafkaLog, QUERY_TIMEOUT};
use super::producer::Transactions;
use super::{describe, native};
use crate::config::Kafka;
use crate::publish::Destination;
use crate::record::{Offset, Partition};
use crate::stream::commit::{Connection, Failure};
use crate::stream::log::{CommitError, Committed, Known, Tallied, Transaction};

impl Connection for KafkaLog {
    fn is_assigned(&self, partition: &Partition) -> bool {
        self.assigned.contains(partition)
    }

    fn send(&mut self, transaction: &Transaction) -> Result<(), Failure> {
        let Some(transactions) = &self.transactions else { return Err(Failure::Doubt("no producer".to_owned())) };
        let offsets = offsets_of(transaction).map_err(|error| Failure::Doubt(describe(&error)))?;
        // Asked after: who is the same member then was so before, for ids do not come back. Asked before, it could be put out in between.
        let is_member = || self.member.is_some() && native::member_id(&self.consumer) == self.member;
        let group = || self.consumer.group_metadata().filter(|_| is_member());
        transactions.send(&transaction.outputs, &offsets, group)
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.transactions.as_ref().map_or_else(|| Err(Failure::Doubt("no producer".to_owned())), Transactions::abort)
    }

    fn may_have_stragglers(&self) -> bool {
        self.transactions.as_ref().is_some_and(Transactions::may_have_stragglers)
    }

    fn renew(&mut self) -> Result<(), CommitError> {
        self.transactions = None;
        if self.stop.is_requested() {
            return Err(CommitError::Broken("asked to stop before it was known what was committed".to_owned()));
        }
        self.transactions =
            Some(Transactions::begin_life(&self.kafka, &self.role, &self.stop).map_err(|error| self.broken(&error))?);
        self.has_looked_back = false;
        if self.end_what_was_lost()? {
            return Err(CommitError::Broken("what was committed last is lost".to_owned()));
        }
        Ok(())
    }

    fn known(&mut self) -> &mut Known {
        &mut self.known
    }

    fn committed_offsets(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, CommitError> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(partition.topic.name(), partition.number);
        }
        self.end_what_was_lost()?;
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let answer = match self.consumer.committed_offsets(list.clone(), QUERY_TIMEOUT) {
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) => {
                self.end_what_is_left_open(partitions)?;
                self.consumer.committed_offsets(list, QUERY_TIMEOUT)
            }
            answer => answer,
        };
        let answer = answer.map_err(|error| self.broken(&error))?;
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

    fn last_written(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError> {
        if self.role.reads_anew { self.tallied(partitions, false) } else { Ok(BTreeMap::new()) }
    }

    fn last_committed(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError> {
        self.wait_for_tallies()?;
        self.tallied(partitions, true)
    }

    fn assignment_lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    fn poll_paused(&mut self) -> Result<bool, CommitError> {
        let list = self.assigned.list_of_read();
        self.consumer.pause(&list).map_err(|error| self.broken(&error))?;
        let polled = self.consumer.poll(Duration::ZERO).map(|polled| polled.map(drop));
        self.consumer.resume(&list).map_err(|error| self.broken(&error))?;
        match polled {
            Some(Ok(())) => return Err(CommitError::Broken("a record was read while paused".to_owned())),
            // What ends reading is told once only: who passes over it waits for records for ever.
            Some(Err(error)) => self.error_of_poll(&error)?,
            None => {}
        }
        Ok(self.consumer.context().has_rebalances())
    }

    fn is_stopping(&self) -> bool {
        self.stop.is_requested()
    }

    fn wait(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

fn offsets_of(transaction: &Transaction) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, (offset, metadata)) in &transaction.offsets {
        let name = partition.topic.name();
        list.add_partition_offset(name, partition.number, KafkaOffset::Offset(offset.0))?;
        if let Some(mut element) = list.find_partition(name, partition.number) {
            element.set_metadata(metadata);
        }
    }
    Ok(list)
}

pub(super) fn topic_of(kafka: &Kafka, destination: &Destination) -> String {
    match destination {
        Destination::Anomalies => kafka.topic("anomalies"),
        Destination::Episodes => kafka.topic("episodes"),
        Destination::Templates => kafka.topic("templates"),
        Destination::DeadLetters => kafka.topic("deadletters"),
        Destination::Tallies => kafka.topic("tallies"),
        Destination::Snapshots => kafka.topic("snapshots"),
        Destination::Scored(topic) => format!("{topic}.scored"),
    }
}
