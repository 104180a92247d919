//! Tokens that are not one thing at first sight: what colons, joints and marks divide.

use super::address::kind_with_colons;
use super::class::{DIGIT, HEX_LETTER, LETTER, MARK, ROW, classes_of};
use super::kind::{ParameterKind, Sight, at_first_sight, is_unit, kind};
use super::reader::Reader;

impl Reader<'_, '_> {
    /// Takes a token with colons: whole if they are part of it, else what they separate.
    pub(super) fn parts(&mut self, start: usize, end: usize, classes: u16) {
        if classes & DIGIT != 0 {
            let core = self.trimmed(start, end, |byte| matches!(byte, b'.' | b'!' | b'?' | b':'));
            if let Some(kind) = kind_with_colons(self.range(start, core), classes) {
                self.to.variable(kind, start, core);
                return self.to.literal(core, end);
            }
        }
        let mut part = start;
        for (at, mark) in self.window.marks(self.bytes, start, end) {
            if mark == b':' && self.separates(at, start, end) {
                self.part(part, at, self.window.classes_of(self.bytes, part, at) | classes & ROW);
                self.to.punctuation(at, b':');
                part = at + 1;
            }
        }
        self.part(part, end, self.window.classes_of(self.bytes, part, end) | classes & ROW);
    }

    /// Takes what stands before or behind a colon that separates.
    pub(super) fn part(&mut self, start: usize, end: usize, classes: u16) {
        let ([first, .., last] | [first @ last]) = self.range(start, end) else { return };
        match at_first_sight(*first, *last, end - start, classes) {
            Sight::Variable(kind) => self.to.variable(kind, start, end),
            Sight::Literal if first.is_ascii_alphabetic() && !self.may_vary(start, end - start) => {
                self.to.literal(start, end);
            }
            _ => self.word(start, end, classes),
        }
    }

    /// Whether the colon here separates: not between digits (`08:01`), nor beside another one (`std::io`).
    fn separates(&self, at: usize, start: usize, end: usize) -> bool {
        let before = if at > start { self.byte(at - 1) } else { None };
        let after = if at + 1 < end { self.byte(at + 1) } else { None };
        let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
        !(is_digit(before) && is_digit(after)) && before != Some(b':') && after != Some(b':')
    }

    /// Where a token ends without such bytes at its end; at least one stays.
    #[inline]
    pub(super) fn trimmed(&self, start: usize, end: usize, is_such: impl Fn(u8) -> bool) -> usize {
        let mut end = end;
        while end > start + 1 && self.byte(end - 1).is_some_and(&is_such) {
            end -= 1;
        }
        end
    }

    /// Takes a token without separating colons: variables and literals. Linear, however many joints it has.
    pub(super) fn word(&mut self, mut start: usize, end: usize, mut classes: u16) {
        let may_have_joint = classes & ROW != 0 || matches!(self.byte(start), Some(b'#' | b'~' | b'$'));
        if may_have_joint && classes & (MARK | DIGIT) == MARK | DIGIT {
            let (first, row) = (start, classes & ROW);
            let last_digit = start + self.range(start, end).iter().rposition(u8::is_ascii_digit).unwrap_or_default();
            while start <= last_digit
                && let Some(middle) = self.joint(start, end, row)
            {
                self.whole_word(start, middle, classes_of(self.range(start, middle)));
                start = middle;
            }
            if start > first {
                classes = classes_of(self.range(start, end)) | row;
            }
        }
        self.whole_word(start, end, classes);
    }

    /// Takes a variable or a literal.
    fn whole_word(&mut self, start: usize, end: usize, classes: u16) {
        if start == end {
            return;
        }
        let core = match classes & MARK {
            0 => end,
            // `7->9`: the arrow is no part of what it leads from.
            _ if self.byte(end) == Some(b'>') => {
                self.trimmed(start, end, |byte| matches!(byte, b'.' | b'!' | b'?' | b'-'))
            }
            _ => self.trimmed(start, end, |byte| matches!(byte, b'.' | b'!' | b'?')),
        };
        let token = self.range(start, core);
        let kind = match classes & DIGIT {
            0 => self.kind_without_digits(token, start, classes),
            _ => kind(token, classes),
        };
        match kind {
            Some(kind) => {
                self.to.variable(kind, start, core);
                self.to.literal(core, end);
            }
            None if token.len() == 1 => {
                self.to.punctuation(start, self.byte(start).unwrap_or_default());
                self.to.literal(core, end);
            }
            None => self.to.literal(start, end),
        }
    }

    fn kind_without_digits(&self, token: &[u8], start: usize, classes: u16) -> Option<ParameterKind> {
        if classes & (HEX_LETTER | LETTER) == 0 {
            // `user=-`: a value that is not there.
            return (token == b"-" && self.value_start == start).then_some(ParameterKind::Word);
        }
        kind(token, classes).or_else(|| {
            let is_unit = || self.to.follows_variable() && self.to.has_blank() && is_unit(token);
            (self.is_value(start) || is_unit()).then_some(ParameterKind::Word)
        })
    }

    /// Where a sign or a row of points ends that stands before a number and is no part of it: `#17`, `~27%`, `enable......0`; behind `#`
    /// also an identifier, whose first digit may be a letter: `#a9f3c210`.
    /// A token without a row has none of points.
    fn joint(&self, start: usize, end: usize, row: u16) -> Option<usize> {
        let token = self.range(start, end);
        if let [b'#', b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z', ..] | [b'~' | b'$', b'0'..=b'9', ..] = token {
            return Some(start + 1);
        }
        if row == 0 {
            return None;
        }
        let points = token.windows(3).position(|part| part == b"...")?;
        let length = token.iter().skip(points).take_while(|byte| **byte == b'.').count();
        let middle = start + points + length;
        (middle < end).then_some(middle)
    }
}
