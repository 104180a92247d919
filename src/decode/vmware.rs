//! What hosts and servers of VMware write between the time and their message, in the file of a program or behind the tag of syslog.
//!
//! ```text
//! info hostd[2099999] [Originator@6876 sub=Vimsvc.ha-eventmgr opID=1a2b] Event 12 : message
//! In(166) Hostd[2099999]: [Originator@6876 sub=Vimsvc.ha-eventmgr] Event 12 : message
//! cpu12:2097952)ScsiDeviceIO: 3449: message
//! ```
//!
//! So write ESXi and vCenter 7; the second form is that of ESXi 8, whose number is the priority of RFC 5424.

use crate::record::Level;

use super::element::{ELEMENT_BYTES_MAX, group};
use super::level;
use super::word::word;

/// The level, where one is said, and the message.
pub(super) fn behind(text: &str) -> Option<(Option<Level>, &str)> {
    match text.as_bytes() {
        [b'c', b'p', b'u', b'0'..=b'9', ..] => Some((None, behind_world(text)?)),
        [b'[', b'O', ..] => Some((None, behind_originator(text)?)),
        [b'A'..=b'Z', b'a'..=b'z', b'(', b'0'..=b'9', ..] => behind_priority(text),
        [b'a'..=b'z', ..] => {
            let level = word(text)?;
            let process = word(level.rest.strip_prefix(' ')?).filter(|process| process.text.ends_with(']'))?;
            let message = behind_originator(process.rest.strip_prefix(' ')?)?;
            Some((level::of_header_word(level.text, true), message))
        }
        _ => None,
    }
}

/// What follows processor and world, and the operation where there is one: `cpu12:2097952 opID=1a2b)message`.
fn behind_world(text: &str) -> Option<&str> {
    let (world, message) = text.split_once(')').filter(|(world, _)| world.len() <= ELEMENT_BYTES_MAX)?;
    let (processor, world) = world.strip_prefix("cpu")?.split_once(':')?;
    let world = world.split_once(" opID=").map_or(world, |(world, _operation)| world);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(processor) && is_number(world)).then(|| message.trim_ascii_start())
}

/// What follows the structured data that says which part of the program writes.
fn behind_originator(text: &str) -> Option<&str> {
    let (inner, message) = group(text)?;
    inner.starts_with("Originator@").then(|| message.trim_ascii_start())
}

/// As [`behind`], behind the severity and number of a priority of syslog, and a tag.
fn behind_priority(text: &str) -> Option<(Option<Level>, &str)> {
    let priority = word(text)?;
    let (severity, number) = priority.text.strip_suffix(')')?.split_once('(')?;
    // Source: RFC 5424, section 6.2.1.
    let (code, level) = match severity {
        "Em" => (0, Level::Fatal),
        "Al" => (1, Level::Fatal),
        "Cr" => (2, Level::Fatal),
        "Er" => (3, Level::Error),
        "Wa" => (4, Level::Warn),
        "No" => (5, Level::Info),
        "In" => (6, Level::Info),
        "Db" => (7, Level::Debug),
        _ => return None,
    };
    let is_priority = number.parse::<u8>().is_ok_and(|number| number % 8 == code);
    let tag = word(priority.rest.strip_prefix(' ')?).filter(|tag| is_priority && tag.text.ends_with(':'))?;
    let message = tag.rest.trim_ascii_start();
    Some((Some(level), behind_world(message).or_else(|| behind_originator(message)).unwrap_or(message)))
}
