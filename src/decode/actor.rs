//! Who within a program writes a line, as headers name it behind the level: processes, methods, connections.

use super::element::{Element, Word, class, next, word};

/// What follows the identity of a process of Erlang.
pub(super) fn behind_process(text: &str) -> Option<&str> {
    let Some((Element::Group(inner), behind)) = next(text) else { return None };
    let is_identity = inner.contains('.') && inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_identity.then_some(behind)
}

/// What follows the whole name of a class or method, for which behind a thread no separator is needed. java.util.logging as Tomcat
/// sets it: `INFO [main] org.apache.catalina.startup.Catalina.start message`
pub(super) fn behind_method<'a>(text: &'a str, has_logger: &mut bool) -> Option<&'a str> {
    let word = word(text)?;
    let points = word.text.bytes().filter(|byte| *byte == b'.').count();
    let is_name = points >= 3
        && word.has(class::UPPER)
        && word.is_of(class::ALPHANUMERIC | class::POINT | class::UNDERSCORE | class::DOLLAR | class::MIXED)
        && word.text.starts_with(|first: char| first.is_ascii_lowercase());
    let is_exception = word.text.ends_with("Exception") || word.text.ends_with("Error") || word.text.ends_with('.');
    *has_logger = is_name && !is_exception;
    has_logger.then_some(word.rest)
}

/// nginx: worker and connection, `31#31: *12 message`.
pub(super) fn is_connection(word: &Word<'_>) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match word.text.as_bytes() {
        [b'*', ..] => word.text.strip_prefix('*').is_some_and(is_digits),
        [b'0'..=b'9', .., b':'] if word.is_of(class::DIGIT | class::AT | class::COLON) => {
            let worker = word.text.strip_suffix(':').and_then(|word| word.split_once('#'));
            worker.is_some_and(|(process, thread)| is_digits(process) && is_digits(thread))
        }
        _ => false,
    }
}
