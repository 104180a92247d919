//! Levels: the words and numbers of loggers, syslog and clouds, and what the text of a line says.

use crate::lanes::{BLOCK_BYTES, Block, Lane, Mask, position};
use crate::record::Level;

/// How much of a message is searched for the word of its level, in bytes.
const SEARCH_BYTES: usize = 96;

/// What the numbers of a field mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// 1 to 24, rising. Source: OpenTelemetry Logs Data Model, "SeverityNumber".
    OpenTelemetry,
    /// 0 to 7, falling. Source: RFC 5424, section 6.2.1.
    Syslog,
    /// A field that loggers share: 0 to 7 as syslog (GELF), 10 to 69 as pino and bunyan (30 is information).
    Logger,
}

/// The level of a number on this scale.
pub(super) fn of_number(number: i64, scale: Scale) -> Option<Level> {
    match (scale, number) {
        (Scale::OpenTelemetry, 1..=4) => Some(Level::Trace),
        (Scale::OpenTelemetry, 5..=8) => Some(Level::Debug),
        (Scale::OpenTelemetry, 9..=12) => Some(Level::Info),
        (Scale::OpenTelemetry, 13..=16) => Some(Level::Warn),
        (Scale::OpenTelemetry, 17..=20) => Some(Level::Error),
        (Scale::OpenTelemetry, 21..=24) => Some(Level::Fatal),
        (Scale::Syslog | Scale::Logger, 0..=2) => Some(Level::Fatal),
        (Scale::Syslog | Scale::Logger, 3) => Some(Level::Error),
        (Scale::Syslog | Scale::Logger, 4) => Some(Level::Warn),
        (Scale::Syslog | Scale::Logger, 5..=6) => Some(Level::Info),
        (Scale::Syslog | Scale::Logger, 7) => Some(Level::Debug),
        (Scale::Logger, 10..=19) => Some(Level::Trace),
        (Scale::Logger, 20..=29) => Some(Level::Debug),
        (Scale::Logger, 30..=39) => Some(Level::Info),
        (Scale::Logger, 40..=49) => Some(Level::Warn),
        (Scale::Logger, 50..=59) => Some(Level::Error),
        (Scale::Logger, 60..=69) => Some(Level::Fatal),
        _ => None,
    }
}

/// The level that the text of a field says: a word in any case, or a number on this scale.
pub(super) fn of_field(text: &str, scale: Scale) -> Option<Level> {
    let text = text.trim_ascii();
    match text.parse::<i64>() {
        Ok(number) => of_number(number, scale),
        // OpenTelemetry's severity texts count within their range: "INFO2".
        Err(_) => of_word(text.trim_end_matches(|character: char| character.is_ascii_digit()).as_bytes()),
    }
}

/// The level of a word of loggers, syslog, Google Cloud or Azure, in any case. Google's "default" says nothing.
fn of_word(word: &[u8]) -> Option<Level> {
    let mut lower = [0_u8; 13];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    match &*lower {
        b"trace" | b"verbose" | b"finest" | b"finer" => Some(Level::Trace),
        b"debug" | b"fine" => Some(Level::Debug),
        b"info" | b"information" | b"informational" | b"notice" | b"note" | b"system" | b"log" | b"config" => {
            Some(Level::Info)
        }
        b"warn" | b"warning" => Some(Level::Warn),
        b"error" | b"err" | b"severe" => Some(Level::Error),
        b"crit" | b"critical" | b"fatal" | b"panic" | b"dpanic" | b"alert" | b"emerg" | b"emergency" => {
            Some(Level::Fatal)
        }
        _ => None,
    }
}

/// The level of an upper-case word within a line.
fn of_upper_word(word: &[u8]) -> Option<Level> {
    match word {
        b"TRACE" => Some(Level::Trace),
        b"DEBUG" => Some(Level::Debug),
        b"INFO" | b"NOTICE" | b"LOG" => Some(Level::Info),
        b"WARN" | b"WARNING" => Some(Level::Warn),
        b"ERROR" | b"ERR" | b"SEVERE" => Some(Level::Error),
        b"CRIT" | b"CRITICAL" | b"FATAL" | b"PANIC" | b"ALERT" | b"EMERG" => Some(Level::Fatal),
        _ => None,
    }
}

