//! The log that is Kafka, for one worker.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tracing::{debug, error};

use super::assigned::Assigned;
use super::consumer::Events;
use super::producer::Transactions;
use super::record::record_of;
use super::refusal::{failed, missing_right};
use super::{Role, client, describe, native};
use crate::config::{Kafka, Shares};
use crate::ops::{Stop, View, uptime};
use crate::record::{Offset, Partition, StreamTime};
use crate::stream::commit::{commit_whole, where_to_go_on};
use crate::stream::log::{CommitError, Committed, Incoming, Known, Log, Rebalance, Retained, Taker, Transaction};

/// How many records one poll hands out before the loop looks at everything else.
const POLL_RECORDS_MAX: usize = 10_000;
/// How long a question to the cluster may take.
pub(super) const QUERY_TIMEOUT: Duration = Duration::from_secs(15);

/// One consumer and one transactional producer.
pub struct KafkaLog {
    pub(super) kafka: Kafka,
    pub(super) role: Role,
    pub(super) consumer: BaseConsumer<Events>,
    pub(super) transactions: Option<Transactions>,
    /// Whether it was looked what a forerunner of this producer left open.
    pub(super) has_looked_back: bool,
    pub(super) topics: Vec<String>,
    pub(super) assigned: Assigned,
    /// As which member of the group the partitions were assigned.
    ///
    /// Who is put out while it joins again, as after a network that stood still for longer than the session, is let in as another member by
    /// librdkafka without being told to give anything up (2.12: `JoinGroup` with `UNKNOWN_MEMBER_ID`, cooperative), though others read its partitions by
    /// then, and brokers look at members only, not at whose a partition is. So what was read as one member is not committed as another.
    pub(super) member: Option<String>,
    /// What was committed of them.
    pub(super) known: Known,
    view: Arc<View>,
    pub(super) stop: Stop,
    pub(super) begin: Option<StreamTime>,
}

impl KafkaLog {
    /// Joins the group and reads these topics.
    ///
    /// # Errors
    /// Where the settings are not accepted or the transactions cannot be initialised.
    pub fn join(
        kafka: &Kafka,
        role: Role,
        topics: &[&str],
        shares: Shares,
        view: Arc<View>,
        stop: Stop,
    ) -> Result<Self, CommitError> {
        let transactions =
            Transactions::begin_life(kafka, &role, &stop).map_err(|error| failed(&error, kafka, &role, topics))?;
        let consumer: BaseConsumer<Events> = client::consumer(kafka, &role, shares)
            .create_with_context(Events::default())
            .map_err(|error| failed(&error, kafka, &role, topics))?;
        let log = Self {
            kafka: kafka.clone(),
            role,
            consumer,
            transactions: Some(transactions),
            has_looked_back: false,
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            assigned: Assigned::default(),
            member: None,
            known: Known::default(),
            view,
            stop,
            begin: None,
        };
        log.consumer.subscribe(topics).map_err(|error| log.broken(&error))?;
        Ok(log)
    }

    /// What an error of a client means for this connection.
    pub(super) fn broken(&self, error: &KafkaError) -> CommitError {
        failed(error, &self.kafka, &self.role, &self.topics())
    }

    /// The producer.
    pub(super) fn producer(&self) -> Result<&Transactions, CommitError> {
        self.transactions.as_ref().ok_or_else(|| CommitError::Broken("no producer".to_owned()))
    }

    /// The same log, in which partitions of which nothing is committed begin at the first record of this time.
    pub fn beginning_at(mut self, begin: Option<StreamTime>) -> Self {
        self.begin = begin;
        self
    }

    fn topics(&self) -> Vec<&str> {
        self.topics.iter().map(String::as_str).collect()
    }

    /// What reading gave in the place of a record. Most of it passes, and the client's own callback has said so already.
    pub(super) fn error_of_poll(&self, error: &KafkaError) -> Result<(), CommitError> {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            // What is fatal is said apart from the error that says that something is.
            let code = self.consumer.client().fatal_error().map_or(*code, |(code, _)| code);
            return Err(self.broken(&KafkaError::MessageConsumptionFatal(code)));
        }
        let code = error.rdkafka_error_code();
        match code.and_then(|code| missing_right(code, &self.kafka, &self.role, ("Read", &self.topics()))) {
            Some(missing) => Err(CommitError::Permanent(missing)),
            // Whoever connects anew looks up which records are still there.
            None if code == Some(RDKafkaErrorCode::AutoOffsetReset) => Err(CommitError::Broken(describe(error))),
            None => {
                debug!(reason = describe(error), "while reading");
                Ok(())
            }
        }
    }

    fn list_from(&self, positions: &[(Partition, Offset)]) -> Result<TopicPartitionList, CommitError> {
        let mut list = TopicPartitionList::new();
        for (partition, from) in positions {
            list.add_partition_offset(partition.topic.name(), partition.number, KafkaOffset::Offset(from.0))
                .map_err(|error| self.broken(&error))?;
        }
        Ok(list)
    }
}

fn hand_out(message: &BorrowedMessage<'_>, assigned: &mut Assigned, each: &mut Taker<'_>) -> ControlFlow<()> {
    let Some(partition) = assigned.read(message.topic(), message.partition()) else {
        return ControlFlow::Continue(());
    };
    let headers = || match message.headers() {
        Some(headers) => headers.iter().map(|header| (header.key, header.value)).collect(),
        None => Vec::new(),
    };
    each(partition, &Incoming { record: record_of(message), key: message.key(), headers: &headers })
}

