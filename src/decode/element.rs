//! What headers consist of: words, groups in brackets, separators, names of loggers, source lines.

/// The longest element of a header, in bytes.
const ELEMENT_BYTES_MAX: usize = 160;

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
    Word(&'a str),
}

/// The next element, and what follows it. `text` begins with no blank.
pub(super) fn next(text: &str) -> Option<(Element<'_>, &str)> {
    match text.as_bytes().first()? {
        b'[' => group(text).map(|(inner, rest)| (Element::Group(inner), rest)),
        b'(' => single_word_in(text, ')').or_else(|| as_word(text)),
        b'<' => single_word_in(text, '>').or_else(|| as_word(text)),
        _ => as_word(text),
    }
}

fn as_word(text: &str) -> Option<(Element<'_>, &str)> {
    word(text).map(|(word, rest)| (Element::Word(word), rest))
}

fn single_word_in(text: &str, end: char) -> Option<(Element<'_>, &str)> {
    let (inner, rest) = text.get(1..)?.split_once(end)?;
    let is_name = !inner.is_empty() && inner.len() <= ELEMENT_BYTES_MAX && inner.bytes().all(is_name_byte);
    (is_name && rest.starts_with([' ', '\t', ':'])).then_some((Element::Group(inner), rest))
}

/// The word that a text begins with, and what follows it. It is short, as the words of headers are.
pub(super) fn word(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let window = bytes.get(..ELEMENT_BYTES_MAX).unwrap_or(bytes);
    let end = window.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let end = end.or_else(|| (bytes.len() == window.len()).then_some(bytes.len()))?;
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

/// What stands in the brackets that a text begins with, and what follows them. Brackets within count. None are the brackets
/// of data: quotes, braces and placeholders stand in no header.
pub(super) fn group(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().take(ELEMENT_BYTES_MAX) {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return Some((text.get(1..at)?, text.get(at + 1..)?)),
            b']' => depth -= 1,
            b'"' | b'\'' | b'{' | b'}' => return None,
            _ => {}
        }
    }
    None
}

/// A text without the blanks and separators that it begins with.
pub(super) fn strip_separators(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ':', ',', '|']);
        let dashes = rest.len() - rest.trim_start_matches('-').len();
        match rest.get(dashes..) {
            Some(behind) if (1..=3).contains(&dashes) && behind.starts_with([' ', '\t']) => rest = behind,
            _ => return rest,
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b':' | b'-' | b'@' | b'#' | b'/' | b'<' | b'>')
}

/// Whether a lower-case letter stands before an upper-case one: `DataNode`, `mainThread`.
fn is_mixed_case(word: &str) -> bool {
    word.as_bytes().windows(2).any(|pair| matches!(pair, [b'a'..=b'z', b'A'..=b'Z']))
}

/// Whether a word before a level belongs to the header: it looks like no word of a sentence (`node-7`, `a.b.C`, `user@db`,
/// `1#0:`, `KERNEL`).
pub(super) fn is_of_header(word: &str) -> bool {
    let is_upper = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let begins_with_digit = word.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_name = word.bytes().all(is_name_byte) && (begins_with_digit || !word.ends_with(':'));
    is_name && (is_upper || has_digit || is_mixed_case(word) || word.bytes().any(|byte| b".@$#".contains(&byte)))
}

/// What follows the source line that a text begins with: `src/main.rs:12:`, `server.go:71]`.
pub(super) fn behind_source_line(text: &str) -> Option<&str> {
    let (word, rest) = word(text)?;
    let place = word.trim_end_matches([':', ']']);
    let file = place.trim_end_matches(|character: char| character.is_ascii_digit() || character == ':');
    let (_, ending) = file.rsplit_once('.')?;
    (file.len() < place.len() && SOURCE_ENDINGS.contains(&ending)).then_some(rest)
}

/// What follows the name of a logger that a text begins with: `a.b.C: `, `DataNode: `, `cart - `, `a.b.c 12 - `, `a.b.C [`.
///
/// A colon or a bracket stands behind many words, so the name must look like one. A dash stands behind few; there only a
/// capital letter keeps a word in the message (`Started - 5 jobs`).
pub(super) fn behind_logger(text: &str) -> Option<&str> {
    let (word, rest) = word(text)?;
    let name = word.trim_end_matches(':');
    let has_letter = name.bytes().any(|byte| byte.is_ascii_alphabetic());
    if !has_letter || !name.bytes().all(is_name_byte) {
        return None;
    }
    let begins_lower = name.as_bytes().first().is_some_and(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    let is_dotted = name.split('.').nth(1).is_some_and(|part| !part.is_empty());
    // A host with its port is none: `db.example.com:5432`.
    let has_port = name.matches(':').count() == 1
        && name.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let is_logger =
        (is_dotted || is_mixed_case(name) || name.contains("::") || name.contains('$')) && !name.contains('/');
    let padded = rest.trim_start_matches(' ');
    match () {
        () if has_port => None,
        () if word.len() > name.len() || padded.starts_with(": ") => is_logger.then_some(rest),
        () if padded.starts_with("- ") => (is_logger || begins_lower).then_some(rest),
        () if rest.starts_with(" [") => (is_dotted && is_logger).then_some(rest),
        () if rest.starts_with('\t') => (is_logger || begins_lower).then_some(rest),
        () => behind_number(padded).filter(|behind| is_logger && behind.starts_with(" - ")),
    }
}

/// What follows a short word without letters: the number of a source line, a marker such as `*64`.
fn behind_number(text: &str) -> Option<&str> {
    let (word, rest) = word(text)?;
    let is_number = word.len() <= 8 && word.bytes().any(|byte| byte.is_ascii_digit());
    (is_number && !word.bytes().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii())).then_some(rest)
}
