//! The way from a stamp, or the beginning of a line, to the level: over elements of headers only.

use std::ops::RangeInclusive;

use crate::record::Level;

use super::actor::behind_gluster_id;
use super::element::{Element, behind_quoted_word, is_of_header, next, strip_separators};
use super::level;
use super::word::{self, Word, class};

/// How many elements are looked at for the level.
pub(super) const BEFORE_LEVEL_MAX: usize = 6;

/// What was found on the way to the level.
pub(super) struct Through<'a> {
    pub(super) level: Option<Level>,
    /// What follows the level; without one, all of the text.
    pub(super) rest: &'a str,
    /// Whether a colon stands behind the level: then the message begins.
    pub(super) is_final: bool,
}

/// Goes to a level before which only elements of headers stand. With a stamp before, names are such elements too. `first` may be the
/// first word behind blanks.
pub(super) fn through_level<'a>(text: &'a str, has_stamp: bool, first: Option<Word<'a>>) -> Through<'a> {
    let mut rest = strip_separators(text);
    if has_stamp && let Some(found) = level_behind_pairs(rest).or_else(|| level_of_jetty(text)) {
        return found;
    }
    if let Some(found) = level_of_logcat(rest, has_stamp) {
        return found;
    }
    let mut numbers = 0;
    let mut known = first.filter(|word| word.is_first_of(rest));
    for place in 0..BEFORE_LEVEL_MAX {
        if has_stamp && let Some(after) = behind_quoted_word(rest) {
            rest = strip_separators(after);
            continue;
        }
        let element = match known.take() {
            Some(word) => Some((Element::Word(word), word.rest)),
            None => next(rest),
        };
        let Some((element, after)) = element else { break };
        match element {
            Element::Group(inner) => {
                if let Some(level) = level::of_header_word(inner.trim_ascii(), true) {
                    return Through { level: Some(level), rest: after, is_final: false };
                }
            }
            Element::Word(word) => {
                if let Some(found) = level_of(rest, &word, has_stamp, has_stamp && place == 0) {
                    return found;
                }
                if let Some(found) = level_of_letter(&word, numbers, has_stamp) {
                    return found;
                }
                let is_number = word.is_of(class::DIGIT);
                numbers += usize::from(is_number);
                if has_stamp && let Some(found) = level_behind_category(&word) {
                    return found;
                }
                if !is_number && !(has_stamp && (is_of_header(&word) || after.starts_with(" - "))) {
                    break;
                }
            }
        }
        rest = strip_separators(after);
    }
    Through { level: None, rest: text, is_final: false }
}

/// The level behind a word, both with a colon. BIND: `queries: info: message`.
fn level_behind_category<'a>(word: &Word<'a>) -> Option<Through<'a>> {
    word.text.strip_suffix(':')?;
    let next = word::word(word.rest.strip_prefix(' ')?)?;
    let level = Some(level::of_header_word(next.text.strip_suffix(':')?, true)?);
    Some(Through { level, rest: next.rest, is_final: true })
}

/// The level, behind which logger and thread stand, all set apart by colons from the stamp on. Jetty: `:INFO:oejs.Server:main: message`,
/// from version 10 on `:INFO :oejs.Server:main: message`.
fn level_of_jetty(text: &str) -> Option<Through<'_>> {
    let (level, names) = text.strip_prefix(':')?.split_once(':')?;
    let names = word::word(names)?;
    let (_logger, thread) = names.text.strip_suffix(':')?.split_once(':')?;
    let level = Some(level::of_header_word(level.trim_ascii_end(), false).filter(|_| !thread.contains(':'))?);
    Some(Through { level, rest: names.rest, is_final: true })
}

