//! Topics of a bench: made, filled, asked for their ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::lines::{Form, Lines, time_ms};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Creates a topic.
pub fn create(brokers: &str, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    runtime.block_on(admin.create_topics(&[wanted], &AdminOptions::new())).unwrap()[0].clone().unwrap();
}

/// Writes lines of the recording at a rate of log time, one partition after the other, in batches as a shipper's. Returns how
/// many bytes the values have.
pub fn fill(
    brokers: &str,
    topic: &str,
    partitions: i32,
    shop: &Lines,
    form: Form,
    records: usize,
    lines_per_second: i64,
) -> usize {
    let producer: BaseProducer = client(brokers)
        .set("linger.ms", "20")
        .set("compression.codec", "none")
        .set("batch.size", "262144")
        .set("queue.buffering.max.kbytes", "262144")
        .create()
        .unwrap();
    let (mut line, mut bytes) = (Vec::new(), 0);
    for index in 0..records {
        let time_ms = time_ms(index, lines_per_second);
        line.clear();
        shop.write(index, time_ms, form, &mut line);
        bytes += line.len();
        let partition = i32::try_from(index).unwrap() % partitions;
        let mut record =
            BaseRecord::<(), [u8]>::to(topic).payload(line.as_slice()).partition(partition).timestamp(time_ms);
        while let Err((error, unsent)) = producer.send(record) {
            assert!(matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
            producer.poll(Duration::from_millis(20));
            record = unsent;
        }
    }
    producer.flush(Duration::from_secs(120)).unwrap();
    bytes
}

/// A client without settings of its own.
pub fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// Writes lines of the recording as they happen, until it is over.
pub fn write_live(brokers: &str, topic: &str, partitions: i32, shop: &Lines, rate: i64, is_over: &AtomicBool) {
    let producer: BaseProducer = client(brokers).set("linger.ms", "5").create().unwrap();
    let (mut line, started) = (Vec::new(), Instant::now());
    for index in 0_usize.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let due = Duration::from_micros(1_000_000 / rate as u64) * index as u32;
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        let time_ms = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        line.clear();
        shop.write(index, time_ms, Form::Json, &mut line);
        let partition = i32::try_from(index).unwrap() % partitions;
        let record = BaseRecord::<(), [u8]>::to(topic).payload(line.as_slice()).partition(partition).timestamp(time_ms);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.poll(Duration::ZERO);
    }
}

/// The end offsets of a topic's partitions.
pub fn ends(brokers: &str, topic: &str, partitions: i32) -> Vec<i64> {
    let consumer: BaseConsumer = client(brokers).set("group.id", "bench").create().unwrap();
    (0..partitions).map(|number| consumer.fetch_watermarks(topic, number, TIMEOUT).unwrap().1).collect()
}

/// What a group has committed of a topic's partitions; 0 where nothing is.
pub fn committed(brokers: &str, topic: &str, partitions: i32, group: &str) -> Vec<i64> {
    let consumer: BaseConsumer = client(brokers).set("group.id", group).create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    let committed = consumer.committed_offsets(list, TIMEOUT).unwrap();
    committed.elements().iter().map(|element| element.offset().to_raw().unwrap_or(0).max(0)).collect()
}

/// The sums of both.
pub fn end_and_committed(brokers: &str, topic: &str, partitions: i32, group: &str) -> (i64, i64) {
    let sum = |offsets: Vec<i64>| offsets.into_iter().sum();
    (sum(ends(brokers, topic, partitions)), sum(committed(brokers, topic, partitions, group)))
}
