//! Words of headers, and of which classes their bytes are.

use crate::lanes::{Block, Lane, Mask, position};

use super::element::ELEMENT_BYTES_MAX;

/// What a byte of a word is. A word's classes are the union of those of its bytes, so that nearly all questions on it are
/// answered by the one pass that finds its end.
pub(super) mod class {
    /// `a` to `z`.
    pub(in crate::decode) const LOWER: u16 = 1;
    /// `A` to `Z`.
    pub(in crate::decode) const UPPER: u16 = 1 << 1;
    /// `0` to `9`.
    pub(in crate::decode) const DIGIT: u16 = 1 << 2;
    /// `.`
    pub(in crate::decode) const POINT: u16 = 1 << 3;
    /// `-`
    pub(in crate::decode) const HYPHEN: u16 = 1 << 4;
    /// `_`
    pub(in crate::decode) const UNDERSCORE: u16 = 1 << 5;
    /// `:`
    pub(in crate::decode) const COLON: u16 = 1 << 6;
    /// `/`
    pub(in crate::decode) const SLASH: u16 = 1 << 7;
    /// `@` and `#`
    pub(in crate::decode) const AT: u16 = 1 << 8;
    /// `$`
    pub(in crate::decode) const DOLLAR: u16 = 1 << 9;
    /// `<` and `>`
    pub(in crate::decode) const ANGLE: u16 = 1 << 10;
    /// All other bytes of a word.
    pub(in crate::decode) const OTHER: u16 = 1 << 11;
    /// What ends a word: blank and tab.
    pub(in crate::decode) const BLANK: u16 = 1 << 12;
    /// Of words only: a lower-case letter stands before an upper-case one, as in `DataNode`.
    pub(in crate::decode) const MIXED: u16 = 1 << 13;

    /// Letters and digits.
    pub(in crate::decode) const ALPHANUMERIC: u16 = LOWER | UPPER | DIGIT;
    /// What the names of loggers, threads and hosts consist of.
    pub(in crate::decode) const NAME: u16 =
        ALPHANUMERIC | POINT | HYPHEN | UNDERSCORE | COLON | SLASH | AT | DOLLAR | ANGLE | MIXED;

    const CLASSES: [u16; 256] = classes();

    const fn classes() -> [u16; 256] {
        let mut classes = [OTHER; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            #[expect(clippy::indexing_slicing, reason = "256 entries, and checked when compiled")]
            {
                classes[byte as usize] = match byte {
                    b'a'..=b'z' => LOWER,
                    b'A'..=b'Z' => UPPER,
                    b'0'..=b'9' => DIGIT,
                    b'.' => POINT,
                    b'-' => HYPHEN,
                    b'_' => UNDERSCORE,
                    b':' => COLON,
                    b'/' => SLASH,
                    b'@' | b'#' => AT,
                    b'$' => DOLLAR,
                    b'<' | b'>' => ANGLE,
                    b' ' | b'\t' => BLANK,
                    _ => OTHER,
                };
            }
            byte += 1;
        }
        classes
    }

    /// The class of a byte.
    #[inline]
    pub(in crate::decode) fn of(byte: u8) -> u16 {
        CLASSES.get(usize::from(byte)).copied().unwrap_or(OTHER)
    }
}

/// The word that a text begins with: up to the next blank, and short, as the words of headers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    /// What follows it, from the blank on.
    pub rest: &'a str,
    /// The union of the classes of its bytes, see [`class`].
    pub classes: u16,
}

