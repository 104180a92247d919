//! What transports write before a line: the priority of syslog, the stream of a container's runtime.

use crate::record::Level;

use super::level::{self, Scale};

/// The largest priority: facility 23, severity 7. Source: RFC 5424, section 6.2.1.
const PRIORITY_MAX: i64 = 191;

/// What the priority of a syslog message says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Priority {
    pub level: Option<Level>,
    /// Whether the version of RFC 5424 follows: `<165>1 2026-...`.
    pub is_rfc5424: bool,
}

/// Takes the priority of a syslog message off, and the version behind it.
pub(super) fn strip_priority(line: &str) -> (Priority, &str) {
    let Some((priority, rest)) = split_priority(line) else { return (Priority::default(), line) };
    let level = level::of_number(priority & 7, Scale::Syslog);
    match rest.strip_prefix("1 ") {
        Some(rest) => (Priority { level, is_rfc5424: true }, rest),
        None => (Priority { level, is_rfc5424: false }, rest),
    }
}

/// Host and message of what follows the stamp of RFC 5424: `web01 checkout 8710 ID47 [a b="c"] message`. Source: its
/// section 6.
pub(super) fn split_rfc5424(after_stamp: &str) -> Option<(Option<&str>, &str)> {
    let mut fields = after_stamp.strip_prefix(' ')?.splitn(5, ' ');
    let host = fields.next()?;
    let (_application, _process, _id) = (fields.next()?, fields.next()?, fields.next()?);
    let mut rest = fields.next()?;
    match rest.strip_prefix('-') {
        Some(behind) => rest = behind,
        None => {
            while rest.starts_with('[') {
                rest = behind_structured_data(rest)?;
            }
        }
    }
    Some(((host != "-").then_some(host), rest.trim_start_matches([' ', '\u{feff}'])))
}

/// What follows one element of structured data. A bracket within a value is escaped.
fn behind_structured_data(text: &str) -> Option<&str> {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b']' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    text.get(end + 1..)
}

fn split_priority(line: &str) -> Option<(i64, &str)> {
    let (digits, rest) = line.strip_prefix('<')?.split_once('>')?;
    let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let priority = digits.parse().ok().filter(|priority| is_number && *priority <= PRIORITY_MAX)?;
    (!rest.is_empty()).then_some((priority, rest))
}

/// What follows the stream and the tag of a line that a container's runtime wrote, `stderr F ` behind the time stamp;
/// `None` for other lines. Source: Kubernetes, CRI logging format.
pub(super) fn strip_stream(after_stamp: &str) -> Option<&str> {
    let tag = after_stamp.strip_prefix(" stdout ").or_else(|| after_stamp.strip_prefix(" stderr "))?;
    tag.strip_prefix("F ").or_else(|| tag.strip_prefix("P ")).filter(|line| !line.trim_ascii().is_empty())
}
