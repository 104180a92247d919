//! Quoted words: `user 'ann'`, `pool "main"`, `role="db"`.
//!
//! Who writes quotes around a single word says that it is a value, be it a word like others. States stay what they are
//! (`changed 'stopped' to 'running'`, `code "EPIPE"`), and so do the keys of objects (`{"id":1}`) and quotes around several
//! words, which are read word by word: they hold messages as often as names.

use super::address::kind_with_colons;
use super::class::{BLANK, COLON, DELIMITER, END, WORD, class, classes_of};
use super::kind::{ParameterKind, kind};

/// The kind and the end of the value in the quotes, or angle brackets, of which the first stands at `at`; `None` where it is to be read like any text.
/// `is_value` says that a key and `=` stand before, whose value is no state.
pub(super) fn quoted(bytes: &[u8], at: usize, is_value: bool) -> Option<(ParameterKind, usize)> {
    let quote = *bytes.get(at)?;
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied();
    let is_opening =
        before.is_none_or(|byte| class(byte) & (BLANK | DELIMITER | COLON) != 0 || matches!(byte, b'@' | b'/' | b'-'));
    if !is_opening {
        return None;
    }
    let rest = bytes.get(at + 1..)?;
    let length = rest.iter().position(|byte| class(*byte) & END != 0)?;
    let (text, behind) = rest.split_at_checked(length)?;
    let closing = if quote == b'<' { b'>' } else { quote };
    let is_closed = behind.first() == Some(&closing)
        && !text.ends_with(b"\\")
        && behind.get(1).is_none_or(|byte| class(*byte) & WORD == 0);
    if !is_closed || is_key(bytes, at, behind.get(1)) {
        return None;
    }
    let classes = classes_of(text);
    if !is_value && (is_constant(text) || !is_behind_colon(bytes, at) && is_state(text)) {
        return None;
    }
    let found = match classes & COLON {
        0 => kind(text, classes),
        _ if text.windows(3).any(|part| part == b"://") => Some(ParameterKind::Url),
        _ => kind_with_colons(text, classes),
    };
    let kind = found.filter(|kind| *kind != ParameterKind::Word).unwrap_or(ParameterKind::Quoted);
    Some((kind, at + 1 + length))
}

/// Whether what is quoted is the key of an object: a colon follows, and a brace or a comma stands before.
fn is_key(bytes: &[u8], at: usize, behind: Option<&u8>) -> bool {
    let before = bytes.get(..at).unwrap_or_default().trim_ascii_end().last();
    behind == Some(&b':') && matches!(before, None | Some(b'{' | b','))
}

fn is_behind_colon(bytes: &[u8], at: usize) -> bool {
    bytes.get(..at).unwrap_or_default().trim_ascii_end().ends_with(b":")
}

/// Whether a word says in which state something is: a constant, or a participle (`partner_feed` and `order.created` are none).
pub(super) fn is_state(word: &[u8]) -> bool {
    let is_participle = || word.ends_with(b"ed") || word.ends_with(b"ing");
    is_constant(word) || is_participle() && word.iter().all(u8::is_ascii_alphabetic)
}

pub(super) fn is_constant(word: &[u8]) -> bool {
    word.len() > 1 && word.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<(ParameterKind, &str)> {
        let at = line.find(['"', '\''])?;
        let (kind, end) = quoted(line.as_bytes(), at, line.get(..at)?.ends_with('='))?;
        Some((kind, line.get(at + 1..end)?))
    }

    #[test]
    fn a_single_word_in_quotes_is_a_value() {
        use ParameterKind::{Ip, Number, Path, Quoted, Url};
        for (line, expected) in [
            ("user 'ann'", Some((Quoted, "ann"))),
            ("pool \"main\".", Some((Quoted, "main"))),
            ("'ann'@'web-3'", Some((Quoted, "ann"))),
            ("object-\"kube-system\"/\"web\"", Some((Quoted, "kube-system"))),
            ("channel '' ready", Some((Quoted, ""))),
            ("\"-\"", Some((Quoted, "-"))),
            ("role=\"RUNNING\"", Some((Quoted, "RUNNING"))),
            ("{\"a\":1", None),
            ("for \"web\": failed", Some((Quoted, "web"))),
            ("left '17' of", Some((Number, "17"))),
            ("at \"10.0.0.7:80\"", Some((Ip, "10.0.0.7:80"))),
            ("changed 'stopped' to", None),
            ("queue 'order.created' in", Some((Quoted, "order.created"))),
            ("dag 'partner_feed' in", Some((Quoted, "partner_feed"))),
            ("code \"EPIPE\"", None),
            ("info \"Connection refused\"", None),
            ("user: 'billing'", Some((Quoted, "billing"))),
            ("open '/etc/x'", Some((Path, "/etc/x"))),
            ("vhost '/'", Some((Quoted, "/"))),
            ("see \"http://a/b\"", Some((Url, "http://a/b"))),
            ("don't say 'x", None),
            ("\"key:\\\"a", None),
            ("'a'b", None),
            ("'", None),
        ] {
            assert_eq!(found(line), expected, "{line}");
        }
    }
}
