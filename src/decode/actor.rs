//! Who within a program writes a line, as headers name it behind the level: processes, methods, connections.

use crate::record::Level;

use super::element::{ELEMENT_BYTES_MAX, Element, behind_source_line, group, next};
use super::word::{Word, class, word};

/// What follows the identity of a process of Erlang.
pub(super) fn behind_process(text: &str) -> Option<&str> {
    let Some((Element::Group(inner), behind)) = next(text) else { return None };
    let is_identity = inner.contains('.') && inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_identity.then_some(behind)
}

/// What follows the thread behind the name of a logger in brackets. JBoss: `[org.keycloak.events] (executor-thread-12) message`
pub(super) fn behind_pool(text: &str) -> Option<&str> {
    const THREAD_BYTES_MAX: usize = 64;
    let (thread, rest) = text.strip_prefix('(')?.split_once(')')?;
    let is_name = thread.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_.:#/".contains(&byte));
    let is_thread =
        is_name && thread.len() <= THREAD_BYTES_MAX && thread.starts_with(|first: char| first.is_ascii_alphabetic());
    (is_thread && rest.starts_with(' ')).then_some(rest)
}

/// What follows the spans within which a line was written, and its target. Rust's tracing:
/// `request{method=GET path=/}:query{id=7}: shop::cart: message`
pub(super) fn behind_spans(text: &str) -> Option<&str> {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b':'))
    };
    let mut rest = text;
    while !rest.starts_with(' ') {
        let (name, fields) = rest.get(..rest.floor_char_boundary(ELEMENT_BYTES_MAX))?.split_once('{')?;
        let end = fields.find('}').filter(|_| is_name(name))?;
        fields.get(..end)?.contains('=').then_some(())?;
        rest = rest.get(name.len() + 1 + end + 1..)?.strip_prefix(':')?;
    }
    let target = word(rest.strip_prefix(' ')?)?;
    target.text.strip_suffix(':').filter(|name| is_name(name)).map(|_| target.rest)
}

/// What follows the number of a worker and its part of the program. strongSwan: `07[NET] message`
pub(super) fn behind_worker(text: &str) -> &str {
    match text.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9', b'[', b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z', b']', b' ', ..] => {
            text.get("07[NET] ".len()..).unwrap_or(text)
        }
        _ => text,
    }
}

/// What follows the number of a worker behind a level in brackets. Fluentd: `[info]: #0 message`
pub(super) fn behind_worker_number(text: &str) -> &str {
    let behind = text.strip_prefix(": #").and_then(|number| {
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        number.get(digits..).filter(|rest| matches!(digits, 1 | 2) && rest.starts_with(' '))
    });
    behind.unwrap_or(text)
}

/// What follows process and host. pino-pretty: `(cart/12345 on web01): message`, of which name and host may be missing.
pub(super) fn behind_process_on_host(text: &str) -> Option<&str> {
    let near = text.get(..text.floor_char_boundary(ELEMENT_BYTES_MAX))?;
    let inner = near.strip_prefix('(')?.split_once("): ")?.0;
    let (process, host) = inner.split_once(" on ").unwrap_or((inner, ""));
    let (name, number) = process.rsplit_once('/').unwrap_or(("node", process));
    let is_name = name.contains(|letter: char| letter.is_ascii_alphabetic()) && !name.contains([' ', '(']);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_name && is_number && !host.contains([' ', '('])).then(|| text.get(inner.len() + "(): ".len()..))?
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
    let last = word.text.rsplit('.').next().unwrap_or_default();
    let is_class = last.starts_with(|first: char| first.is_ascii_uppercase());
    let is_exception = is_class && (last.ends_with("Exception") || last.ends_with("Error")) || last.is_empty();
    *has_logger = is_name && !is_exception;
    has_logger.then_some(word.rest)
}

/// What follows the thread, which this word may be, and the level of Ceph, which is a number, and that level:
/// `7f12345ab890 -1 osd.1 123 message`.
pub(super) fn behind_ceph<'a>(thread: &Word<'a>) -> Option<(Level, &'a str)> {
    let is_hex = thread.has(class::LOWER) && thread.text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex || !(12..=16).contains(&thread.text.len()) {
        return None;
    }
    let number = word(thread.rest.trim_ascii_start())?;
    // Ceph, "Log settings": -1 is an error, up to 5 is written by default, 20 is the most.
    let level = match number.text.parse::<i8>().ok()? {
        -1 => Level::Error,
        0..=5 => Level::Info,
        6..=20 => Level::Debug,
        _ => return None,
    };
    Some((level, number.rest))
}

/// What follows the column of twelve characters that says who writes. SQL Server: `spid22s     message`
pub(super) fn behind_column<'a>(actor: &Word<'a>) -> Option<&'a str> {
    const COLUMN_BYTES: usize = 12;
    let message = actor.rest.trim_start_matches(' ');
    let is_column = actor.text.len() + actor.rest.len() - message.len() == COLUMN_BYTES && !message.is_empty();
    let is_task = |name: &str| {
        let number = name.strip_prefix("spid").map(|rest| rest.strip_suffix('s').unwrap_or(rest));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_actor = ["Server", "Logon", "Backup"].contains(&actor.text) || is_task(actor.text);
    (is_column && is_actor).then_some(message)
}

/// Whether a text begins with what GlusterFS writes behind the letter of its level: `[MSGID: 106487] [socket.c:774:__socket_rwv] `, the
/// first of which may be missing. What follows the first.
pub(super) fn behind_gluster_id(text: &str) -> Option<&str> {
    let behind_id = group(text).filter(|(inner, _)| {
        inner.strip_prefix("MSGID: ").is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let place = behind_id.map_or(text, |(_, behind)| behind.trim_ascii_start());
    let (inner, _) = group(place)?;
    let line = inner.rsplit_once(':').and_then(|(line, _function)| word(line))?;
    behind_source_line(&line).is_some_and(str::is_empty).then_some(place)
}

/// Whether a word is the thread before the name of a logger, divided by tabs. Trino: `query-execution-5 io.trino.event.QueryMonitor message`
pub(super) fn is_tabbed_thread(word: &Word<'_>) -> bool {
    let logger = word.rest.strip_prefix('\t').filter(|_| !word.has(class::POINT)).and_then(self::word);
    logger.is_some_and(|logger| {
        logger.rest.starts_with('\t')
            && logger.has(class::POINT)
            && logger.has(class::UPPER)
            && logger.is_of(class::ALPHANUMERIC | class::POINT | class::DOLLAR | class::MIXED)
    })
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
