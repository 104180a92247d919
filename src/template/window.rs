//! Where a token ends, and of which classes its bytes are.

use crate::lanes::{BLOCK_BYTES, Block};

use super::class::{DIGIT, END, HEX_LETTER, LETTER, ROW, class, classes_of};

/// The letters and digits among 64 bytes of a line, a bit for each byte. It moves along the line, so that a token lies within as a
/// whole, unless it is longer.
#[derive(Default)]
pub(super) struct Window {
    start: usize,
    digits: u64,
    hex_letters: u64,
    letters: u64,
    /// What is neither letter nor digit.
    others: u64,
    /// Where three such stand side by side.
    rows: u64,
}

/// Where a token ends, and the union of its bytes' classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) end: usize,
    pub(super) classes: u16,
}

impl Window {
    /// The window that begins here. What is behind the end of the bytes is neither letter nor digit.
    pub(super) fn new(bytes: &[u8], start: usize) -> Self {
        let block = Block::of(bytes, start);
        let digits = block.places(|lane| lane.within(b'0', b'9'));
        let hex_letters = block.places(|lane| lane.lowered().within(b'a', b'f'));
        let letters = block.places(|lane| lane.lowered().within(b'g', b'z') | lane.beyond_ascii());
        let others = !(digits | hex_letters | letters);
        let rows = others & (others >> 1) & (others >> 2);
        Self { start, digits, hex_letters, letters, others, rows }
    }

    /// The token that begins here, which may be empty.
    #[inline]
    pub(super) fn token(&mut self, bytes: &[u8], start: usize) -> Token {
        if let Some(token) = self.within(bytes, start) {
            return token;
        }
        *self = Self::new(bytes, start);
        self.within(bytes, start).unwrap_or_else(|| long(bytes, start))
    }

    /// The classes of what stands between two places of a token.
    #[inline]
    pub(super) fn classes_of(&self, bytes: &[u8], start: usize, end: usize) -> u16 {
        let before = start.wrapping_sub(self.start);
        if before >= BLOCK_BYTES || end - self.start >= BLOCK_BYTES {
            return classes_of(bytes.get(start..end).unwrap_or_default());
        }
        let places = (u64::MAX << before) & ((1 << (end - self.start)) - 1);
        let (mut others, mut classes) = (self.others & places, self.classes(places));
        while others != 0 {
            let at = self.start + others.trailing_zeros() as usize;
            classes |= bytes.get(at).map_or(0, |byte| class(*byte));
            others &= others - 1;
        }
        classes
    }

    /// The token that begins here; `None` where its end is not within the window.
    #[inline]
    fn within(&self, bytes: &[u8], start: usize) -> Option<Token> {
        let before = start.wrapping_sub(self.start);
        if before >= BLOCK_BYTES {
            return None;
        }
        let behind = u64::MAX << before;
        let mut others = self.others & behind;
        let mut classes = 0;
        // Between letters and digits, marks are looked at one by one: most tokens have few.
        while others != 0 {
            let place = others.trailing_zeros();
            let end = self.start + place as usize;
            let class = bytes.get(end).map_or(END, |byte| class(*byte));
            if class & END != 0 {
                let places = behind & ((1 << place) - 1);
                return Some(Token { end, classes: classes | self.classes(places) });
            }
            classes |= class;
            others &= others - 1;
        }
        None
    }

    /// The classes of the letters, digits and rows in these places.
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
            let Token { end, classes } = window.token(bytes, at);
            assert_eq!((end, classes & !ROW), plainly(bytes, at), "at {at}");
            let token = &bytes[at..end];
            let is_other = |byte: u8| class(byte) & (DIGIT | HEX_LETTER | LETTER) == 0;
            let has_row = token.array_windows::<3>().any(|row| row.iter().all(|byte| is_other(*byte)));
            assert!(classes & ROW != 0 || !has_row, "at {at}");
            let middle = at + token.len() / 2;
            assert_eq!(window.classes_of(bytes, middle, end) & !ROW, classes_of(&bytes[middle..end]), "at {at}");
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
