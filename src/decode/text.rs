//! Bytes to text, text to one line, names within their limit.

use std::fmt::Write;

use xxhash_rust::xxh3::xxh3_64;

use crate::lanes::{self, LANE_BYTES, Lane, Mask};
use crate::padded::Padded;

use super::NAME_BYTES_MAX;
use super::continuation::is_continuation;

/// How much of a value is looked at to tell whether it is text, in bytes.
const BINARY_PROBE_BYTES: usize = 4 << 10;

/// The bytes of a name that are kept when it is cut: what the limit leaves beside `~` and 16 hexadecimal digits.
const NAME_BYTES_KEPT: usize = NAME_BYTES_MAX - 17;

const ESCAPE: u8 = 0x1b;

/// The text of a short value of printable ASCII, which nearly all are, copied; `None` for all others.
#[inline]
pub(super) fn printable_ascii<'a>(value: &[u8], padded: &'a mut Padded) -> Option<&'a str> {
    // Whole lanes: the rest of the last are blanks.
    let lanes = padded.copy(value)?.get(..value.len().next_multiple_of(LANE_BYTES))?;
    if lanes::has_any(lanes, is_unprintable) {
        return None;
    }
    std::str::from_utf8(lanes).ok()?.get(..value.len())
}

fn is_unprintable(lane: Lane) -> Mask {
    lane.within(0x7f, 0x1f)
}

/// The text of a value; where it is no valid UTF-8, a copy in `scratch` with U+FFFD in place of what is invalid.
pub(super) fn from_utf8_lossy<'a>(value: &'a [u8], scratch: &'a mut String) -> &'a str {
    if let Ok(text) = std::str::from_utf8(value) {
        return text;
    }
    scratch.clear();
    for chunk in value.utf8_chunks() {
        scratch.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            scratch.push(char::REPLACEMENT_CHARACTER);
        }
    }
    scratch
}

/// A text without the marks of the byte order that it begins with.
pub(super) fn without_byte_order_mark(text: &str) -> &str {
    let mut rest = text;
    while let Some(behind) = rest.strip_prefix('\u{feff}') {
        rest = behind;
    }
    rest
}

/// Whether a text consists of printable ASCII: nearly all lines do, and then there is little left to clean.
pub(super) fn is_printable_ascii(text: &str) -> bool {
    !lanes::has_any(text.as_bytes(), is_unprintable)
}

/// Whether more than a tenth of the text's beginning are control characters or stand for invalid UTF-8.
pub(super) fn is_binary(text: &str) -> bool {
    let probe = text.get(..text.floor_char_boundary(BINARY_PROBE_BYTES)).unwrap_or(text);
    let controls = probe.bytes().filter(|&byte| is_strange_control(byte)).count();
    let replaced = probe.chars().filter(|&character| character == char::REPLACEMENT_CHARACTER).count();
    (controls + replaced) * 10 > probe.chars().count()
}

/// A C0 control character that no text has: neither tab, nor the end of a line, nor the start of a colour code.
fn is_strange_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | ESCAPE)
}

/// As [`first_line`], for a value of printable ASCII: that is one line.
pub(super) fn clean_line(value: &str, bytes_max: usize) -> Option<(&str, bool)> {
    let (line, is_cut) = cut(value, bytes_max);
    (!line.is_empty()).then_some((line, is_cut))
}

/// The beginning of a line, without blanks at its end, and whether there is text behind it.
fn cut(line: &str, bytes_max: usize) -> (&str, bool) {
    let (line, beyond) = line.split_at_checked(line.floor_char_boundary(bytes_max)).unwrap_or((line, ""));
    (line.trim_ascii_end(), !beyond.trim_ascii_start().is_empty())
}

/// The line of a value that stands for it: the first one with text that is no continuation, else the first with text.
/// Without byte order mark, trailing blanks and escape sequences, and cut off at `bytes_max`; the second says whether it was.
/// `None` where there is no text at all. `plain` is scratch space.
pub(super) fn first_line<'a>(value: &'a str, bytes_max: usize, plain: &'a mut String) -> Option<(&'a str, bool)> {
    let value = without_byte_order_mark(value);
    let mut lines = Lines { rest: Some(value) }.filter(|line| !line.trim_ascii().is_empty());
    let first = lines.next()?;
    // A trace that came as one record is known by its exception, not by "Traceback (most recent call last):".
    let line = if is_continuation(first) { lines.find(|line| !is_continuation(line)).unwrap_or(first) } else { first };
    let (line, is_cut) = cut(line, bytes_max);
    if memchr::memchr(ESCAPE, line.as_bytes()).is_none() {
        return Some((line, is_cut));
    }
    strip_escapes(line, plain);
    let line = plain.trim_ascii_end();
    (!line.trim_ascii_start().is_empty()).then_some((line, is_cut))
}

/// The lines of a text. As [`str::lines`], but looks for their ends with `memchr`.
struct Lines<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        match memchr::memchr(b'\n', text.as_bytes()).and_then(|end| text.split_at_checked(end)) {
            Some((line, rest)) => {
                self.rest = rest.get(1..);
                Some(line)
            }
            None => Some(text),
        }
    }
}

/// Copies `line` into `plain` without terminal escape sequences (ECMA-48: CSI, OSC, and two-byte ones).
fn strip_escapes(line: &str, plain: &mut String) {
    plain.clear();
    let mut rest = line;
    while let Some((before, sequence)) =
        memchr::memchr(ESCAPE, rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
    {
        plain.push_str(before);
        rest = sequence.get(escape_length(sequence.as_bytes())..).unwrap_or_default();
    }
    plain.push_str(rest);
}

/// The length in bytes of the escape sequence that `bytes` begins with. One that never ends reaches to the end of the
/// line, if it is a string; else only as far as its own bytes go, so that a stray escape hides nothing.
fn escape_length(bytes: &[u8]) -> usize {
    let body = bytes.get(2..).unwrap_or_default();
    match bytes.get(1) {
        Some(b'[') => {
            let parameters = body.iter().take_while(|byte| (0x20..=0x3f).contains(*byte)).count();
            let has_final = body.get(parameters).is_some_and(|byte| (0x40..=0x7e).contains(byte));
            2 + parameters + usize::from(has_final)
        }
        Some(b']') => {
            let end = body.iter().position(|&byte| byte == 0x07 || byte == ESCAPE);
            match end {
                Some(end) if body.get(end..end + 2) == Some(b"\x1b\\") => 2 + end + 2,
                Some(end) if body.get(end) == Some(&0x07) => 2 + end + 1,
                Some(end) => 2 + end,
                None => bytes.len(),
            }
        }
        Some(0x40..=0x5f) => 2,
        _ => 1,
    }
}

/// A name within its limit and without control characters; `None` where it is empty. `scratch` holds it if it changed.
///
/// A long name keeps its beginning and ends in a hash of the whole, so that two long names stay two.
pub(super) fn clip_name<'a>(name: &'a str, scratch: &'a mut String) -> Option<&'a str> {
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let is_clean = !name.chars().any(char::is_control);
    if is_clean && name.len() <= NAME_BYTES_MAX {
        return Some(name);
    }
    scratch.clear();
    scratch.extend(name.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }));
    if scratch.len() > NAME_BYTES_MAX {
        scratch.truncate(scratch.floor_char_boundary(NAME_BYTES_KEPT));
        // Writing to a string cannot fail.
        let _ = write!(scratch, "~{:016x}", xxh3_64(name.as_bytes()));
    }
    Some(scratch)
}
