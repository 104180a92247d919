//! Lines that continue the one before: the frames of a stack trace, the details of a statement.
//!
//! They are known by their shape alone. Producers without keys scatter the lines of a trace over partitions, so what
//! stood before cannot be asked.

use super::stamp;

/// Beginnings of lines that stand in stack traces only: of Java, Python, Rust.
const BEGINNINGS: [&str; 7] = [
    "Caused by:",
    "Suppressed:",
    "Traceback (most recent call last)",
    "During handling of the above",
    "The above exception was",
    "stack backtrace:",
    "note: run with `RUST_BACKTRACE",
];

/// Whether a line continues the one before it.
///
/// The line of the exception itself (`TypeError: ...`) does not: it says what went wrong. Nor does one blank at the
/// beginning make a continuation: receivers of RFC 3164 leave that in the message.
pub(super) fn is_continuation(line: &str) -> bool {
    match line.as_bytes() {
        [b' ', b' ', ..] => !has_stamp(line.trim_start_matches(' ')),
        [b'\t', ..] | [b' ', b'\t', ..] => true,
        [b' ', rest @ ..] => rest.starts_with(b"at "),
        // The first letters of the beginnings, so that hardly any line is compared with all of them.
        [b'C', b'a', ..]
        | [b'S' | b'D', b'u', ..]
        | [b'T', b'r' | b'h', ..]
        | [b's', b't', b'a', ..]
        | [b'n', b'o', b't', ..]
            if BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) =>
        {
            true
        }
        [b'.', ..] => numbered(line, "... ", " more"),
        [b'g', ..] if numbered(line, "goroutine ", " [") => true,
        [b'c', ..] if line.starts_with("created by ") => line.contains(" in goroutine "),
        _ => is_go_call(line),
    }
}

/// Whether a line begins with a date and a time of day: programs of HashiCorp indent all their lines.
fn has_stamp(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_digit())
        && stamp::leading(line, None).is_some_and(|stamp| stamp.time.is_some())
}

/// Whether a line is `before`, a number, `after`, and whatever follows.
fn numbered(line: &str, before: &str, after: &str) -> bool {
    line.strip_prefix(before).is_some_and(|rest| {
        let behind = rest.trim_start_matches(|character: char| character.is_ascii_digit());
        behind.len() < rest.len() && behind.starts_with(after)
    })
}

/// Whether a line is a call as a panic of Go prints it: `main.(*Server).handle(0xc000012, {0x1, 0x2}, ...)`. No other
/// log line consists of a qualified name and addresses in parentheses.
fn is_go_call(line: &str) -> bool {
    let Some((name, arguments)) = line.strip_suffix(')').and_then(|call| call.rsplit_once('(')) else {
        return false;
    };
    let is_qualified = name.contains('.') && !name.contains(' ');
    is_qualified && arguments.bytes().all(|byte| byte.is_ascii_hexdigit() || b"x{}., ?_".contains(&byte))
}
