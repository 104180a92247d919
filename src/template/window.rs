//! Where a token ends, of which classes its bytes are, and where its marks stand.

use crate::lanes::{BLOCK_BYTES, Block};

use super::class::{Counts, DIGIT, END, HEX_LETTER, LETTER, ROW, class, classes_of};

/// What 64 bytes of a line are, a bit for each byte. It moves along the line, so that a token lies within as a whole, unless it is
/// longer.
#[derive(Default)]
pub(super) struct Window {
    start: usize,
    pub(super) digits: u64,
    hex_letters: u64,
    pub(super) letters: u64,
    blanks: u64,
    /// All others: marks, colons, slashes, delimiters and control characters.
    marks: u64,
    /// Digits and marks.
    pub(super) strange: u64,
    /// Where three marks stand side by side.
    rows: u64,
}

/// What stands from a place on.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    /// The bit of the place.
    first: u64,
    /// The bits of all blanks from there on.
    blanks: u64,
}

impl Ahead {
    /// The bit of the next blank; none where there is no blank in the window.
    #[inline]
    pub(super) fn blank(self) -> u64 {
        self.blanks & self.blanks.wrapping_neg()
    }

    /// The bits of what stands up to the next blank.
    #[inline]
    pub(super) fn places(self) -> u64 {
        self.blank().wrapping_sub(self.first)
    }

    /// What stands behind the next blank, if it is in the window as far as the blank behind it.
    #[inline]
    pub(super) fn behind(self) -> Option<Self> {
        let behind = Self { first: self.blank() << 1, blanks: self.blanks & self.blanks.wrapping_sub(1) };
        (behind.blanks != 0).then_some(behind)
    }
}

/// A token, of the line or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Where it ends.
    pub(super) end: usize,
    /// The union of its bytes' classes.
    pub(super) classes: u16,
    /// How many of each mark it has.
    pub(super) counts: Counts,
    /// The bits of the window for it.
    pub(super) places: u64,
}

impl Window {
    /// Moves the window, so that it begins here. What is behind the end of the bytes is blank.
    #[inline(never)]
    pub(super) fn begin(&mut self, bytes: &[u8], start: usize) {
        let block = Block::of(bytes, start);
        self.start = start;
        self.digits = block.places(|lane| lane.within(b'0', b'9'));
        self.hex_letters = block.places(|lane| lane.lowered().within(b'a', b'f'));
        self.letters = block.places(|lane| lane.lowered().within(b'g', b'z') | lane.beyond_ascii());
        self.blanks = block.places(|lane| lane.equal(b' '));
        self.strange = !(self.hex_letters | self.letters | self.blanks);
        self.marks = self.strange & !self.digits;
        self.rows = self.marks & (self.marks >> 1) & (self.marks >> 2);
    }

    /// What begins here. The window moves if it must.
    #[inline(always)]
    pub(super) fn ahead(&mut self, bytes: &[u8], at: usize) -> Ahead {
        let before = at.wrapping_sub(self.start);
        let first = if before < BLOCK_BYTES { 1_u64 << before } else { 0 };
        let blanks = self.blanks & first.wrapping_neg();
        if blanks != 0 {
            return Ahead { first, blanks };
        }
        self.begin(bytes, at);
        Ahead { first: 1, blanks: self.blanks }
    }

    /// Whether all marks of a token stand between letters and digits, each by itself.
    #[inline]
    pub(super) fn has_single_marks(&self, places: u64) -> bool {
        let (marks, inner) = (self.marks & places, places & (places << 1) & (places >> 1));
        marks & (!inner | marks >> 1) == 0
    }

    /// Whether the last mark of a token is a colon, and all behind it are digits.
    #[inline]
    pub(super) fn has_port(&self, bytes: &[u8], places: u64) -> bool {
        let marks = self.marks & places;
        let behind = marks.leading_zeros() as usize;
        let last = bytes.get((self.start + BLOCK_BYTES - 1).wrapping_sub(behind));
        // What stands before the last mark is shifted out.
        last == Some(&b':') && (places & !self.digits).leading_zeros() as usize == behind
    }

    /// Where the place with this bit is.
    #[inline]
    pub(super) fn place(&self, bit: u64) -> usize {
        self.start + bit.trailing_zeros() as usize
    }

    /// The token that these places begin with, which begins here and may be empty.
    #[inline]
    pub(super) fn token(&self, bytes: &[u8], start: usize, places: u64) -> Token {
        let (mut places, mut classes, mut counts) = (places, 0, Counts::default());
        let mut marks = self.marks & places;
        // Between letters and digits, marks are looked at one by one: most tokens have none or few.
        while marks != 0 {
            let byte = bytes.get(self.place(marks)).copied().unwrap_or_default();
            let class = class(byte);
            if class & END != 0 {
                places &= !marks & (marks - 1);
                break;
            }
            classes |= class;
            counts = counts.with(byte);
            marks &= marks - 1;
        }
        // Nothing ends it in the whole window.
        if places == u64::MAX {
            return long(bytes, start);
        }
        let end = if places == 0 { start } else { self.start + BLOCK_BYTES - places.leading_zeros() as usize };
        Token { end, classes: classes | self.classes(places), counts, places }
    }

