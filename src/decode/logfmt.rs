//! Headers as pairs of key and value: `time=2026-11-23T08:01:24Z level=info caller=main.go:12 msg="order packed" order=7`.
//!
//! What stands first, and says when, how grave and where, is the header; the message begins with the first other key, so
//! that the template keeps all keys of the line but those. Source: logfmt as Go's slog, logrus, zap and go-kit write it.

use super::header::Header;
use super::level::{self, Scale};
use super::stamp;

/// How many pairs are looked at.
const PAIRS_MAX: usize = 8;
/// The longest key and the longest value of a header, in bytes.
const KEY_BYTES_MAX: usize = 16;
const VALUE_BYTES_MAX: usize = 160;

/// The header of a line of pairs; `None` where the line does not begin with a time or a level among such pairs.
pub(super) fn read(line: &str, record_ms: Option<i64>) -> Option<Header<'_>> {
    let mut header = Header { message: line, ..Header::default() };
    let mut is_header = false;
    for _ in 0..PAIRS_MAX {
        let Some((key, value, behind)) = pair(header.message) else { break };
        match key {
            "time" | "ts" | "t" | "timestamp" | "@timestamp" => {
                let Some(time) = stamp::of_field(value, record_ms) else { break };
                header.time = header.time.or(Some(time));
                is_header = true;
            }
            "level" | "lvl" | "severity" => {
                let Some(level) = level::of_field(value, Scale::Logger) else { break };
                header.level = header.level.or(Some(level));
                is_header = true;
            }
            "host" | "hostname" => header.host = header.host.or(Some(value)),
            "caller" | "source" | "logger" => {}
            _ => break,
        }
        header.message = behind.trim_ascii_start();
    }
    is_header.then_some(header)
}

/// The pair that a text begins with, and what follows it. A value in quotes is given without them.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    let is_of_key = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'@' | b'_');
    let equals = bytes.iter().take(KEY_BYTES_MAX).take_while(|byte| is_of_key(byte)).count();
    if equals == 0 || bytes.get(equals) != Some(&b'=') {
        return None;
    }
    let (key, value) = (text.get(..equals)?, text.get(equals + 1..)?);
    let (value, behind) = match value.strip_prefix('"') {
        Some(quoted) => {
            let end = quoted.bytes().take(VALUE_BYTES_MAX).position(|byte| matches!(byte, b'"' | b'\\'))?;
            (quoted.get(..end)?, quoted.get(end..)?.strip_prefix('"')?)
        }
        None => {
            let end = value.bytes().take(VALUE_BYTES_MAX).position(|byte| matches!(byte, b' ' | b'\t'))?;
            value.split_at_checked(end)?
        }
    };
    behind.starts_with([' ', '\t']).then_some((key, value, behind))
}
