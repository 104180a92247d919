//! The one pass over a line: tokens, and what each of them is.

use super::class::{BLANK, COLON, DELIMITER, DIGIT, END, HEX_LETTER, LETTER, MARK, SLASH, WORD, class, classes_of};
use super::kind::{ParameterKind, UNIT_BYTES_MAX, is_plainly_literal, is_unit, kind, kind_with_colons};
use super::masks::Masked;
use super::number::end_of_groups;
use super::quoted::quoted;
use super::skeleton::Parameter;
use super::token::token;
use super::writer::{VARIABLE, Writer};

/// Reads a line from its beginning to its end.
pub(super) struct Reader<'l, 's> {
    bytes: &'l [u8],
    to: Writer<'l, 's>,
    /// Where the value of a key begins, if the last thing was a key and `=`.
    value_start: usize,
    /// Where the value of the last `msg=` begins: that is text.
    message_start: usize,
}

impl<'l, 's> Reader<'l, 's> {
    /// Begins with a line; what is made of it comes into the buffers.
    pub(super) fn new(line: &'l str, text: &'s mut String, parameters: &'s mut Vec<Parameter>) -> Self {
        let to = Writer::new(line, text, parameters);
        Self { bytes: line.as_bytes(), to, value_start: usize::MAX, message_start: usize::MAX }
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
        while let Some(&byte) = self.bytes.get(at) {
            let first = class(byte);
            at = if first & END == 0 {
                self.token(at, byte)
            } else if first & BLANK != 0 {
                self.end_value(at);
                self.to.blank();
                at + 1
            } else {
                self.delimiter(at, byte)
            };
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn range(&self, start: usize, end: usize) -> &'l [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Takes the empty value of a key that ends here.
    #[inline]
    fn end_value(&mut self, at: usize) {
        if self.value_start == at {
            self.to.variable(ParameterKind::Word, at, at);
        }
    }

    /// Takes a delimiter; returns where it ends.
    fn delimiter(&mut self, at: usize, byte: u8) -> usize {
        match byte {
            b'<' if self.range(at, at + VARIABLE.len()) == VARIABLE.as_bytes() => {
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
            b'"' | b'\'' if at != self.message_start => {
                if let Some((kind, end)) = quoted(self.bytes, at, self.value_start == at) {
                    self.to.punctuation(at, byte);
                    self.to.variable(kind, at + 1, end);
                    self.to.punctuation(end, byte);
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
        if digits == 0 || !is_unit(unit) || !self.to.ends_with("<*> bytes") {
            return None;
        }
        self.to.parameter(ParameterKind::Number, at + 1, at + 1 + digits);
        self.to.drop_blank();
        Some(at + 1 + inner.len() + 1)
    }

    /// Takes the token that begins here with this byte, which may run on behind `=` if it is a path; returns where it ends.
    #[inline]
    fn token(&mut self, start: usize, first: u8) -> usize {
        let (end, classes) = token(self.bytes, start, first);
        if classes == DIGIT {
            let end = end_of_groups(self.bytes, start, end);
            self.to.variable(ParameterKind::Number, start, end);
            return end;
        }
        // Behind a variable a short word may be its unit.
        let may_vary = (self.to.follows_variable() && end - start <= UNIT_BYTES_MAX) || self.is_value(start);
        if !may_vary && is_plainly_literal(first, end - start, classes) {
            if end - start == 1 && classes & MARK != 0 {
                self.to.punctuation(start, first);
            } else {
                self.to.literal(start, end);
            }
            return end;
        }
        self.strange_token(start, end, classes)
    }

    /// Takes a token that may be more than one literal; returns where it ends.
    fn strange_token(&mut self, start: usize, end: usize, classes: u8) -> usize {
        if classes & SLASH != 0
            && let Some(kind) = self.path_kind(start, end)
        {
            return self.path(kind, start, end);
        }
        if classes & COLON != 0 {
            self.parts(start, end, classes)
        } else {
            self.word(start, end, classes)
        }
        end
    }

    /// Whether a token is a path from the root or has a scheme.
    fn path_kind(&self, start: usize, end: usize) -> Option<ParameterKind> {
        let token = self.range(start, end);
        if let [b'/', second, ..] = token {
            let is_path = class(*second) & WORD != 0 || matches!(second, b'_' | b'.' | b'~');
            return is_path.then_some(ParameterKind::Path);
        }
        let colon = memchr::memchr(b':', token)?;
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

    /// Takes a token with colons: whole if they are part of it, else what they separate.
    fn parts(&mut self, start: usize, end: usize, classes: u8) {
        if classes & DIGIT != 0 {
            let core = self.trimmed(start, end, b".!?:");
            if let Some(kind) = kind_with_colons(self.range(start, core), classes) {
                self.to.variable(kind, start, core);
                return self.to.literal(core, end);
            }
        }
        // Most have one colon, at their end: that separates, and the classes of the word before it are known.
        let last = end - 1;
        if memchr::memchr(b':', self.range(start, end)) == Some(last - start) {
            self.word(start, last, classes & !COLON);
            return self.to.punctuation(last, b':');
        }
        let (mut part, mut union) = (start, 0);
        for (at, byte) in (start..end).zip(self.range(start, end)) {
            let class = class(*byte);
            if class != COLON || !self.separates(at, start, end) {
                union |= class;
                continue;
            }
            self.word(part, at, union);
            self.to.punctuation(at, b':');
            (part, union) = (at + 1, 0);
        }
        self.word(part, end, union);
    }

    /// Whether the colon here separates: not between digits (`08:01`), nor beside another one (`std::io`).
    fn separates(&self, at: usize, start: usize, end: usize) -> bool {
        let before = if at > start { self.byte(at - 1) } else { None };
        let after = if at + 1 < end { self.byte(at + 1) } else { None };
        let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
        !(is_digit(before) && is_digit(after)) && before != Some(b':') && after != Some(b':')
    }

    /// Where a token ends without such characters at its end; at least one byte stays.
    fn trimmed(&self, start: usize, end: usize, characters: &[u8]) -> usize {
        let mut end = end;
        while end > start + 1 && self.byte(end - 1).is_some_and(|byte| characters.contains(&byte)) {
            end -= 1;
        }
        end
    }

    /// Takes a token without separating colons: a variable or a literal.
    fn word(&mut self, start: usize, end: usize, classes: u8) {
        if start == end {
            return;
        }
        if classes & (MARK | DIGIT) == MARK | DIGIT
            && let Some(middle) = self.joint(start, end)
        {
            self.word(start, middle, classes_of(self.range(start, middle)));
            return self.word(middle, end, classes_of(self.range(middle, end)));
        }
        let core = match classes & MARK {
            0 => end,
            // `7->9`: the arrow is no part of what it leads from.
            _ if self.byte(end) == Some(b'>') => self.trimmed(start, end, b".!?-"),
            _ => self.trimmed(start, end, b".!?"),
        };
        match self.word_kind(start, core, classes) {
            Some(kind) => {
                self.to.variable(kind, start, core);
                self.to.literal(core, end);
            }
            None if core - start == 1 => {
                self.to.punctuation(start, self.byte(start).unwrap_or_default());
                self.to.literal(core, end);
            }
            None => self.to.literal(start, end),
        }
    }

    /// Where a sign or a row of points ends that stands before a number and is no part of it: `#17`, `~27%`, `enable......0`.
    fn joint(&self, start: usize, end: usize) -> Option<usize> {
        let token = self.range(start, end);
        if let [b'#' | b'~' | b'$', b'0'..=b'9', ..] = token {
            return Some(start + 1);
        }
        let points = token.windows(3).position(|part| part == b"...")?;
        let length = token.iter().skip(points).take_while(|byte| **byte == b'.').count();
        let middle = start + points + length;
        (middle < end).then_some(middle)
    }

    /// Whether the value of a key begins here.
    #[inline]
    fn is_value(&self, start: usize) -> bool {
        start > 0 && self.byte(start - 1) == Some(b'=') && start != self.message_start
    }

    fn word_kind(&self, start: usize, end: usize, classes: u8) -> Option<ParameterKind> {
        let token = self.range(start, end);
        let found = kind(token, classes);
        // `user=-`: a value that is not there.
        if token == b"-" && self.value_start == start {
            return Some(ParameterKind::Word);
        }
        if found.is_some() || classes & (HEX_LETTER | LETTER) == 0 {
            return found;
        }
        let is_value = self.is_value(start);
        let is_unit = self.to.follows_variable() && self.to.has_blank() && is_unit(token);
        (is_value || is_unit).then_some(ParameterKind::Word)
    }
}
