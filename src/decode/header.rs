//! The header of a line: what a program's logger writes before the message.
//!
//! Time stamp, host, program, level, process and thread, logger, source line and request ids, in the orders in which log4j,
//! logback, java.util.logging, JBoss, Jetty, WebLogic, WebSphere, Python, Go, Rust, Ruby, .NET, pino-pretty, syslog, journald, the
//! kernel, klog and glog, nginx, Apache, PostgreSQL, MySQL, MariaDB, CockroachDB, ClickHouse, SQL Server, Redis, MongoDB, NATS, Ceph,
//! GlusterFS, Trino, Cisco, VMware, Asterisk, Icinga, Nagios, Zabbix, Telegraf, Fluentd, Suricata, SSSD, Unbound, OpenLDAP,
//! Android, Windows and the RAS logs of supercomputers write them. It is a grammar, not a memory: the same line has the same
//! header wherever it stands.
//!
//! What is taken off must show that it belongs to a header: a stamp at the beginning, or a level of which only numbers and
//! brackets stand before. Behind it come off only what no sentence begins with: groups in brackets, source lines, dotted or
//! mixed-case names with a colon or a dash behind. In doubt it stays, as a literal of the template. A line that would lose
//! everything keeps everything.

use crate::lanes::position;
use crate::record::{Level, StreamTime};

use super::actor::{
    behind_ceph, behind_column, behind_method, behind_pool, behind_process, behind_process_on_host, behind_spans,
    behind_worker, behind_worker_number, is_connection, is_tabbed_thread,
};
use super::element::{behind_logger, behind_source_line, group, is_class_line, strip_separators};
use super::level;
use super::logfmt;
use super::mnemonic;
use super::prefix;
use super::stamp::{self, Stamp};
use super::syslog::behind_host;
use super::vmware;
use super::way_to_level::{BEFORE_LEVEL_MAX, Through, of_category, through_level};
use super::whole;
use super::word::{class, word};

/// How many elements come off behind the level.
const BEHIND_LEVEL_MAX: usize = 6;
/// The longest field of a header that is divided by `|`, in bytes.
const FIELD_BYTES_MAX: usize = 64;

/// A line without its header, and what that said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub time: Option<StreamTime>,
    pub level: Option<Level>,
    pub host: Option<&'a str>,
    pub message: &'a str,
}

/// Takes the header off. `record_ms` gives the year where the stamp has none. Linear in the length of the header.
pub(super) fn read(line: &str, record_ms: Option<i64>) -> Header<'_> {
    match stamp::leading(line, record_ms) {
        Some(stamp) => read_behind(line, &stamp),
        None => read_without_leading(line, record_ms),
    }
}

/// As [`read`], for a line that begins with this stamp.
pub(super) fn read_behind<'a>(line: &'a str, stamp: &Stamp<'a>) -> Header<'a> {
    let header = behind_stamp(stamp);
    // pino-pretty sets its stamps in brackets.
    if line.starts_with('[')
        && header.level.is_some()
        && let Some(message) = behind_process_on_host(header.message)
    {
        return Header { message, ..header }.or_whole(line);
    }
    header.or_whole(line)
}

/// As [`read`], for a line that is known to begin with no stamp.
pub(super) fn read_without_leading(line: &str, record_ms: Option<i64>) -> Header<'_> {
    if let Some(header) = logfmt::read(line, record_ms) {
        return header.or_whole(line);
    }
    if let Some(header) = whole::read(line, record_ms) {
        return header.or_whole(line);
    }
    let header = match prefix::stamp(line, record_ms) {
        Some((level, stamp)) => {
            let header = behind_stamp(&stamp);
            Header { level: level.or(header.level), ..header }
        }
        None => {
            if let Some((level, message)) = of_category(line) {
                return Header { level: Some(level), message, ..Header::default() };
            }
            let found = through_level(line, false, None);
            let message = if found.level.is_some() { behind_level(&found) } else { line };
            // Cassandra: `INFO  [main] 2026-11-23 08:01:24,458 Gossiper.java:22 - message`
            let is_stamped = found.level.is_some() && message.starts_with(|first: char| first.is_ascii_digit());
            let stamp = if is_stamped { stamp::leading(message, record_ms) } else { None };
            match stamp.filter(|stamp| stamp.time.is_some()) {
                Some(stamp) => Header { level: found.level, ..behind_stamp(&stamp) },
                None => Header { level: found.level, message, ..Header::default() },
            }
        }
    };
    header.or_whole(line)
}

