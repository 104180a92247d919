//! Headers that are known as a whole: what follows is the message, and nothing of it is looked at for more of a header.
//!
//! ```text
//! ####<Nov 23, 2026 8:01:24 AM UTC> <Info> <Security> <web01> <AdminServer> <[ACTIVE] ...> <...> <> <> <1795420884123> <BEA-090905> <message>
//! <Nov 23, 2026 8:01:24 AM UTC> <Notice> <WebLogicServer> <BEA-000365> <message>
//! [11/23/26 8:01:24:123 UTC] 0000004a CartService   I   SHOP0242I: message
//! [11/23/26, 8:01:24:123 UTC] 0000004a id=00000000 com.shop.CartService      I SHOP0242I: message
//! [1795420884] SERVICE ALERT: message
//! [1795420884] unbound[123:0] info: message
//! 6b03f2d4.0c5e2a11 0x7f3c5d7fa640 message
//! ```
//!
//! Sources: Oracle WebLogic Server, "Message Attributes"; IBM WebSphere Application Server, "Trace output" (basic format), and its
//! Liberty, "Logging and Trace"; Nagios Core, "Log file"; Unbound, `util/log.c`; slapd of OpenLDAP 2.5.

use crate::record::{Level, StreamTime};

use super::cursor::Cursor;
use super::header::Header;
use super::level;
use super::stamp;
use super::word::{class, word};

/// The most fields of WebLogic that are looked at for the id of the message: what is behind them is the message.
const FIELDS_MAX: usize = 12;

/// The header of a line of WebLogic, WebSphere, Nagios, Unbound or OpenLDAP.
pub(super) fn read(line: &str, record_ms: Option<i64>) -> Option<Header<'_>> {
    match line.as_bytes() {
        [b'#', b'#', b'#', b'#', b'<', ..] => of_weblogic(line.get(4..)?, record_ms),
        [b'<', b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ', ..] | [b'<', b'0'..=b'9', ..] => {
            of_weblogic(line, record_ms)
        }
        [b'[', b'1'..=b'9', b'/' | b'0'..=b'9', ..] => of_seconds(line).or_else(|| of_websphere(line)),
        [b'0'..=b'9' | b'a'..=b'f', _, _, _, _, _, _, _, b'.', ..] => of_openldap(line),
        _ => None,
    }
}

/// Seconds since 1970, in ten digits. Of Nagios what follows is the message, also where it begins with `SERVICE ALERT:`; of Unbound it
/// is behind process and level.
fn of_seconds(line: &str) -> Option<Header<'_>> {
    let (seconds, message) = line.strip_prefix('[')?.split_at_checked("1795420884".len())?;
    // Up to the year 2065: what is larger is another number.
    let is_time = seconds.starts_with(['1', '2']) && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let time = is_time.then(|| stamp::of_integer(seconds.parse().ok()?))??;
    let message = message.strip_prefix("] ")?;
    if let Some((level, message)) = behind_unbound(message) {
        return Some(Header { time: Some(time), level: Some(level), host: None, message });
    }
    // What other programs write behind such a number, a thread's: a level, a stamp, an object.
    let is_level = level::of_header_word(word(message)?.text.trim_end_matches(':'), false).is_some();
    let is_message = message.starts_with(|first: char| first.is_ascii_uppercase()) && !is_level;
    is_message.then_some(Header { time: Some(time), level: None, host: None, message })
}

/// What follows process and thread, and the level: `unbound[123:0] info: message`.
fn behind_unbound(text: &str) -> Option<(Level, &str)> {
    let process = word(text)?;
    let (name, numbers) = process.text.strip_suffix(']')?.split_once('[')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_numbers = numbers.split_once(':').is_some_and(|(process, thread)| is_number(process) && is_number(thread));
    let is_process = has_numbers && (name == "unbound" || name.starts_with("unbound-"));
    let behind = process.rest.strip_prefix(' ').filter(|_| is_process)?;
    if let Some(message) = behind.strip_prefix("fatal error: ") {
        return Some((Level::Fatal, message));
    }
    let level = word(behind)?;
    Some((level::of_header_word(level.text.strip_suffix(':')?, true)?, level.rest.trim_ascii_start()))
}

/// Seconds since 1970 and nanoseconds, each as eight hexadecimal digits, and the thread.
fn of_openldap(line: &str) -> Option<Header<'_>> {
    // From 2012 to 2069: what is outside is another number.
    const SECONDS: std::ops::Range<i64> = 0x5000_0000..0xbb00_0000;
    let stamp = word(line).filter(|stamp| stamp.text.len() == "6b03f2d4.0c5e2a11".len())?;
    let (seconds, fraction) = stamp.text.split_once('.').filter(|(seconds, _)| seconds.len() == 8)?;
    let hex = |text: &str| i64::from_str_radix(text, 16).ok();
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let thread = word(stamp.rest.strip_prefix(' ')?)?;
    let is_address = |number: &str| number.len() == 12 && !number.starts_with('0') && is_hex(number);
    let is_thread = thread.text.strip_prefix("0x").is_some_and(is_address);
    let is_fraction = fraction.len() == 8 && hex(fraction).is_some_and(|fraction| fraction < 1_000_000_000);
    let is_stamp = is_thread && is_fraction && is_hex(seconds) && is_hex(fraction);
    let seconds = hex(seconds).filter(|seconds| is_stamp && SECONDS.contains(seconds))?;
    let message = thread.rest.trim_ascii_start();
    Some(Header { time: Some(stamp::of_integer(seconds)?), level: None, host: None, message })
}

