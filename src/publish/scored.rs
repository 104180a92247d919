//! The annotated copy of an input topic: each record untouched, in its order, and what became of it in headers.

use super::{Destination, Header, Original, OutputRecord};
use crate::decide::rfc3339;
use crate::record::{Level, Reject, StreamTime, TemplateId};

/// The header that says what became of a record.
pub const OUTCOME: &str = "eddyline-outcome";
/// The header that says the offset of the record in the input.
pub const SCORED_OFFSET: &str = "eddyline-offset";

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It is a line.
    Decoded {
        /// Its template.
        template: TemplateId,
        /// Its service.
        service: &'a str,
        /// Its level.
        level: Level,
        /// Its time.
        time: StreamTime,
    },
    /// It continues the line before it.
    Continuation {
        /// Its service.
        service: &'a str,
        /// Its time.
        time: StreamTime,
    },
    /// It could not be decoded.
    Rejected(Reject),
    /// It is a tombstone or has no text.
    Empty,
}

/// The record for `<input>.scored`: the same partition, key, value, timestamp and headers, and ours behind them.
pub fn scored(original: &Original<'_>, outcome: Outcome<'_>) -> OutputRecord {
    let name = match outcome {
        Outcome::Decoded { .. } => "decoded",
        Outcome::Continuation { .. } => "continuation",
        Outcome::Rejected(_) => "rejected",
        Outcome::Empty => "empty",
    };
    let mut headers = vec![Header::new(OUTCOME, name), Header::new(SCORED_OFFSET, original.offset.0.to_string())];
    match outcome {
        Outcome::Decoded { template, level, .. } => {
            headers.push(Header::new("eddyline-template", template.to_string()));
            headers.push(Header::new("eddyline-level", level.word()));
        }
        Outcome::Rejected(reason) => headers.push(Header::new("eddyline-reason", reason.code())),
        Outcome::Continuation { .. } | Outcome::Empty => {}
    }
    if let Outcome::Decoded { service, time, .. } | Outcome::Continuation { service, time } = outcome {
        headers.push(Header::new("eddyline-service", service));
        headers.push(Header::new("eddyline-time", rfc3339(time)));
    }
    let destination = Destination::Scored(original.partition.topic.clone());
    original.passed_on(destination, Some(original.partition.number), headers)
}

/// A record that stands for none: a transaction whose end brokers lost is ended by writing beside it.
pub fn no_record(destination: Destination, partition: i32) -> OutputRecord {
    // With a key, for compacted topics take no record without.
    let (partition, key) = (Some(partition), Some(b"eddyline-none".to_vec()));
    let headers = vec![Header::new(OUTCOME, "none")];
    OutputRecord { destination, partition, key, value: None, headers, timestamp_ms: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Offset, Partition, Topic};

    #[test]
    fn says_what_became_of_a_record() {
        let partition = Partition::new(Topic::new("logs"), 3);
        let original = Original {
            partition: &partition,
            offset: Offset(1),
            timestamp_ms: None,
            key: None,
            value: Some(b"x"),
            headers: &[],
        };
        let headers = |outcome| {
            let record = scored(&original, outcome);
            assert_eq!((record.partition, record.value.as_deref()), (Some(3), Some(&b"x"[..])));
            assert_eq!(record.destination, Destination::Scored(Topic::new("logs")));
            let text = |h: Header| format!("{}={}", h.name, String::from_utf8(h.value.unwrap()).unwrap());
            record.headers.into_iter().map(text).collect::<Vec<_>>().join(" ")
        };
        let decoded =
            Outcome::Decoded { template: TemplateId(10), service: "web", level: Level::Warn, time: StreamTime(0) };
        assert_eq!(
            headers(decoded),
            "eddyline-outcome=decoded eddyline-offset=1 eddyline-template=t000000000000000a eddyline-level=warn eddyline-service=web \
             eddyline-time=1970-01-01T00:00:00.000Z"
        );
        assert_eq!(
            headers(Outcome::Rejected(Reject::NotJson)),
            "eddyline-outcome=rejected eddyline-offset=1 eddyline-reason=not_json"
        );
        assert_eq!(headers(Outcome::Empty), "eddyline-outcome=empty eddyline-offset=1");
    }
}
