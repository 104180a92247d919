//! Texts that are kept only in part.

use std::sync::Arc;

/// The end of a text that is not all of what was written.
pub const ELLIPSIS: char = '…';

/// The beginning of a text, marked as such.
pub fn with_ellipsis(words: &str) -> Arc<str> {
    Arc::from(if words.is_empty() { ELLIPSIS.to_string() } else { format!("{words} {ELLIPSIS}") })
}

/// The beginning of a text within `bytes_max`, and whether that is not all of it. It ends with a whole word: of a secret that was
/// cut in two nobody could tell any more that it is one, so half of it would be published. Where there is no blank, a word ends
/// at a comma, a semicolon or an ampersand.
pub fn beginning(text: &str, bytes_max: usize) -> (&str, bool) {
    if text.len() <= bytes_max {
        return (text, false);
    }
    let (head, rest) = text.split_at_checked(text.floor_char_boundary(bytes_max)).unwrap_or_default();
    let is_whole = rest.starts_with(char::is_whitespace);
    let (words, _) = match head.rsplit_once(char::is_whitespace) {
        _ if is_whole => (head, ""),
        Some(parts) => parts,
        None => head.rsplit_once([',', ';', '&']).unwrap_or_default(),
    };
    // The last groups of a number that may be that of a card.
    (words.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c.is_whitespace()), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_cut_in_two() {
        for (text, bytes_max, expected) in [
            ("all of it", 9, ("all of it", false)),
            ("key ghp_0123456789abcdef", 20, ("key", true)),
            ("key ghp_0123456789abcdef rest", 24, ("key ghp_0123456789abcdef", true)),
            ("card 4111 1111 1111 1111", 22, ("card", true)),
            ("card 4111 1111 1111 1111 declined", 19, ("card", true)),
            (r#"{"a":1,"b":"ghp_0123456789"}"#, 20, (r#"{"a":"#, true)),
            ("ghp_0123456789", 8, ("", true)),
            ("ä ö ü", 4, ("ä", true)),
        ] {
            assert_eq!(beginning(text, bytes_max), expected, "{text}");
        }
    }
}
