//! Numbers as lines write them, for the sketches of values.

use super::class::{END, class};

/// The most digits of a whole number that measures something; longer ones are identifiers.
const INTEGER_DIGITS_MAX: usize = 6;

/// The most digits of a decimal, point apart; what has more is no measurement, and a double could not hold it.
const DECIMAL_DIGITS_MAX: usize = 15;

/// The longest number with groups, in bytes without commas; what is longer is none.
const GROUPED_BYTES_MAX: usize = 24;

/// Whether this may stand directly behind a number: nothing, or a unit.
fn is_unit(text: &[u8]) -> bool {
    matches!(
        text,
        b"" | b"%" | b"ns" | b"us" | b"\xc2\xb5s" | b"\xce\xbcs" | b"ms" | b"s" | b"sec" | b"min" | b"m" | b"h" | b"d"
    ) || matches!(text, b"x" | b"B" | b"b" | b"K" | b"k" | b"KB" | b"kB" | b"KiB" | b"MB" | b"MiB" | b"GB" | b"GiB")
}

/// A number that a line holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number of at most six digits, or of up to 15 with groups of thousands.
    Integer(i64),
    /// A number with a decimal point.
    Decimal(f64),
}

/// The number in a text: an optional sign, digits, perhaps a point and more digits, perhaps a unit (`45ms`, `99.5%`).
///
/// The unit is not converted. `None` for what is no plain number, and for whole numbers of more than six digits, which
/// are identifiers rather than quantities.
pub fn number(text: &str) -> Option<Number> {
    if let Some(number) = grouped(text) {
        return Some(number);
    }
    let shape = Shape::of(text.as_bytes())?;
    let digits = text.get(..shape.length)?;
    if shape.is_decimal {
        (shape.digits <= DECIMAL_DIGITS_MAX).then(|| digits.parse().ok().map(Number::Decimal))?
    } else {
        (shape.digits <= INTEGER_DIGITS_MAX).then(|| digits.parse().ok().map(Number::Integer))?
    }
}

/// The number in a text with groups of thousands. Nobody groups the digits of an identifier, so it may be large.
fn grouped(text: &str) -> Option<Number> {
    let first = memchr::memchr(b',', text.as_bytes())?;
    if end_of_groups(text.as_bytes(), 0, first) != text.len()
        || !text.bytes().take(first).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let mut digits = [0_u8; GROUPED_BYTES_MAX];
    let mut length = 0;
    for byte in text.bytes().filter(|byte| *byte != b',') {
        *digits.get_mut(length)? = byte;
        length += 1;
    }
    let shape = Shape::of(digits.get(..length)?)?;
    let digits =
        std::str::from_utf8(digits.get(..shape.length)?).ok().filter(|_| shape.digits <= DECIMAL_DIGITS_MAX)?;
    if shape.is_decimal { digits.parse().ok().map(Number::Decimal) } else { digits.parse().ok().map(Number::Integer) }
}

/// The end of the number whose first digits end at `end`: behind its groups of thousands, if it has such (`1,234,567`, `1,204.5ms`).
/// A list whose parts happen to have three digits reads the same.
#[inline]
pub(super) fn end_of_groups(bytes: &[u8], start: usize, end: usize) -> usize {
    if !(1..=3).contains(&(end - start)) || bytes.get(end) != Some(&b',') {
        return end;
    }
    let mut last = end;
    while let Some([b',', group @ ..]) = bytes.get(last..).and_then(|rest| rest.first_chunk::<4>())
        && group.iter().all(u8::is_ascii_digit)
    {
        last += 4;
    }
    if last == end {
        return end;
    }
    let rest = bytes.get(last..).unwrap_or_default();
    let length = rest.iter().position(|byte| class(*byte) & END != 0).unwrap_or(rest.len());
    let tail = bytes.get(last - 3..last + length).unwrap_or_default();
    let points = tail.iter().rev().take_while(|byte| matches!(byte, b'.' | b'!' | b'?' | b':')).count();
    let tail = tail.get(..tail.len() - points).unwrap_or_default();
    let is_list = matches!(rest, [b'0'..=b'9', ..] | [b',', b'0'..=b'9', ..]);
    if !is_list && is_number(tail) { last - 3 + tail.len() } else { end }
}

/// Whether a token is a number with or without a unit, whatever its size.
pub(super) fn is_number(token: &[u8]) -> bool {
    Shape::of(token).is_some()
}

/// How a number is written.
struct Shape {
    /// The length of sign, digits and point, in bytes.
    length: usize,
    digits: usize,
    is_decimal: bool,
}

impl Shape {
    fn of(token: &[u8]) -> Option<Self> {
        let sign = usize::from(matches!(token.first(), Some(b'+' | b'-')));
        let whole = digits(token.get(sign..)?);
        if whole == 0 {
            return None;
        }
        let point = sign + whole;
        let fraction = if token.get(point) == Some(&b'.') { digits(token.get(point + 1..)?) } else { 0 };
        let is_decimal = fraction > 0;
        let length = if is_decimal { point + 1 + fraction } else { point };
        let unit = token.get(length..)?;
        is_unit(unit).then_some(Self { length, digits: whole + fraction, is_decimal })
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_signs_points_and_units() {
        for (text, value) in [("0", 0), ("45ms", 45), ("-12", -12), ("+7", 7), ("99%", 99), ("999999", 999_999)] {
            assert_eq!(number(text), Some(Number::Integer(value)), "{text}");
        }
        for (text, value) in [("0.9", 0.9), ("-1.25s", -1.25), ("100.00%", 100.0), ("3.125MB", 3.125), ("1.5µs", 1.5)]
        {
            assert_eq!(number(text), Some(Number::Decimal(value)), "{text}");
        }
        for (text, value) in [("1,000", 1_000), ("1,234,567", 1_234_567), ("12,204ms", 12_204)] {
            assert_eq!(number(text), Some(Number::Integer(value)), "{text}");
        }
        assert_eq!(number("1,234.5s"), Some(Number::Decimal(1234.5)));
    }

    #[test]
    fn groups_of_thousands_are_one_number() {
        for (text, length) in [
            ("1,234,567 bytes", 9),
            ("1,204.5ms, then", 9),
            ("12,345.", 6),
            ("1,234", 5),
            ("1,23", 1),
            ("1234,567", 4),
            ("1,234,5", 1),
            ("1,234y", 1),
            ("1,2345", 1),
            ("1,", 1),
        ] {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            assert_eq!(end_of_groups(text.as_bytes(), 0, digits), length, "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_number_is_none() {
        for text in [
            "",
            "-",
            "1234567",
            "1.2.3",
            "12a",
            "0x1f",
            "ms",
            ".5",
            "5.",
            "1e5",
            "12:30",
            ",",
            "1,00",
            "1,000,0",
            "999,999,999,999,999,999,999",
            "1.1234567890123456",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