impl<'a> Header<'a> {
    /// This header; with the whole line as message where nothing would be left.
    fn or_whole(self, line: &'a str) -> Self {
        let is_empty = self.message.trim_ascii_start().is_empty();
        Self { message: if is_empty { line } else { self.message }, ..self }
    }
}

/// The rest of a header that begins with a time stamp.
fn behind_stamp<'a>(stamp: &Stamp<'a>) -> Header<'a> {
    let (rest, time) = (stamp.rest, stamp.time);
    if rest.starts_with('|') {
        return Header { time, ..piped(rest) };
    }
    if let Some((level, message)) = mnemonic::behind_stamp(rest) {
        return Header { time, level: Some(level), host: None, message };
    }
    // Three forms ask for the word behind the stamp.
    let words = rest.trim_start_matches(' ');
    let first = word(words);
    // Cisco's firewalls say the year: `Nov 23 2026 08:01:24 fw01 : %ASA-6-302013: message`
    if let Some(host) = &first
        && let Some((level, message)) = mnemonic::behind_stamp(host.rest)
    {
        return Header { time, level: Some(level), host: Some(host.text), message };
    }
    if let Some(first) = &first
        && rest.starts_with(' ')
        && let Some((host, message)) = behind_host(first, stamp.style)
    {
        // Programs that write to syslog have headers too; the kernel's is the time since boot.
        let own = stamp::leading(message, None).or_else(|| prefix::of_mnemonic(message, None));
        let message = own.map_or(message, |own| own.rest.trim_ascii_start());
        if let Some((level, message)) = mnemonic::behind_stamp(message) {
            return Header { time, level: Some(level), host, message };
        }
        let (level, message) = vmware::behind(message).unwrap_or((None, message));
        return Header { time, host, ..of_written(level, message) };
    }
    if let Some((level, message)) = vmware::behind(words) {
        return Header { time, ..of_written(level, message) };
    }
    let is_apart = words.starts_with(|first: char| first.is_ascii_whitespace());
    let thread = if is_apart { word(words.trim_ascii_start()) } else { first };
    if let Some((level, message)) = thread.as_ref().and_then(behind_ceph) {
        return Header { time, level: Some(level), host: None, message: strip_separators(message) };
    }
    // Rust's env_logger: `[2026-11-23T08:01:24Z INFO  shop::cart] message`
    let inside = if stamp.inside.is_empty() { None } else { through_level(stamp.inside, true, None).level };
    let found = through_level(rest, true, first);
    if found.level.is_none()
        && let Some(message) = thread.as_ref().and_then(behind_column)
    {
        return Header { time, level: inside, host: None, message };
    }
    Header { time, level: inside.or(found.level), host: None, message: behind_level(&found) }
}

/// A message that may say its level itself; where its writer said one before, the graver counts.
fn of_written(said: Option<Level>, text: &str) -> Header<'_> {
    let found = through_level(text, false, None);
    let message = if found.level.is_some() { behind_level(&found) } else { behind_worker(text) };
    Header { level: said.max(found.level), message, ..Header::default() }
}

