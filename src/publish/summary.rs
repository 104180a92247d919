//! The one line that is read at 3 a.m. on a phone: who, what, how much against what was expected, since when.

use super::phrase::{lead, named, span_of, subject, who};
use super::text::{between, counted, cut, listed, said, since, span};
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
    if is_many(message) {
        return format!("{} new kinds of lines, {}", message.novelties, example(message, quote_chars));
    }
    lead(message, quote_chars)
}

fn is_many(message: &Message) -> bool {
    message.is_notice && message.novelties >= MANY_NOVELTIES
}

fn example(message: &Message, quote_chars: usize) -> String {
    format!("one is {}", subject(&message.lead.finding, quote_chars))
}

/// What is normal again and for how long; what was only learnt must not look like a fix.
fn ending(message: &Message, reason: Reason, quote_chars: usize) -> String {
    let subject = subject(&message.lead.finding, quote_chars);
    let total = counted(&message.lines.to_string(), "line");
    let when = between(message.started, message.ended, message.time);
    let from = since(message.started, message.time);
    match reason {
        Reason::Recovered => format!("resolved, {}; {total} {when}", normal_again(message, &subject)),
        Reason::Absorbed if is_many(message) => {
            format!(
                "{} new kinds of lines became normal, {}; {total} {when}",
                message.novelties,
                example(message, quote_chars)
            )
        }
        Reason::Absorbed => {
            let fixed = if message.is_notice { "" } else { ", not fixed" };
            format!("became normal{fixed}: {}; {total} since {from}", usual_now(message, &subject))
        }
        Reason::Expired if message.is_notice => format!("notice over: {}, since {from}", news(message, quote_chars)),
        Reason::Expired => {
            let age = span(message.time.second().since(message.started));
            format!("closed after {age} without an end, not fixed: {subject}; {total} since {from}")
        }
        Reason::Superseded => format!("notice over, a graver episode begins: {subject}; {total} since {from}"),
    }
}

/// What was unusual and now is not.
fn usual_now(message: &Message, subject: &str) -> String {
    let age = span(message.time.second().since(message.started));
    match message.lead.finding.kind {
        Kind::NewTemplate => format!("{subject} is known after {age}"),
        Kind::NewService => format!("the service is known after {age}"),
        Kind::Silence => format!("{subject} not expected any more after {age} of silence"),
        _ => format!("{subject} at this rate for {age}"),
    }
}

fn normal_again(message: &Message, subject: &str) -> String {
    let finding = &message.lead.finding;
    let quiet = span(message.time.second().since(message.ended) - 1);
    if message.lead.is_novelty() {
        return format!("no more {subject} for {quiet}");
    }
    let Some(Figures { observed, expected, .. }) = message.figures else {
        let back = if finding.kind == Kind::Silence { "back" } else { "normal" };
        return format!("{subject} {back} for {quiet}");
    };
    if message.figures_are_gaps {
        return format!("{subject} back for {quiet}, usually every {}", span_of(expected));
    }
    let within = span(message.window.end.since(message.window.start));
    format!("{subject} back to {} in the last {within} (expected {})", said(observed), said(expected))
}

/// The other services, and whether it was there before.
fn aftermath(message: &Message) -> String {
    let mut text = String::new();
    let others: Vec<String> = message.services.iter().skip(1).map(|(name, _)| named(name)).collect();
    if !others.is_empty() {
        text.push_str(&format!("; also {}", listed(&others, 3, message.services_total - 1)));
    }
    if let (Some(past), Status::Trigger | Status::Update { .. }) = (&message.recurrence, &message.status) {
        let ago = span(message.started.since(past.last_started));
        text.push_str(&match past.count {
            1 => format!("; seen once before, {ago} earlier"),
            times => format!("; seen {times} times before, last {ago} earlier"),
        });
    }
    text
}
