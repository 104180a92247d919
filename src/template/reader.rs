//! The one pass over a line: tokens, and what each of them is.

use super::buffers::Buffers;
use super::class::{AT, BLANK, COLON, DIGIT, END, MARK, ROW, SLASH, WORD, class};
use super::kind::{ParameterKind, Sight, UNIT_BYTES_MAX, at_first_sight, is_literal, is_unit, kind};
use super::masks::Masked;
use super::number::end_of_groups;
use super::window::{Ahead, Token, Window};
use super::writer::Writer;

/// Reads a line from its beginning to its end.
pub(super) struct Reader<'l, 's> {
    pub(super) bytes: &'l [u8],
    /// The same, with blanks behind where it is not too long.
    padded: &'l [u8],
    pub(super) window: Window,
    pub(super) to: Writer<'l, 's>,
    /// Where the value of a key begins, if the last thing was a key and `=`.
    pub(super) value_start: usize,
    /// Where the value of the last `msg=` begins: that is text.
    pub(super) message_start: usize,
}

impl<'l, 's> Reader<'l, 's> {
    /// Begins with a line; what is made of it comes into the buffers.
    pub(super) fn new(line: &'l str, padded: Option<&'l [u8]>, buffers: &'s mut Buffers) -> Self {
        let bytes = line.as_bytes();
        let padded = padded.unwrap_or(bytes);
        let to = Writer::new(padded, buffers);
        Self { bytes, padded, window: Window::default(), to, value_start: usize::MAX, message_start: usize::MAX }
    }

    /// Reads the line, of which masks found these parts.
    pub(super) fn read_line(mut self, masked: &[Masked]) {
        let (line, padded, mut at) = (self.bytes, self.padded, 0);
        for Masked { range, name } in masked {
            // The piece before sees nothing of what is masked.
            self.bytes = line.get(..range.start).unwrap_or(line);
            self.padded = self.bytes;
            self.read(at);
            self.to.masked(name, range.start, range.end);
            at = range.end;
        }
        (self.bytes, self.padded) = (line, padded);
        self.read(at);
        self.end_value(line.len());
        self.to.finish();
    }

    /// Reads on from here to the end of the bytes.
    fn read(&mut self, mut at: usize) {
        self.window.begin(self.padded, at);
        loop {
            let ahead = self.window.ahead(self.padded, at);
            let places = ahead.places();
            let strange = self.window.strange & places;
            let word = match ahead.blank() {
                0 => None,
                // A blank, or the end.
                _ if places == 0 => {
                    let Some(&byte) = self.bytes.get(at) else { return };
                    Some(self.blank(at, byte))
                }
                _ if strange == 0 => self.letters(at, ahead),
                blank if self.window.digits & places == places => {
                    let end = self.window.place(blank);
                    self.to.variable(ParameterKind::Number, at, end);
                    Some(self.blank_behind(end))
                }
                // A mark at the end only.
                blank if strange == blank >> 1 && strange != places => self.letters_before_colon(at, ahead),
                _ => None,
            };
            at = match word {
                Some(end) => end,
                None => self.other(at, places),
            };
        }
    }

    /// Takes letters and the blank behind them, and all such words behind that; returns where that ends. `None` where the first may be no
    /// literal.
    #[inline(always)]
    fn letters(&mut self, start: usize, mut ahead: Ahead) -> Option<usize> {
        let mut end = self.window.place(ahead.blank());
        if !self.is_literal(start, end, ahead.places()) | self.is_value(start) {
            return None;
        }
        // Many a short word stands behind a variable, and few of them are units.
        if self.to.follows_variable() && end - start <= UNIT_BYTES_MAX && is_unit(self.range(start, end)) {
            return None;
        }
        while let Some(behind) = ahead.behind() {
            let (places, next) = (behind.places(), self.window.place(behind.blank()));
            let is_word = (places & self.window.strange == 0) & (places != 0);
            if !is_word || !self.is_literal(end + 1, next, places) {
                break;
            }
            (ahead, end) = (behind, next);
        }
        let has_blank = end < self.bytes.len();
        self.to.word(start, end, has_blank);
        Some(end + usize::from(has_blank))
    }

    /// Takes letters, a colon and the blank behind that; returns where that ends. `None` where it is something else.
    fn letters_before_colon(&mut self, start: usize, ahead: Ahead) -> Option<usize> {
        let end = self.window.place(ahead.blank());
        let (colon, places) = (end - 1, ahead.places());
        let is_plain = self.byte(colon) == Some(b':') && self.byte(start).is_some_and(|first| first.is_ascii());
        if !is_plain || !self.is_literal(start, colon, places) || self.may_vary(start, colon - start) {
            return None;
        }
        let has_blank = end < self.bytes.len();
        self.to.word(start, end, has_blank);
        Some(end + usize::from(has_blank))
    }

    /// Whether letters, of which there is at least one, must be a literal.
    #[inline(always)]
    fn is_literal(&self, start: usize, end: usize, places: u64) -> bool {
        let [first, last] = [start, end - 1].map(|at| self.byte(at).unwrap_or_default());
        is_literal(first, last, end - start, self.window.letters & places == 0)
    }

    /// Takes a blank or a control character; returns where it ends.
    fn blank(&mut self, at: usize, byte: u8) -> usize {
        self.end_value(at);
        self.to.blank(at, byte);
        at + 1
    }

