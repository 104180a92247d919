//! The log that is Kafka: one consumer of a group and one transactional producer, on one thread.

mod assigned;
mod client;
mod commit;
mod consumer;
mod deliveries;
mod fate;
mod held_open;
pub mod inspect;
mod left_open;
mod log;
mod lost_end;
mod members;
#[expect(unsafe_code, reason = "two calls of librdkafka that rdkafka does not offer; see the module")]
mod native;
mod open;
#[expect(unsafe_code, reason = "two questions to the brokers that rdkafka does not offer; see the module")]
mod operations;
mod past;
mod producer;
mod publisher;
mod record;
mod refusal;
mod retained;
pub mod sample;
mod snapshots;
mod tallied;
mod together;
mod topics;
mod unassigned;

pub use client::{Role, describe};
pub use held_open::HeldOpen;
pub use log::KafkaLog;
pub use past::{Flow, Past, PastError, Stretch};
pub use publisher::Publisher;
pub use record::record_of;
pub use refusal::Hearing;
pub use snapshots::TopicStore;
pub use together::Together;
pub use topics::{Client, TopicError, Topics, connect, prepare_topics, refresh_topics};
pub use unassigned::Unassigned;
