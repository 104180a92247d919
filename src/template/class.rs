//! Classes of bytes: what a byte may be part of.

/// Blanks and control characters: they end a token and leave at most one blank.
pub(super) const BLANK: u16 = 1;
/// Punctuation that is a token of its own.
pub(super) const DELIMITER: u16 = 1 << 1;
/// `0` to `9`.
pub(super) const DIGIT: u16 = 1 << 2;
/// `a` to `f` and `A` to `F`.
pub(super) const HEX_LETTER: u16 = 1 << 3;
/// All other letters, and every byte of a character beyond ASCII.
pub(super) const LETTER: u16 = 1 << 4;
/// `:`, which separates, but not always.
pub(super) const COLON: u16 = 1 << 5;
/// `/`
pub(super) const SLASH: u16 = 1 << 6;
/// All other punctuation: `.`, `-`, `_`, `#` and so on.
pub(super) const MARK: u16 = 1 << 7;
/// `@`, which is a mark too.
pub(super) const AT: u16 = 1 << 8;
/// Of tokens only: three marks, colons or slashes may stand side by side.
pub(super) const ROW: u16 = 1 << 9;

/// What makes a token more than punctuation.
pub(super) const WORD: u16 = DIGIT | HEX_LETTER | LETTER;
/// What ends a token.
pub(super) const END: u16 = BLANK | DELIMITER;

const CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut classes = [LETTER; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "256 entries, and checked when compiled")]
        {
            classes[byte as usize] = class_of_ascii(byte);
        }
        byte += 1;
    }
    classes
}

const fn class_of_ascii(byte: u8) -> u16 {
    match byte {
        0..=b' ' | 0x7f => BLANK,
        b'=' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b';' | b'"' | b'\'' | b'<' | b'>' | b'|' => DELIMITER,
        b'0'..=b'9' => DIGIT,
        b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
        b'g'..=b'z' | b'G'..=b'Z' => LETTER,
        b':' => COLON,
        b'/' => SLASH,
        b'@' => MARK | AT,
        _ => MARK,
    }
}

/// The class of a byte.
#[inline]
pub(super) fn class(byte: u8) -> u16 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(BLANK)
}

/// How often the marks of dates, addresses and hosts stand in a token, eight bits for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(u64);

impl Counts {
    /// Of a token that is too long to be counted.
    pub(super) const UNKNOWN: Self = Self(u64::MAX);

    /// These counts, and one more mark.
    #[inline]
    pub(super) fn with(self, byte: u8) -> Self {
        Self(self.0 + COUNTS.get(usize::from(byte)).copied().unwrap_or_default())
    }

    /// How many points, hyphens, underscores, colons, slashes, and other marks there are.
    #[inline]
    pub(super) fn all(self) -> [u8; 6] {
        let [points, hyphens, underscores, colons, slashes, others, ..] = self.0.to_le_bytes();
        [points, hyphens, underscores, colons, slashes, others]
    }
}

/// One of what a byte is, in [`Counts`].
const COUNTS: [u64; 256] = {
    let mut counts = [1 << 40; 256];
    #[expect(clippy::indexing_slicing, reason = "256 entries, and checked when compiled")]
    {
        counts[b'.' as usize] = 1;
        counts[b'-' as usize] = 1 << 8;
        counts[b'_' as usize] = 1 << 16;
        counts[b':' as usize] = 1 << 24;
        counts[b'/' as usize] = 1 << 32;
    }
    counts
};

/// The union of the classes of these bytes.
#[inline]
pub(super) fn classes_of(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |union, byte| union | class(*byte))
}