/// The level before a tag of Android with its process, as `logcat` writes them with and without a stamp: `I/CartActivity(  585): message`. Both
/// are padded, so that `I/O (12): message` is none.
fn level_of_logcat(text: &str, has_stamp: bool) -> Option<Through<'_>> {
    const TAG_BYTES: RangeInclusive<usize> = 8..=64;
    const PROCESS_BYTES: RangeInclusive<usize> = 5..=7;
    let (b'V' | b'D' | b'I' | b'W' | b'E' | b'F', b'/') = text.as_bytes().first_chunk().map(|&[a, b]| (a, b))? else {
        return None;
    };
    let (tag, process) = text.get(2..)?.split_once('(').filter(|(tag, _)| TAG_BYTES.contains(&tag.len()))?;
    let (column, rest) = process.split_once("): ").filter(|(column, _)| PROCESS_BYTES.contains(&column.len()))?;
    let (name, number) = (tag.trim_end_matches(' '), column.trim_start_matches(' '));
    let is_padded = |padded: &str, plain: &str, bytes: usize| padded.len() == plain.len() || padded.len() == bytes;
    let has_blank = name.contains(' ') && (!has_stamp || name.len() < tag.len());
    if has_blank || !is_padded(tag, name, *TAG_BYTES.start()) || !is_padded(column, number, *PROCESS_BYTES.start()) {
        return None;
    }
    let is_process = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let level = level::of_letter(*text.as_bytes().first()?);
    (is_process && !tag.contains("): ")).then_some(Through { level, rest, is_final: true })
}

/// The level behind the pairs that say whose job writes. Sidekiq: `pid=12 tid=abc class=Cart jid=1a INFO: message`
fn level_behind_pairs(text: &str) -> Option<Through<'_>> {
    const PAIRS_MAX: usize = 8;
    let mut word = text.starts_with("pid=").then(|| word::word(text))??;
    for _ in 0..PAIRS_MAX {
        let Some((key, value)) = word.text.split_once('=') else { break };
        if !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') || value.contains(['"', '\'']) {
            return None;
        }
        word = word::word(word.rest.strip_prefix(' ')?)?;
    }
    let level = Some(level::of_header_word(word.text.strip_suffix(':')?, false)?);
    Some(Through { level, rest: word.rest, is_final: true })
}

/// The level and the rest of a line that begins with what .NET's console calls it, and a category with the number of an event:
/// `fail: Shop.Cart[12]`. The message most often follows on a line of its own, so these stay.
pub(super) fn of_category(line: &str) -> Option<(Level, &str)> {
    let level = match line.as_bytes().first_chunk()? {
        b"trce: " => Level::Trace,
        b"dbug: " => Level::Debug,
        b"info: " => Level::Info,
        b"warn: " => Level::Warn,
        b"fail: " => Level::Error,
        b"crit: " => Level::Fatal,
        _ => return None,
    };
    let rest = line.get("fail: ".len()..)?;
    let (category, event) = word::word(rest)?.text.strip_suffix(']')?.split_once('[')?;
    let is_name = category.starts_with(|first: char| first.is_ascii_uppercase());
    let is_event = !event.is_empty() && event.bytes().all(|byte| byte.is_ascii_digit());
    (is_name && is_event).then_some((level, rest))
}

/// The level that the word says with which `rest` begins. `is_first`: it stands directly behind a stamp, where one with a colon is no word of a
/// sentence in lower case either.
fn level_of<'a>(rest: &'a str, word: &Word<'a>, has_stamp: bool, is_first: bool) -> Option<Through<'a>> {
    let after = word.rest;
    if word.has(class::OTHER)
        && let Some((head, process)) = word.text.split_once('[')
    {
        // Asterisk: `NOTICE[1855] chan_sip.c: message`
        let level = if has_stamp { level::of_header_word(head, false) } else { None };
        if let Some(level) = level.or_else(|| level_of_logrus(head, process)) {
            return Some(Through { level: Some(level), rest: rest.get(head.len()..)?, is_final: false });
        }
    }
    if word.has(class::NAME & !(class::LOWER | class::UPPER | class::MIXED | class::COLON)) && !word.has(class::COLON) {
        return None;
    }
    if word.has(class::COLON)
        && let Some(colon) = word.text.bytes().position(|byte| byte == b':')
        && let Some((head, tail)) = word.text.split_at_checked(colon)
    {
        let tail = tail.get(1..).unwrap_or_default();
        if has_stamp
            && tail.is_empty()
            && let Some(level) = level_of_icinga(head).or_else(|| level_of_android(head, is_first))
        {
            return Some(Through { level: Some(level), rest: after, is_final: true });
        }
        // `Warning: 3, Error: 0` counts them.
        let counts = after.trim_ascii_start().starts_with(|first: char| first.is_ascii_digit());
        let is_set_apart = is_first && tail.is_empty() && !counts && is_plain_level(head);
        let level = Some(level::of_header_word(head, is_set_apart)?);
        // Python: `WARNING:django.request:message`
        let name_bytes = tail.split_once(':').map_or(0, |(name, _)| name.len() + 1);
        return Some(Through { level, rest: rest.get(head.len() + 1 + name_bytes..)?, is_final: true });
    }
    // Padded, or followed by a tab or a comma, a level is no word of a sentence in lower case either.
    let is_set_apart = has_stamp && (after.starts_with("  ") || after.starts_with('\t') || word.text.ends_with(','));
    let level = Some(level::of_header_word(word.text.trim_end_matches(','), is_set_apart)?);
    Some(Through { level, rest: after, is_final: false })
}

