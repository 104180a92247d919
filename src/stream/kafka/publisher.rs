//! Records to a topic that somebody named, in transactions that commit nothing else.

use rdkafka::error::KafkaError;

use super::Role;
use super::producer::Transactions;
use crate::config::Kafka;
use crate::ops::Stop;
use crate::publish::OutputRecord;

/// A producer to one topic.
pub struct Publisher {
    transactions: Transactions,
    topic: String,
}

impl Publisher {
    /// A producer under a name of its own: whatever an earlier one of that name left open is ended.
    ///
    /// # Errors
    /// Where the transactions cannot be initialised.
    pub fn begin(kafka: &Kafka, role: &Role, topic: &str) -> Result<Self, KafkaError> {
        Ok(Self { transactions: Transactions::begin_life(kafka, role, &Stop::default())?, topic: topic.to_owned() })
    }

    /// Writes records in one transaction: all of them, or none.
    ///
    /// # Errors
    /// Says why they were not written.
    pub fn publish(&self, records: &[OutputRecord]) -> Result<(), String> {
        let sent = self.transactions.send_alone(records, &self.topic);
        sent.map_err(|failure| format!("{}: {failure:?}", self.topic))
    }
}
