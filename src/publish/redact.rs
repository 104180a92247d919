//! Redaction: what must not leave the logs is replaced by `[REDACTED:<rule>]`.
//!
//! The rules are a small set after those of gitleaks (MIT) and of the usual lists of personal data. They run on the publish
//! path only, a few lines a second, and in time linear in the text (no backtracking). They fail closed: where they
//! cannot be built no text is published. What they do not know they do not find: this lowers the risk and does not replace
//! keeping secrets out of logs.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The name of a thing and the pattern that finds it. A group `keep` stays, a group `value` alone is replaced.
const PATTERNS: [(&str, &str); 13] = [
    (
        "private_key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)",
    ),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"),
    ("aws_key", r"\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\b"),
    ("github_token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    ("gitlab_token", r"\bglpat-[A-Za-z0-9_-]{16,}"),
    ("slack_token", r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}|\bhttps://hooks\.slack\.com/[A-Za-z]+/[A-Za-z0-9+/]+"),
    ("google_key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("stripe_key", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("url_password", r"(?i)(?P<keep>\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]*:)(?P<value>[^\s/@]+)@"),
    (
        "authorization",
        r#"(?i)(?P<keep>\bauthorization["']?\s*[:=]\s*["']?(?:[a-z-]{1,20}\s+)?|\b(?:bearer|basic)\s+)(?P<value>[A-Za-z0-9._~+/=:-]{6,})"#,
    ),
    (
        "secret",
        r#"(?i)(?P<keep>(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)["']?\s*(?:=>|:=|=|:)\s*)(?P<value>"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s,;&"'{}()\[\]>][^\s,;&"'{}()\[\]]*)"#,
    ),
    ("email", r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b"),
    ("card", r"\b[2-6](?:[ -]?[0-9]){12,18}\b"),
];

static RULES: LazyLock<Option<Vec<(&str, Regex)>>> = LazyLock::new(|| {
    PATTERNS.iter().map(|&(name, pattern)| Regex::new(pattern).ok().map(|regex| (name, regex))).collect()
});

/// The text without what the rules find, and how many places that were. `None` where the rules could not be built.
pub fn redact(text: &str) -> Option<(Cow<'_, str>, u32)> {
    let mut redacted = Cow::Borrowed(text);
    let mut count = 0;
    for (name, rule) in RULES.as_ref()? {
        let mut replace = |found: &Captures<'_>| {
            let whole = found.get(0).map_or("", |whole| whole.as_str());
            let value = found.name("value").map_or(whole, |value| value.as_str());
            if is_placeholder(value) || (*name == "card" && !is_card(value)) {
                return whole.to_owned();
            }
            count += 1;
            let keep = found.name("keep").map_or("", |keep| keep.as_str());
            let rest = if *name == "url_password" { "@" } else { "" };
            format!("{keep}[REDACTED:{name}]{rest}")
        };
        if rule.is_match(&redacted) {
            redacted = Cow::Owned(rule.replace_all(&redacted, &mut replace).into_owned());
        }
    }
    Some((redacted, count))
}

/// What another rule put there, or a parameter of a template.
fn is_placeholder(value: &str) -> bool {
    value.starts_with("[REDACTED") || (value.starts_with('<') && value.ends_with('>'))
}

/// Whether digits are a card number: the issuers' lengths and Luhn's check digit (ISO/IEC 7812-1). Most long numbers in
/// logs are none.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(i, &d)| if i % 2 == 1 { doubled(d) } else { d }).sum();
    let fits = match digits.as_slice() {
        [4, ..] => matches!(digits.len(), 13 | 16 | 19),
        [3, 4 | 7, ..] => digits.len() == 15,
        [3, ..] => (14..=19).contains(&digits.len()),
        [2 | 5 | 6, ..] => (16..=19).contains(&digits.len()),
        _ => false,
    };
    fits && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn planted_secrets_are_found() {
        for (text, want) in [
            ("login password=hunter2 ok", "login password=[REDACTED:secret] ok"),
            (r#"{"api_key": "abc123", "n": 1}"#, r#"{"api_key": [REDACTED:secret], "n": 1}"#),
            // The text was cut.
            (r#"{"password": "correct horse"#, r#"{"password": [REDACTED:secret]"#),
            ("password='correct horse", "password=[REDACTED:secret]"),
            ("db_passwd: s3cr3t!", "db_passwd: [REDACTED:secret]"),
            ("password=>hunter2", "password=>[REDACTED:secret]"),
            ("Authorization: Bearer abcdef123456", "Authorization: Bearer [REDACTED:authorization]"),
            ("sent bearer abcdef123456.", "sent bearer [REDACTED:authorization]"),
            ("t eyJhbGciOiJI.eyJzdWIiOiIx.SflKxw end", "t [REDACTED:jwt] end"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key [REDACTED:aws_key] used"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[REDACTED:github_token]"),
            ("xoxb-123456789012-abcdef", "[REDACTED:slack_token]"),
            ("postgres://app:pa55@db:5432/x", "postgres://app:[REDACTED:url_password]@db:5432/x"),
            ("mail to jane.doe+x@example.co.uk now", "mail to [REDACTED:email] now"),
            ("card 4111 1111 1111 1111 declined", "card [REDACTED:card] declined"),
            ("-----BEGIN RSA PRIVATE KEY----- MIIE x -----END RSA PRIVATE KEY----- z", "[REDACTED:private_key] z"),
            ("-----BEGIN PRIVATE KEY----- MIIE cut", "[REDACTED:private_key]"),
        ] {
            let (redacted, count) = redact(text).unwrap();
            assert_eq!(redacted, want);
            assert_eq!(count, 1, "{text}");
        }
    }

    #[test]
    fn ordinary_lines_stay() {
        for text in [
            "Payment gateway timeout after 30000 ms order=4111111111111112",
            "block blk_-1608999687919862906 of size 67108864",
            "token <NUM> password=<*> for user bob",
            "at 2026-11-23T08:01:02.003Z 10.0.0.1:8080 GET /a@b",
            "secretary keyboard tokens",
            "password=>[REDACTED:secret]",
        ] {
            assert_eq!(redact(text).unwrap(), (text.into(), 0));
        }
    }

    proptest! {
        #[test]
        fn redacting_twice_changes_nothing(text in "[ -~]{0,80}(password=|token: |a@b.c|Bearer )[ -~]{0,40}") {
            let once = redact(&text).unwrap().0.into_owned();
            prop_assert_eq!(redact(&once).unwrap().0, once.as_str());
        }
    }
}
