//! The text of a skeleton and its parameters, as they come about from left to right.

use std::ops::Range;

use super::buffers::Buffers;
use super::kind::ParameterKind;
use super::skeleton::Parameter;

/// What stands for a run of variables.
pub(super) const VARIABLE: &[u8; 3] = b"<*>";

/// What the skeleton ends in so far, as far as the next variable asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// A literal, or nothing.
    Literal,
    /// A variable: another one joins it.
    Variable,
    /// A variable and one of `, : - /`, which is cut off again if a variable follows.
    Joiner,
}

/// Writes a skeleton: literals, blanks between them, variables that join.
pub(super) struct Writer<'l, 's> {
    line: &'l [u8],
    to: &'s mut Buffers,
    tail: Tail,
    /// The length of the text before a joiner.
    joiner_start: usize,
    /// The piece of the line that the text still lacks. Literals that stand in the line as they do in the skeleton are copied
    /// together: most words are followed by one blank and another word.
    pending: Range<usize>,
    /// Where a literal begins that can be copied together with the pending ones; nowhere if there are none.
    next: usize,
    has_blank: bool,
    slots: u16,
}

impl<'l, 's> Writer<'l, 's> {
    /// Begins with an empty skeleton of this line.
    pub(super) fn new(line: &'l [u8], to: &'s mut Buffers) -> Self {
        to.clear();
        Self {
            line,
            to,
            tail: Tail::Literal,
            joiner_start: 0,
            pending: 0..0,
            next: usize::MAX,
            has_blank: false,
            slots: 0,
        }
    }

    /// Whether the last thing was a variable, with or without a blank behind it.
    #[inline]
    pub(super) fn follows_variable(&self) -> bool {
        self.tail == Tail::Variable
    }

    /// Whether a blank stands behind the last thing.
    #[inline]
    pub(super) fn has_blank(&self) -> bool {
        self.has_blank
    }

    /// Takes a blank, which is this byte.
    #[inline]
    pub(super) fn blank(&mut self, at: usize, byte: u8) {
        self.next = if byte == b' ' && self.next == at && !self.has_blank { at + 1 } else { usize::MAX };
        self.has_blank = true;
    }

    /// Takes the one blank of ASCII that stands directly behind the last thing, if there is one.
    #[inline]
    pub(super) fn blank_behind(&mut self, at: usize, is_there: bool) {
        self.next += usize::from((self.next == at) & is_there);
        self.has_blank |= is_there;
    }

    /// Takes back the blanks behind the last thing.
    pub(super) fn drop_blank(&mut self) {
        self.has_blank = false;
    }

    /// Whether the text so far ends like this.
    pub(super) fn ends_with(&mut self, end: &[u8]) -> bool {
        self.copy_pending();
        self.to.text().ends_with(end)
    }

    /// Takes a variable, which joins the one before it.
    #[inline]
    pub(super) fn variable(&mut self, kind: ParameterKind, start: usize, end: usize) {
        match self.tail {
            Tail::Variable => {}
            Tail::Joiner => {
                self.forget_pending();
                self.to.truncate(self.joiner_start);
            }
            Tail::Literal => self.new_slot(),
        }
        self.tail = Tail::Variable;
        self.has_blank = false;
        self.parameter(kind, start, end);
    }

    #[inline(never)]
    fn new_slot(&mut self) {
        if self.has_blank && self.next != usize::MAX {
            // One blank, as it is in the line.
            self.pending.end = self.next;
            self.has_blank = false;
        }
        self.copy_pending();
        self.write_blank();
        self.to.write(VARIABLE);
        self.slots = self.slots.saturating_add(1);
    }

    /// Takes what a mask found. Nothing joins it.
    pub(super) fn masked(&mut self, name: &str, start: usize, end: usize) {
        self.copy_pending();
        self.write_blank();
        for piece in [b"<", name.as_bytes(), b">"] {
            self.to.copy_all(piece);
        }
        self.slots = self.slots.saturating_add(1);
        self.tail = Tail::Literal;
        self.parameter(ParameterKind::Masked, start, end);
    }

    /// Takes a parameter of the last variable that is no part of the text.
    #[inline]
    pub(super) fn parameter(&mut self, kind: ParameterKind, start: usize, end: usize) {
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) {
            self.to.push(Parameter { kind, start, end, slot: self.slots.saturating_sub(1) });
        }
    }

    /// Takes one character, which may join variables.
    pub(super) fn punctuation(&mut self, at: usize, byte: u8) {
        if self.tail == Tail::Variable && matches!(byte, b',' | b':' | b'-' | b'/') {
            // Behind a variable nothing is pending.
            self.joiner_start = self.to.text_end();
            self.literal(at, at + 1);
            self.tail = Tail::Joiner;
        } else {
            self.literal(at, at + 1);
        }
    }

    /// Takes a piece of the line as it is. Nothing is a piece too.
    #[inline]
    pub(super) fn literal(&mut self, start: usize, end: usize) {
        if start != end {
            self.word(start, end, false);
        }
    }

    /// As [`Writer::literal`], for at least one byte, and as [`Writer::blank_behind`], if a blank stands behind it.
    #[inline]
    pub(super) fn word(&mut self, start: usize, end: usize, has_blank: bool) {
        if start != self.next {
            self.copy_pending();
            self.write_blank();
            self.pending.start = start;
        }
        self.tail = Tail::Literal;
        self.pending.end = end;
        self.next = end + usize::from(has_blank);
        self.has_blank = has_blank;
    }

    /// Ends the text.
    pub(super) fn finish(&mut self) {
        self.copy_pending();
    }

    #[inline]
    fn forget_pending(&mut self) {
        self.pending = 0..0;
        self.next = usize::MAX;
    }

    #[inline]
    fn copy_pending(&mut self) {
        let Range { start, end } = self.pending;
        if start < end {
            self.to.copy(self.line, start, end);
            self.forget_pending();
        }
    }

    #[inline]
    fn write_blank(&mut self) {
        if self.has_blank && self.to.text_end() > 0 {
            self.to.write(b" ");
        }
        self.has_blank = false;
    }
}
