//! Snapshots in a compacted topic.
//!
//! The chunks of a snapshot, its manifest and the tombstones of the last but one go in one transaction of a producer of their
//! own, so that events never wait for it. Keys are `<partition>/<id>@<offset>/<chunk>`: nobody who comes back from the dead can tear a
//! snapshot that another one wrote, and compaction keeps whole snapshots.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};

use super::producer::Transactions;
use super::{Role, client, describe};
use crate::config::Kafka;
use crate::ops::Stop;
use crate::publish::{Destination, OutputRecord};
use crate::record::Offset;
use crate::stream::snapshot::{CHUNK_BYTES_MAX, Manifest, Snapshot, SnapshotError, SnapshotStore};

/// How long the reading of the topic may stand still.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// How many snapshots of a partition are kept.
const KEPT: usize = 2;
/// What stands in a key in the place of the chunk's number.
const MANIFEST: &str = "manifest";

/// The snapshots topic.
pub struct TopicStore {
    kafka: Kafka,
    role: Role,
    stop: Stop,
    topic: String,
    producer: Option<Transactions>,
    /// Keys of the snapshots that were kept, oldest first, by partition.
    kept: BTreeMap<i32, Vec<Vec<String>>>,
}

impl TopicStore {
    /// The snapshots topic, written by this member.
    pub fn new(kafka: &Kafka, role: &Role, stop: Stop) -> Self {
        let role = Role { group: role.group.clone(), member: format!("{}-snapshots", role.member), reads_anew: false };
        let (kafka, topic) = (kafka.clone(), kafka.topic("snapshots"));
        Self { kafka, role, stop, topic, producer: None, kept: BTreeMap::new() }
    }

    /// All records of the topic's first partition whose keys begin so, the newest of each key.
    fn read(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, KafkaError> {
        let consumer: BaseConsumer = client::reader(&self.kafka, &self.role).create()?;
        let (first, end) = consumer.fetch_watermarks(&self.topic, 0, READ_TIMEOUT)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, 0, KafkaOffset::Offset(first))?;
        consumer.assign(&list)?;
        let mut found = BTreeMap::new();
        let mut read_at = Instant::now();
        let mut position = first;
        while position < end && read_at.elapsed() < READ_TIMEOUT {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    read_at = Instant::now();
                    position = message.offset() + 1;
                    let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
                    match message.payload() {
                        _ if !key.starts_with(prefix) => {}
                        Some(value) => _ = found.insert(key, value.to_vec()),
                        None => _ = found.remove(&key),
                    }
                }
                // The last records may be markers of transactions, which nobody is handed.
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        Ok(found)
    }
}

impl SnapshotStore for TopicStore {
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => Transactions::begin_life(&self.kafka, &self.role, &self.stop).map_err(store_error)?,
        };
        let manifest = &snapshot.manifest;
        let name = format!("{}/{}@{}", manifest.partition, manifest.id, manifest.offset);
        let chunks = snapshot.compressed.chunks(CHUNK_BYTES_MAX).enumerate();
        let mut records: Vec<OutputRecord> =
            chunks.map(|(number, chunk)| record(&format!("{name}/{number:05}"), Some(chunk.to_vec()))).collect();
        let described = serde_json::to_vec(manifest).map_err(|error| SnapshotError::Store(error.to_string()))?;
        records.push(record(&format!("{name}/{MANIFEST}"), Some(described)));
        let keys = keys_of(manifest, &format!("{name}/"));
        let kept = self.kept.entry(manifest.partition).or_default();
        if kept.len() >= KEPT {
            records.extend(kept.first().into_iter().flatten().map(|key| record(key, None)));
        }
        // A producer that failed is not used again: the next snapshot gets a new one.
        producer.send_alone(&records, &self.topic).map_err(|failure| SnapshotError::Store(format!("{failure:?}")))?;
        self.producer = Some(producer);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push(keys);
        Ok(())
    }

    fn newest(&mut self, partition: i32, not_beyond: Offset) -> Result<Option<Snapshot>, SnapshotError> {
        let mut records = self.read(&format!("{partition}/")).map_err(store_error)?;
        let mut manifests: Vec<(Manifest, String)> = records
            .iter()
            .filter_map(|(key, value)| Some((key.strip_suffix(MANIFEST)?, value)))
            .filter_map(|(name, value)| Some((serde_json::from_slice(value).ok()?, name.to_owned())))
            .collect();
        manifests.sort_by_key(|(manifest, _)| manifest.offset);
        let keys = |name: &String| records.keys().filter(|key| key.starts_with(name)).cloned().collect();
        self.kept.insert(partition, manifests.iter().map(|(_, name)| keys(name)).collect());
        let Some((manifest, name)) = manifests.into_iter().rev().find(|(manifest, _)| manifest.offset <= not_beyond.0)
        else {
            return Ok(None);
        };
        let mut compressed = Vec::new();
        for number in 0..manifest.chunks {
            let chunk = records.remove(&format!("{name}{number:05}"));
            compressed.extend(chunk.ok_or_else(|| SnapshotError::Damaged { id: manifest.id.clone() })?);
        }
        Ok(Some(Snapshot { manifest, compressed }))
    }
}

fn keys_of(manifest: &Manifest, name: &str) -> Vec<String> {
    (0..manifest.chunks).map(|number| format!("{name}{number:05}")).chain([format!("{name}{MANIFEST}")]).collect()
}

fn record(key: &str, value: Option<Vec<u8>>) -> OutputRecord {
    OutputRecord {
        destination: Destination::Snapshots,
        partition: Some(0),
        key: Some(key.as_bytes().to_vec()),
        value,
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

fn store_error(error: KafkaError) -> SnapshotError {
    SnapshotError::Store(describe(&error))
}
