//! Dead letters: records that could not be decoded, with their reason and where they came from.

use super::{Destination, Header, Original, OutputRecord};
use crate::record::Reject;

/// The header that names the topic of a dead letter's original.
pub const DEAD_LETTER_TOPIC: &str = "eddyline-dlq-topic";
/// The header that names its partition.
pub const DEAD_LETTER_PARTITION: &str = "eddyline-dlq-partition";
/// The header that says its offset.
pub const DEAD_LETTER_OFFSET: &str = "eddyline-dlq-offset";

/// The record for the dead-letter topic: the original bytes, key, headers and timestamp. Its own headers of the names used
/// here come first, ours last, so a reader that takes the last one reads ours.
///
/// `panic` is what the panic said, where that is the reason.
pub fn dead_letter(original: &Original<'_>, reason: Reject, panic: Option<&str>) -> OutputRecord {
    let reason = match panic {
        Some(text) => format!("{reason}: {text}"),
        None => reason.to_string(),
    };
    let headers = vec![
        Header::new("eddyline-dlq-reason", reason),
        Header::new(DEAD_LETTER_TOPIC, original.partition.topic.name()),
        Header::new(DEAD_LETTER_PARTITION, original.partition.number.to_string()),
        Header::new(DEAD_LETTER_OFFSET, original.offset.0.to_string()),
    ];
    original.passed_on(Destination::DeadLetters, None, headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Offset, Partition, Topic};

    #[test]
    fn keeps_the_bytes_and_says_why() {
        let partition = Partition::new(Topic::new("logs.app"), 3);
        let value: &[u8] = &[0, 255, 1];
        let original = Original {
            partition: &partition,
            offset: Offset(918_273),
            timestamp_ms: Some(7),
            key: Some(b"k"),
            value: Some(value),
            headers: &[("h", None)],
        };
        let letter = dead_letter(&original, Reject::Binary, None);
        assert_eq!((letter.value.as_deref(), letter.key.as_deref()), (Some(value), Some(&b"k"[..])));
        assert_eq!((letter.timestamp_ms, letter.partition), (Some(7), None));
        let said: Vec<_> = letter.headers.iter().map(|h| (h.name.as_ref(), h.value.as_deref())).collect();
        let want: [(&str, Option<&[u8]>); 5] = [
            ("h", None),
            ("eddyline-dlq-reason", Some(b"value is binary, not text")),
            ("eddyline-dlq-topic", Some(b"logs.app")),
            ("eddyline-dlq-partition", Some(b"3")),
            ("eddyline-dlq-offset", Some(b"918273")),
        ];
        assert_eq!(said, want);
    }
}
