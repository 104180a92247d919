//! The one pass over a line that makes its skeleton.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::record::TemplateId;

use super::class::{BLANK, COLON, DELIMITER, DIGIT, END, HEX_LETTER, LETTER, MARK, SLASH, WORD, class};
use super::kind::{ParameterKind, is_plainly_literal, is_unit, kind, kind_with_colons};
use super::masks::{Masked, Masks};

/// The version of the rules that make skeletons. Whoever changes what any skeleton looks like raises it: ids of
/// different versions then differ, and snapshots of the version before are not read: what is new is learnt anew.
pub const RULES_VERSION: u64 = 3;

/// The longest text of a skeleton, in bytes. What is beyond is not shown, but is part of the identity.
pub const SKELETON_BYTES_MAX: usize = 1 << 10;

/// The most parameters of a line; further variables are part of the skeleton, but not handed out.
pub const PARAMETERS_MAX: usize = 64;

/// What stands for a run of variables.
const VARIABLE: &str = "<*>";

/// A variable part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// What it looks like.
    pub kind: ParameterKind,
    /// Where it begins in the line, in bytes.
    pub start: u32,
    /// Where it ends in the line, in bytes. At `start` where a key has no value.
    pub end: u32,
    /// Which `<*>` of the skeleton it is part of, counted from 0. Lists of variable length share one.
    pub slot: u16,
}

impl Parameter {
    /// Its text within the line that it was found in; empty for another line that has no such place.
    pub fn text<'a>(&self, line: &'a str) -> &'a str {
        let range = usize::try_from(self.start).ok().zip(usize::try_from(self.end).ok());
        range.and_then(|(start, end)| line.get(start..end)).unwrap_or_default()
    }
}

/// What a line consists of.
#[derive(Clone, Copy, Debug)]
pub struct Skeleton<'a> {
    /// The identity of the template.
    pub id: TemplateId,
    /// The literals as they stand in the line, with single blanks and `<*>` for each run of variables, or the name of a mask;
    /// cut off at [`SKELETON_BYTES_MAX`].
    pub text: &'a str,
    /// The variables, in the order of the line; the first [`PARAMETERS_MAX`].
    pub parameters: &'a [Parameter],
}

/// Makes skeletons. Owns the buffers that they are made in; what was made before has no influence.
#[derive(Debug, Default)]
pub struct Skeletoniser {
    text: String,
    parameters: Vec<Parameter>,
    masks: Masks,
    masked: Vec<Masked>,
}

impl Skeletoniser {
    /// One with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that applies these masks before anything else.
    pub fn with_masks(masks: Masks) -> Self {
        Self { masks, ..Self::default() }
    }

    /// The masks that it applies.
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// The skeleton of a line. Linear in the length of the line.
    pub fn skeletonise(&mut self, message: &str) -> Skeleton<'_> {
        self.masks.find(message, &mut self.masked);
        self.build(message)
    }

    /// The skeleton of a skeleton in which words became variables: names of masks stay, and patterns are not sought again.
    pub(super) fn skeletonise_again(&mut self, skeleton: &str) -> Skeleton<'_> {
        self.masks.find_placeholders(skeleton, &mut self.masked);
        self.build(skeleton)
    }

    fn build(&mut self, message: &str) -> Skeleton<'_> {
        self.text.clear();
        self.parameters.clear();
        Builder::new(message, &mut self.text, &mut self.parameters).read_line(&self.masked);
        let id = TemplateId(xxh3_64_with_seed(self.text.as_bytes(), RULES_VERSION));
        self.text.truncate(self.text.floor_char_boundary(SKELETON_BYTES_MAX));
        Skeleton { id, text: &self.text, parameters: &self.parameters }
    }
}

/// What the skeleton ends in so far, as far as the next variable asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// A literal, or nothing.
    Literal,
    /// A variable: another one joins it.
    Variable,
    /// A variable and one of `, : - /`, which is cut off again, down to `length`, if a variable follows.
    Joiner { length: usize },
}

struct Builder<'l, 's> {
    line: &'l str,
    bytes: &'l [u8],
    text: &'s mut String,
    parameters: &'s mut Vec<Parameter>,
    tail: Tail,
    /// The piece of the line that `text` still lacks. Literals that stand in the line as they do in the skeleton are copied
    /// together: most words are followed by one blank and another word.
    pending: Range<usize>,
    has_blank: bool,
    /// Where the value of a key begins, if the last thing was a key and `=`.
    value_start: usize,
    /// Where the value of the last `msg=` begins: that is text.
    message_start: usize,
    slots: u16,
}

