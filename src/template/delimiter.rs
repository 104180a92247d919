//! Delimiters: what they say of the tokens beside them.

use super::class::{BLANK, DELIMITER, END, class};
use super::kind::{ParameterKind, is_unit};
use super::quoted::quoted;
use super::reader::Reader;
use super::writer::VARIABLE;

impl Reader<'_, '_> {
    /// Takes the empty value of a key that ends here.
    #[inline]
    pub(super) fn end_value(&mut self, at: usize) {
        if self.value_start == at {
            self.to.variable(ParameterKind::Word, at, at);
        }
    }

    /// Takes a delimiter; returns where it ends.
    pub(super) fn delimiter(&mut self, at: usize, byte: u8) -> usize {
        match byte {
            b'<' if self.range(at, at + VARIABLE.len()) == VARIABLE => {
                // A line that holds a skeleton has that skeleton.
                self.to.variable(ParameterKind::Word, at, at + VARIABLE.len());
                return at + VARIABLE.len();
            }
            b'<' | b'>' if self.is_bound(at) => return at + 1,
            b'(' if self.range(at.saturating_sub(6), at) == b"bytes " => {
                if let Some(end) = self.size_again(at) {
                    return end;
                }
            }
            b'=' => {
                let is_behind_key = at > 0 && self.byte(at - 1).is_some_and(|byte| class(byte) & END == 0);
                self.value_start = if is_behind_key { at + 1 } else { usize::MAX };
                if self.is_message_key(at) {
                    self.message_start = at + 1;
                }
            }
            // `from=<ann>` is as `from="ann"`.
            b'"' | b'\'' | b'<'
                if at != self.message_start
                    && (byte != b'<' || self.value_start == at && self.byte(at + 1) != Some(b'>')) =>
            {
                if let Some((kind, end)) = quoted(self.bytes, at, self.value_start == at) {
                    self.to.punctuation(at, byte);
                    self.to.variable(kind, at + 1, end);
                    self.to.punctuation(end, self.byte(end).unwrap_or(byte));
                    return end + 1;
                }
            }
            b'>' | b']' | b')' | b'}' if self.value_start.saturating_add(1) == at => {
                // `from=<>`: a value in brackets, of which there is none.
                self.to.variable(ParameterKind::Word, at, at);
            }
            b'(' | b'[' | b'{' | b'<' | b'>' | b'"' | b'\'' => {}
            b')' if matches!(self.range(at.saturating_sub(2), at), [before, b'('] if class(*before) & BLANK != 0) => {
                self.to.variable(ParameterKind::Word, at, at);
            }
            _ => self.end_value(at),
        }
        self.to.punctuation(at, byte);
        at + 1
    }

    /// Whether the key that ends here is that of the message of a line of pairs: its value is the writer's own word.
    fn is_message_key(&self, at: usize) -> bool {
        [&b"msg"[..], b"message"].iter().any(|name| {
            let start = at.checked_sub(name.len());
            let is_apart = start.is_some_and(|start| {
                start.checked_sub(1).and_then(|before| self.byte(before)).is_none_or(|byte| class(byte) & END != 0)
            });
            is_apart && self.range(at.saturating_sub(name.len()), at) == *name
        })
    }

    /// Whether a number follows, of which the sign here says that it is a bound: `lifetime <1 sec`.
    fn is_bound(&self, at: usize) -> bool {
        let rest = self.bytes.get(at + 1..).unwrap_or_default();
        let is_apart = at == 0 || self.byte(at - 1).is_some_and(|byte| class(byte) & BLANK != 0);
        if !is_apart || !rest.first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        let word = rest.iter().take_while(|byte| class(**byte) & (BLANK | DELIMITER) == 0).count();
        !matches!(rest.get(word), Some(b'>' | b'<'))
    }

    /// Takes a size that is said again in a larger unit: `1254 bytes (1.22 KB)`. Writers leave it out where it is small, so that
    /// it is part of the number and not of the skeleton. Returns where it ends.
    fn size_again(&mut self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at + 1..)?;
        let inner = rest.get(..rest.iter().take(16).position(|byte| *byte == b')')?)?;
        let digits = inner.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let unit = inner.get(digits..)?.trim_ascii_start();
        if digits == 0 || !is_unit(unit) || !self.to.ends_with(b"<*> bytes") {
            return None;
        }
        self.to.parameter(ParameterKind::Number, at + 1, at + 1 + digits);
        self.to.drop_blank();
        Some(at + 1 + inner.len() + 1)
    }
}
