//! The newest records of a topic, read without a group: nothing is joined and nothing is committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};

use super::record::record_of;
use super::{Role, client, describe};
use crate::config::Kafka;
use crate::record::Record;

/// How long the brokers have to hand the sample of one topic out.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Hands out the newest records of a topic, about `count` of them in all, evenly from its partitions, with whether they have a key.
///
/// # Errors
/// In words, where they cannot be read. Records that were handed out before are good.
pub fn newest_records(
    kafka: &Kafka,
    topic: &str,
    partitions: u32,
    count: u32,
    each: &mut dyn FnMut(&Record<'_>, bool),
) -> Result<(), String> {
    let role = Role { group: format!("{}-check", kafka.group), member: kafka.instance.clone(), reads_anew: false };
    let consumer: BaseConsumer = client::reader(kafka, &role).create().map_err(|error: KafkaError| describe(&error))?;
    let started = Instant::now();
    let mut unread = assign(&consumer, topic, partitions, i64::from(count.div_ceil(partitions.max(1))))
        .map_err(|error| describe(&error))?;
    while !unread.is_empty() && started.elapsed() < SAMPLE_TIMEOUT {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                // What was written since belongs to no sample, or a busy topic would never be read.
                let Some(&end) = unread.get(&message.partition()) else { continue };
                each(&record_of(&message), message.key().is_some());
                if message.offset() + 1 >= end {
                    unread.remove(&message.partition());
                }
            }
            // The last offsets may be markers of transactions, which nobody is handed.
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = unread.remove(&partition),
            Some(Err(error)) => return Err(describe(&error)),
            None => {}
        }
    }
    match unread.len() {
        0 => Ok(()),
        left => Err(format!("{left} of {partitions} partitions were not read within {} s", SAMPLE_TIMEOUT.as_secs())),
    }
}

/// Reads the partitions from this many offsets before their ends on. Returns the end of each that has something.
fn assign(consumer: &BaseConsumer, topic: &str, partitions: u32, count: i64) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let mut list = TopicPartitionList::new();
    let mut unread = BTreeMap::new();
    for partition in 0..i32::try_from(partitions).unwrap_or(0) {
        let (first, end) = consumer.fetch_watermarks(topic, partition, SAMPLE_TIMEOUT)?;
        if first < end {
            list.add_partition_offset(topic, partition, KafkaOffset::Offset(first.max(end - count)))?;
            unread.insert(partition, end);
        }
    }
    consumer.assign(&list)?;
    Ok(unread)
}