impl Log for KafkaLog {
    fn now(&self) -> Duration {
        uptime()
    }

    fn poll(&mut self, wait: Duration, each: &mut Taker<'_>) -> Result<usize, CommitError> {
        if let Some(partition) = self.assigned.not_fetched() {
            return Err(CommitError::Broken(format!(
                "{partition} is assigned, its broker is there, and it is not fetched"
            )));
        }
        let mut count = 0;
        while count < POLL_RECORDS_MAX && !self.consumer.context().has_rebalances() {
            match self.consumer.poll(if count == 0 { wait } else { Duration::ZERO }) {
                Some(Ok(message)) => {
                    count += 1;
                    if hand_out(&message, &mut self.assigned, each).is_break() {
                        break;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => return self.error_of_poll(&error).map(|()| count),
                None => break,
            }
        }
        Ok(count)
    }

    fn rebalance(&mut self) -> Option<Rebalance> {
        let (assigns, partitions) = self.consumer.context().next_rebalance()?;
        Some(if assigns {
            Rebalance::Assign(partitions)
        } else {
            Rebalance::Revoke { partitions, lost: self.consumer.assignment_lost() }
        })
    }

    fn committed(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>, Retained)>, CommitError> {
        let mut found = Vec::with_capacity(partitions.len());
        let patience = Instant::now() + QUERY_TIMEOUT;
        for (partition, mut committed) in where_to_go_on(self, partitions)? {
            let there = match &mut committed {
                Some(until) => {
                    let there = self.retained(&partition, until.offset, patience)?;
                    if until.offset > there.end {
                        error!(%partition, committed = until.offset.0, end = there.end.0, from_its_beginning = self.role.reads_anew,
                            "the topic ends before what was read of it: it was made anew, or lost its end");
                        until.offset = there.end;
                        committed = committed.filter(|_| !self.role.reads_anew);
                    }
                    there
                }
                None => self.beginning(&partition)?,
            };
            found.push((partition, committed, there));
        }
        Ok(found)
    }

    fn assign(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError> {
        let member = native::member_id(&self.consumer);
        if self.assigned.is_empty() {
            self.member = member;
        } else if self.member != member {
            return Err(CommitError::Broken("put out of the group and let in again as another member".to_owned()));
        }
        let list = self.list_from(positions)?;
        if matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            self.consumer.incremental_assign(&list).map_err(|error| self.broken(&error))?;
        } else {
            self.consumer.assign(&list).map_err(|error| self.broken(&error))?;
        }
        self.consumer.context().answered();
        self.assigned.add(positions.iter().map(|(partition, _)| partition));
        Ok(())
    }

    fn rewind(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError> {
        self.hold(&[])?;
        // Not a seek, which is refused while a partition is not fetched yet.
        let list = self.list_from(positions)?;
        if matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            self.consumer.incremental_unassign(&list).map_err(|error| self.broken(&error))?;
            self.consumer.incremental_assign(&list).map_err(|error| self.broken(&error))
        } else {
            self.consumer.assign(&list).map_err(|error| self.broken(&error))
        }
    }

    fn unassign(&mut self, partitions: &[Partition]) -> Result<(), CommitError> {
        // A pause outlives the assignment: a partition that comes back would never be read.
        self.hold(&[])?;
        if matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            let mut list = TopicPartitionList::new();
            for partition in partitions {
                list.add_partition(partition.topic.name(), partition.number);
            }
            self.consumer.incremental_unassign(&list).map_err(|error| self.broken(&error))?;
            self.assigned.remove(partitions);
        } else {
            self.consumer.unassign().map_err(|error| self.broken(&error))?;
            self.assigned = Assigned::default();
        }
        self.consumer.context().answered();
        Ok(())
    }

    fn at_end(&mut self) -> Vec<Partition> {
        let Some(positions) = self.consumer.context().take_positions() else { return Vec::new() };
        let mut at_end = Vec::new();
        for position in positions {
            let Some(ends) = self.assigned.tell(&position) else { continue };
            self.view.lag(&position.partition, position.lag);
            if ends {
                at_end.push(position.partition);
            }
        }
        at_end
    }

    fn hold(&mut self, partitions: &[Partition]) -> Result<(), CommitError> {
        let (paused, resumed) = self.assigned.hold(partitions);
        if paused.count() > 0 {
            self.consumer.pause(&paused).map_err(|error| self.broken(&error))?;
        }
        if resumed.count() > 0 {
            self.consumer.resume(&resumed).map_err(|error| self.broken(&error))?;
        }
        Ok(())
    }

    fn commit(&mut self, transaction: &Transaction, in_rebalance: bool) -> Result<(), CommitError> {
        commit_whole(self, transaction, in_rebalance)
    }

    fn leave(&mut self) {
        self.consumer.context().close(&self.consumer);
        self.consumer.unsubscribe();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(3) {
            drop(self.consumer.poll(Duration::from_millis(20)));
            if self.consumer.assignment().is_ok_and(|assignment| assignment.count() == 0) {
                break;
            }
        }
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        // Closing waits until every rebalance is answered, and the loop that would answer is gone.
        self.consumer.context().close(&self.consumer);
    }
}
