//! What transports write before a line: the priority of syslog, the stream of a container's runtime.

use crate::record::Level;

use super::level::{self, Scale};

/// The largest priority: facility 23, severity 7. Source: RFC 5424, section 6.2.1.
const PRIORITY_MAX: i64 = 191;

/// Takes the priority of a syslog message off, and the version of RFC 5424 behind it: `<165>1 2026-...`. The level that
/// it says, and the rest.
pub(super) fn strip_priority(line: &str) -> (Option<Level>, &str) {
    match split_priority(line) {
        Some((priority, rest)) => {
            (level::of_number(priority & 7, Scale::Syslog), rest.strip_prefix("1 ").unwrap_or(rest))
        }
        None => (None, line),
    }
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
