//! Where a token ends, of which classes its bytes are, and where its marks stand.

use crate::lanes::{BLOCK_BYTES, Block};

use super::class::{DIGIT, END, HEX_LETTER, LETTER, ROW, class, classes_of};

/// What 64 bytes of a line are, a bit for each byte. It moves along the line, so that a token lies within as a whole, unless it is
/// longer.
#[derive(Default)]
pub(super) struct Window {
    start: usize,
    digits: u64,
    hex_letters: u64,
    letters: u64,
    /// Blanks and all control characters but one: most of what ends tokens.
    blanks: u64,
    /// All others: marks, colons, slashes and delimiters.
    marks: u64,
    /// Where three of these stand side by side.
    rows: u64,
}

/// What stands up to the next blank, at first glance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// A blank, or the end of the line.
    Nothing,
    /// Letters only, up to here; whether all of them are hexadecimal digits.
    Letters { end: usize, is_hexadecimal: bool },
    /// Digits only, up to here.
    Digits { end: usize },
    /// Something else, in these places of the window.
    Other { places: u64 },
}

/// Where a token ends, and the union of its bytes' classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) end: usize,
    pub(super) classes: u16,
}

impl Window {
    /// The window that begins here. What is behind the end of the bytes is blank.
    pub(super) fn new(bytes: &[u8], start: usize) -> Self {
        let block = Block::of(bytes, start);
        let digits = block.places(|lane| lane.within(b'0', b'9'));
        let hex_letters = block.places(|lane| lane.lowered().within(b'a', b'f'));
        let letters = block.places(|lane| lane.lowered().within(b'g', b'z') | lane.beyond_ascii());
        let blanks = block.places(|lane| lane.within(0, b' '));
        let marks = !(digits | hex_letters | letters | blanks);
        let rows = marks & (marks >> 1) & (marks >> 2);
        Self { start, digits, hex_letters, letters, blanks, marks, rows }
    }

    /// What begins here. The window moves if it must.
    #[inline(always)]
    pub(super) fn glance(&mut self, bytes: &[u8], start: usize) -> Glance {
        let before = start.wrapping_sub(self.start);
        let mut behind = if before < BLOCK_BYTES { u64::MAX << before } else { 0 };
        if self.blanks & behind == 0 {
            *self = Self::new(bytes, start);
            behind = u64::MAX;
        }
        let blanks = self.blanks & behind;
        let places = behind & !blanks & blanks.wrapping_sub(1);
        let end = self.start + blanks.trailing_zeros() as usize;
        match places {
            0 => Glance::Nothing,
            // It goes on behind the window.
            _ if blanks == 0 => Glance::Other { places },
            _ if (self.marks | self.digits) & places == 0 => {
                Glance::Letters { end, is_hexadecimal: self.letters & places == 0 }
            }
            _ if !self.digits & places == 0 => Glance::Digits { end },
            _ => Glance::Other { places },
        }
    }

    /// The token that these places begin with, which begins here and may be empty.
    #[inline]
    pub(super) fn token(&self, bytes: &[u8], start: usize, places: u64) -> Token {
        let (mut places, mut classes) = (places, 0);
        let mut marks = self.marks & places;
        // Between letters and digits, marks are looked at one by one: most tokens have none or few.
        while marks != 0 {
            let class = bytes.get(self.start + marks.trailing_zeros() as usize).map_or(END, |byte| class(*byte));
            if class & END != 0 {
                places &= !marks & (marks - 1);
                break;
            }
            classes |= class;
            marks &= marks - 1;
        }
        // Nothing ends it in the whole window.
        if places == u64::MAX {
            return long(bytes, start);
        }
        let end = if places == 0 { start } else { self.start + BLOCK_BYTES - places.leading_zeros() as usize };
        Token { end, classes: classes | self.classes(places) }
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
    Token { end, classes }
}

/// The marks, colons and slashes among the 64 bytes from `start` on, as far as `end`.
#[cold]
fn marks_from(bytes: &[u8], start: usize, end: usize) -> u64 {
    Window::new(bytes.get(..end).unwrap_or(bytes), start).marks
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
        let (mut window, mut at) = (Window::new(bytes, 0), 0);
        while at <= bytes.len() {
            let glance = window.glance(bytes, at);
            let Token { end, classes } = match glance {
                Glance::Nothing => Token { end: at, classes: 0 },
                Glance::Letters { end, .. } => Token { end, classes: classes_of(&bytes[at..end]) },
                Glance::Digits { end } => Token { end, classes: DIGIT },
                Glance::Other { places } => window.token(bytes, at, places),
            };
            assert_eq!((end, classes & !ROW), plainly(bytes, at), "at {at}");
            if let Glance::Letters { is_hexadecimal, .. } = glance {
                assert_eq!(classes & !LETTER, if is_hexadecimal { HEX_LETTER } else { classes & HEX_LETTER });
                assert_eq!(is_hexadecimal, classes & LETTER == 0);
            }
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
