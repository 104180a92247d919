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

/// The severity and the message, from the mnemonic on, of a text that begins with one, behind colons or the name of a zone.
pub(super) fn behind_stamp(text: &str) -> Option<(Level, &str)> {
    let text = text.trim_ascii_start();
    let begin = match text.as_bytes() {
        [b'%', ..] => 0,
        [b':', b' ', b'%', ..] => 2,
        [b'A'..=b'Z', b'A'..=b'Z', b':', b' ', b'%', ..] => 4,
        [b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z', b':', b' ', b'%', ..] => 5,
        [b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z', b':', b' ', b'%', ..] => 6,
        _ => return None,
    };
    let message = text.get(begin..)?;
    Some((severity(message)?, message))
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
