//! What a token is: a literal, or a variable of some kind.

use serde::{Deserialize, Serialize};

use super::address::is_dotted_host;
use super::class::{AT, COLON, DIGIT, HEX_LETTER, LETTER, MARK, ROW, SLASH, WORD, classes_of};
use super::number::is_number;

/// What a variable part of a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// A whole number or decimal, perhaps with a sign and a unit: `45`, `-0.5`, `45ms`. [`super::number()`] reads it.
    Number,
    /// Hexadecimal digits: `0x7ffe`, `2c12a3826fa6573b`.
    Hexadecimal,
    /// A UUID as of RFC 9562.
    Uuid,
    /// An IPv4 or IPv6 address, perhaps with a port: `10.0.0.7:443`.
    Ip,
    /// A hardware address of six bytes: `00:1a:2b:3c:4d:5e`.
    Mac,
    /// The address of a mailbox at a dotted domain: `ann@example.com`.
    Email,
    /// A path: `/var/log/messages`, `a/b/c`.
    Path,
    /// A URL, or anything else with a scheme: `postgres://db/shop`.
    Url,
    /// A date, a time of day, or a name of a month or weekday.
    Time,
    /// A time of several units: `1h2m3.5s`. With a single unit it is a number.
    Duration,
    /// What a mask of the user found.
    Masked,
    /// A single word in quotes that is none of the above; may be empty.
    Quoted,
    /// Everything else: words with digits (`ssh2`), hosts with ports, truth values, values of keys; may be empty.
    Word,
}

/// The kind of a token without blanks, delimiters, and trailing points, of which `classes` is the union of its bytes'
/// classes; `None` for a literal. Tokens with colons that separate have been split.
#[inline]
pub(super) fn kind(token: &[u8], classes: u16) -> Option<ParameterKind> {
    let classes = classes & !ROW;
    if classes == DIGIT {
        return Some(ParameterKind::Number);
    }
    if classes & DIGIT != 0 {
        return Some(kind_with_digits(token, classes));
    }
    if classes & WORD == 0 {
        return None;
    }
    if classes & SLASH != 0 && (token.first() == Some(&b'/') || has_two_slashes(token)) {
        return Some(ParameterKind::Path);
    }
    if classes & AT != 0 && is_email(token) {
        return Some(ParameterKind::Email);
    }
    if (3..=5).contains(&token.len())
        && let Some(kind) = kind_of_name(token)
    {
        return Some(kind);
    }
    (classes == HEX_LETTER && token.len() >= 8).then_some(ParameterKind::Hexadecimal)
}

/// The kind of the name of a day or month, or of a truth value.
fn kind_of_name(token: &[u8]) -> Option<ParameterKind> {
    match token {
        b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun" => Some(ParameterKind::Time),
        b"Jan" | b"Feb" | b"Mar" | b"Apr" | b"May" | b"Jun" | b"Jul" | b"Aug" | b"Sep" | b"Oct" | b"Nov" | b"Dec" => {
            Some(ParameterKind::Time)
        }
        b"true" | b"false" | b"null" | b"nil" | b"True" | b"False" | b"None" | b"TRUE" | b"FALSE" | b"NULL" => {
            Some(ParameterKind::Word)
        }
        _ => None,
    }
}

/// What a token is at first sight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// A literal, unless what stands before it makes it a variable.
    Literal,
    /// A variable of this kind: `ssh2`, `blk_-4018`, `node-7`, `e3b0c442`.
    Variable(ParameterKind),
    /// It must be looked at.
    Unclear,
}

