//! Several stretches of the past, read together in the order of time.

use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::DefaultConsumerContext;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;

use super::past::{Flow, Past, PastError, Stretch, Wait};
use crate::record::Partition;

/// What comes out of stretches that are read together.
pub enum Together<'a, 'm> {
    /// A record of this partition.
    Record(&'a Partition, &'a BorrowedMessage<'m>),
    /// Nothing of this partition follows.
    End(&'a Partition),
}

type Queue = PartitionQueue<DefaultConsumerContext>;

impl Past {
    /// Hands out the records of several stretches together, in the order of their timestamps as far as each stretch is in that
    /// order itself: of each the next record is known, and the earliest of these comes first. `end` tells that a stretch is over.
    /// Holds no more than what the client fetches ahead, some megabytes a partition.
    ///
    /// # Errors
    /// Where they cannot be read to their ends.
    pub fn read_together(
        &self,
        stretches: &[Stretch],
        mut each: impl FnMut(Together<'_, '_>) -> Flow,
    ) -> Result<(), PastError> {
        for stretch in stretches.iter().filter(|stretch| stretch.from >= stretch.to) {
            if each(Together::End(&stretch.partition)).is_break() {
                return Ok(());
            }
        }
        let open: Vec<Stretch> = stretches.iter().filter(|stretch| stretch.from < stretch.to).cloned().collect();
        self.assign(&open)?;
        let mut queues = Vec::with_capacity(open.len());
        for stretch in &open {
            let Partition { topic, number } = &stretch.partition;
            let queue = self.consumer.split_partition_queue(topic.name(), *number);
            let queue = queue.ok_or_else(|| PastError::Kafka(format!("no queue for {}", stretch.partition)))?;
            queues.push((stretch, queue));
        }
        // Each stretch with its next record.
        let mut heads = Vec::with_capacity(queues.len());
        for (stretch, queue) in &queues {
            match self.next(stretch, queue)? {
                Some(message) => heads.push((*stretch, queue, message)),
                None if each(Together::End(&stretch.partition)).is_break() => return Ok(()),
                None => {}
            }
        }
        while let Some(place) = earliest(&heads) {
            let Some((stretch, queue, message)) = heads.get_mut(place) else { break };
            if each(Together::Record(&stretch.partition, message)).is_break() {
                break;
            }
            match self.next(stretch, queue)? {
                Some(next) => *message = next,
                None => {
                    let (stretch, ..) = heads.swap_remove(place);
                    if each(Together::End(&stretch.partition)).is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The next record of a stretch; `None` at its end.
    fn next<'a>(&self, stretch: &Stretch, queue: &'a Queue) -> Result<Option<BorrowedMessage<'a>>, PastError> {
        let mut wait = Wait::at(stretch);
        loop {
            match queue.poll(Duration::ZERO) {
                Some(Ok(message)) if message.offset() >= stretch.to.0 => return Ok(None),
                Some(Ok(message)) => return Ok(Some(message)),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(error)) => wait.after(error)?,
                None => {
                    // What concerns no partition is served by the consumer itself.
                    if let Some(Err(error)) = self.consumer.poll(Duration::from_millis(1)) {
                        wait.after(error)?;
                    }
                    wait.longer()?;
                }
            }
        }
    }
}

fn earliest(heads: &[(&Stretch, &Queue, BorrowedMessage<'_>)]) -> Option<usize> {
    let timestamp = |message: &BorrowedMessage<'_>| message.timestamp().to_millis().unwrap_or(0);
    heads
        .iter()
        .enumerate()
        .min_by_key(|(_, (stretch, _, message))| (timestamp(message), &stretch.partition))
        .map(|(place, _)| place)
}