/// The level of a word of a header: in capitals, or, where it is set apart, as any logger writes it.
pub(super) fn of_header_word(word: &str, is_set_apart: bool) -> Option<Level> {
    match word.as_bytes() {
        // Blue Gene's RAS knows it above ERROR.
        b"FAILURE" => Some(Level::Fatal),
        // NATS, zerolog, Serilog: three letters for each.
        b"INF" => Some(Level::Info),
        b"WRN" => Some(Level::Warn),
        b"DBG" => Some(Level::Debug),
        b"FTL" => Some(Level::Fatal),
        b"TRC" | b"VRB" | b"VERBOSE" => Some(Level::Trace),
        // Most are in capitals there, too.
        bytes if is_set_apart => of_upper_word(bytes).or_else(|| of_word(bytes)),
        bytes => of_upper_word(bytes),
    }
}

/// The level of a single letter, as Android, glog and MongoDB write it.
pub(super) fn of_letter(letter: u8) -> Option<Level> {
    match letter {
        b'V' | b'T' => Some(Level::Trace),
        b'D' => Some(Level::Debug),
        b'I' | b'N' => Some(Level::Info),
        b'W' => Some(Level::Warn),
        b'E' => Some(Level::Error),
        b'F' => Some(Level::Fatal),
        _ => None,
    }
}

/// The level that the text of a line says: the first word of a level near its beginning, or the name of an exception
/// that it begins with. Words count in upper case; in lower case only as `[error]` and `level=error`, where they are no
/// prose.
pub(super) fn of_text(line: &str) -> Option<Level> {
    Near::of(line.as_bytes()).level(line)
}

/// The level of a message without its header: that of an access log's status, or what its text says.
pub(super) fn of_message(message: &str) -> Option<Level> {
    let near = Near::of(message.as_bytes());
    let access = if near.has_stamp(message) { super::stamp::access_log(message) } else { None };
    access.and_then(|stamp| of_access(stamp.rest)).or_else(|| near.level(message))
}

/// Where near the beginning of a line a level may be said.
struct Near {
    /// The places of the first block; its last two may be the first of three capitals, too, and belong to the second.
    first: u64,
    /// Those of the block that begins there.
    second: u64,
    /// The opening brackets among them.
    first_brackets: u64,
    second_brackets: u64,
}

/// Where the second block begins, in bytes.
const SECOND: usize = BLOCK_BYTES - 2;

impl Near {
    fn of(line: &[u8]) -> Self {
        let (first, first_brackets) = signs(line, 0, SECOND);
        let is_short = line.len() <= SECOND;
        let (second, second_brackets) = if is_short { (0, 0) } else { signs(line, SECOND, SEARCH_BYTES) };
        Self { first, second, first_brackets, second_brackets }
    }

    /// Whether a stamp may stand in brackets, as in an access log.
    fn has_stamp(&self, line: &str) -> bool {
        let is_before_digit = |at: usize| line.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
        let has = |start: usize, mut brackets: u64| {
            while brackets != 0 {
                if is_before_digit(start + brackets.trailing_zeros() as usize) {
                    return true;
                }
                brackets &= brackets - 1;
            }
            false
        };
        has(0, self.first_brackets) || has(SECOND, self.second_brackets)
    }

    fn level(&self, line: &str) -> Option<Level> {
        let bytes = line.as_bytes();
        let level = of_places(bytes, 0, self.first).or_else(|| of_places(bytes, SECOND, self.second));
        level.or_else(|| begins_with_exception(line).then_some(Level::Error))
    }
}

/// Where from `start` on, before `end`, three capitals, an opening bracket or an equals sign stand, and where the brackets.
#[inline]
fn signs(line: &[u8], start: usize, end: usize) -> (u64, u64) {
    let block = Block::of(line, start);
    let capitals = block.places(|lane| lane.within(b'A', b'Z'));
    let brackets = block.places(|lane| lane.equal(b'['));
    let marks = brackets | block.places(|lane| lane.equal(b'='));
    let near = (1 << (end - start)) - 1;
    ((capitals & (capitals >> 1) & (capitals >> 2) | marks) & near, brackets & near)
}

/// The first level that is said at one of these places behind `start`.
fn of_places(line: &[u8], start: usize, mut places: u64) -> Option<Level> {
    while places != 0 {
        let at = start + places.trailing_zeros() as usize;
        if let Some(level) = line.get(at).and_then(|&byte| of_place(Place::of(byte), line, at)) {
            return Some(level);
        }
        places &= places - 1;
    }
    None
}

/// The level that is said at a place of a line.
fn of_place(place: Place, line: &[u8], at: usize) -> Option<Level> {
    let behind = line.get(at + 1..).unwrap_or_default();
    match place {
        Place::Nothing | Place::Letter => None,
        Place::Capital => {
            let before = at.checked_sub(1).and_then(|before| line.get(before)).copied().unwrap_or(b' ');
            if is_word(before) { None } else { of_upper_case(before, line.get(at..).unwrap_or_default()) }
        }
        Place::Bracket => of_brackets(behind),
        Place::Equals => of_value(line.get(..at).unwrap_or_default(), behind),
    }
}

