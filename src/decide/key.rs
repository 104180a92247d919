//! The names of problems: dedup keys, group keys and ids, after the contract of the events.
//!
//! All of them are made of content, so that anyone can compute them again: the key of a problem is
//! `<environment>/<service>:<anchor>`, printable ASCII, at most 243 characters; ids are UUIDv5 (RFC 9562 §5.5).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::record::{Service, StreamTime};
use crate::score::Subject;

/// The `$id` of the event's schema; the namespace of all episode ids is made of it.
pub const SCHEMA_ID: &str = "urn:eddyline:schema:anomaly-event:1";

/// How long the name of a service, host, environment or topic is in an event, in bytes.
const NAME_BYTES_MAX: usize = 255;
const ENVIRONMENT_CHARS_MAX: usize = 32;
const SERVICE_CHARS_MAX: usize = 64;
/// What is added to a part that is cut: `~` and 16 hex digits.
const DIGEST_CHARS: usize = 17;

/// The identity of an episode, never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EpisodeId(u128);

impl EpisodeId {
    /// The id of the episode that was opened under `dedup_key` at `time`.
    pub fn of(dedup_key: &str, time: StreamTime) -> Self {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, SCHEMA_ID.as_bytes());
        Self(Uuid::new_v5(&namespace, format!("{dedup_key} {}", rfc3339(time)).as_bytes()).as_u128())
    }

    /// The id of the episode's message number `sequence`.
    pub fn event_id(self, sequence: u32) -> Uuid {
        Uuid::new_v5(&Uuid::from_u128(self.0), sequence.to_string().as_bytes())
    }
}

impl fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_u128(self.0).fmt(f)
    }
}

