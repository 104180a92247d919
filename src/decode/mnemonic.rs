//! What switches, routers and firewalls of Cisco write between the header of syslog and their message: a sequence number, a stamp of
//! their own, and a mnemonic that says the severity.
//!
//! ```text
//! 585917: *Nov 23 08:01:24.272 EST: %SEC-6-IPACCESSLOGP: list 177 denied udp
//! ```
//!
//! Source: Cisco IOS, "System Message Logging". The mnemonic stays: it is the name of the message.

use crate::record::Level;

use super::level::{self, Scale};
use super::word::word;

/// How far into a text the mnemonic may begin, in bytes: behind the name of a zone.
const BEGINS_WITHIN: usize = 8;

/// The severity and the message, from the mnemonic on, of a text that begins with one, behind colons and the name of a zone.
pub(super) fn behind_stamp(text: &str) -> Option<(Level, &str)> {
    let head = text.as_bytes().get(..BEGINS_WITHIN)?;
    let begin = head.iter().position(|byte| *byte == b'%')?;
    let (before, message) = text.split_at_checked(begin)?;
    let is_zone = before.bytes().all(|byte| matches!(byte, b' ' | b':' | b'A'..=b'Z'));
    let is_apart = before.trim_ascii().is_empty() || before.trim_ascii_end().ends_with(':');
    Some((severity(message)?, message)).filter(|_| is_zone && is_apart)
}

/// The severity of `%FACILITY-SUBFACILITY-6-MNEMONIC:`.
fn severity(text: &str) -> Option<Level> {
    let name = word(text)?.text.strip_prefix('%')?.strip_suffix(':')?;
    let digit = name.split('-').skip(1).find(|part| part.len() == 1)?;
    let is_name = name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-'));
    level::of_number(digit.parse().ok().filter(|_| is_name)?, Scale::Syslog)
}

/// The text behind a sequence number and the mark of a clock that nobody set: `585917: *Nov 23`.
pub(super) fn before_stamp(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let text = if digits > 0 { line.get(digits..)?.strip_prefix(": ")? } else { line };
    let stamp = text.strip_prefix(['*', '.']);
    if digits == 0 && stamp.is_none() {
        return None;
    }
    Some(stamp.unwrap_or(text)).filter(|stamp| stamp.starts_with(|first: char| first.is_ascii_uppercase()))
}