/// What a token is, by its classes, its length and its first and last byte: for nearly all words that is enough.
#[inline]
pub(super) fn at_first_sight(first: u8, last: u8, length: usize, classes: u16) -> Sight {
    if classes & (COLON | SLASH | AT) != 0 {
        return Sight::Unclear;
    }
    if classes & DIGIT != 0 {
        // Whatever it begins with: units that are hexadecimal digits are these.
        if classes == DIGIT | HEX_LETTER && !matches!(last, b'b' | b'd' | b'B') {
            return Sight::Variable(ParameterKind::Hexadecimal);
        }
        // Neither a number nor a time, and without joints and points; perhaps a UUID.
        let is_plain = first.is_ascii_alphabetic() && last.is_ascii_alphanumeric() && classes & ROW == 0;
        return match classes & (LETTER | MARK) {
            0 if is_plain => Sight::Variable(ParameterKind::Hexadecimal),
            MARK if length == 36 => Sight::Unclear,
            _ if is_plain => Sight::Variable(ParameterKind::Word),
            _ => Sight::Unclear,
        };
    }
    // What stands behind a name or a unit is no part of it.
    let is_literal = match (classes & MARK, length) {
        (0, _) => is_literal(first, last, length, classes & LETTER == 0),
        (_, 3..=4) => NAMES_END.get(usize::from(first)) == Some(&0),
        (_, 5..) => !matches!(last, b'.' | b'!' | b'?' | b'-'),
        _ => true,
    };
    if is_literal { Sight::Literal } else { Sight::Unclear }
}

/// Whether a word of letters must be a literal, by its first and last letter, its length and whether it may be hexadecimal digits: it is
/// no name of [`kind_of_name`].
#[inline]
pub(super) fn is_literal(first: u8, last: u8, length: usize, may_be_hexadecimal: bool) -> bool {
    let ends = NAMES_END.get(usize::from(first)).copied().unwrap_or_default();
    let may_be_name = (3..=5).contains(&length) & (ends >> (last & 31) & 1 != 0);
    // Both are computed and no branch depends on them: words come in no order that could be guessed.
    !(may_be_name | ((length >= 8) & may_be_hexadecimal))
}

/// The names of days, months and truth values.
const NAMES: [&[u8]; 29] = [
    b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul",
    b"Aug", b"Sep", b"Oct", b"Nov", b"Dec", b"true", b"false", b"null", b"nil", b"True", b"False", b"None", b"TRUE",
    b"FALSE", b"NULL",
];

/// For each first letter of these names with which letters they may end, a bit for each.
const NAMES_END: [u32; 256] = {
    let mut ends = [0; 256];
    let mut number = 0;
    #[expect(clippy::indexing_slicing, reason = "checked when compiled")]
    while number < NAMES.len() {
        let name = NAMES[number];
        ends[name[0] as usize] |= 1 << (name[name.len() - 1] & 31);
        number += 1;
    }
    ends
};

fn has_two_slashes(token: &[u8]) -> bool {
    token.iter().filter(|byte| **byte == b'/').nth(1).is_some()
}

/// The kind of a token with at least one digit. The union of the classes leaves few candidates each.
fn kind_with_digits(token: &[u8], classes: u16) -> ParameterKind {
    if classes & (HEX_LETTER | LETTER) == 0 {
        return kind_of_digits_and_marks(token, classes);
    }
    // All other tokens are spared the look for a unit.
    if token.first().is_some_and(|first| matches!(first, b'0'..=b'9' | b'+' | b'-')) && is_number(token) {
        return ParameterKind::Number;
    }
    if classes & SLASH != 0 && (token.first() == Some(&b'/') || has_two_slashes(token)) {
        return ParameterKind::Path;
    }
    let is_prefixed = token.starts_with(b"0x") || token.starts_with(b"0X");
    let digits = if is_prefixed { token.get(2..).unwrap_or_default() } else { token };
    match if is_prefixed { classes_of(digits) } else { classes } {
        union if union & !(DIGIT | HEX_LETTER) == 0 => ParameterKind::Hexadecimal,
        union if union == DIGIT | HEX_LETTER | MARK && is_uuid(token) => ParameterKind::Uuid,
        union if union & AT != 0 && is_email(token) => ParameterKind::Email,
        _ if is_duration(token) => ParameterKind::Duration,
        _ => ParameterKind::Word,
    }
}

/// Whether a token is a mailbox and a dotted domain.
fn is_email(token: &[u8]) -> bool {
    let Some((mailbox, domain)) =
        memchr::memchr(b'@', token).and_then(|at| Some((token.get(..at)?, token.get(at + 1..)?)))
    else {
        return false;
    };
    let is_of_mailbox = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%');
    !mailbox.is_empty() && mailbox.iter().all(is_of_mailbox) && is_dotted_host(domain)
}

