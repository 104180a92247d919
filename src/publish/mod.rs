//! Publishing: messages become canonical events and the records of our topics. Pure: nothing here sends anything.
//!
//! * The value of an event holds log time only and nothing of the process that made it, so a replay gives the same bytes.
//!   Numbers have four significant digits, so platforms agree. What is not known is left out, never null.
//! * **What is published is redacted** ([`redact()`]): samples, texts of templates, summaries, narratives. If that is not
//!   possible, the text is left out. Names of services, hosts and environments are identities and stay.
//! * An event is smaller than 64 KiB, whatever was in the logs: every text and list has its limit.

mod cloud_event;
mod compose;
mod dead_letter;
pub mod event;
mod narrative;
mod phrase;
mod redact;
mod scored;
mod summary;
mod template;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;

pub use cloud_event::records;
pub use compose::{Provenance, compose};
pub use dead_letter::{DEAD_LETTER_OFFSET, DEAD_LETTER_PARTITION, DEAD_LETTER_TOPIC, dead_letter};
pub use event::AnomalyEvent;
pub use redact::redact;
pub use scored::{OUTCOME, Outcome, SCORED_OFFSET, no_record, scored};
pub use template::template;

use crate::record::{Offset, Partition, Topic};

/// Where a record goes; the topics' names are a matter of configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// Every message of every episode.
    Anomalies,
    /// The latest message of each open episode; compacted.
    Episodes,
    /// What could not be decoded.
    DeadLetters,
    /// What the ids of templates mean; compacted.
    Templates,
    /// What was seen: internal.
    Tallies,
    /// The state of judges: internal; compacted.
    Snapshots,
    /// The records of this input topic, annotated.
    Scored(Topic),
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its value; Kafka knows headers without one.
    pub value: Option<Vec<u8>>,
}

impl Header {
    /// A header that says `value`.
    pub fn new(name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        Self { name: Cow::Borrowed(name), value: Some(value.into()) }
    }
}

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRecord {
    /// Where to.
    pub destination: Destination,
    /// The partition; `None` leaves it to the key.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
    /// The timestamp in milliseconds since 1970; `None` is the time at which it is sent.
    pub timestamp_ms: Option<i64>,
}

impl OutputRecord {
    /// The bytes of its key, value and headers.
    pub fn size_bytes(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|header| header.name.len() + length(&header.value));
        length(&self.key) + length(&self.value) + headers.sum::<usize>()
    }
}

/// An input record as it was read, to be passed on untouched.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    /// The partition it was read from.
    pub partition: &'a Partition,
    /// Its offset there.
    pub offset: Offset,
    /// Its timestamp in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers, in their order.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

impl Original<'_> {
    /// The record for `destination`, with `added` behind its own headers.
    fn passed_on(&self, destination: Destination, partition: Option<i32>, added: Vec<Header>) -> OutputRecord {
        let own = self
            .headers
            .iter()
            .map(|&(name, value)| Header { name: Cow::Owned(name.to_owned()), value: value.map(<[u8]>::to_vec) });
        OutputRecord {
            destination,
            partition,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            headers: own.chain(added).collect(),
            timestamp_ms: self.timestamp_ms,
        }
    }
}