    /// The classes of what stands between two places of a token.
    #[inline]
    pub(super) fn classes_of(&self, bytes: &[u8], start: usize, end: usize) -> u16 {
        match self.places(start, end) {
            Some(places) => {
                let marks = Marks { bytes, base: self.start, places: self.marks & places, end };
                marks.fold(self.classes(places), |classes, (_, byte)| classes | class(byte))
            }
            None => classes_of(bytes.get(start..end).unwrap_or_default()),
        }
    }

    /// The marks, colons and slashes between two places of a token, with their places.
    #[inline]
    pub(super) fn marks<'l>(&self, bytes: &'l [u8], start: usize, end: usize) -> Marks<'l> {
        match self.places(start, end) {
            Some(places) => Marks { bytes, base: self.start, places: self.marks & places, end },
            None => Marks { bytes, base: start, places: marks_from(bytes, start, end), end },
        }
    }

    /// A bit for each place between these two; `None` where not all of them are in the window.
    #[inline]
    fn places(&self, start: usize, end: usize) -> Option<u64> {
        let (before, behind) = (start.wrapping_sub(self.start), end.wrapping_sub(self.start));
        (before < BLOCK_BYTES && behind < BLOCK_BYTES).then(|| (u64::MAX << before) & ((1 << behind) - 1))
    }

    /// The classes of the letters, digits and rows in these places, of which none ends a token.
    #[inline]
    fn classes(&self, places: u64) -> u16 {
        let of = |class: u16, there: u64| if there & places == 0 { 0 } else { class };
        of(DIGIT, self.digits) | of(HEX_LETTER, self.hex_letters) | of(LETTER, self.letters) | of(ROW, self.rows)
    }
}

/// A token that is longer than a window, byte by byte.
#[cold]
fn long(bytes: &[u8], start: usize) -> Token {
    let (mut end, mut classes) = (start, ROW);
    while let Some(&byte) = bytes.get(end) {
        let class = class(byte);
        if class & END != 0 {
            break;
        }
        classes |= class;
        end += 1;
    }
    Token { end, classes, counts: Counts::UNKNOWN, places: u64::MAX }
}

/// The marks, colons and slashes among the 64 bytes from `start` on, as far as `end`.
#[cold]
fn marks_from(bytes: &[u8], start: usize, end: usize) -> u64 {
    let mut window = Window::default();
    window.begin(bytes.get(..end).unwrap_or(bytes), start);
    window.marks
}

/// Marks and their places, see [`Window::marks`].
pub(super) struct Marks<'l> {
    bytes: &'l [u8],
    base: usize,
    places: u64,
    end: usize,
}

impl Iterator for Marks<'_> {
    type Item = (usize, u8);

    #[inline]
    fn next(&mut self) -> Option<(usize, u8)> {
        while self.places == 0 {
            self.base += BLOCK_BYTES;
            if self.base >= self.end {
                return None;
            }
            self.places = marks_from(self.bytes, self.base, self.end);
        }
        let at = self.base + self.places.trailing_zeros() as usize;
        self.places &= self.places - 1;
        self.bytes.get(at).map(|byte| (at, *byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte.
    fn plainly(bytes: &[u8], start: usize) -> (usize, u16) {
        let token = bytes.get(start..).unwrap_or_default().iter().take_while(|byte| class(**byte) & END == 0);
        token.fold((start, 0), |(end, classes), byte| (end + 1, classes | class(*byte)))
    }

    /// All tokens of a text; a row may be found where there is none, but not the other way round.
    fn check(bytes: &[u8]) {
        let (mut window, mut at) = (Window::default(), 0);
        window.begin(bytes, 0);
        while at < bytes.len() {
            let ahead = window.ahead(bytes, at);
            let is_ended = ahead.blank() != 0;
            let behind = bytes.get(at..).unwrap_or_default();
            let word = behind.iter().position(|byte| *byte == b' ').unwrap_or(behind.len());
            assert!(!is_ended || window.place(ahead.blank()) == at + word, "at {at}");
            assert!(is_ended || word >= 64);
            let Token { end, classes, .. } = window.token(bytes, at, ahead.places());
            assert_eq!((end, classes & !ROW), plainly(bytes, at), "at {at}");
            let token = &bytes[at..end];
            let is_other = |byte: u8| class(byte) & (DIGIT | HEX_LETTER | LETTER) == 0;
            let has_row = token.array_windows::<3>().any(|row| row.iter().all(|byte| is_other(*byte)));
            assert!(classes & ROW != 0 || !has_row, "at {at}");
            let middle = at + token.len() / 2;
            assert_eq!(window.classes_of(bytes, middle, end) & !ROW, classes_of(&bytes[middle..end]), "at {at}");
            let marks = bytes.iter().copied().enumerate().take(end).skip(middle).filter(|(_, byte)| is_other(*byte));
            assert!(window.marks(bytes, middle, end).eq(marks), "at {at}");
            at = end + 1;
        }
    }

    #[test]
    fn every_byte_ends_a_token_or_does_not() {
        for byte in 0..=u8::MAX {
            for place in 0..10 {
                let mut bytes = *b"abFzGhAlpZqrs tuv";
                bytes[place] = byte;
                check(&bytes);
            }
        }
    }

    proptest! {
        #[test]
        fn a_block_at_a_time_is_as_one_by_one(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            check(&bytes);
        }

        #[test]
        fn also_in_text(text in "[a-zA-Z0-9 :./_@-]{0,90}[a-z0-9.:]{0,140}[a-zA-Z0-9 :./_-]{0,20}") {
            check(text.as_bytes());
        }
    }
}
