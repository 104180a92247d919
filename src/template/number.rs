//! Numbers as lines write them, for the sketches of values.

/// The most digits of a whole number that measures something; longer ones are identifiers.
const INTEGER_DIGITS_MAX: usize = 6;

/// The most digits of a decimal, point apart; what has more is no measurement, and a double could not hold it.
const DECIMAL_DIGITS_MAX: usize = 15;

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
    /// A whole number of at most six digits.
    Integer(i64),
    /// A number with a decimal point.
    Decimal(f64),
}

/// The number in a text: an optional sign, digits, perhaps a point and more digits, perhaps a unit (`45ms`, `99.5%`).
///
/// The unit is not converted. `None` for what is no plain number, and for whole numbers of more than six digits, which
/// are identifiers rather than quantities.
pub fn number(text: &str) -> Option<Number> {
    let shape = Shape::of(text.as_bytes())?;
    let digits = text.get(..shape.length)?;
    if shape.is_decimal {
        (shape.digits <= DECIMAL_DIGITS_MAX).then(|| digits.parse().ok().map(Number::Decimal))?
    } else {
        (shape.digits <= INTEGER_DIGITS_MAX).then(|| digits.parse().ok().map(Number::Integer))?
    }
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
            "1,000",
            "1.1234567890123456",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