/// Whether a token is two or more numbers with units of time, as Go and systemd write them.
fn is_duration(token: &[u8]) -> bool {
    let (mut rest, mut units) = (token, 0);
    while rest.first().is_some_and(u8::is_ascii_digit) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let letters = rest.iter().skip(digits).take_while(|byte| byte.is_ascii_lowercase()).count();
        let unit = rest.get(digits..digits + letters).unwrap_or_default();
        if !matches!(unit, b"d" | b"h" | b"m" | b"min" | b"s" | b"ms" | b"us" | b"ns") {
            return false;
        }
        units += 1;
        rest = rest.get(digits + letters..).unwrap_or_default();
    }
    units >= 2 && rest.is_empty()
}

/// The kind of a token such as `10.0.0.7`, `08:01:24`, `2026-11-23` or `-0.5`.
fn kind_of_digits_and_marks(token: &[u8], classes: u16) -> ParameterKind {
    let Marks { points, hyphens, colons, slashes } = Marks::of(token);
    if points <= 1 && classes & (COLON | SLASH) == 0 && is_number(token) {
        return ParameterKind::Number;
    }
    if (token.first() == Some(&b'/') || slashes >= 2) && classes & !(DIGIT | SLASH) != 0 {
        return ParameterKind::Path;
    }
    match (points, hyphens, colons) {
        (3, 0, 0..=1) => ParameterKind::Ip,
        (0..=1, 0, 1..=2) if slashes == 0 => ParameterKind::Time,
        (0, 2, 0) if token.len() == 10 => ParameterKind::Time,
        (0, 0, 0) if slashes == 2 => ParameterKind::Time,
        (0, 4, 0) if is_uuid(token) => ParameterKind::Uuid,
        _ => ParameterKind::Word,
    }
}

/// How often the marks that dates, times and addresses are made of stand in a token.
struct Marks {
    points: u64,
    hyphens: u64,
    colons: u64,
    slashes: u64,
}

impl Marks {
    /// All four are counted in one number, of which each has 16 bits, so that no byte is asked what it is.
    fn of(token: &[u8]) -> Self {
        let mut marks = Self { points: 0, hyphens: 0, colons: 0, slashes: 0 };
        for chunk in token.chunks(usize::from(u16::MAX)) {
            let all =
                chunk.iter().fold(0, |all, byte| all + MARKS.get(usize::from(*byte)).copied().unwrap_or_default());
            marks.points += all & 0xffff;
            marks.hyphens += all >> 16 & 0xffff;
            marks.colons += all >> 32 & 0xffff;
            marks.slashes += all >> 48;
        }
        marks
    }
}

/// The place in the sum of [`Marks::of`] for each byte.
const MARKS: [u64; 256] = {
    let mut marks = [0; 256];
    #[expect(clippy::indexing_slicing, reason = "256 entries, and checked when compiled")]
    {
        marks[b'.' as usize] = 1;
        marks[b'-' as usize] = 1 << 16;
        marks[b':' as usize] = 1 << 32;
        marks[b'/' as usize] = 1 << 48;
    }
    marks
};

/// Whether a token is 8-4-4-4-12 hexadecimal digits.
fn is_uuid(token: &[u8]) -> bool {
    token.len() == 36
        && token.iter().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The longest unit, in bytes.
pub(super) const UNIT_BYTES_MAX: usize = 4;

/// Whether a word is a unit of size or time: behind a number it varies with it (`9 KB`, `1 MB`; `40 sec`, `2 min`). Milliseconds and
/// below are not among them: writers stay with them, and readers want to see them.
pub(super) fn is_unit(word: &[u8]) -> bool {
    matches!(word, b"B" | b"KB" | b"kB" | b"MB" | b"GB" | b"TB" | b"PB" | b"KiB" | b"MiB" | b"GiB" | b"TiB")
        || matches!(word, b"s" | b"sec" | b"secs" | b"min" | b"mins")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_taken_for_a_literal_at_first_sight() {
        for name in NAMES {
            assert!(kind_of_name(name).is_some(), "{name:?}");
            let (first, last) = (name[0], name[name.len() - 1]);
            assert!(!is_literal(first, last, name.len(), false), "{name:?}");
            let stopped = at_first_sight(first, b'.', name.len() + 1, LETTER | MARK);
            assert!(stopped == Sight::Unclear, "{name:?}");
        }
        assert!(is_literal(b'f', b'r', 3, false) && is_literal(b'f', b'm', 4, false));
    }
}