impl<'l, 's> Builder<'l, 's> {
    fn new(line: &'l str, text: &'s mut String, parameters: &'s mut Vec<Parameter>) -> Self {
        Self {
            line,
            bytes: line.as_bytes(),
            text,
            parameters,
            tail: Tail::Literal,
            pending: 0..0,
            has_blank: false,
            value_start: usize::MAX,
            message_start: usize::MAX,
            slots: 0,
        }
    }

    fn read_line(&mut self, masked: &[Masked]) {
        let (line, mut at) = (self.bytes, 0);
        for Masked { range, name } in masked {
            // The piece before sees nothing of what is masked.
            self.bytes = line.get(..range.start).unwrap_or(line);
            self.read(at);
            self.masked(name, range.start, range.end);
            at = range.end;
        }
        self.bytes = line;
        self.read(at);
        self.end_value(line.len());
        self.copy_pending();
    }

    /// Reads on from here to the end of the bytes.
    fn read(&mut self, mut at: usize) {
        while let Some(&byte) = self.bytes.get(at) {
            let first = class(byte);
            at = if first & BLANK != 0 {
                self.end_value(at);
                self.has_blank = true;
                at + 1
            } else if first & DELIMITER != 0 {
                self.delimiter(at, byte)
            } else {
                self.token(at)
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
            self.variable(ParameterKind::Word, at, at);
        }
    }

    /// Takes a delimiter; returns where it ends.
    fn delimiter(&mut self, at: usize, byte: u8) -> usize {
        match byte {
            b'<' if self.range(at, at + VARIABLE.len()) == VARIABLE.as_bytes() => {
                // A line that holds a skeleton has that skeleton.
                self.variable(ParameterKind::Word, at, at + VARIABLE.len());
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
            b'(' | b'[' | b'{' | b'<' | b'>' | b'"' | b'\'' => {}
            b')' if matches!(self.range(at.saturating_sub(2), at), [before, b'('] if class(*before) & BLANK != 0) => {
                self.variable(ParameterKind::Word, at, at);
            }
            _ => self.end_value(at),
        }
        self.punctuation(at, at + 1);
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
        let word = rest.iter().take_while(|byte| class(**byte) & (BLANK | DELIMITER) == 0).count();
        is_apart && rest.first().is_some_and(u8::is_ascii_digit) && !matches!(rest.get(word), Some(b'>' | b'<'))
    }

    /// Takes a size that is said again in a larger unit: `1254 bytes (1.22 KB)`. Writers leave it out where it is small, so that
    /// it is part of the number and not of the skeleton. Returns where it ends.
    fn size_again(&mut self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at + 1..)?;
        let inner = rest.get(..rest.iter().take(16).position(|byte| *byte == b')')?)?;
        let digits = inner.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let unit = inner.get(digits..)?.trim_ascii_start();
        self.copy_pending();
        if digits == 0 || !is_unit(unit) || !self.text.ends_with("<*> bytes") {
            return None;
        }
        if self.parameters.len() < PARAMETERS_MAX
            && let (Ok(start), Ok(end)) = (u32::try_from(at + 1), u32::try_from(at + 1 + digits))
        {
            let slot = self.slots.saturating_sub(1);
            self.parameters.push(Parameter { kind: ParameterKind::Number, start, end, slot });
        }
        self.has_blank = false;
        Some(at + 1 + inner.len() + 1)
    }

    /// Takes the token that begins here, which may run on behind `=` if it is a path; returns where it ends.
    fn token(&mut self, start: usize) -> usize {
        let (bytes, mut classes, mut end) = (self.bytes, 0, start);
        while let Some(&byte) = bytes.get(end) {
            let class = class(byte);
            if class & END != 0 {
                break;
            }
            classes |= class;
            end += 1;
        }
        if classes == DIGIT {
            self.variable(ParameterKind::Number, start, end);
            return end;
        }
        let may_vary = self.tail == Tail::Variable || self.is_value(start);
        if !may_vary && is_plainly_literal(self.byte(start).unwrap_or_default(), end - start, classes) {
            if end - start == 1 && classes & MARK != 0 {
                self.punctuation(start, end);
            } else {
                self.literal(start, end);
            }
            return end;
        }
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
        self.variable(kind, start, core);
        self.literal(core, end);
        end
    }

    /// Takes a token with colons: whole if they are part of it, else what they separate.
    fn parts(&mut self, start: usize, end: usize, classes: u8) {
        let core = self.trimmed(start, end, b".!?:");
        if classes & DIGIT != 0
            && let Some(kind) = kind_with_colons(self.range(start, core), classes)
        {
            self.variable(kind, start, core);
            return self.literal(core, end);
        }
        let (mut part, mut union) = (start, 0);
        for (at, byte) in (start..end).zip(self.range(start, end)) {
            let class = class(*byte);
            if class != COLON || !self.separates(at, start, end) {
                union |= class;
                continue;
            }
            self.word(part, at, union);
            self.punctuation(at, at + 1);
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
        let core = if classes & MARK != 0 { self.trimmed(start, end, b".!?") } else { end };
        match self.word_kind(start, core, classes) {
            Some(kind) => {
                self.variable(kind, start, core);
                self.literal(core, end);
            }
            None if core - start == 1 => {
                self.punctuation(start, core);
                self.literal(core, end);
            }
            None => self.literal(start, end),
        }
    }

    /// Whether the value of a key begins here.
    #[inline]
    fn is_value(&self, start: usize) -> bool {
        start > 0 && self.byte(start - 1) == Some(b'=') && start != self.message_start
    }

    fn word_kind(&self, start: usize, end: usize, classes: u8) -> Option<ParameterKind> {
        let token = self.range(start, end);
        let found = kind(token, classes);
        if found.is_some() || classes & (HEX_LETTER | LETTER) == 0 {
            return found;
        }
        let is_value = self.is_value(start);
        let is_unit = self.tail == Tail::Variable && self.has_blank && is_unit(token);
        (is_value || is_unit).then_some(ParameterKind::Word)
    }

    fn variable(&mut self, kind: ParameterKind, start: usize, end: usize) {
        match self.tail {
            Tail::Variable => {}
            Tail::Joiner { length } => {
                self.pending = 0..0;
                self.text.truncate(length);
            }
            Tail::Literal => {
                self.copy_pending();
                self.blank();
                self.text.push_str(VARIABLE);
                self.slots = self.slots.saturating_add(1);
            }
        }
        self.tail = Tail::Variable;
        self.has_blank = false;
        self.parameter(kind, start, end);
    }

    /// Takes what a mask found. Nothing joins it.
    fn masked(&mut self, name: &str, start: usize, end: usize) {
        self.copy_pending();
        self.blank();
        self.text.extend(["<", name, ">"]);
        self.slots = self.slots.saturating_add(1);
        self.tail = Tail::Literal;
        self.parameter(ParameterKind::Masked, start, end);
    }

    fn parameter(&mut self, kind: ParameterKind, start: usize, end: usize) {
        if self.parameters.len() < PARAMETERS_MAX
            && let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end))
        {
            self.parameters.push(Parameter { kind, start, end, slot: self.slots.saturating_sub(1) });
        }
    }

    /// Takes one character, which may join variables.
    fn punctuation(&mut self, start: usize, end: usize) {
        let may_join = matches!(self.range(start, end), b"," | b":" | b"-" | b"/");
        // Behind a variable nothing is pending.
        let length = self.text.len();
        let follows_variable = self.tail == Tail::Variable;
        self.literal(start, end);
        if may_join && follows_variable {
            self.tail = Tail::Joiner { length };
        }
    }

    #[inline]
    fn literal(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        let is_next = match self.has_blank {
            true => start == self.pending.end + 1 && self.byte(self.pending.end) == Some(b' '),
            false => start == self.pending.end,
        };
        if is_next && !self.pending.is_empty() {
            self.pending.end = end;
            self.has_blank = false;
        } else {
            self.copy_pending();
            self.blank();
            self.pending = start..end;
        }
        self.tail = Tail::Literal;
    }

    fn copy_pending(&mut self) {
        self.text.push_str(self.line.get(self.pending.clone()).unwrap_or_default());
        self.pending = 0..0;
    }

    fn blank(&mut self) {
        if self.has_blank && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.has_blank = false;
    }
}
