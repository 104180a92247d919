//! Against a real Apache Kafka: each test has topics, groups and a prefix of its own.

mod accounting;
mod bad_input;
mod chaos;
mod check;

mod held_open;
mod lost_end;
mod lost_offsets;
mod membership;
mod next_protocol;
mod outage;
mod ownership;
mod past;
mod same_events;
mod secure;
mod straggler;
mod unassigned;
mod vanished;
