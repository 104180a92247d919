//! A record as librdkafka hands it out.

use rdkafka::message::{BorrowedMessage, Message, Timestamp};

use crate::record::{Offset, Record, TimeBasis};

/// The record of a message, borrowed from it.
pub fn record_of<'m>(message: &'m BorrowedMessage<'_>) -> Record<'m> {
    let timestamp = match message.timestamp() {
        Timestamp::CreateTime(milliseconds) => Some((milliseconds, TimeBasis::KafkaCreate)),
        Timestamp::LogAppendTime(milliseconds) => Some((milliseconds, TimeBasis::KafkaAppend)),
        Timestamp::NotAvailable => None,
    };
    Record { offset: Offset(message.offset()), timestamp, value: message.payload() }
}
