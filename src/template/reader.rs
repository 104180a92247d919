//! The one pass over a line: tokens, and what each of them is.

use super::class::{AT, BLANK, COLON, DIGIT, END, HEX_LETTER, LETTER, MARK, ROW, SLASH, WORD, class};
use super::kind::{ParameterKind, Sight, UNIT_BYTES_MAX, at_first_sight, is_literal, kind};
use super::masks::Masked;
use super::number::end_of_groups;
use super::skeleton::Parameter;
use super::window::{Glance, Token, Window};
use super::writer::Writer;

/// Reads a line from its beginning to its end.
pub(super) struct Reader<'l, 's> {
    pub(super) bytes: &'l [u8],
    pub(super) window: Window,
    pub(super) to: Writer<'l, 's>,
    /// Where the value of a key begins, if the last thing was a key and `=`.
    pub(super) value_start: usize,
    /// Where the value of the last `msg=` begins: that is text.
    pub(super) message_start: usize,
}

impl<'l, 's> Reader<'l, 's> {
    /// Begins with a line; what is made of it comes into the buffers.
    pub(super) fn new(line: &'l str, text: &'s mut String, parameters: &'s mut Vec<Parameter>) -> Self {
        let to = Writer::new(line, text, parameters);
        let bytes = line.as_bytes();
        Self { bytes, window: Window::default(), to, value_start: usize::MAX, message_start: usize::MAX }
    }

    /// Reads the line, of which masks found these parts.
    pub(super) fn read_line(mut self, masked: &[Masked]) {
        let (line, mut at) = (self.bytes, 0);
        for Masked { range, name } in masked {
            // The piece before sees nothing of what is masked.
            self.bytes = line.get(..range.start).unwrap_or(line);
            self.read(at);
            self.to.masked(name, range.start, range.end);
            at = range.end;
        }
        self.bytes = line;
        self.read(at);
        self.end_value(line.len());
        self.to.finish();
    }

    /// Reads on from here to the end of the bytes.
    fn read(&mut self, mut at: usize) {
        self.window = Window::new(self.bytes, at);
        loop {
            at = match self.window.glance(self.bytes, at) {
                Glance::Letters { end, is_hexadecimal } => self.letters(at, end, is_hexadecimal),
                Glance::Digits { end } => {
                    self.to.variable(ParameterKind::Number, at, end);
                    self.blank_behind(end)
                }
                Glance::Nothing => {
                    let Some(&byte) = self.bytes.get(at) else { return };
                    self.blank(at, byte)
                }
                Glance::Other { places } => self.other(at, places),
            }
        }
    }

    /// Takes letters behind which a blank or the end of the line stands, and one blank behind them; returns where that ends.
    #[inline(always)]
    fn letters(&mut self, start: usize, end: usize, is_hexadecimal: bool) -> usize {
        let [first, last] = [start, end - 1].map(|at| self.byte(at).unwrap_or_default());
        if is_literal(first, last, end - start, is_hexadecimal) && !self.may_vary(start, end - start) {
            let has_blank = self.byte(end) == Some(b' ');
            self.to.word(start, end, has_blank);
            return end + usize::from(has_blank);
        }
        self.word(start, end, if is_hexadecimal { HEX_LETTER } else { LETTER });
        self.blank_behind(end)
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
        if has_blank {
            self.to.blank_behind(end);
        }
        end + usize::from(has_blank)
    }

    /// Takes the token or delimiter that these places of the window begin with; returns where that ends.
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
        let Token { end, classes } = token;
        let length = end - start;
        let end = if classes == DIGIT {
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
                    if length == 1 && classes & MARK != 0 {
                        self.to.punctuation(start, first);
                    } else {
                        self.to.literal(start, end);
                    }
                    end
                }
                _ => self.strange_token(start, token),
            }
        };
        self.blank_behind(end)
    }

    /// Whether what stands before a word without digits makes it a variable: a key, or a number of which it is the unit.
    #[inline]
    pub(super) fn may_vary(&self, start: usize, length: usize) -> bool {
        (self.to.follows_variable() && length <= UNIT_BYTES_MAX) || self.is_value(start)
    }

    /// Whether the value of a key begins here.
    #[inline]
    pub(super) fn is_value(&self, start: usize) -> bool {
        start > 0 && self.byte(start - 1) == Some(b'=') && start != self.message_start
    }

    /// Takes a token that may be more than one thing; returns where it ends.
    fn strange_token(&mut self, start: usize, token: Token) -> usize {
        let Token { end, classes } = token;
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
            let is_path = class(*second) & WORD != 0 || matches!(second, b'_' | b'.' | b'~');
            return is_path.then_some(ParameterKind::Path);
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
