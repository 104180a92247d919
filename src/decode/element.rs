//! What headers consist of: words, groups in brackets, separators, names of loggers, source lines.

use crate::lanes::{Lane, Mask, position};

use super::word::{Word, class, word};

/// The longest element of a header, in bytes.
pub(super) const ELEMENT_BYTES_MAX: usize = 160;

/// Endings of the files that programs name in their headers.
const SOURCE_ENDINGS: [&str; 22] = [
    "go", "rs", "py", "java", "kt", "scala", "groovy", "js", "mjs", "ts", "rb", "php", "cs", "c", "cc", "cpp", "cxx",
    "h", "hpp", "m", "swift", "erl",
];

/// The next thing of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element<'a> {
    /// What stands in brackets, or in other ones around a single word: `[main]`, `(MainThread)`, `<warn>`.
    Group(&'a str),
    /// What stands up to the next blank.
    Word(Word<'a>),
}

/// The next element, and what follows it. `text` begins with no blank.
pub(super) fn next(text: &str) -> Option<(Element<'_>, &str)> {
    match text.as_bytes().first()? {
        // PostgreSQL: `[unknown]@[unknown] LOG: `
        b'[' => group(text).map(|(inner, rest)| (Element::Group(inner), rest.strip_prefix('@').unwrap_or(rest))),
        // ClickHouse: `[ 12 ] {} <Information> `
        b'{' if text.starts_with("{} ") => text.get(2..).map(|rest| (Element::Group(""), rest)),
        // Airflow: `{scheduler.py:12} INFO - `
        b'{' => single_word_in(text, '}').or_else(|| as_word(text)),
        b'(' => single_word_in(text, ')').or_else(|| as_word(text)),
        b'<' => single_word_in(text, '>').or_else(|| as_word(text)),
        _ => as_word(text),
    }
}

fn as_word(text: &str) -> Option<(Element<'_>, &str)> {
    word(text).map(|word| (Element::Word(word), word.rest))
}

fn single_word_in(text: &str, end: char) -> Option<(Element<'_>, &str)> {
    let (inner, rest) = text.get(1..)?.split_once(end)?;
    let is_name = !inner.is_empty() && inner.len() <= ELEMENT_BYTES_MAX && inner.bytes().all(is_name_byte);
    (is_name && rest.starts_with([' ', '\t', ':'])).then_some((Element::Group(inner), rest))
}

/// What follows a single word in quotes. VMware: `'Activation' 140154046465792 INFO message`
pub(super) fn behind_quoted_word(text: &str) -> Option<&str> {
    text.strip_prefix('\'').and_then(|_| single_word_in(text, '\'')).map(|(_, rest)| rest)
}

/// What stands in the brackets that a text begins with, and what follows them. Brackets within count. None are the brackets
/// of data: quotes, braces and placeholders stand in no header.
pub(super) fn group(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes().get(..ELEMENT_BYTES_MAX).unwrap_or(text.as_bytes());
    let (mut depth, mut at) = (1_usize, 1);
    while let Some(next) = bytes.get(at..).and_then(|rest| position(rest, may_end_group)) {
        at += next;
        match bytes.get(at)? {
            b'[' => depth += 1,
            b']' if depth == 1 => return Some((text.get(1..at)?, text.get(at + 1..)?)),
            b']' => depth -= 1,
            _ => return None,
        }
        at += 1;
    }
    None
}

/// Brackets, quotes and braces.
#[inline]
fn may_end_group(lane: Lane) -> Mask {
    // In lower case brackets are braces.
    lane.lowered().equal(b'{') | lane.lowered().equal(b'}') | lane.equal(b'"') | lane.equal(b'\'')
}

/// A text without the blanks and separators that it begins with: ` `, `:`, `,`, `|`, and one to three dashes before a blank.
#[inline]
pub(super) fn strip_separators(text: &str) -> &str {
    match text.as_bytes() {
        [first, ..] if !may_separate(*first) => text,
        [b' ', second, ..] if !may_separate(*second) => text.get(1..).unwrap_or_default(),
        _ => strip_all_separators(text),
    }
}

fn may_separate(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b':' | b',' | b'|' | b'-')
}

fn strip_all_separators(text: &str) -> &str {
    let mut at = 0;
    let mut rest = text.as_bytes();
    loop {
        let bytes = match rest {
            [b' ' | b'\t' | b':' | b',' | b'|', ..] => 1,
            [b'-', b' ' | b'\t', ..] => 2,
            [b'-', b'-', b' ' | b'\t', ..] => 3,
            [b'-', b'-', b'-', b' ' | b'\t', ..] => 4,
            _ => return text.get(at..).unwrap_or_default(),
        };
        at += bytes;
        rest = rest.get(bytes..).unwrap_or_default();
    }
}

