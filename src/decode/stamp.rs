//! Time stamps: as texts, at the beginning of a line, in a line of an access log, and as numbers.
//!
//! Forms: RFC 3339; `2026-11-23 08:01:24,458 +0000` and its like (ISO 8601 as loggers write it); RFC 3164 and `asctime`
//! (`Nov 23 08:01:24`, `Sun Dec 04 04:47:44 2005`); the Common Log Format's `23/Nov/2026:08:01:24 +0000`; the compact, short
//! and yearless ones of [`super::forms`]; a time of day alone; seconds since boot or since 1970 with a fraction. A stamp
//! without a zone is in UTC. Times before 1990 or after 2200 are read but not believed.

use time::macros::datetime;

use crate::lanes::position;
use crate::record::StreamTime;

use super::cursor::{Cursor, Moment};
use super::digits::Leading;
use super::level;

/// How far into a line the stamp of an access log may begin, in bytes: after host, identity and user.
const ACCESS_STAMP_BYTES: usize = 96;

const EARLIEST_MS: i64 = datetime!(1990-01-01 0:00 UTC).unix_timestamp() * 1000;
const LATEST_MS: i64 = datetime!(2201-01-01 0:00 UTC).unix_timestamp() * 1000;

/// Who writes such a stamp, as far as it says something on what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Month, day and time of day, as RFC 3164 has them: a host and a tag follow.
    Syslog,
    /// Date, `T` and time of day, as RFC 3339 has them: they may follow.
    Rfc3339,
    /// Anything else.
    Other,
}

/// A time stamp that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp<'a> {
    /// The time it says; `None` where that is not believed, or not all of it is said.
    pub time: Option<StreamTime>,
    /// Who writes such stamps.
    pub style: Style,
    /// What stands behind the stamp within its brackets: `INFO shop::cart`, `#1234`.
    pub inside: &'a str,
    /// What follows it.
    pub rest: &'a str,
}

/// The stamp at the beginning of a line, with or without brackets around it. `record_ms`, the record's timestamp, gives
/// the year where the stamp has none.
pub(super) fn leading(line: &str, record_ms: Option<i64>) -> Option<Stamp<'_>> {
    let mut cursor = Cursor { bytes: line.as_bytes(), at: 0 };
    let has_bracket = cursor.eat(b'[');
    let (time, style) = match cursor.peek()? {
        byte if byte.is_ascii_digit() => {
            let has_t = !has_bracket && line.as_bytes().get("2026-11-23".len()) == Some(&b'T');
            (of_digits(&mut cursor, record_ms)?, if has_t { Style::Rfc3339 } else { Style::Other })
        }
        b' ' if has_bracket => (of_boot(&mut cursor)?, Style::Other),
        byte if byte.is_ascii_uppercase() => {
            let moment = cursor.month_first()?;
            let style = if moment.year.is_none() { Style::Syslog } else { Style::Other };
            (time(&moment, record_ms), style)
        }
        _ => return None,
    };
    if cursor.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let rest = line.get(cursor.at..)?;
    let (inside, rest) = match has_bracket {
        true if rest.starts_with(']') => ("", rest.get(1..)?),
        true => {
            rest.split_once(']').filter(|(inside, _)| inside.len() <= ACCESS_STAMP_BYTES && !inside.contains('['))?
        }
        false => ("", rest),
    };
    Some(Stamp { time, style, inside, rest })
}

fn time(moment: &Moment, record_ms: Option<i64>) -> Option<StreamTime> {
    believed(moment.ms_near(record_ms)?)
}

/// A stamp that begins with a digit. The outer `None`: it is none; the inner one: not all of the time is said.
fn of_digits(cursor: &mut Cursor<'_>, record_ms: Option<i64>) -> Option<Option<StreamTime>> {
    let start = cursor.at;
    let byte = |at: usize| cursor.bytes.get(start + at).copied().unwrap_or_default();
    // Where the first digits end tells the forms apart, so that most lines that have no stamp are tried with few.
    let digits = match Leading::of(cursor.bytes.get(start..).unwrap_or_default()).count {
        8 => (8..14).find(|at| !byte(*at).is_ascii_digit()).unwrap_or(14),
        few => few,
    };
    let moment = match (digits, byte(digits)) {
        (4, b'-' | b'/' | b'.') => cursor.first_of(&[Cursor::iso]),
        (8, b'-' | b'T' | b' ') => cursor.first_of(&[Cursor::compact]),
        (6, b' ') => cursor.first_of(&[Cursor::short_year]),
        (1..=2, b'-' | b'/' | b' ') if byte(digits + 1).is_ascii_alphabetic() => cursor.first_of(&[Cursor::day_first]),
        (2, b'/') => cursor.first_of(&[Cursor::short_year, Cursor::year_last, Cursor::without_year]),
        (1..=2, b'-' | b'.' | b'/') => cursor.first_of(&[Cursor::year_last, Cursor::without_year]),
        // Zabbix: `12345:20261123:080124.123`
        (1..=8, b':') if byte(digits + 3).is_ascii_digit() && byte(digits + 9) == b':' => {
            cursor.at += digits + 1;
            cursor.first_of(&[Cursor::compact])
        }
        (2, b':') => return clock_alone(cursor),
        (10, b'.') => return seconds_with_fraction(cursor, digits),
        (1..=8, b'.') => return of_boot(cursor),
        _ => None,
    };
    moment.map(|moment| time(&moment, record_ms))
}