impl Word<'_> {
    /// Whether it has a byte of one of these classes.
    pub(super) fn has(&self, classes: u16) -> bool {
        self.classes & classes != 0
    }

    /// Whether it consists of these classes only.
    pub(super) fn is_of(&self, classes: u16) -> bool {
        self.classes & !classes == 0
    }

    /// Whether a text begins with this word, of which it is known that it stands in the same line, and as a word, not as a group.
    pub(super) fn is_first_of(&self, text: &str) -> bool {
        text.len() == self.text.len() + self.rest.len()
            && !matches!(text.as_bytes(), [b'[' | b'{' | b'(' | b'<' | b'\'', ..])
    }

    /// Whether it is a word of letters, like most, behind which neither a blank nor a dash nor a tab follows on one blank: no name of a header,
    /// at first sight.
    #[inline]
    pub(super) fn is_prose(&self) -> bool {
        self.is_of(class::LOWER | class::UPPER)
            && matches!(self.rest.as_bytes(), [] | [b' '] | [b' ', b'!'..=b',' | b'.'..=b'~', ..])
    }

    /// Whether it is a word of capitals, such as the name of a component.
    pub(super) fn is_component(&self) -> bool {
        self.text.len() > 1 && self.is_of(class::UPPER)
    }
}

/// The word that a text begins with; `None` where it begins with a blank, or the word is too long.
#[inline]
pub(super) fn word(text: &str) -> Option<Word<'_>> {
    if let Some(lane) = Lane::first(text.as_bytes()) {
        let places = |holds: fn(Lane) -> Mask| u64::from(lane.places(holds));
        let blanks = places(is_blank);
        if blanks != 0 {
            return word_before(text, blanks, places);
        }
    }
    longer_word(text)
}

/// As [`word`], for a word that is longer than a lane, or near the end of the text.
fn longer_word(text: &str) -> Option<Word<'_>> {
    let block = Block::of(text.as_bytes(), 0);
    // Behind the end of the text there are blanks.
    match block.places(is_blank) {
        0 => word_of_any_length(text),
        blanks => word_before(text, blanks, |holds| block.places(holds)),
    }
}

/// The word before the first of these blanks. No branch depends on how long it is, but on how many marks it has.
#[inline]
fn word_before(text: &str, blanks: u64, places: impl Fn(fn(Lane) -> Mask) -> u64) -> Option<Word<'_>> {
    let word = blanks.wrapping_sub(1) & !blanks;
    if word == 0 {
        return None;
    }
    let lower = places(|lane| lane.within(b'a', b'z')) & word;
    let upper = places(|lane| lane.within(b'A', b'Z')) & word;
    let digits = places(|lane| lane.within(b'0', b'9')) & word;
    let of = |class: u16, places: u64| if places == 0 { 0 } else { class };
    let mut classes = of(class::LOWER, lower) | of(class::UPPER, upper) | of(class::DIGIT, digits);
    classes |= of(class::MIXED, lower & (upper >> 1));
    let mut marks = word & !(lower | upper | digits);
    while marks != 0 {
        classes |= text.as_bytes().get(marks.trailing_zeros() as usize).map_or(0, |byte| class::of(*byte));
        marks &= marks - 1;
    }
    let (text, rest) = text.split_at_checked(blanks.trailing_zeros() as usize)?;
    Some(Word { text, rest, classes })
}

fn word_of_any_length(text: &str) -> Option<Word<'_>> {
    let bytes = text.as_bytes();
    let near = bytes.get(..ELEMENT_BYTES_MAX).unwrap_or(bytes);
    let blank = position(near, is_blank);
    let end = blank.unwrap_or(near.len());
    if end == 0 || (blank.is_none() && near.len() < bytes.len()) {
        return None;
    }
    let (text, rest) = text.split_at_checked(end)?;
    let mut classes = text.bytes().fold(0, |classes, byte| classes | class::of(byte));
    let has_both = classes & class::LOWER != 0 && classes & class::UPPER != 0;
    let mut pairs = text.as_bytes().array_windows();
    if has_both && pairs.any(|[first, second]| first.is_ascii_lowercase() && second.is_ascii_uppercase()) {
        classes |= class::MIXED;
    }
    Some(Word { text, rest, classes })
}

#[inline]
fn is_blank(lane: Lane) -> Mask {
    lane.equal(b' ') | lane.equal(b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_short_word_is_as_one_of_any_length(text in "[a-zA-Z0-9é ./:_@$<>\\[*\t-]{0,24}[a-zA-Z0-9.]{0,50}[a-z \t]{0,24}") {
            prop_assert_eq!(word(&text), word_of_any_length(&text));
        }
    }
}