fn is_name_byte(byte: u8) -> bool {
    class::of(byte) & class::NAME != 0
}

/// Whether a word before a level belongs to the header: it looks like no word of a sentence (`node-7`, `a.b.C`, `user@db`,
/// `1#0:`, `KERNEL`).
pub(super) fn is_of_header(word: &Word<'_>) -> bool {
    let is_upper = word.text.len() > 1 && word.is_of(class::UPPER | class::UNDERSCORE);
    let begins_with_digit = word.text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let is_name = word.is_of(class::NAME) && (begins_with_digit || !word.text.ends_with(':'));
    let is_strange = word.has(class::DIGIT | class::MIXED | class::POINT | class::AT | class::DOLLAR);
    is_name && (is_upper || is_strange)
}

/// What follows the source line that a text begins with, of which this is the first word: `src/main.rs:12:`, `server.go:71]`.
pub(super) fn behind_source_line<'a>(word: &Word<'a>) -> Option<&'a str> {
    if word.classes & (class::DIGIT | class::POINT) != class::DIGIT | class::POINT {
        return None;
    }
    let place = word.text.trim_end_matches([':', ']']);
    let file = place.trim_end_matches(|character: char| character.is_ascii_digit() || character == ':');
    if file.len() == place.len() {
        return None;
    }
    let (_, ending) = file.rsplit_once('.')?;
    SOURCE_ENDINGS.contains(&ending).then_some(word.rest)
}

/// Whether a word is a class and the number of a line in it: `a.b.CartService:71`, `a.b.CartService#71`.
pub(super) fn is_class_line(word: &Word<'_>) -> bool {
    let has_all = word.has(class::MIXED) && word.has(class::POINT) && word.has(class::DIGIT);
    if !has_all || !word.is_of(class::NAME) || word.has(class::SLASH | class::ANGLE) {
        return false;
    }
    let name = word.text.strip_suffix(':').unwrap_or(word.text);
    let place = name.trim_end_matches(|character: char| character.is_ascii_digit());
    let class = place.strip_suffix([':', '#']);
    place.len() < name.len() && class.is_some_and(|class| class.ends_with(|last: char| last.is_ascii_alphabetic()))
}

/// What follows the name of a logger that a text begins with, of which this is the first word: `a.b.C: `, `DataNode: `,
/// `cart - `, `a.b.c 12 - `, `a.b.C [`.
///
/// A colon or a bracket stands behind many words, so the name must look like one. A dash stands behind few; there only a
/// capital letter keeps a word in the message (`Started - 5 jobs`).
pub(super) fn behind_logger<'a>(word: &Word<'a>) -> Option<&'a str> {
    if !word.has(class::LOWER | class::UPPER) || !word.is_of(class::NAME) {
        return None;
    }
    let rest = word.rest;
    let name = if word.has(class::COLON) { word.text.trim_end_matches(':') } else { word.text };
    let begins_lower = name.as_bytes().first().is_some_and(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    // A point, and something before the next one.
    let point = name.bytes().position(|byte| byte == b'.').filter(|_| word.has(class::POINT));
    let is_dotted = point.and_then(|at| name.as_bytes().get(at + 1)).is_some_and(|byte| *byte != b'.');
    let has_colon = word.has(class::COLON);
    // A host with its port is none: `db.example.com:5432`.
    let has_port = has_colon
        && name.bytes().filter(|byte| *byte == b':').count() == 1
        && name.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let has_path = has_colon && name.contains("::");
    let is_logger = (is_dotted || word.has(class::MIXED | class::DOLLAR) || has_path) && !word.has(class::SLASH);
    let padded = rest.trim_start_matches(' ');
    match () {
        () if has_port => None,
        () if word.text.len() > name.len() || padded.starts_with(": ") => is_logger.then_some(rest),
        () if padded.starts_with("- ") => (is_logger || begins_lower).then_some(rest),
        () if padded.starts_with('[') => (is_dotted && is_logger).then_some(rest),
        () if rest.starts_with('\t') => (is_logger || begins_lower).then_some(rest),
        () if is_logger => behind_number(padded).filter(|behind| behind.starts_with(" - ")),
        () => None,
    }
}

/// What follows a short word without letters: the number of a source line, a marker such as `*64`.
fn behind_number(text: &str) -> Option<&str> {
    let word = word(text)?;
    let is_number = word.text.len() <= 8 && word.has(class::DIGIT) && !word.has(class::LOWER | class::UPPER);
    (is_number && word.text.is_ascii()).then_some(word.rest)
}