/// `08:01:24.123`: what day it is nobody says.
fn clock_alone(cursor: &mut Cursor<'_>) -> Option<Option<StreamTime>> {
    let start = cursor.at;
    cursor.clock()?;
    // With fewer bytes it may be a duration, or the end of an address.
    let is_followed = matches!(cursor.peek(), Some(b' ' | b'\t' | b']' | b'|'));
    (is_followed && cursor.at - start >= b"08:01:24".len()).then_some(None)
}

/// `1795420862.003`, as Squid and Go's zap write it.
fn seconds_with_fraction(cursor: &mut Cursor<'_>, digits: usize) -> Option<Option<StreamTime>> {
    let start = cursor.at;
    cursor.at += digits + 1;
    let fraction = digits_at(cursor);
    let is_over = match cursor.peek() {
        Some(b' ') => true,
        // The first column of a table, but for zap, which says the level next.
        Some(b'\t') => has_level(cursor.bytes.get(cursor.at + 1..).unwrap_or_default()),
        _ => false,
    };
    if !(3..=9).contains(&fraction) || !is_over {
        return None;
    }
    let text = std::str::from_utf8(cursor.bytes.get(start..cursor.at)?).ok()?;
    Some(of_float(text.parse().ok()?))
}

/// Whether a column that a text begins with is a level.
fn has_level(text: &[u8]) -> bool {
    let end = text.iter().position(|byte| *byte == b'\t').unwrap_or(text.len());
    let column = text.get(..end).and_then(|column| std::str::from_utf8(column).ok());
    column.is_some_and(|column| level::of_header_word(column, true).is_some())
}

/// `[ 1234.567890]`: seconds since boot, as the kernel writes them, in brackets only. Six digits follow the point.
fn of_boot(cursor: &mut Cursor<'_>) -> Option<Option<StreamTime>> {
    let is_in_brackets = cursor.at == 1;
    while cursor.eat(b' ') {}
    let whole = digits_at(cursor);
    let fraction = if cursor.eat(b'.') { digits_at(cursor) } else { 0 };
    (is_in_brackets && whole > 0 && fraction == 6 && cursor.peek() == Some(b']')).then_some(None)
}

/// Passes over digits; returns how many.
fn digits_at(cursor: &mut Cursor<'_>) -> usize {
    let start = cursor.at;
    while cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        cursor.at += 1;
    }
    cursor.at - start
}

/// The stamp behind the letter of a level: `I1123 08:01:24.123456`. Source: glog and klog. It says the letter too.
pub(super) fn of_glog(line: &str, record_ms: Option<i64>) -> Option<(u8, Stamp<'_>)> {
    let letter = *line.as_bytes().first()?;
    if !matches!(letter, b'I' | b'W' | b'E' | b'F') || !line.as_bytes().get(1)?.is_ascii_digit() {
        return None;
    }
    let mut cursor = Cursor { bytes: line.as_bytes(), at: 1 };
    let moment = cursor.first_of(&[Cursor::glog])?;
    let rest = line.get(cursor.at..).filter(|rest| rest.starts_with(' '))?;
    Some((letter, Stamp { time: time(&moment, record_ms), style: Style::Other, inside: "", rest }))
}

/// The stamp of a line of an access log: in brackets, after host, identity and user. `rest` begins after the bracket.
pub(super) fn access_log(line: &str) -> Option<Stamp<'_>> {
    let bytes = line.as_bytes();
    let head = bytes.get(..ACCESS_STAMP_BYTES).unwrap_or(bytes);
    let mut at = 0;
    loop {
        at += position(head.get(at..)?, |lane| lane.equal(b'['))?;
        if at > 0 && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            let mut cursor = Cursor { bytes, at: at + 1 };
            if let Some(moment) = cursor.first_of(&[Cursor::day_first])
                && cursor.eat(b']')
            {
                let time = time(&moment, None);
                return Some(Stamp { time, style: Style::Other, inside: "", rest: line.get(cursor.at..)? });
            }
        }
        at += 1;
    }
}

/// The time that the text of a field says: a stamp, or a number in digits.
pub(super) fn of_field(text: &str, record_ms: Option<i64>) -> Option<StreamTime> {
    let text = text.trim_ascii();
    if let Some(stamp) = leading(text, record_ms)
        && stamp.rest.is_empty()
    {
        return stamp.time;
    }
    text.parse().map_or_else(|_| of_float(text.parse().ok()?), of_integer)
}

/// The time of a number of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by its size.
pub(super) fn of_integer(number: i64) -> Option<StreamTime> {
    let ms = match number.unsigned_abs() {
        0..100_000_000_000 => number * 1000,
        100_000_000_000..100_000_000_000_000 => number,
        100_000_000_000_000..100_000_000_000_000_000 => number / 1000,
        _ => number / 1_000_000,
    };
    believed(ms)
}

/// As [`of_integer`], rounded to the millisecond.
pub(super) fn of_float(number: f64) -> Option<StreamTime> {
    let ms = match number.abs() {
        size if size < 1e11 => number * 1e3,
        size if size < 1e14 => number,
        size if size < 1e17 => number / 1e3,
        _ => number / 1e6,
    };
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and times that far away are not believed")]
    believed(ms.round() as i64)
}

/// A time that is neither long past nor far away.
pub(super) fn believed(ms: i64) -> Option<StreamTime> {
    (EARLIEST_MS..LATEST_MS).contains(&ms).then_some(StreamTime(ms))
}
