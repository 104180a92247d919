//! Spans of time and moments as people write them: `30d`, `6h`, `90m`, and RFC 3339. The one parser for keys and options.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// No span is longer: a hundred years, in milliseconds.
const SPAN_MS_MAX: i64 = 100 * 365 * 86_400_000;

/// A span of time: a whole number and `d`, `h`, `m` or `s`. Returns milliseconds.
///
/// # Errors
/// Says what is expected instead.
pub fn span_ms(text: &str) -> Result<i64, String> {
    let expected = || format!("is a span of time up to 100 years, as in 30d, 6h, 90m or 45s, not {text:?}");
    let mut digits = text.chars();
    let unit_ms = match digits.next_back() {
        Some('d') => 86_400_000,
        Some('h') => 3_600_000,
        Some('m') => 60_000,
        Some('s') => 1_000,
        _ => return Err(expected()),
    };
    // A sign is no part of a span, though `parse` would take one.
    let count = digits.as_str();
    if !count.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(expected());
    }
    let span = count.parse::<i64>().ok().and_then(|count| count.checked_mul(unit_ms));
    span.filter(|&span| span <= SPAN_MS_MAX).ok_or_else(expected)
}

/// A moment: RFC 3339, or a span of time before `now_ms`. Returns milliseconds since 1970.
///
/// # Errors
/// Says what is expected instead.
pub fn moment_ms(text: &str, now_ms: i64) -> Result<i64, String> {
    if let Ok(span) = span_ms(text) {
        return Ok(now_ms.saturating_sub(span));
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok();
    moment.and_then(|moment| i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok()).ok_or_else(|| {
        format!("is a moment in RFC 3339, as in 2026-11-25T08:00:00Z, or a span of time until now, as in 30d, 6h or 90m, not {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_numbers_of_a_unit() {
        assert_eq!(span_ms("30d"), Ok(30 * 86_400_000));
        assert_eq!(span_ms("6h"), Ok(21_600_000));
        assert_eq!(span_ms("90m"), span_ms("5400s"));
        for wrong in
            ["", "d", "6", "-6h", "+6h", "6 h", "6.5h", "6H", "six h", "99999999999999999999d", "9999999d", "6é"]
        {
            assert!(span_ms(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_absolute_or_so_long_ago() {
        assert_eq!(moment_ms("2026-11-23T08:00:00.250Z", 0), Ok(1_795_420_800_250));
        assert_eq!(moment_ms("2026-11-23T10:00:00+02:00", 0), Ok(1_795_420_800_000));
        assert_eq!(moment_ms("6h", 1_795_420_800_000), Ok(1_795_420_800_000 - 21_600_000));
        for wrong in ["yesterday", "2026-11-23", "2026-11-23T08:00:00", "1795420800000"] {
            assert!(moment_ms(wrong, 0).is_err(), "{wrong}");
        }
    }
}
