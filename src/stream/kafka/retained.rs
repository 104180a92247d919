//! What there is of a partition, and where in it a time begins.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};

use super::log::{KafkaLog, QUERY_TIMEOUT};
use crate::record::{Offset, Partition};
use crate::stream::log::{CommitError, Retained};

impl KafkaLog {
    /// What there is of a partition of which nothing is committed, from the first that is still there or the time to begin at.
    pub(super) fn beginning(&self, partition: &Partition) -> Result<Retained, CommitError> {
        let there = self.retained(partition, Offset(0), Instant::now())?;
        let Some(begin) = self.begin else { return Ok(there) };
        let found = self.while_passing(|| first_since(&self.consumer, partition, begin.0))?;
        Ok(Retained { first: found.map_or(there.end, |found| found.max(there.first)), ..there })
    }

    /// What there is of a partition. A broker that has just started may not know yet how
    /// far a partition goes, so an end before what was committed is not believed before the patience is over.
    pub(super) fn retained(
        &self,
        partition: &Partition,
        committed: Offset,
        patience: Instant,
    ) -> Result<Retained, CommitError> {
        let (topic, number) = (partition.topic.name(), partition.number);
        loop {
            let (first, end) = self.while_passing(|| self.consumer.fetch_watermarks(topic, number, QUERY_TIMEOUT))?;
            if end >= committed.0 || Instant::now() >= patience {
                return Ok(Retained { first: Offset(first), end: Offset(end) });
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn while_passing<T>(&self, ask: impl Fn() -> KafkaResult<T>) -> Result<T, CommitError> {
        while_passing(ask).map_err(|error| self.broken(&error))
    }
}

/// Asks again for a while: a partition that is new, or moves to another broker, has no leader for a moment.
pub(super) fn while_passing<T>(ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    let started = Instant::now();
    loop {
        let error = match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let is_passing = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable)
        );
        if !is_passing || started.elapsed() >= QUERY_TIMEOUT {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The first offset whose record has this timestamp or a later one; `None` where there is none yet.
pub(super) fn first_since<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &Partition,
    time_ms: i64,
) -> KafkaResult<Option<Offset>> {
    let (topic, number) = (partition.topic.name(), partition.number);
    let mut asked = TopicPartitionList::new();
    asked.add_partition_offset(topic, number, KafkaOffset::Offset(time_ms.max(0)))?;
    let answer = consumer.offsets_for_times(asked, QUERY_TIMEOUT)?;
    let Some(element) = answer.find_partition(topic, number) else { return Ok(None) };
    element.error()?;
    Ok(match element.offset() {
        KafkaOffset::Offset(offset) => Some(Offset(offset)),
        _ => None,
    })
}
