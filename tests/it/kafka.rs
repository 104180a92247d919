//! Against a real Apache Kafka: each test has topics, groups and a prefix of its own.

mod accounting;
mod bad_input;
mod check;
mod kills;
mod membership;
mod outage;
mod ownership;
mod same_events;
mod secure;
