//! What a sample of the newest records of a topic looks like once it is decoded: what `eddyline run` will make of them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::decide::rfc3339;
use crate::decode::{Decoder, Format};
use crate::publish::redact;
use crate::record::{NotALine, Record, StreamTime};
use crate::stream::kafka::inspect::Check;

/// How many examples are shown of a topic.
const EXAMPLES: usize = 3;
/// How much of an example's text is shown, in characters.
const EXAMPLE_CHARACTERS: usize = 120;
/// Half an hour: every time zone in use is a multiple of it off, but three.
const HALF_HOUR_MS: i64 = 1_800_000;
/// How near to such a multiple a difference has to be, in milliseconds.
const NEAR_MS: i64 = 120_000;
/// The farthest time zone.
const ZONE_MAX_MS: i64 = 14 * 2 * HALF_HOUR_MS;

/// What was found in the records of one topic.
#[derive(Serialize)]
pub(super) struct Sample {
    topic: String,
    records: u32,
    with_key: u32,
    json: u32,
    lines: u32,
    with_time: u32,
    with_service: u32,
    with_level: u32,
    continuations: u32,
    empty: u32,
    /// Dead letters, by their reason.
    rejected: BTreeMap<&'static str, u32>,
    /// Lines whose time is a number of half hours away from the record's, by that number.
    zone_half_hours: BTreeMap<i64, u32>,
    examples: Vec<Example>,
    #[serde(skip)]
    decoders: (Decoder, Decoder),
}

/// A decoded line, redacted.
#[derive(Serialize)]
struct Example {
    time: Option<String>,
    service: Option<String>,
    level: Option<&'static str>,
    message: String,
}

impl Sample {
    pub(super) fn new(topic: &str, format: Format) -> Self {
        Self {
            topic: topic.to_owned(),
            records: 0,
            with_key: 0,
            json: 0,
            lines: 0,
            with_time: 0,
            with_service: 0,
            with_level: 0,
            continuations: 0,
            empty: 0,
            rejected: BTreeMap::new(),
            zone_half_hours: BTreeMap::new(),
            examples: Vec::new(),
            decoders: (Decoder::new(format), Decoder::new(Format::Json)),
        }
    }

    /// Takes one record.
    pub(super) fn take(&mut self, record: &Record<'_>, has_key: bool) {
        let (decoder, json) = &mut self.decoders;
        self.records += 1;
        self.with_key += u32::from(has_key);
        self.json += u32::from(json.decode(record).is_ok());
        let line = match decoder.decode(record) {
            Ok(line) => line,
            Err(NotALine::Empty) => return self.empty += 1,
            Err(NotALine::Reject(reject)) => return *self.rejected.entry(reject.code()).or_default() += 1,
        };
        self.lines += 1;
        if line.is_continuation {
            self.continuations += 1;
            return;
        }
        self.with_time += u32::from(line.time.is_some());
        self.with_service += u32::from(line.service.is_some());
        self.with_level += u32::from(line.says_level);
        if let (Some(StreamTime(time_ms)), Some((record_ms, _))) = (line.time, record.timestamp)
            && let Some(half_hours) = zone_half_hours(time_ms.saturating_sub(record_ms))
        {
            *self.zone_half_hours.entry(half_hours).or_default() += 1;
        }
        if self.examples.len() < EXAMPLES {
            let shown =
                |text: &str| redact(text).map_or_else(|| "[not shown]".to_owned(), |(text, _)| printable(&text));
            self.examples.push(Example {
                time: line.time.map(rfc3339),
                service: line.service.map(shown),
                level: line.says_level.then(|| line.level.word()),
                message: shown(line.message),
            });
        }
    }

    /// What the sample says about the topic.
    pub(super) fn checks(&self) -> Vec<Check> {
        let of = format!("records {}", self.topic);
        if self.records == 0 {
            let advice = "nothing to learn from until records come";
            return vec![Check::warning(&of, "the topic is empty", advice)];
        }
        let mut checks = vec![self.decoded(&of)];
        let dated = self.lines - self.continuations;
        if let Some((half_hours, count)) = self.zone_half_hours.iter().max_by_key(|(_, count)| **count)
            && *count * 2 > dated
        {
            #[expect(clippy::cast_precision_loss, reason = "at most 28")]
            let hours = *half_hours as f64 / 2.0;
            let found = format!(
                "the time of {} of the lines is {hours:+} h off the records': local time without a zone?",
                percent(*count, dated)
            );
            let advice = "let the shipper write a zone or UTC: such a topic is late, or holds the others back";
            checks.push(Check::warning(&of, found, advice));
        }
        checks
    }