/// Every field in angle brackets; the message is behind the one that says its id.
fn of_weblogic(line: &str, record_ms: Option<i64>) -> Option<Header<'_>> {
    let stamp = stamp::leading(line.get(1..)?, record_ms)?;
    let (zone, fields) = stamp.rest.split_once("> <")?;
    let (severity, fields) = fields.split_once("> <")?;
    let level = level::of_header_word(severity, true)?;
    let (mut message, mut rest) = (fields, fields);
    for _ in 0..FIELDS_MAX {
        let Some((field, behind)) = rest.split_once("> <") else { break };
        rest = behind;
        if is_message_id(field) {
            message = behind;
            break;
        }
    }
    let message = message.strip_suffix('>').unwrap_or(message);
    Some(Header { time: of_known_zone(zone, stamp.time), level: Some(level), host: None, message })
}

/// `BEA-000365`
fn is_message_id(field: &str) -> bool {
    let is_prefix =
        |prefix: &str| !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ');
    field.split_once('-').is_some_and(|(prefix, number)| {
        is_prefix(prefix) && number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The time, unless a zone that is not known stands behind its clock.
fn of_known_zone(zone: &str, time: Option<StreamTime>) -> Option<StreamTime> {
    time.filter(|_| zone.trim_ascii().is_empty())
}

/// Stamp, thread, thirteen characters of the logger's name, and the letter of the level; class and method may follow. Of Liberty, behind
/// whose date a comma stands, the object that writes may come before the name, which is padded or has points, and no class follows.
fn of_websphere(line: &str) -> Option<Header<'_>> {
    const LOGGER_BYTES: usize = 13;
    const ZONE_BYTES_MAX: usize = 6;
    let mut cursor = Cursor { bytes: line.as_bytes(), at: 1 };
    let moment = cursor.month_first_short_year()?;
    let stamp = line.get(..cursor.at)?;
    let has_milliseconds = stamp.bytes().filter(|byte| *byte == b':').count() >= 3;
    let (zone, rest) = line.get(cursor.at..)?.split_once("] ").filter(|_| has_milliseconds)?;
    let is_zone = zone.len() <= ZONE_BYTES_MAX && !zone.trim_ascii_start().contains(' ');
    let thread = word(rest).filter(|thread| is_zone && thread.text.len() == 8)?;
    thread.text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    let column = thread.rest.strip_prefix(' ')?;
    let is_of_liberty = stamp.split_once(' ').is_some_and(|(date, _)| date.ends_with(','));
    let rest = if is_of_liberty {
        let first = word(column)?;
        let name = if first.text.starts_with("id=") { word(first.rest.strip_prefix(' ')?)? } else { first };
        name.rest.strip_prefix(' ').filter(|rest| name.has(class::POINT) || rest.starts_with(' '))?.trim_ascii_start()
    } else {
        column.split_at_checked(LOGGER_BYTES)?.1.strip_prefix(' ')?
    };
    let letter = word(rest)?;
    let level = match letter.text {
        "F" => Level::Fatal,
        "E" => Level::Error,
        "W" => Level::Warn,
        "A" | "I" | "C" | "O" | "R" => Level::Info,
        "D" | "1" => Level::Debug,
        "2" | "3" | ">" | "<" => Level::Trace,
        _ => return None,
    };
    let time = of_known_zone(zone, moment.ms_near(None).and_then(stamp::believed));
    // One blank stands before class and method, three where there are none. What a program prints has neither.
    let has_class = !is_of_liberty && !matches!(letter.text, "O" | "R") && !letter.rest.starts_with("  ");
    let text = letter.rest.trim_ascii_start();
    Some(Header { time, level: Some(level), host: None, message: if has_class { behind_class(text) } else { text } })
}

/// What follows class and method: `com.shop.CartService open message`.
fn behind_class(text: &str) -> &str {
    let behind = word(text).and_then(|name| {
        let is_class =
            name.has(class::POINT) && name.has(class::MIXED | class::UPPER) && !name.text.ends_with([':', '.']);
        let method = word(name.rest.strip_prefix(' ')?)?;
        let is_name = is_class
            && name.is_of(class::ALPHANUMERIC | class::POINT | class::DOLLAR | class::UNDERSCORE | class::MIXED);
        let is_method = method.is_of(class::ALPHANUMERIC | class::DOLLAR | class::ANGLE | class::MIXED);
        (is_name && is_method).then(|| method.rest.trim_ascii_start())
    });
    behind.filter(|message| !message.is_empty()).unwrap_or(text)
}