    /// Takes one blank of ASCII, if it is here, directly behind the last thing; returns where it ends.
    #[inline]
    fn blank_behind(&mut self, end: usize) -> usize {
        let has_blank = self.byte(end) == Some(b' ');
        self.to.blank_behind(end, has_blank);
        end + usize::from(has_blank)
    }

    /// Takes the token or delimiter that this begins with; returns where that ends.
    #[inline(always)]
    fn other(&mut self, at: usize, places: u64) -> usize {
        let first = self.byte(at).unwrap_or_default();
        match class(first) & END {
            0 => {
                let token = self.window.token(self.bytes, at, places);
                self.token(at, first, token)
            }
            BLANK => self.blank(at, first),
            _ => self.delimiter(at, first),
        }
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn range(&self, start: usize, end: usize) -> &'l [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Takes this token that begins here with this byte, which may run on behind `=` if it is a path, and one blank behind it; returns
    /// where that ends.
    #[inline]
    fn token(&mut self, start: usize, first: u8, token: Token) -> usize {
        let Token { end, classes, .. } = token;
        let length = end - start;
        let end = if length == 1 && classes & !(MARK | COLON | ROW) == 0 {
            self.mark(start, first);
            end
        } else if classes == DIGIT {
            let end = end_of_groups(self.bytes, start, end);
            self.to.variable(ParameterKind::Number, start, end);
            end
        } else {
            let last = self.byte(end - 1).unwrap_or_default();
            match at_first_sight(first, last, length, classes) {
                Sight::Variable(kind) => {
                    self.to.variable(kind, start, end);
                    end
                }
                Sight::Literal if !self.may_vary(start, length) => {
                    self.to.literal(start, end);
                    end
                }
                _ => self.strange_token(start, token),
            }
        };
        self.blank_behind(end)
    }

    /// Takes a mark or a colon that is a token.
    fn mark(&mut self, at: usize, byte: u8) {
        if byte == b'-' && self.value_start == at && self.may_vary(at, 1) {
            // `user=-`: a value that is not there.
            self.to.variable(ParameterKind::Word, at, at + 1);
        } else {
            self.to.punctuation(at, byte);
        }
    }

    /// Whether what stands before a word without digits makes it a variable: a key, or a number of which it is the unit.
    #[inline]
    pub(super) fn may_vary(&self, start: usize, length: usize) -> bool {
        (self.to.follows_variable() & (length <= UNIT_BYTES_MAX)) | self.is_value(start)
    }

    /// Whether the value of a key begins here.
    #[inline]
    pub(super) fn is_value(&self, start: usize) -> bool {
        (self.byte(start.wrapping_sub(1)) == Some(b'=')) & (start != self.message_start)
    }

    /// Takes a token that may be more than one thing; returns where it ends.
    fn strange_token(&mut self, start: usize, token: Token) -> usize {
        let Token { end, classes, .. } = token;
        if let Some(kind) = self.kind_by_marks(start, token) {
            self.to.variable(kind, start, end);
            return end;
        }
        if classes & DIGIT != 0
            && classes & (COLON | SLASH | AT | ROW) == 0
            && let token @ ([first, .., last] | [first @ last]) = self.range(start, end)
            && first.is_ascii_alphanumeric()
            && last.is_ascii_alphanumeric()
            && let Some(kind) = kind(token, classes)
        {
            self.to.variable(kind, start, end);
            return end;
        }
        if classes & SLASH != 0
            && let Some(kind) = self.path_kind(start, end, classes)
        {
            return self.path(kind, start, end);
        }
        if classes & COLON != 0 {
            if self.window.marks(self.bytes, start, end).next() == Some((end - 1, b':')) {
                self.part(start, end - 1, classes & !COLON);
                self.to.punctuation(end - 1, b':');
            } else {
                self.parts(start, end, classes);
            }
        } else {
            self.word(start, end, classes);
        }
        end
    }

    /// Whether a token is a path from the root or has a scheme.
    fn path_kind(&self, start: usize, end: usize, classes: u16) -> Option<ParameterKind> {
        let token = self.range(start, end);
        if let [b'/', second, ..] = token {
            let is_path = class(*second) & WORD != 0 || matches!(second, b'_' | b'.' | b'~' | b'?' | b'%');
            return is_path.then_some(ParameterKind::Path);
        }
        // The target of a request: `GET / HTTP/1.1`
        if token == b"/" && self.bytes.get(end..).is_some_and(|rest| rest.starts_with(b" HTTP/")) {
            return Some(ParameterKind::Path);
        }
        if classes & COLON == 0 {
            return None;
        }
        let colon = token.iter().position(|byte| *byte == b':')?;
        let has_scheme =
            token.first().is_some_and(u8::is_ascii_alphabetic) && token.get(colon..colon + 3) == Some(b"://");
        has_scheme.then_some(ParameterKind::Url)
    }

    /// Takes a path or URL, of which `end` is at least a part; returns where it ends.
    fn path(&mut self, kind: ParameterKind, start: usize, end: usize) -> usize {
        let rest = self.bytes.get(end..).unwrap_or_default();
        let more = rest.iter().position(|byte| class(*byte) & END != 0 && *byte != b'=').unwrap_or(rest.len());
        let end = end + more;
        let core = self.trimmed(start, end, |byte| matches!(byte, b'.' | b'!' | b'?' | b':'));
        self.to.variable(kind, start, core);
        self.to.literal(core, end);
        end
    }
}