    fn decoded(&self, of: &str) -> Check {
        let rejected: u32 = self.rejected.values().sum();
        let format = match percent(self.json, self.records).as_str() {
            "100 %" => "JSON".to_owned(),
            "0 %" => "text".to_owned(),
            share => format!("{share} JSON, else text"),
        };
        let whole = self.lines - self.continuations;
        let found = format!(
            "{} read: {format}; time in {}, service in {}, level in {}; keys on {}",
            self.records,
            percent(self.with_time, whole),
            percent(self.with_service, whole),
            percent(self.with_level, whole),
            percent(self.with_key, self.records),
        );
        if rejected > 0 {
            let reasons: Vec<String> =
                self.rejected.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            let found = format!("{found}; dead letters {} ({})", percent(rejected, self.records), reasons.join(", "));
            let advice = "these go to the dead letters: check input.format, or take the topic out of input.topics";
            return match rejected == self.records {
                true => Check::error(of, found, advice),
                false => Check::warning(of, found, advice),
            };
        }
        if self.with_service == 0 && whole > 0 {
            let advice = format!(
                "all its lines count as one service, {}: let the shipper write service, app or container",
                self.topic
            );
            return Check::warning(of, found, advice);
        }
        Check::ok(of, found)
    }

    /// The examples as lines of text.
    pub(super) fn examples(&self) -> impl Iterator<Item = String> {
        self.examples.iter().map(|example| {
            let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
            format!(
                "{}  {}  {}  {}",
                or(&example.time, "(no time)"),
                or(&example.service, "(no service)"),
                example.level.unwrap_or("(no level)"),
                example.message
            )
        })
    }
}

/// How many half hours a difference is, if it is about a whole number of them and not none.
fn zone_half_hours(difference_ms: i64) -> Option<i64> {
    let nearest = difference_ms.saturating_add(HALF_HOUR_MS / 2).div_euclid(HALF_HOUR_MS);
    let is_near = (difference_ms - nearest.saturating_mul(HALF_HOUR_MS)).abs() <= NEAR_MS;
    (nearest != 0 && difference_ms.abs() <= ZONE_MAX_MS + NEAR_MS && is_near).then_some(nearest)
}

/// Rounded towards the middle: 0 % is none, 100 % is all.
fn percent(part: u32, of: u32) -> String {
    match (part, of) {
        (0, _) | (_, 0) => "0 %".to_owned(),
        _ if part >= of => "100 %".to_owned(),
        _ => format!("{} %", (u64::from(part) * 100 / u64::from(of)).clamp(1, 99)),
    }
}

/// A text as a terminal may show it: no control characters, and cut.
fn printable(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = characters.by_ref().take(EXAMPLE_CHARACTERS).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Offset, TimeBasis};
    use crate::stream::kafka::inspect::Verdict;

    const TIME_MS: i64 = 1_795_420_900_000;

    fn sample(values: &[&[u8]]) -> Sample {
        let mut sample = Sample::new("logs", Format::Auto);
        for value in values {
            let timestamp = Some((TIME_MS, TimeBasis::KafkaCreate));
            sample.take(&Record { offset: Offset(0), timestamp, value: Some(value) }, false);
        }
        sample
    }

    #[test]
    fn shares_are_those_of_the_records() {
        let sample = sample(&[
            br#"{"message": "up", "service": "a", "level": "info", "time": "2026-11-23T08:01:40Z"}"#,
            br#"{"message": "login password=hunter2"}"#,
            b"\0\x01\x02\x03\xff\xfe\0\0",
            b"",
        ]);
        let check = &sample.checks()[0];
        assert_eq!(check.verdict, Verdict::Warning);
        assert_eq!(
            check.found,
            "4 read: 50 % JSON, else text; time in 50 %, service in 50 %, level in 50 %; keys on 0 %; dead letters 25 % (1 binary)"
        );
        let examples: Vec<String> = sample.examples().collect();
        assert_eq!(examples[0], "2026-11-23T08:01:40.000Z  a  info  up");
        assert_eq!(examples[1], "(no time)  (no service)  (no level)  login password=[REDACTED:secret]");
    }

    #[test]
    fn a_topic_of_binary_data_is_an_error_and_an_empty_one_a_warning() {
        assert_eq!(sample(&[b"\0\x01\x02\x03\xff\xfe\0\0".as_slice(); 3]).checks()[0].verdict, Verdict::Error);
        assert_eq!(sample(&[]).checks()[0].verdict, Verdict::Warning);
    }

    #[test]
    fn local_times_without_a_zone_are_noticed() {
        // The records' time is 08:01:40 UTC; this was written in India.
        let lines = sample(&[b"2026-11-23 13:31:39 INFO up".as_slice(); 4]);
        let said: Vec<String> = lines.checks().into_iter().map(|check| check.found).collect();
        assert!(said.iter().any(|found| found.contains("+5.5 h")), "{said:?}");
        let lines = sample(&[b"2026-11-23 08:01:39 INFO up".as_slice(); 4]);
        assert!(lines.checks().iter().all(|check| !check.found.contains("zone")));
        for (difference_ms, half_hours) in [
            (0, None),
            (3_600_000, Some(2)),
            (-7_201_000, Some(-4)),
            (900_000, None),
            (i64::MAX, None),
            (i64::MIN + 1, None),
        ] {
            assert_eq!(zone_half_hours(difference_ms), half_hours, "{difference_ms}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        assert_eq!(printable("a\x1b[31mb\nc"), "a [31mb c");
        assert_eq!(printable(&"x".repeat(121)).chars().count(), 121);
    }
}
