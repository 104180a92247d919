//! The one line that is read at 3 a.m. on a phone: who, what, how much against what was expected, since when.

use super::phrase::{fact, named, subject, who};
use super::text::{counted, cut, listed, since, span};
use crate::decide::{Message, Reason, Status};
use crate::score::{Figures, Kind};

/// How long a summary is at most, in bytes; the schema allows 1,024 characters.
const SUMMARY_BYTES_MAX: usize = 1_000;
/// The first characters that must stand alone.
const ALONE_CHARS: usize = 130;
/// How much of a template a summary quotes at least and at most, in characters.
const QUOTE_CHARS: (usize, usize) = (24, 80);
/// From how many new templates on a notice counts them instead of quoting one.
const MANY_NOVELTIES: usize = 2;

/// The summary of a message: one line without p-values.
pub(super) fn summary(message: &Message) -> String {
    let short = sentence(message, QUOTE_CHARS.0);
    let spare = ALONE_CHARS.saturating_sub(short.chars().count());
    let quote_chars = (QUOTE_CHARS.0 + spare).min(QUOTE_CHARS.1);
    let text = format!("{}{}", sentence(message, quote_chars), aftermath(message));
    cut(&text, SUMMARY_BYTES_MAX).0.into_owned()
}

/// The part that stands alone.
fn sentence(message: &Message, quote_chars: usize) -> String {
    let who = who(message);
    match message.status {
        Status::Resolve { reason } => format!("{who}: {}", ending(message, reason, quote_chars)),
        Status::Trigger | Status::Update { .. } => {
            format!("{who}: {}, since {}", news(message, quote_chars), since(message.started, message.time))
        }
    }
}

fn news(message: &Message, quote_chars: usize) -> String {
    let finding = &message.lead.finding;
    if message.is_notice && message.novelties >= MANY_NOVELTIES {
        let first = subject(finding, quote_chars);
        return format!("{} new kinds of lines, none an error, such as {first}", message.novelties);
    }
    fact(finding, &message.figures.unwrap_or(finding.figures), message.window, quote_chars)
}

/// What is normal again and for how long; what was only learnt must not look like a fix.
fn ending(message: &Message, reason: Reason, quote_chars: usize) -> String {
    let finding = &message.lead.finding;
    let subject = subject(finding, quote_chars);
    let total = counted(&message.lines.to_string(), "line");
    let open_s = message.time.second().since(message.started);
    let from = since(message.started, message.time);
    match reason {
        Reason::Recovered => {
            let until = since(message.ended, message.time);
            let from = from.strip_suffix(" UTC").unwrap_or(&from);
            format!("resolved, {}; {total} from {from} to {until}", normal_again(message, &subject))
        }
        Reason::Absorbed if message.is_notice && message.novelties >= MANY_NOVELTIES => {
            format!("{} new kinds of lines became normal, such as {subject}; {total} since {from}", message.novelties)
        }
        Reason::Absorbed => {
            let age = span(open_s);
            format!("became normal, not fixed: {subject} like this for {age} and learnt as usual; {total} since {from}")
        }
        Reason::Expired if message.is_notice => format!("notice over: {}, since {from}", news(message, quote_chars)),
        Reason::Expired => {
            format!("closed after {} without an end, not fixed: {subject}; {total} since {from}", span(open_s))
        }
        Reason::Superseded => format!("notice over, a graver episode begins: {subject}; {total} since {from}"),
    }
}

fn normal_again(message: &Message, subject: &str) -> String {
    let finding = &message.lead.finding;
    let quiet = span(message.time.second().since(message.ended) - 1);
    if message.lead.is_novelty() {
        return format!("no more {subject} for {quiet}");
    }
    let Some(Figures { observed, expected, .. }) = message.figures else {
        let is = if subject.starts_with("lines") { "are" } else { "is" };
        let back = if finding.kind == Kind::Silence { "back" } else { "normal" };
        return format!("{subject} {is} {back} for {quiet}");
    };
    let (observed, expected) = (super::text::said(observed), super::text::said(expected));
    let within = span(message.window.end.since(message.window.start));
    format!("{subject} back to {observed} in {within} (expected {expected}) for {quiet}")
}

/// The other services, and whether it was there before.
fn aftermath(message: &Message) -> String {
    let mut text = String::new();
    let others: Vec<String> = message.services.iter().skip(1).map(|(name, _)| named(name)).collect();
    if !others.is_empty() {
        text.push_str(&format!("; also {}", listed(&others, 3)));
    }
    if let (Some(past), Status::Trigger | Status::Update { .. }) = (&message.recurrence, &message.status) {
        let ago = span(message.started.since(past.last_started));
        text.push_str(&format!("; seen {} before, last {ago} earlier", counted(&past.count.to_string(), "time")));
    }
    text
}
