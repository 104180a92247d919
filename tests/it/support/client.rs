//! A plain client of Kafka that shares no code with the program: makes topics, writes records, reads what is committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::eventually;

const LIMIT: Duration = Duration::from_secs(30);

/// What a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Records of committed transactions.
    Committed,
    /// All that was ever written.
    Uncommitted,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// The value as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_ref().unwrap()).unwrap()
    }
}

/// A client of one cluster.
pub struct Client {
    bootstrap: String,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Client {
    /// Connects to the cluster.
    pub fn new(bootstrap: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            // One request at a time, so that nothing is overtaken; it may come twice when a broker is killed. An idempotent producer
            // now and then delivered nothing for two minutes after that.
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "1")
            // A broker that is back is found at once: what comes more than the lateness after it is late, as it should be.
            .set("reconnect.backoff.max.ms", "200")
            // A request that a broker which stood still does not answer is sent again on another connection, not waited for for a minute.
            .set("request.timeout.ms", "9000")
            .set("socket.timeout.ms", "10000")
            .set("linger.ms", "5")
            .set("compression.type", "lz4")
            .set("message.max.bytes", "20000000")
            .set("queue.buffering.max.messages", "1000000")
            .create()
            .unwrap();
        Self { bootstrap: bootstrap.to_owned(), producer }
    }

    /// A client of the broker that the tests share.
    pub fn shared() -> Self {
        Self::new(super::broker::shared())
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.bootstrap).create().unwrap()
    }

    /// Makes a topic.
    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin = self.admin();
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let made =
            runtime.block_on(admin.create_topics([&topic], &AdminOptions::new().request_timeout(Some(LIMIT)))).unwrap();
        for result in made {
            result.unwrap();
        }
        super::eventually("the topic to be known", LIMIT, || match self.partitions(name).len() {
            0 => Err("none yet".to_owned()),
            _ => Ok(()),
        });
    }

    /// Removes a topic, and waits until it is gone.
    pub fn delete_topic(&self, name: &str) {
        let (admin, options) = (self.admin(), AdminOptions::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for result in runtime.block_on(admin.delete_topics(&[name], &options)).unwrap() {
            result.unwrap();
        }
        super::eventually("the topic to be gone", LIMIT, || {
            let metadata = self.producer.client().fetch_metadata(None, LIMIT).unwrap();
            if metadata.topics().iter().all(|topic| topic.name() != name) {
                Ok(())
            } else {
                Err("still there".to_owned())
            }
        });
    }

    /// Deletes the records of a partition before this offset, as retention does.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let (admin, mut list) = (self.admin(), TopicPartitionList::new());
        list.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
    }

    /// Hands a record to the producer, waiting while its queue is full; [`Client::flush`] sends what it still holds.
    pub fn send(&self, topic: &str, partition: i32, timestamp_ms: i64, value: Option<&[u8]>) {
        self.send_with(topic, partition, timestamp_ms, value, OwnedHeaders::new());
    }

    /// As [`Client::send`], with headers.
    pub fn send_with(
        &self,
        topic: &str,
        partition: i32,
        timestamp_ms: i64,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
    ) {
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(topic).partition(partition).timestamp(timestamp_ms).headers(headers);
        record.payload = value;
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => panic!("cannot write to {topic}: {error}"),
            }
        }
    }

    /// Waits until all records are written.
    pub fn flush(&self) {
        self.producer.flush(4 * LIMIT).unwrap();
    }

    fn consumer(&self, isolation: Isolation, group: &str) -> BaseConsumer {
        let isolation = if isolation == Isolation::Committed { "read_committed" } else { "read_uncommitted" };
        ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", group)
            .set("isolation.level", isolation)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "10")
            .set("auto.offset.reset", "error")
            .create()
            .unwrap()
    }

    /// The partitions of a topic, none where there is no such topic.
    pub fn partitions(&self, topic: &str) -> Vec<i32> {
        let metadata = self.producer.client().fetch_metadata(Some(topic), LIMIT).unwrap();
        metadata.topics().iter().flat_map(|topic| topic.partitions().iter().map(|partition| partition.id())).collect()
    }

    /// The end of each partition: the last stable offset, or the high watermark.
    pub fn ends(&self, topic: &str, isolation: Isolation) -> BTreeMap<i32, i64> {
        let consumer = self.consumer(isolation, "ends");
        // A topic that was just made has no leader for a moment.
        let end = |partition| {
            eventually("a leader", LIMIT, || match consumer.fetch_watermarks(topic, partition, LIMIT) {
                Err(KafkaError::MetadataFetch(
                    code @ (RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::UnknownPartition),
                )) => Err(code.to_string()),
                answer => Ok(answer.unwrap().1),
            })
        };
        self.partitions(topic).into_iter().map(|partition| (partition, end(partition))).collect()
    }

    /// What a group has committed for each partition of a topic, 0 where it has nothing.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let mut asked = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            asked.add_partition(topic, partition);
        }
        let consumer = self.consumer(Isolation::Committed, group);
        // A broker takes a moment until it keeps a group that is new, and a question that it got while it was busy is asked again.
        let answer = eventually("the group's coordinator", LIMIT * 2, || {
            match consumer.committed_offsets(asked.clone(), LIMIT / 3) {
                Err(KafkaError::MetadataFetch(
                    code @ (RDKafkaErrorCode::NotCoordinator | RDKafkaErrorCode::OperationTimedOut),
                )) => Err(code.to_string()),
                answer => Ok(answer.unwrap()),
            }
        });
        let offset = |offset: Offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        answer.elements().iter().map(|element| (element.partition(), offset(element.offset()))).collect()
    }

    /// Commits an offset for a group, once nobody is a member of it any more.
    pub fn set_back(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let consumer = self.consumer(Isolation::Committed, group);
        eventually("an empty group", LIMIT, || {
            consumer.commit(&list, CommitMode::Sync).map_err(|error| error.to_string())
        });
    }

    /// All records of a topic up to its end at this moment, by partition and offset.
    pub fn read(&self, topic: &str, isolation: Isolation) -> Vec<Record> {
        let mut records = Vec::new();
        let mut open = self.partitions(topic);
        if open.is_empty() {
            return records;
        }
        let consumer = self.consumer(isolation, "reader");
        consumer.assign(&from_start(topic, &open)).unwrap();
        let began = Instant::now();
        while !open.is_empty() {
            assert!(began.elapsed() < 4 * LIMIT, "cannot read {topic} to its end: partitions {open:?} are left");
            match consumer.poll(Duration::from_secs(1)) {
                Some(Ok(message)) => records.push(owned(&message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => open.retain(|&other| other != partition),
                Some(Err(error)) => panic!("cannot read {topic}: {error}"),
                None => {}
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }
}

fn from_start(topic: &str, partitions: &[i32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for &partition in partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    list
}

fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect(),
    }
}
