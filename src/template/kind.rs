//! What a token is: a literal, or a variable of some kind.

use serde::{Deserialize, Serialize};

use super::class::{COLON, DIGIT, HEX_LETTER, LETTER, MARK, SLASH, WORD, class, classes_of};
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
pub(super) fn kind(token: &[u8], classes: u8) -> Option<ParameterKind> {
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
    if classes & MARK != 0 && is_email(token) {
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

/// Whether a token of letters and marks alone can be no variable by itself: for nearly all words of a line one look at the
/// length and the first letter says so.
#[inline]
pub(super) fn is_plainly_literal(first: u8, length: usize, classes: u8) -> bool {
    // The shortest address of a mailbox is `a@b.c`.
    if classes & (DIGIT | COLON | SLASH) != 0 || (classes & MARK != 0 && length >= 5) {
        return false;
    }
    // Behind a name of three to five letters may stand points.
    let may_be_name =
        matches!(first, b'M' | b'T' | b'W' | b'F' | b'S' | b'J' | b'A' | b'O' | b'N' | b'D' | b't' | b'f' | b'n');
    let is_short = length < 3 || (length > 5 && classes & MARK == 0);
    (is_short || !may_be_name) && (length < 8 || classes & LETTER != 0)
}

fn has_two_slashes(token: &[u8]) -> bool {
    token.iter().filter(|byte| **byte == b'/').nth(1).is_some()
}

/// The kind of a token with at least one digit. The union of the classes leaves few candidates each.
fn kind_with_digits(token: &[u8], classes: u8) -> ParameterKind {
    // All other tokens are spared the look for a unit.
    let may_be_number = matches!(token, [b'0'..=b'9' | b'+' | b'-', ..]);
    if classes == DIGIT || (may_be_number && is_number(token)) {
        return ParameterKind::Number;
    }
    if classes & SLASH != 0
        && (token.first() == Some(&b'/') || has_two_slashes(token))
        && classes & !(DIGIT | SLASH) != 0
    {
        return ParameterKind::Path;
    }
    if classes & !(DIGIT | MARK | COLON | SLASH) == 0 {
        return kind_of_digits_and_marks(token);
    }
    let is_prefixed = token.starts_with(b"0x") || token.starts_with(b"0X");
    let digits = if is_prefixed { token.get(2..).unwrap_or_default() } else { token };
    match if is_prefixed { classes_of(digits) } else { classes } {
        union if union & !(DIGIT | HEX_LETTER) == 0 => ParameterKind::Hexadecimal,
        union if union == DIGIT | HEX_LETTER | MARK && is_uuid(token) => ParameterKind::Uuid,
        union if union & MARK != 0 && is_email(token) => ParameterKind::Email,
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

/// The kind of a token such as `10.0.0.7`, `08:01:24`, `2026-11-23` or `1,2`.
fn kind_of_digits_and_marks(token: &[u8]) -> ParameterKind {
    let (mut points, mut hyphens, mut colons, mut slashes) = (0, 0, 0, 0);
    for &byte in token {
        points += u32::from(byte == b'.');
        hyphens += u32::from(byte == b'-');
        colons += u32::from(byte == b':');
        slashes += u32::from(byte == b'/');
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

/// Whether a token is 8-4-4-4-12 hexadecimal digits.
fn is_uuid(token: &[u8]) -> bool {
    token.len() == 36
        && token.iter().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The kind of a token that its colons do not split: an address with a port, or colons between hexadecimal digits. `classes`
/// are those of its bytes, and perhaps of some behind it.
pub(super) fn kind_with_colons(token: &[u8], classes: u8) -> Option<ParameterKind> {
    // `fe80::1`, `00:1a:2b:3c:4d:5e`, `08:01:24`
    if classes & (LETTER | SLASH) == 0
        && let Some(kind) = kind_of_colon_hexadecimal(token)
    {
        return Some(kind);
    }
    // `db-2.example.com:5432`
    let digits = token.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (host, port) = token.split_at_checked(token.len() - digits)?;
    let host = host.strip_suffix(b":").filter(|host| !port.is_empty() && is_dotted_host(host))?;
    let is_address = host.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    Some(if is_address { ParameterKind::Ip } else { ParameterKind::Word })
}

/// Two colons at least, and between them nothing but hexadecimal digits.
fn kind_of_colon_hexadecimal(token: &[u8]) -> Option<ParameterKind> {
    let (mut colons, mut classes) = (0, 0);
    for byte in token {
        let class = class(*byte);
        if class & !(DIGIT | HEX_LETTER | COLON) != 0 {
            return None;
        }
        colons += u32::from(class == COLON);
        classes |= class;
    }
    let is_hexadecimal = classes & DIGIT != 0;
    match colons {
        2 if is_hexadecimal && classes & HEX_LETTER == 0 && !token.starts_with(b":") => Some(ParameterKind::Time),
        5 if is_hexadecimal && token.len() == 17 => Some(ParameterKind::Mac),
        2.. if is_hexadecimal => Some(ParameterKind::Ip),
        _ => None,
    }
}

/// Whether a text is the name of a host, of two labels at least.
fn is_dotted_host(text: &[u8]) -> bool {
    let (mut before, mut has_point) = (b'.', false);
    for &byte in text {
        let is_of_label = match class(byte) {
            DIGIT | HEX_LETTER => true,
            LETTER => byte.is_ascii(),
            _ => matches!(byte, b'-' | b'_'),
        };
        if !is_of_label && (byte != b'.' || before == b'.') {
            return false;
        }
        has_point |= byte == b'.';
        before = byte;
    }
    has_point && before != b'.'
}

/// The longest unit, in bytes.
pub(super) const UNIT_BYTES_MAX: usize = 4;

/// Whether a word is a unit of size or time: behind a number it varies with it (`9 KB`, `1 MB`; `40 sec`, `2 min`). Milliseconds and
/// below are not among them: writers stay with them, and readers want to see them.
pub(super) fn is_unit(word: &[u8]) -> bool {
    matches!(word, b"B" | b"KB" | b"kB" | b"MB" | b"GB" | b"TB" | b"PB" | b"KiB" | b"MiB" | b"GiB" | b"TiB")
        || matches!(word, b"s" | b"sec" | b"secs" | b"min" | b"mins")
}