/// A moment as `YYYY-MM-DDTHH:MM:SS.mmmZ`. Moments outside the years 0 to 9999 become the nearest one within.
pub fn rfc3339(time: StreamTime) -> String {
    let t = civil(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
}

/// A moment in the calendar (UTC), held within the years 0 to 9999.
pub fn civil(time: StreamTime) -> time::OffsetDateTime {
    const YEAR_0_MS: i64 = -62_167_219_200_000;
    const YEAR_9999_MS: i64 = 253_402_300_799_999;
    let ms = time.0.clamp(YEAR_0_MS, YEAR_9999_MS);
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// A name as events give it and keys are made of: as it is, but where it is too long or holds control characters it becomes its
/// clean beginning, `~` and a digest of the whole, so that different names stay different.
pub fn identity(name: &str) -> Cow<'_, str> {
    if name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let end = name.floor_char_boundary(NAME_BYTES_MAX - DIGEST_CHARS);
    let clean = name.chars().take_while({
        let mut bytes = 0;
        move |c| {
            bytes += c.len_utf8();
            bytes <= end
        }
    });
    let clean: String = clean.map(|c| if c.is_control() { '_' } else { c }).collect();
    Cow::Owned(format!("{clean}~{}", digest(name)))
}

/// The first 16 hex digits of the SHA-256 of a text.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The key of what is wrong with `subject` in `service`.
pub(super) fn dedup_key(service: &Service, subject: Subject) -> String {
    let domain = domain(service.environment.as_deref());
    format!("{domain}/{}:{}", key_part(&identity(&service.name), SERVICE_CHARS_MAX), anchor(subject))
}

/// The group key of episodes that began with `episode`.
pub(super) fn group_key(environment: Option<&str>, episode: EpisodeId) -> String {
    format!("{}:{episode}", domain(environment))
}

/// The scope in which episodes are grouped.
fn domain(environment: Option<&str>) -> String {
    key_part(&identity(environment.unwrap_or_default()), ENVIRONMENT_CHARS_MAX)
}

/// The part of a key that says what of the service is wrong. Ids are hashes of content and need no escaping. `level` is an
/// addition to the contract's list: a surge of errors must not be swallowed by an episode about the volume.
pub fn anchor(subject: Subject) -> String {
    match subject {
        Subject::Volume => "volume".into(),
        Subject::Level(level) => format!("level:{}", level.word()),
        Subject::Template(id) => id.to_string(),
        Subject::Heartbeat(id) => format!("heartbeat:{id}"),
        Subject::Mix(cluster) => format!("mix:{}", cluster_id(cluster)),
        Subject::Service => "service".into(),
    }
}

/// The name of a cluster: `c` and 16 hex digits.
pub fn cluster_id(cluster: u64) -> String {
    format!("c{cluster:016x}")
}

/// One part of a key: every byte other than `A-Z a-z 0-9 . _ -` becomes `%XX`; `-` stands for nothing. A part longer than
/// `chars_max` keeps its beginning and ends with a digest of the whole.
fn key_part(text: &str, chars_max: usize) -> String {
    match text {
        "" => return "-".into(),
        "-" => return "%2D".into(),
        _ => {}
    }
    let mut part = String::with_capacity(chars_max);
    let mut bytes_kept = 0;
    for &byte in text.as_bytes() {
        if part.len() > chars_max {
            break;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
        bytes_kept += 1;
    }
    if bytes_kept == text.len() && part.len() <= chars_max {
        return part;
    }
    part.truncate(chars_max.saturating_sub(DIGEST_CHARS));
    let tail = part.len().saturating_sub(2);
    if let Some(cut) = part.bytes().skip(tail).position(|byte| byte == b'%') {
        part.truncate(tail + cut);
    }
    format!("{part}~{}", digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Level, TemplateId};

    #[test]
    fn keys_are_those_of_the_contract() {
        let key = |environment: Option<&str>, name: &str, subject| dedup_key(&Service::new(environment, name), subject);
        let template = TemplateId(0x5f1c_0a9b_e2d3_4477);
        assert_eq!(key(Some("prod"), "checkout", Subject::Template(template)), "prod/checkout:t5f1c0a9be2d34477");
        assert_eq!(key(Some("prod"), "checkout", Subject::Volume), "prod/checkout:volume");
        assert_eq!(
            key(Some("prod"), "billing", Subject::Heartbeat(TemplateId(0x61c8_e0d7_f9a2_b354))),
            "prod/billing:heartbeat:t61c8e0d7f9a2b354"
        );
        assert_eq!(key(Some("stage"), "web", Subject::Mix(0x5d20_e914_7ab3_f600)), "stage/web:mix:c5d20e9147ab3f600");
        assert_eq!(key(None, "cron", Subject::Volume), "-/cron:volume");
        assert_eq!(key(Some("-"), "-", Subject::Volume), "%2D/%2D:volume");
        assert_eq!(
            key(Some("prod"), "/aws/lambda/checkout", Subject::Volume),
            "prod/%2Faws%2Flambda%2Fcheckout:volume"
        );
        assert_eq!(key(Some("prod"), "zahlung für alle", Subject::Volume), "prod/zahlung%20f%C3%BCr%20alle:volume");
        assert_eq!(
            key(
                Some("production-eu-central-1-customer-facing-blue"),
                &format!("payments-{}", "x".repeat(80)),
                Subject::Volume
            ),
            "production-eu-c~6fd17be8047b47ac/payments-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx~4bc32832d6f4ebc9:volume"
        );
        assert_eq!(
            key(Some("prod"), &"サービス".repeat(8), Subject::Volume),
            "prod/%E3%82%B5%E3%83%BC%E3%83%93%E3%82%B9%E3%82%B5~b0178c7d6cf63891:volume"
        );
        assert_eq!(key(Some("prod"), "a", Subject::Level(Level::Error)), "prod/a:level:error");
    }

    #[test]
    fn parts_are_those_of_the_contract() {
        for (text, limit, want) in [
            ("a/b:c", 48, "a%2Fb%3Ac"),
            ("100%", 64, "100%25"),
            ("a:b/c d", 64, "a%3Ab%2Fc%20d"),
            ("gen_ai.usage.output_tokens", 64, "gen_ai.usage.output_tokens"),
            (&"k".repeat(100), 64, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk~e37c7cb78ccb30f0"),
            (&"t".repeat(49), 48, "ttttttttttttttttttttttttttttttt~edbe72e94d06c48c"),
            (&"e".repeat(33), 32, "eeeeeeeeeeeeeee~1a9e39ac1f1d4981"),
            (&"s".repeat(65), 64, "sssssssssssssssssssssssssssssssssssssssssssssss~375a1f00946e079b"),
        ] {
            assert_eq!(key_part(text, limit), want);
        }
        assert_eq!(key_part(&"x".repeat(64), 64).len(), 64, "a part of just the limit stays whole");
        assert_eq!(key_part(&"é".repeat(1_000_000), 64).len(), 62, "a cut escape goes");
        assert_eq!(identity("zahlung für alle"), "zahlung für alle");
        let (a, b) = (format!("{}a", "ü".repeat(5_000)), format!("{}b", "ü".repeat(5_000)));
        assert!(identity(&a) != identity(&b) && identity(&a).len() <= 255);
        assert!(identity("a\n").starts_with("a_~"));
    }

    #[test]
    fn ids_are_those_of_the_contract() {
        let time = StreamTime(1_795_420_920_000);
        assert_eq!(rfc3339(time), "2026-11-23T08:02:00.000Z");
        let id = EpisodeId::of("prod/checkout:t5f1c0a9be2d34477", time);
        assert_eq!(id.to_string(), "4bf4369e-cbe9-5911-ba0b-d55d42a1dd79");
        assert_eq!(id.event_id(0).to_string(), "c12fd1e1-9b3c-5aa2-b851-5d687377ca20");
        assert_eq!(id.event_id(2).to_string(), "846df62d-a17a-5230-a9f0-d107764610fc");
        assert_eq!(group_key(Some("prod"), id), "prod:4bf4369e-cbe9-5911-ba0b-d55d42a1dd79");
    }

    #[test]
    fn times_have_one_width_whatever_the_moment() {
        assert_eq!(rfc3339(StreamTime(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(StreamTime(i64::MIN)), "0000-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(StreamTime(i64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
