//! The log that is Kafka: one consumer of a group and one transactional producer, on one thread.

mod client;
mod commit;
mod consumer;
mod log;
#[expect(unsafe_code, reason = "two calls of librdkafka that rdkafka does not offer; see the module")]
mod native;
mod producer;
mod refusal;
mod snapshots;
mod topics;

pub use client::{Role, describe};
pub use log::KafkaLog;
pub use refusal::Hearing;
pub use snapshots::TopicStore;
pub use topics::{Client, TopicError, Topics, connect, prepare_topics, refresh_topics};
