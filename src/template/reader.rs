//! The one pass over a line: tokens, and what each of them is.

use super::class::{BLANK, COLON, DIGIT, END, MARK, SLASH, WORD, class};
use super::kind::{ParameterKind, Sight, UNIT_BYTES_MAX, at_first_sight};
use super::masks::Masked;
use super::number::end_of_groups;
use super::skeleton::Parameter;
use super::window::{Token, Window};
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
        while let Some(&byte) = self.bytes.get(at) {
            let first = class(byte);
            at = if first & END == 0 {
                self.token(at, byte)
            } else if first & BLANK != 0 {
                self.end_value(at);
                self.to.blank(at, byte);
                at + 1
            } else {
                self.delimiter(at, byte)
            };
        }
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn range(&self, start: usize, end: usize) -> &'l [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Takes the token that begins here with this byte, which may run on behind `=` if it is a path, and one blank behind it; returns
    /// where that ends.
    #[inline]
    fn token(&mut self, start: usize, first: u8) -> usize {
        let Token { end, classes } = self.window.token(self.bytes, start);
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
                _ => self.strange_token(start, end, classes),
            }
        };
        if self.byte(end) == Some(b' ') {
            self.to.blank_behind(end);
            return end + 1;
        }
        end
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
    fn strange_token(&mut self, start: usize, end: usize, classes: u16) -> usize {
        if classes & SLASH != 0
            && let Some(kind) = self.path_kind(start, end, classes)
        {
            return self.path(kind, start, end);
        }
        if classes & COLON != 0 {
            self.parts(start, end, classes);
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
        let core = self.trimmed(start, end, b".!?:");
        self.to.variable(kind, start, core);
        self.to.literal(core, end);
        end
    }
}
