//! Host and tag, as lines of syslog have them behind their stamp. Source: RFC 3164, sections 4.1.2 and 4.1.3.

use super::element::group;
use super::level;
use super::stamp::Style;
use super::word::{Word, class};

/// Host and message behind the stamp of a line of syslog, of which this is the first word: `web01 sshd[230]: message`.
pub(super) fn behind_host<'a>(host: &Word<'a>, style: Style) -> Option<(Option<&'a str>, &'a str)> {
    const HOST: u16 = class::ALPHANUMERIC
        | class::POINT
        | class::HYPHEN
        | class::UNDERSCORE
        | class::COLON
        | class::SLASH
        | class::AT;
    if !host.has(class::ALPHANUMERIC) || !host.is_of(HOST | class::MIXED) || host.text.ends_with(':') {
        return None;
    }
    let behind = host.rest.trim_ascii_start();
    let looks_like_host = host.has(class::DIGIT | class::POINT | class::HYPHEN);
    if let Some((tag, message)) = behind_tag(behind) {
        let is_of_syslog = match tag {
            Tag::WithProcess => true,
            Tag::Known => style == Style::Rfc3339 && (looks_like_host || host.is_of(class::LOWER)),
            Tag::Other => false,
        };
        // `ERROR worker[12]: message`
        let is_host = || level::of_header_word(host.text, true).is_none();
        return (style == Style::Syslog || is_of_syslog && is_host()).then_some((Some(host.text), message));
    }
    (style == Style::Syslog && looks_like_host && !behind.is_empty()).then_some((Some(host.text), behind))
}

/// What kind of tag a line of syslog has.
enum Tag {
    /// With a process, which nothing else looks like.
    WithProcess,
    /// Of one of those that have none.
    Known,
    /// A word with a colon, as others write it too.
    Other,
}

/// The tag of syslog and what follows it: `crond(pam_unix)[2915]: `, `launchd[1] (com.apple.x[2]): `, `kernel: `.
fn behind_tag(text: &str) -> Option<(Tag, &str)> {
    let name_bytes = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"._-/+@".contains(byte)).count();
    let mut rest = text.get(name_bytes..).filter(|_| name_bytes > 0)?;
    let mut has_process = false;
    if rest.starts_with('(') {
        rest = rest.split_once(')').filter(|(inner, _)| !inner.contains(' '))?.1;
    }
    if rest.starts_with('[') {
        rest = group(rest)?.1;
        has_process = true;
    }
    if has_process && rest.starts_with(" (") {
        rest = rest.split_once("):").filter(|(inner, _)| !inner.get(2..).unwrap_or_default().contains(' '))?.1;
    } else {
        rest = rest.strip_prefix(':')?;
    }
    let is_over = rest.is_empty() || rest.starts_with([' ', '\t']);
    let tag = || match text.get(..name_bytes) {
        _ if has_process => Tag::WithProcess,
        Some("kernel" | "sudo" | "su" | "rsyslogd" | "vmkernel" | "vmkwarning" | "Hostd" | "Vpxa" | "vobd") => {
            Tag::Known
        }
        _ => Tag::Other,
    };
    is_over.then(|| (tag(), rest.trim_ascii_start()))
}