/// What a byte is for the search of a level.
#[derive(Clone, Copy)]
enum Place {
    Nothing,
    Letter,
    Capital,
    Bracket,
    Equals,
}

impl Place {
    #[inline]
    fn of(byte: u8) -> Self {
        const PLACES: [Place; 256] = places();
        PLACES.get(usize::from(byte)).copied().unwrap_or(Self::Nothing)
    }
}

const fn places() -> [Place; 256] {
    // Every byte of a character beyond ASCII is of a word.
    let mut places = [Place::Letter; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "256 entries, and checked when compiled")]
        {
            places[byte as usize] = match byte {
                b'A'..=b'Z' => Place::Capital,
                b'a'..=b'z' | b'0'..=b'9' | b'_' => Place::Letter,
                b'[' => Place::Bracket,
                b'=' => Place::Equals,
                _ => Place::Nothing,
            };
        }
        byte += 1;
    }
    places
}

/// The level of the upper-case word that `rest` begins with. It is none within a longer name: `/LOG/x`, `a-ERROR`,
/// `LOG.txt`.
fn of_upper_case(before: u8, rest: &[u8]) -> Option<Level> {
    let joins = |byte: u8| matches!(byte, b'/' | b'.' | b'-');
    // All such words begin with three capitals.
    if !matches!(rest, [_, b'A'..=b'Z', b'A'..=b'Z', ..]) {
        return None;
    }
    let (word, after) = split_word(rest);
    let level = of_upper_word(word)?;
    let continues = matches!(after, [joint, next, ..] if joins(*joint) && is_word(*next));
    (!joins(before) && !continues).then_some(level)
}

/// The level of a word in brackets, of which `rest` follows the first: `[error]`.
fn of_brackets(rest: &[u8]) -> Option<Level> {
    if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let (word, after) = split_word(rest);
    if after.first() == Some(&b']') { of_word(word) } else { None }
}

/// The level of the value `rest` of a key that `before` ends with: `level=error`, `level="error"`.
fn of_value(before: &[u8], rest: &[u8]) -> Option<Level> {
    let is_level = match before.last() {
        Some(b'l') => before.ends_with(b"level") || before.ends_with(b"lvl"),
        Some(b'y') => before.ends_with(b"severity"),
        _ => false,
    };
    if !is_level {
        return None;
    }
    let (word, _) = split_word(rest.strip_prefix(b"\"").unwrap_or(rest));
    of_word(word)
}

/// The word that `bytes` begin with, and what follows it.
fn split_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = bytes.iter().take_while(|byte| is_word(**byte)).count();
    bytes.split_at_checked(length).unwrap_or_default()
}

/// Whether a byte is of a word: a letter, a digit, the underscore, or of a character beyond ASCII.
fn is_word(byte: u8) -> bool {
    matches!(Place::of(byte), Place::Letter | Place::Capital)
}

/// Whether a line begins with the name of an exception: `a.b.SomeError: ...`, or that name alone.
fn begins_with_exception(line: &str) -> bool {
    let name_length = position(line.as_bytes(), |lane| !is_of_name(lane)).unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(name_length).unwrap_or_default();
    (name.ends_with("Error") || name.ends_with("Exception")) && (rest.is_empty() || rest.starts_with(':'))
}

/// Letters, digits, `.`, `_` and `$`.
#[inline]
fn is_of_name(lane: Lane) -> Mask {
    let alphanumeric = lane.lowered().within(b'a', b'z') | lane.within(b'0', b'9');
    alphanumeric | lane.equal(b'.') | lane.equal(b'_') | lane.equal(b'$')
}

/// The level of a line of an access log, of which this is what follows the time stamp: ` "GET / HTTP/1.1" 503 12`.
/// An answer of 500 and above is an error of the server. `None` where no status is found.
pub(super) fn of_access(after_stamp: &str) -> Option<Level> {
    let request = after_stamp.trim_ascii_start().strip_prefix('"')?;
    request.match_indices("\" ").find_map(|(at, _)| {
        let status = request.as_bytes().get(at + 2..at + 5)?;
        let ends = request.as_bytes().get(at + 5).is_none_or(|byte| *byte == b' ');
        let is_status = ends && status.iter().all(u8::is_ascii_digit);
        is_status.then(|| if status.first() >= Some(&b'5') { Level::Error } else { Level::Info })
    })
}
