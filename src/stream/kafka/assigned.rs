//! The partitions that one worker was assigned, and how each of them is read.

use rdkafka::topic_partition_list::TopicPartitionList;

use super::consumer::Position;
use crate::record::Partition;

/// So many statistics in a row, one a second, a partition may not be fetched though its broker is there: librdkafka tells only once why
/// it stopped, and whoever missed that would wait for ever.
const NOT_FETCHED_MAX: u32 = 10;

/// Partitions, in their order.
#[derive(Default)]
pub(super) struct Assigned {
    partitions: Vec<Read>,
    /// Consecutive messages are mostly of one partition.
    last_read: usize,
}

struct Read {
    partition: Partition,
    is_held: bool,
    since_statistics: bool,
    /// In how many statistics in a row its broker was there and nobody fetched it.
    not_fetched: u32,
}

impl Assigned {
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    pub(super) fn contains(&self, partition: &Partition) -> bool {
        self.index_of(partition.topic.name(), partition.number).is_some()
    }

    /// Adds partitions, as if they had just been read: what is there is not known yet.
    pub(super) fn add<'p>(&mut self, partitions: impl Iterator<Item = &'p Partition>) {
        self.partitions.extend(partitions.map(|partition| Read {
            partition: partition.clone(),
            is_held: false,
            since_statistics: true,
            not_fetched: 0,
        }));
        self.partitions.sort_unstable_by(|a, b| a.partition.cmp(&b.partition));
        self.partitions.dedup_by(|a, b| a.partition == b.partition);
    }

    pub(super) fn remove(&mut self, partitions: &[Partition]) {
        self.partitions.retain(|read| !partitions.contains(&read.partition));
    }

    /// A message of this partition is handed out; `None` where it is not assigned. O(1) where the last one was of the same.
    pub(super) fn read(&mut self, topic: &str, number: i32) -> Option<&Partition> {
        let index = self.index_of(topic, number)?;
        self.last_read = index;
        let read = self.partitions.get_mut(index)?;
        read.since_statistics = true;
        Some(&read.partition)
    }

    /// The client's statistics tell how far a partition is. Whether nothing is left to read of it; `None` where it is not assigned.
    pub(super) fn tell(&mut self, position: &Position) -> Option<bool> {
        let index = self.index_of(position.partition.topic.name(), position.partition.number)?;
        let read = self.partitions.get_mut(index)?;
        // A partition that waits is not asked whether there is more.
        let ends = position.at_end && !read.is_held && !read.since_statistics;
        read.since_statistics = false;
        read.not_fetched = if position.is_fetched { 0 } else { read.not_fetched + 1 };
        Some(ends)
    }

    /// One that its client has stopped to fetch for no reason.
    pub(super) fn not_fetched(&self) -> Option<&Partition> {
        let stuck = self.partitions.iter().find(|read| read.not_fetched >= NOT_FETCHED_MAX);
        stuck.map(|read| &read.partition)
    }

    /// From now on these wait and no others. Returns those to pause and those to resume.
    pub(super) fn hold(&mut self, partitions: &[Partition]) -> (TopicPartitionList, TopicPartitionList) {
        let (mut paused, mut resumed) = (TopicPartitionList::new(), TopicPartitionList::new());
        for read in &mut self.partitions {
            let is_held = partitions.contains(&read.partition);
            if is_held != read.is_held {
                read.is_held = is_held;
                let list = if is_held { &mut paused } else { &mut resumed };
                list.add_partition(read.partition.topic.name(), read.partition.number);
            }
        }
        (paused, resumed)
    }

    /// The partitions that do not wait.
    pub(super) fn list_of_read(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for read in self.partitions.iter().filter(|read| !read.is_held) {
            list.add_partition(read.partition.topic.name(), read.partition.number);
        }
        list
    }

    fn index_of(&self, topic: &str, number: i32) -> Option<usize> {
        let is_it = |read: &Read| read.partition.number == number && read.partition.topic.name() == topic;
        if self.partitions.get(self.last_read).is_some_and(is_it) {
            return Some(self.last_read);
        }
        let wanted = (topic, number);
        self.partitions.binary_search_by(|read| (read.partition.topic.name(), read.partition.number).cmp(&wanted)).ok()
    }
}
