//! Time stamps that do not stand at the very beginning of their line, with what their writers put before them.

use crate::record::{Level, StreamTime};

use super::element::group;
use super::level;
use super::mnemonic;
use super::stamp::{self, Stamp, Style};
use super::word::{class, word};

/// The stamp of a line that does not begin with one, wherever its writer puts it, and the level that is said before it.
pub(super) fn stamp(line: &str, record_ms: Option<i64>) -> Option<(Option<Level>, Stamp<'_>)> {
    let behind = |bytes: usize| stamp::leading(line.get(bytes..)?, record_ms);
    match line.as_bytes() {
        // Ruby: `I, [2026-11-23T08:01:24.123456 #1234]  INFO -- cart: message`
        [letter, b',', b' ', b'[', ..] => Some((level::of_letter(*letter), behind(3)?)),
        [b'I' | b'W' | b'E' | b'F', b'0'..=b'9', ..] => {
            let (letter, stamp) = stamp::of_glog(line, record_ms)?;
            let thread = word(stamp.rest.trim_ascii_start())?;
            Some((level::of_letter(letter), Stamp { rest: thread.rest, ..stamp }))
        }
        // NATS, log4j's `[%t] %d`: `[1] 2026/11/23 08:01:24.624 message`
        [b'[', ..] => of_group(line, record_ms),
        // SSSD: `(2026-11-23  8:01:24): [be[shop.com]] message`
        [b'(', ..] => {
            let stamp = behind(1).filter(|stamp| stamp.time.is_some())?;
            Some((None, Stamp { style: Style::Other, rest: stamp.rest.strip_prefix(')')?, ..stamp }))
        }
        [b'*' | b'.', ..] => Some((None, of_mnemonic(line, record_ms)?)),
        // A dash stands for the alert that there is not, or for nothing: `- 2026-11-23 08:01:24 ...`.
        [b'-', b' ', ..] => Some((None, of_ras(line, record_ms).or_else(|| behind(2))?)),
        [b'A'..=b'Z', ..] => Some((None, of_ras(line, record_ms)?)),
        [b'a'..=b'z' | b'0'..=b'9', ..] => of_redis(line, record_ms)
            .or_else(|| Some((None, of_gathered(line, record_ms).or_else(|| of_mnemonic(line, record_ms))?))),
        _ => None,
    }
}

/// `2198:M 23 Nov 2026 08:01:29.230 * message`: process, role, stamp and a sign for the level. Source: Redis, `serverLogRaw`.
fn of_redis(line: &str, record_ms: Option<i64>) -> Option<(Option<Level>, Stamp<'_>)> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let role = line.get(digits..).filter(|_| digits > 0)?;
    let (b":M " | b":S " | b":C " | b":X ") = role.as_bytes().get(..3)? else { return None };
    Some(behind_sign(stamp::leading(role.get(3..)?, record_ms)?))
}

/// What Redis writes behind its stamp: a sign for the level.
fn behind_sign(stamp: Stamp<'_>) -> (Option<Level>, Stamp<'_>) {
    let level = match stamp.rest.as_bytes() {
        [b' ', b'.', b' ', ..] => Level::Debug,
        [b' ', b'-' | b'*', b' ', ..] => Level::Info,
        [b' ', b'#', b' ', ..] => Level::Warn,
        _ => return (None, stamp),
    };
    (Some(level), Stamp { rest: stamp.rest.get(3..).unwrap_or_default(), ..stamp })
}

/// A single word in brackets before a date: a process, a thread or a level. Before Redis 3 it was the process. Suricata has the process and
/// the name of its thread: `[100088 - Suricata-Main]`.
fn of_group(line: &str, record_ms: Option<i64>) -> Option<(Option<Level>, Stamp<'_>)> {
    let (inner, rest) = group(line)?;
    let stamp = rest.trim_ascii_start();
    // A state that is checked, such as `[FAILED]`, is no part of a header.
    let level = level::of_header_word(inner, true);
    let is_constant = inner.len() > 1 && inner.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_named_thread = || {
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && !name.contains(' ')
                && name.contains(['-', '#'])
        };
        let names = inner.split_once(" - ").filter(|(_, name)| is_name(name));
        names.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if inner.contains(' ') && !is_named_thread() || stamp.len() == rest.len() || is_constant && level.is_none() {
        return None;
    }
    match stamp.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9', b' ', b'A'..=b'Z', ..] => {
            let (sign, stamp) = behind_sign(stamp::leading(stamp, record_ms)?);
            Some((level.or(sign), stamp))
        }
        [b'0'..=b'9', ..] => Some((level, stamp::leading(stamp, record_ms).filter(|stamp| stamp.time.is_some())?)),
        _ => None,
    }
}

/// The stamp of a line of Cisco that came without a header of syslog, or behind one.
pub(super) fn of_mnemonic(line: &str, record_ms: Option<i64>) -> Option<Stamp<'_>> {
    let stamp = stamp::leading(mnemonic::before_stamp(line)?, record_ms)?;
    mnemonic::behind_stamp(stamp.rest).is_some().then_some(stamp)
}

/// `web_1  | 2026-11-23 ...`, `nova-api.log.1 2026-11-23 ...`: the name of a file, a container or a node, put before the line
/// by whoever gathered it. It has a digit, and the stamp behind it is whole, so that it is no word of a sentence.
fn of_gathered(line: &str, record_ms: Option<i64>) -> Option<Stamp<'_>> {
    let name = word(line)?;
    if !name.has(class::DIGIT) || name.is_of(class::DIGIT) {
        return None;
    }
    let rest = name.rest.trim_start_matches([' ', '|']);
    if !matches!(rest.as_bytes().first()?, b'0'..=b'9' | b'[') {
        return None;
    }
    stamp::leading(rest, record_ms).filter(|stamp| stamp.time.is_some())
}

/// `- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 ...`: alert, seconds since 1970, date and node, and then what
/// the node wrote. Source: Oliner and Stearley, "What supercomputers say" (DSN 2007).
fn of_ras(line: &str, record_ms: Option<i64>) -> Option<Stamp<'_>> {
    let alert = word(line)?;
    if alert.text != "-" && !alert.is_of(class::UPPER | class::DIGIT | class::UNDERSCORE) {
        return None;
    }
    let seconds = word(alert.rest.strip_prefix(' ')?)?;
    if seconds.text.len() > 10 {
        return None;
    }
    let time: Option<StreamTime> = stamp::of_integer(seconds.text.parse().ok()?);
    let date = word(seconds.rest.strip_prefix(' ')?)?;
    let is_date = date.text.len() == 10 && date.is_of(class::DIGIT | class::POINT);
    let node = word(date.rest.strip_prefix(' ').filter(|_| is_date)?)?;
    let stamp = stamp::leading(node.rest.strip_prefix(' ')?, record_ms)?;
    Some(Stamp { time: time.or(stamp.time), ..stamp })
}