/// The message behind stamp and level.
fn behind_level<'a>(found: &Through<'a>) -> &'a str {
    let mut rest = strip_separators(if found.level.is_some() { behind_worker_number(found.rest) } else { found.rest });
    if found.is_final {
        return rest;
    }
    let (mut has_logger, mut has_thread, mut is_behind_logger) = (false, false, false);
    for _ in 0..BEHIND_LEVEL_MAX {
        let was_logger = std::mem::take(&mut is_behind_logger);
        let behind = match rest.as_bytes().first() {
            // `[instance: 7]` belongs to the message: a header has no labels.
            Some(b'[') => {
                has_thread = true;
                let group = group(rest).filter(|(inner, _)| !has_label(inner));
                is_behind_logger = found.level.is_some() && group.is_some_and(|(inner, _)| is_dotted_name(inner));
                group.map(|(_, behind)| behind)
            }
            // Erlang: `<0.2375.628> message`
            Some(b'<') => behind_process(rest),
            Some(b'(') if was_logger => behind_pool(rest),
            _ if has_thread && !has_logger && found.level.is_some() => behind_method(rest, &mut has_logger)
                .or_else(|| behind_name(rest, found.level.is_some(), &mut has_logger)),
            _ => behind_name(rest, found.level.is_some(), &mut has_logger),
        };
        let Some(behind) = behind.map(strip_separators).filter(|behind| !behind.is_empty()) else { break };
        rest = behind;
    }
    rest
}

/// Whether this is the name of a logger: `org.keycloak.events`.
fn is_dotted_name(text: &str) -> bool {
    text.contains('.') && text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.contains(' ')
}

/// Whether a colon stands before a blank.
fn has_label(text: &str) -> bool {
    memchr::memchr_iter(b':', text.as_bytes()).any(|at| text.as_bytes().get(at + 1) == Some(&b' '))
}

/// What follows a name, a source line or a number of a header.
fn behind_name<'a>(rest: &'a str, has_level: bool, has_logger: &mut bool) -> Option<&'a str> {
    let word = word(rest)?;
    if word.is_prose() {
        return None;
    }
    // Spring: `1 --- [main] a.b.C : message`
    if word.is_of(class::DIGIT) && word.rest.starts_with(" --- ") {
        return Some(word.rest);
    }
    if is_connection(&word) {
        return Some(word.rest);
    }
    if let Some(behind) = behind_source_line(&word) {
        // zerolog: `cart.go:71 > message`; CockroachDB: `cart.go:71 ⋮ [n1] message`
        let message = behind.strip_prefix(" >").or_else(|| behind.strip_prefix(" ⋮"));
        return Some(message.filter(|message| message.starts_with(' ')).unwrap_or(behind));
    }
    if *has_logger {
        return None;
    }
    if has_level
        && word.has(class::OTHER)
        && let Some(behind) = behind_spans(rest)
    {
        *has_logger = true;
        return Some(behind);
    }
    if is_tabbed_thread(&word) {
        return Some(word.rest);
    }
    if is_class_line(&word) {
        *has_logger = true;
        return Some(word.rest);
    }
    // Windows, MongoDB: a component in capitals, padded.
    let is_padded_component = word.is_component() && word.rest.starts_with("  ");
    let behind = behind_logger(&word).or(is_padded_component.then_some(word.rest));
    *has_logger = behind.is_some();
    behind
}

/// `|Step_LSC|30002312|message`: the level, and the last field.
fn piped(text: &str) -> Header<'_> {
    let (mut rest, mut level) = (text, None);
    for _ in 0..BEFORE_LEVEL_MAX {
        let Some(behind) = rest.strip_prefix('|') else { break };
        rest = behind.trim_ascii_start();
        let near = rest.as_bytes().get(..=FIELD_BYTES_MAX).unwrap_or(rest.as_bytes());
        let Some(field) = position(near, |lane| lane.equal(b'|')).and_then(|end| rest.get(..end)) else { break };
        let name = field.trim_ascii();
        if name.contains(' ') {
            break;
        }
        level = level.or_else(|| level::of_header_word(name, true));
        rest = rest.get(field.len()..).unwrap_or_default();
    }
    Header { level, message: rest, ..Header::default() }
}
