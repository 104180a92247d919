//! Text for people and machines: clean, redacted, cut to size; numbers and times as they are read.

use std::borrow::Cow;

use super::redact::redact;
use crate::decide::civil;
use crate::record::{Second, StreamTime};
use crate::vectorise::ELLIPSIS;

/// What stands where redaction is not possible.
const WITHHELD: &str = "[REDACTED]";
/// What stands for a text of which nothing can be seen.
const UNPRINTABLE: &str = "(unprintable)";

/// A text that may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Public {
    /// The text: no control characters, no secrets, within the limit.
    pub text: String,
    /// How many places were redacted.
    pub redactions: u32,
    /// Whether it was cut.
    pub is_cut: bool,
}

/// Makes a text publishable within `bytes_max`, which redaction may have brought it over. `None` where it cannot be redacted: then it must be left out.
pub(super) fn public(text: &str, bytes_max: usize) -> Option<Public> {
    let clean = clean(text);
    let seen = if clean.trim().is_empty() { UNPRINTABLE } else { &clean };
    let (redacted, redactions) = redact(seen)?;
    let (cut, is_cut) = cut(&redacted, bytes_max);
    Some(Public { text: cut.into_owned(), redactions, is_cut })
}

/// The same where a text must be there.
pub(super) fn public_text(text: &str, bytes_max: usize) -> String {
    public(text, bytes_max).map_or_else(|| WITHHELD.into(), |public| public.text)
}

/// A text for a sentence: in single quotes, at most `chars_max` characters between them.
pub(super) fn quoted(text: &str, chars_max: usize) -> String {
    format!("'{}'", shortened(public_text(text, 4 * chars_max.max(20)).trim(), chars_max))
}

/// At most `chars_max` characters; an ellipsis is the last of them where something is left out.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.into();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}{ELLIPSIS}", kept.trim_end())
}

/// Control characters become spaces: also those that break lines or turn the direction of writing, which hide what is said.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(hides) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if hides(c) { ' ' } else { c }).collect())
}

/// The beginning of a text within `bytes_max`, with an ellipsis where something is left out.
pub(super) fn cut(text: &str, bytes_max: usize) -> (Cow<'_, str>, bool) {
    if text.len() <= bytes_max {
        return (Cow::Borrowed(text), false);
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(ELLIPSIS.len_utf8()));
    let (kept, _) = text.split_at_checked(end).unwrap_or_default();
    (Cow::Owned(format!("{kept}{ELLIPSIS}")), true)
}

/// A number to four significant digits, so that the last bits of a platform's arithmetic are in no event. What is no number
/// becomes 0.
pub(super) fn round(value: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    // An exact decimal conversion; adding 0 makes -0 to 0.
    format!("{value:.3e}").parse::<f64>().unwrap_or(0.0) + 0.0
}

/// A number as a person says it: whole from 10 on, else one decimal where that says more.
pub(super) fn said(value: f64) -> String {
    let value = round(value);
    let text = if value.abs() >= 9.95 { format!("{value:.0}") } else { format!("{value:.1}") };
    text.strip_suffix(".0").map_or(text.clone(), Into::into)
}

/// A span of time as a person says it.
pub(super) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// When something began, as said at `now`: with seconds within the first minute, with the day where that is another one.
pub(super) fn since(moment: Second, now: StreamTime) -> String {
    let has_seconds = now.second().since(moment) < 60;
    format!("{} UTC", clock(moment, now, has_seconds))
}

/// From when to when: with seconds where it is short.
pub(super) fn between(start: Second, end: Second, now: StreamTime) -> String {
    let has_seconds = end.since(start) < 120;
    if start == end {
        return format!("at {} UTC", clock(start, now, has_seconds));
    }
    format!("from {} to {} UTC", clock(start, now, has_seconds), clock(end, now, has_seconds))
}

fn clock(moment: Second, now: StreamTime, has_seconds: bool) -> String {
    let (then, today) = (civil(moment.start()), civil(now));
    let mut text = String::new();
    if then.date() != today.date() {
        text = format!("{:04}-{:02}-{:02} ", then.year(), u8::from(then.month()), then.day());
    }
    text.push_str(&format!("{:02}:{:02}", then.hour(), then.minute()));
    if has_seconds {
        text.push_str(&format!(":{:02}", then.second()));
    }
    text
}

/// `1 line`, `2 lines`.
pub(super) fn counted(count: &str, noun: &str) -> String {
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `a`, `a and b`, `a, b and 3 more`: these names of so many.
pub(super) fn listed(names: &[String], shown_max: usize, total: usize) -> String {
    let shown = names.get(..shown_max.min(names.len())).unwrap_or_default();
    match (shown, total.saturating_sub(shown.len())) {
        (_, more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        ([first @ .., last], 0) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => shown.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_four_digits() {
        assert_eq!(round(3.4e-19 / 3.0), 1.133e-19);
        assert_eq!(round(123_456.0), 123_500.0);
        assert_eq!(round(-0.0).to_string(), "0");
        assert_eq!(round(f64::NAN), 0.0);
        assert_eq!(round(1e-300), 1e-300);
        let said = [0.04, 0.31, 1.0, 3.1, 9.96, 412.0, 18_240.0].map(said);
        assert_eq!(said, ["0", "0.3", "1", "3.1", "10", "412", "18240"]);
    }

    #[test]
    fn times_are_said_shortly() {
        let second = StreamTime(1_795_420_862_000).second();
        assert_eq!(since(second, second.plus(58).end()), "08:01:02 UTC");
        assert_eq!(since(second, second.plus(60).end()), "08:01 UTC");
        assert_eq!(since(second, second.plus(86_400).end()), "2026-11-23 08:01 UTC");
        assert_eq!(between(second, second.plus(59), second.plus(99).end()), "from 08:01:02 to 08:02:01 UTC");
        assert_eq!(between(second, second.plus(597), second.plus(700).end()), "from 08:01 to 08:10 UTC");
        assert_eq!([5, 119, 120, 7_300, 86_400 * 12].map(span), ["5 s", "119 s", "2 min", "2 h", "12 days"]);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 6).0, "äöü");
        assert_eq!(cut("äöüß", 7), ("äö…".into(), true));
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(clean("a\nb\u{0}c\u{202e}d"), "a b c d");
        let names = ["a", "b", "c", "d"].map(String::from);
        assert_eq!([1, 2, 4].map(|n| listed(&names[..n], 3, n)), ["a", "a and b", "a, b, c and 1 more"]);
        assert_eq!(listed(&names, 3, 1_099), "a, b, c and 1096 more");
    }
}
