//! One transaction, tried once: begin, send, flush, offsets, commit.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::client::PRODUCER;
use super::commit::topic_of;
use super::deliveries::Deliveries;
use super::refusal::missing_right;
use super::{Role, client, describe, native};
use crate::config::Kafka;
use crate::ops::Stop;
use crate::publish::{Destination, OutputRecord};
use crate::stream::commit::Failure;

/// After this time the broker ends a transaction.
pub(super) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one call of a transaction may take before the transaction is in doubt.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the one call is waited for that does not keep to its time, which is [`CALL_TIMEOUT`].
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(7);
/// How long retriable errors are retried.
const RETRY_FOR: Duration = Duration::from_secs(10);
/// The same where a stop was requested: what is not committed is read again, and a service manager does not wait for long.
const RETRY_WHEN_STOPPING_FOR: Duration = Duration::from_secs(2);

/// How long a flush waits before it looks whether a stop was requested.
const FLUSH_SLICE: Duration = Duration::from_secs(1);

/// The transactional producer of one member.
pub(super) struct Transactions {
    producer: Arc<ThreadedProducer<Deliveries>>,
    kafka: Kafka,
    role: Role,
    name: String,
    stop: Stop,
    /// When the last transaction began.
    begun_at: Cell<Instant>,
}

impl Transactions {
    /// A producer whose forerunner's open transaction, if any, is ended.
    pub(super) fn begin_life(kafka: &Kafka, role: &Role, stop: &Stop) -> Result<Self, KafkaError> {
        let producer: ThreadedProducer<Deliveries> =
            client::producer(kafka, role).create_with_context(Deliveries::default())?;
        // Without a connection the initialisation waits for half a second more.
        producer.client().fetch_metadata(Some("-"), CALL_TIMEOUT).ok();
        let started = Instant::now();
        loop {
            match producer.init_transactions(CALL_TIMEOUT) {
                Ok(()) => {
                    return Ok(Self {
                        producer: Arc::new(producer),
                        kafka: kafka.clone(),
                        name: role.transactional_id(),
                        role: role.clone(),
                        stop: stop.clone(),
                        begun_at: Cell::new(Instant::now()),
                    });
                }
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && started.elapsed() < RETRY_FOR * 3 && !stop.is_requested() =>
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether requests of this producer may still be on their way, on a connection that broke, while later ones are answered.
    pub(super) fn may_have_stragglers(&self) -> bool {
        // What was logged before the last answer is in the queue by now.
        self.producer.poll(Duration::ZERO);
        self.producer.context().lost_a_connection()
    }

    /// Sends everything in one burst and commits it with the offsets.
    pub(super) fn send(
        &self,
        outputs: &[OutputRecord],
        offsets: &TopicPartitionList,
        group: impl Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), Failure> {
        let sent = self.fill(outputs, offsets, group).and_then(|()| self.commit());
        sent.map_err(|failure| self.judged(failure))
    }

    /// Begins a transaction with these outputs and offsets.
    fn fill(
        &self,
        outputs: &[OutputRecord],
        offsets: &TopicPartitionList,
        group: impl Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), Failure> {
        self.begin()?;
        self.deliver(outputs, |output| topic_of(&self.kafka, &output.destination))?;
        self.commit_offsets(offsets, group)
    }

    fn commit_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: impl Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), Failure> {
        let group = group().ok_or_else(|| Failure::NotAMember("not a member of the group now".to_owned()))?;
        let read: BTreeSet<String> = offsets.elements().iter().map(|element| element.topic().to_owned()).collect();
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        let group = Arc::new(group);
        self.retry("offsets", &read, || self.send_offsets(offsets.clone(), Arc::clone(&group)))
    }

    /// The call does not keep to its time: where the group's coordinator goes away in the middle of it, it may wait for ever
    /// (librdkafka 2.12, issues 5456 and 5511). So a thread of its own makes it, which is left behind with its producer if need be: the
    /// next producer of this name fences it, and the next change of a connection ends the call.
    fn send_offsets(&self, offsets: TopicPartitionList, group: Arc<ConsumerGroupMetadata>) -> KafkaResult<()> {
        let (ended, end) = mpsc::sync_channel(1);
        let producer = Arc::clone(&self.producer);
        let call = move || ended.send(producer.send_offsets_to_transaction(&offsets, &group, CALL_TIMEOUT)).ok();
        std::thread::Builder::new()
            .name("offsets".to_owned())
            .spawn(call)
            .map_err(|error| KafkaError::ClientCreation(format!("no thread: {error}")))?;
        end.recv_timeout(OFFSETS_TIMEOUT).unwrap_or(Err(KafkaError::Global(RDKafkaErrorCode::OperationTimedOut)))
    }

    /// Whether somebody took the name of this producer over. A broker that ends a transaction because it took too long says the same,
    /// so what took that long proves nothing.
    fn is_fenced(&self) -> bool {
        let fatal = self.producer.client().fatal_error();
        let is_fenced = matches!(fatal, Some((RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced, _)));
        is_fenced && self.begun_at.get().elapsed() < TRANSACTION_TIMEOUT
    }

    /// What is to be done about a failure, given that somebody may have taken the name over.
    fn judged(&self, failure: Failure) -> Failure {
        if self.is_fenced() { Failure::Fenced(format!("{} is used by another producer", self.name)) } else { failure }
    }

    /// Sends everything in one transaction, the offsets first, if there are any: where the group refuses them no record was written, and nothing ends but
    /// offsets.
    pub(super) fn send_offsets_first(
        &self,
        outputs: &[OutputRecord],
        offsets: &TopicPartitionList,
        group: impl Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), Failure> {
        self.begin()?;
        if offsets.count() > 0 {
            self.commit_offsets(offsets, group)?;
        }
        self.deliver(outputs, |output| topic_of(&self.kafka, &output.destination))?;
        self.commit()
    }

    /// Sends everything in one transaction that commits no offsets.
    pub(super) fn send_alone(&self, outputs: &[OutputRecord], topic: &str) -> Result<(), Failure> {
        let sent = self.begin().and_then(|()| self.deliver(outputs, |_| topic.to_owned())).and_then(|()| self.commit());
        if sent.is_err() {
            self.abort()?;
        }
        sent
    }

    /// Sends everything in one transaction and aborts it: what brokers still take for an open transaction of this producer in the same
    /// partitions and group ends with it.
    pub(super) fn abort_whole(
        &self,
        outputs: &[OutputRecord],
        offsets: &TopicPartitionList,
        group: impl Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), Failure> {
        let filled = self.fill(outputs, offsets, group);
        self.abort().and(filled)
    }

    /// How many partitions a topic has; none where there is no such topic.
    pub(super) fn partition_count(&self, topic: &str) -> KafkaResult<usize> {
        let metadata = self.producer.client().fetch_metadata(Some(topic), CALL_TIMEOUT)?;
        Ok(metadata.topics().iter().map(|topic| topic.partitions().len()).sum())
    }

    fn begin(&self) -> Result<(), Failure> {
        self.begun_at.set(Instant::now());
        self.producer.begin_transaction().map_err(|error| Failure::Doubt(format!("begin: {}", describe(&error))))
    }

    /// Waits until the outputs are delivered.
    fn deliver(&self, outputs: &[OutputRecord], topic_of: impl Fn(&OutputRecord) -> String) -> Result<(), Failure> {
        for output in outputs {
            self.write(output, &topic_of(output))?;
        }
        let started = Instant::now();
        while !outputs.is_empty() && !native::flush(&self.producer, FLUSH_SLICE) {
            if started.elapsed() >= self.patience() {
                return Err(Failure::Doubt("not delivered in time".to_owned()));
            }
        }
        match self.producer.context().take() {
            Some((code, topic)) => Err(self.undeliverable(code, &topic, outputs)),
            None => Ok(()),
        }
    }

    fn write(&self, output: &OutputRecord, topic: &str) -> Result<(), Failure> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        record.key = output.key.as_deref();
        record.payload = output.value.as_deref();
        record.partition = output.partition;
        record.timestamp = output.timestamp_ms;
        record.headers = self.headers(output);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    std::thread::sleep(Duration::from_millis(1));
                    record = unsent;
                }
                Err((KafkaError::MessageProduction(code @ RDKafkaErrorCode::UnknownPartition), _)) => {
                    return Err(self.undeliverable(code, topic, &[]));
                }
                Err((error, _)) => return Err(Failure::Abort(format!("send to {topic}: {}", describe(&error)))),
            }
        }
    }

    /// Its own, and where the input is passed on who does that. What is published does not say: it is the same whoever writes it.
    fn headers(&self, output: &OutputRecord) -> Option<OwnedHeaders> {
        let says_producer =
            matches!(output.destination, Destination::Tallies | Destination::Scored(_) | Destination::DeadLetters);
        let count = output.headers.len() + usize::from(says_producer);
        if count == 0 {
            return None;
        }
        let mut headers = OwnedHeaders::new_with_capacity(count);
        for header in &output.headers {
            headers = headers.insert(Header { key: &header.name, value: header.value.as_deref() });
        }
        let producer = Header { key: PRODUCER, value: Some(self.name.as_str()) };
        Some(if says_producer { headers.insert(producer) } else { headers })
    }

    fn undeliverable(&self, code: RDKafkaErrorCode, topic: &str, outputs: &[OutputRecord]) -> Failure {
        let largest = outputs.iter().filter_map(|output| output.value.as_ref().map(Vec::len)).max().unwrap_or(0);
        match code {
            RDKafkaErrorCode::MessageSizeTooLarge => Failure::Permanent(format!(
                "{topic} takes no record of {largest} bytes: raise max.message.bytes of that topic"
            )),
            RDKafkaErrorCode::UnknownPartition => Failure::Permanent(format!(
                "{code}: {topic} has fewer partitions than it needs; <input>.scored needs as many as its input"
            )),
            // Nobody else was told of anything, but a client that delivers nothing in all this time may never do so again.
            RDKafkaErrorCode::MessageTimedOut => Failure::Doubt(format!("not delivered to {topic}: {code}")),
            _ => match missing_right(code, &self.kafka, &self.role, ("Write", &[topic])) {
                Some(missing) => Failure::Permanent(missing),
                None => Failure::Abort(format!("not delivered to {topic}: {code}")),
            },
        }
    }

    fn commit(&self) -> Result<(), Failure> {
        self.retry("commit", &[], || self.producer.commit_transaction(CALL_TIMEOUT))
    }

    /// Ends a transaction that failed.
    pub(super) fn abort(&self) -> Result<(), Failure> {
        self.retry("abort", &[], || self.producer.abort_transaction(CALL_TIMEOUT)).map_err(
            |failure| match failure {
                Failure::Fenced(_) => failure,
                Failure::Abort(reason)
                | Failure::NotAMember(reason)
                | Failure::Doubt(reason)
                | Failure::Permanent(reason) => self.judged(Failure::Doubt(reason)),
            },
        )?;
        self.producer.context().take();
        Ok(())
    }

    fn patience(&self) -> Duration {
        if self.stop.is_requested() { RETRY_WHEN_STOPPING_FOR } else { RETRY_FOR }
    }

    /// Retries what librdkafka calls retriable, with growing pauses. `read` are the topics that it may not be allowed to read.
    fn retry(&self, what: &str, read: &[&str], mut call: impl FnMut() -> KafkaResult<()>) -> Result<(), Failure> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(10);
        loop {
            let error = match call() {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error)) => error,
                Err(error) => return Err(Failure::Doubt(format!("{what}: {}", describe(&error)))),
            };
            let reason = format!("{what}: {} ({})", error.string(), error.code());
            if let Some(missing) = missing_right(error.code(), &self.kafka, &self.role, ("Read", read)) {
                return Err(Failure::Permanent(missing));
            }
            if error.is_fatal() {
                return Err(Failure::Doubt(reason));
            }
            if error.txn_requires_abort() {
                return Err(match error.code() {
                    RDKafkaErrorCode::FencedInstanceId => Failure::Fenced(reason),
                    RDKafkaErrorCode::UnknownMemberId => Failure::NotAMember(reason),
                    _ => Failure::Abort(reason),
                });
            }
            if !error.is_retriable() || started.elapsed() >= self.patience() {
                return Err(Failure::Doubt(reason));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

#[cfg(test)]
mod tests;