/// The level in four letters, and the seconds since its start, of logrus on a terminal: `WARN[0012] message`.
fn level_of_logrus(head: &str, seconds: &str) -> Option<Level> {
    let seconds = seconds.strip_suffix(']')?;
    let level = match head {
        "TRAC" => Level::Trace,
        "DEBU" => Level::Debug,
        "INFO" => Level::Info,
        "WARN" => Level::Warn,
        "ERRO" => Level::Error,
        "FATA" | "PANI" => Level::Fatal,
        _ => return None,
    };
    (seconds.len() >= 4 && seconds.bytes().all(|byte| byte.is_ascii_digit())).then_some(level)
}

/// Whether a word is a level and nothing else: `system`, `log` and `note` begin sentences.
fn is_plain_level(word: &str) -> bool {
    const LEVELS: [&str; 9] = ["trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal"];
    LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
}

/// The level before a facility of Icinga: `notice/Process: message`
fn level_of_icinga(word: &str) -> Option<Level> {
    let (level, facility) = word.split_once('/')?;
    let is_level = ["information", "notice", "debug", "warning", "critical"].contains(&level);
    let is_facility = facility.starts_with(|first: char| first.is_ascii_uppercase())
        && facility.bytes().all(|byte| byte.is_ascii_alphanumeric());
    level::of_header_word(level, true).filter(|_| is_level && is_facility)
}

/// The level before a tag of Android: `I/CartActivity: message`
fn level_of_android(word: &str, is_first: bool) -> Option<Level> {
    let (letter, tag) = word.split_once('/')?;
    let [letter @ (b'V' | b'D' | b'I' | b'W' | b'E' | b'F')] = letter.as_bytes() else { return None };
    // `I/O: error` begins a message. Behind process and package a tag may be in lower case.
    let is_name = tag.starts_with(|first: char| first.is_ascii_uppercase() || !is_first && first.is_ascii_lowercase());
    level::of_letter(*letter).filter(|_| tag.len() > 2 && is_name && !tag.contains('/'))
}

/// The level of a single letter. Android: `1702  2395 D WindowManager: message`; MongoDB: `I NETWORK  [conn1] message`.
fn level_of_letter<'a>(word: &Word<'a>, numbers: usize, has_stamp: bool) -> Option<Through<'a>> {
    let ([letter] | [letter, b'!']) = word.text.as_bytes() else { return None };
    let level = Some(level::of_letter(*letter).filter(|_| has_stamp)?);
    // Telegraf: `E! [outputs.kafka] message`
    if word.text.ends_with('!') {
        return Some(Through { level, rest: word.rest, is_final: false });
    }
    // etcd: `W | rafthttp: message`
    if let Some(name) = word.rest.strip_prefix(" | ").and_then(word::word).filter(|name| name.text.ends_with(':')) {
        return Some(Through { level, rest: name.rest, is_final: true });
    }
    if let Some(rest) = behind_gluster_id(word.rest.trim_ascii_start()) {
        return Some(Through { level, rest, is_final: false });
    }
    let name = word::word(word.rest.trim_ascii_start())?;
    if numbers > 0 {
        let is_final = name.text.ends_with(':');
        return Some(Through { level, rest: if is_final { name.rest } else { word.rest }, is_final });
    }
    name.is_component().then_some(Through { level, rest: name.rest, is_final: false })
}
