//! Topics as they were when they are asked: read from here to there, outside of any group, committing nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer, DefaultConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};

use super::log::QUERY_TIMEOUT;
use super::retained::{first_since, while_passing};
use super::{Role, client, describe};
use crate::config::Kafka;
use crate::record::{Offset, Partition, Topic};

/// How long reading may stand still before it is given up.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// How long one poll waits.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// Why the past cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// There is no such topic.
    #[error("there is no topic {0}")]
    NoTopic(String),
    /// Kafka's word.
    #[error("{0}")]
    Kafka(String),
    /// Nothing comes any more before the end was reached.
    #[error("{partition} cannot be read on at offset {position} for {} s: {reason}", STALLED_AFTER.as_secs())]
    Stalled {
        /// Where it stands.
        partition: Partition,
        /// The next offset.
        position: i64,
        /// The last that was said.
        reason: String,
    },
}

impl From<KafkaError> for PastError {
    fn from(error: KafkaError) -> Self {
        Self::Kafka(describe(&error))
    }
}

/// A stretch of one partition: from one offset to another, that one excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The partition.
    pub partition: Partition,
    /// The first offset.
    pub from: Offset,
    /// The first offset behind it.
    pub to: Offset,
}

impl Stretch {
    /// How many offsets it has.
    pub fn length(&self) -> u64 {
        u64::try_from(self.to.0.saturating_sub(self.from.0)).unwrap_or(0)
    }
}

/// Whether a reader goes on.
pub type Flow = std::ops::ControlFlow<()>;

/// A reader of what was written. Only records of committed transactions are seen.
pub struct Past {
    pub(super) consumer: Arc<BaseConsumer<DefaultConsumerContext>>,
}

impl Past {
    /// A reader that asks as this member would: what its group has committed can be asked for.
    ///
    /// # Errors
    /// Where librdkafka refuses the settings.
    pub fn open(kafka: &Kafka, role: &Role) -> Result<Self, PastError> {
        let consumer: BaseConsumer = client::past(kafka, role).create()?;
        Ok(Self { consumer: Arc::new(consumer) })
    }

    /// The same, to which records are handed of transactions that were aborted or are open, too.
    ///
    /// # Errors
    /// Where librdkafka refuses the settings.
    pub fn open_to_all(kafka: &Kafka, role: &Role) -> Result<Self, PastError> {
        let consumer = client::past(kafka, role).set("isolation.level", "read_uncommitted").create()?;
        Ok(Self { consumer: Arc::new(consumer) })
    }

    /// The partitions of a topic.
    ///
    /// # Errors
    /// Where there is no such topic, or nobody answers.
    pub fn partitions(&self, topic: &str) -> Result<Vec<Partition>, PastError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), QUERY_TIMEOUT)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let numbers = found.map(|found| found.partitions().iter().map(|partition| partition.id()).collect::<Vec<_>>());
        let mut numbers =
            numbers.filter(|numbers| !numbers.is_empty()).ok_or_else(|| PastError::NoTopic(topic.to_owned()))?;
        numbers.sort_unstable();
        let topic = Topic::new(topic);
        Ok(numbers.into_iter().map(|number| Partition::new(topic.clone(), number)).collect())
    }

    /// All that is there of a partition now.
    ///
    /// # Errors
    /// Where nobody answers.
    pub fn retained(&self, partition: &Partition) -> Result<Stretch, PastError> {
        let (topic, number) = (partition.topic.name(), partition.number);
        let (first, end) = while_passing(|| self.consumer.fetch_watermarks(topic, number, QUERY_TIMEOUT))?;
        Ok(Stretch { partition: partition.clone(), from: Offset(first), to: Offset(end) })
    }

    /// The first offset of a stretch whose record has this timestamp or a later one; the end of the stretch where there is none.
    ///
    /// # Errors
    /// Where nobody answers.
    pub fn offset_at(&self, stretch: &Stretch, time_ms: i64) -> Result<Offset, PastError> {
        let found = first_since(&self.consumer, &stretch.partition, time_ms)?;
        Ok(found.map_or(stretch.to, |found| found.clamp(stretch.from, stretch.to)))
    }

    /// What the group has committed for a partition.
    ///
    /// # Errors
    /// Where nobody answers.
    pub fn committed(&self, partition: &Partition) -> Result<Option<Offset>, PastError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(partition.topic.name(), partition.number);
        let answer = self.consumer.committed_offsets(list, QUERY_TIMEOUT)?;
        let found = answer.find_partition(partition.topic.name(), partition.number).map(|element| element.offset());
        Ok(found.and_then(|offset| if let KafkaOffset::Offset(offset) = offset { Some(Offset(offset)) } else { None }))
    }

    /// Hands out the records of a stretch in their order, until `each` breaks off.
    ///
    /// # Errors
    /// Where it cannot be read to its end.
    pub fn read(&self, stretch: &Stretch, mut each: impl FnMut(&BorrowedMessage<'_>) -> Flow) -> Result<(), PastError> {
        if stretch.from >= stretch.to {
            return Ok(());
        }
        self.assign(std::slice::from_ref(stretch))?;
        let mut wait = Wait::at(stretch);
        loop {
            match self.consumer.poll(POLL_WAIT) {
                // The last offsets may be those of markers, which nobody is handed.
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => wait.after(error)?,
                Some(Ok(message)) if message.offset() >= stretch.to.0 => break,
                Some(Ok(message)) => {
                    wait.moved(message.offset());
                    if each(&message).is_break() {
                        break;
                    }
                }
                None => wait.longer()?,
            }
        }
        self.consumer.unassign()?;
        Ok(())
    }

    pub(super) fn assign(&self, stretches: &[Stretch]) -> Result<(), PastError> {
        let mut list = TopicPartitionList::new();
        for Stretch { partition, from, .. } in stretches {
            list.add_partition_offset(partition.topic.name(), partition.number, KafkaOffset::Offset(from.0))?;
        }
        Ok(self.consumer.assign(&list)?)
    }
}

/// Watches that reading goes on.
pub(super) struct Wait<'a> {
    stretch: &'a Stretch,
    position: i64,
    moved_at: Instant,
    reason: String,
}

impl<'a> Wait<'a> {
    pub(super) fn at(stretch: &'a Stretch) -> Self {
        Self { stretch, position: stretch.from.0, moved_at: Instant::now(), reason: "nothing came".to_owned() }
    }

    fn moved(&mut self, offset: i64) {
        (self.position, self.moved_at) = (offset + 1, Instant::now());
    }

    pub(super) fn longer(&self) -> Result<(), PastError> {
        if self.moved_at.elapsed() < STALLED_AFTER {
            return Ok(());
        }
        let (partition, position, reason) = (self.stretch.partition.clone(), self.position, self.reason.clone());
        Err(PastError::Stalled { partition, position, reason })
    }

    /// A broker that is away for a moment comes back.
    pub(super) fn after(&mut self, error: KafkaError) -> Result<(), PastError> {
        self.reason = describe(&error);
        let is_denied = error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed);
        match error {
            KafkaError::MessageConsumptionFatal(_) => Err(error.into()),
            _ if is_denied => Err(error.into()),
            _ => self.longer(),
        }
    }
}
