//! Why, in sentences for a person: what against what, since when, where first, what else, and what normal would look like.

use std::sync::Arc;

use super::phrase::{found, lead, named, subject};
use super::summary::summary;
use super::text::{counted, cut, listed, quoted, said, since, span};
use crate::decide::{End, Message, Reason, Status, Symptom, identity};
use crate::record::StreamTime;
use crate::score::{Kind, NearestCluster, Severity};

/// How long a narrative is, in bytes; the schema allows 4,000 characters.
const NARRATIVE_BYTES_MAX: usize = 3_900;
/// How many further symptoms it names.
const OTHERS_MAX: usize = 6;
/// How much of a template it quotes, in characters.
const QUOTE_CHARS: usize = 120;

/// The narrative of a message.
pub(super) fn narrative(message: &Message) -> String {
    let sentences = match message.status {
        Status::Resolve { reason } => ending(message, reason),
        Status::Trigger | Status::Update { .. } => beginning(message),
    };
    let text = sentences.into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(" ");
    cut(&text, NARRATIVE_BYTES_MAX).0.into_owned()
}

fn beginning(message: &Message) -> Vec<String> {
    vec![
        what(message),
        expectation(message),
        origin(message),
        others(message),
        gravity(message),
        message.lead.finding.nearest.as_ref().map_or_else(String::new, |nearest| normal(message, nearest)),
        history(message),
    ]
}

fn ending(message: &Message, reason: Reason) -> Vec<String> {
    let meaning = match reason {
        Reason::Recovered => "",
        Reason::Absorbed if message.is_notice => "What was new counts as normal from now on.",
        Reason::Absorbed => {
            "Nobody fixed this: what was unusual has lasted long enough to count as normal from now on."
        }
        Reason::Expired if message.is_notice => "The notice was open for its time.",
        Reason::Expired => "It was open for as long as an episode may be, and may go on; found again, it opens again.",
        Reason::Superseded => "It was only a notice; the same problem is graver now and has an episode of its own.",
    };
    let range = match message.figures.filter(|figures| figures.expected_high > figures.expected_low) {
        Some(figures) if reason == Reason::Recovered && !message.figures_are_gaps => {
            let (low, high) = (said(figures.expected_low), said(figures.expected_high));
            format!("Usual are {low} to {high} (95 % of windows).")
        }
        _ => String::new(),
    };
    let took = format!(
        "Evidence lasted {}, from {} to {}: {} of {} in {}.",
        span(message.ended.since(message.started) + 1),
        moment(message.started.start()),
        moment(message.ended.start()),
        counted(&message.lines.to_string(), "line"),
        counted(&message.symptoms.to_string(), "symptom"),
        counted(&message.services_total.to_string(), "service"),
    );
    vec![format!("{}.", summary(message)), range, meaning.into(), took, fates(message), history(message)]
}

/// What became of the other symptoms.
fn fates(message: &Message) -> String {
    let fate = |symptom: &Symptom| {
        let finding = &symptom.finding;
        let subject = subject(finding, QUOTE_CHARS / 2);
        let fate = match symptom.end {
            _ if message.is_notice => return subject,
            Some(End::Quiet) => format!("over since {}", since(symptom.last, message.time)),
            Some(End::Absorbed) => "normal now".into(),
            None => format!("last at {}", since(symptom.last, message.time)),
        };
        format!("{}: {subject}, {fate}", named(&finding.feature.service.name))
    };
    if message.others.is_empty() {
        return String::new();
    }
    let named = message.others.iter().take(OTHERS_MAX).map(fate).collect::<Vec<_>>();
    format!("The others: {}{}.", named.join("; "), more(message))
}

/// How many symptoms are not named.
fn more(message: &Message) -> String {
    match message.symptoms.saturating_sub(1 + OTHERS_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    }
}

fn what(message: &Message) -> String {
    format!("{}: {}.", named(&message.lead.finding.feature.service.name), lead(message, QUOTE_CHARS))
}

/// The usual range, and what it was learnt from.
fn expectation(message: &Message) -> String {
    let finding = &message.lead.finding;
    let figures = message.figures.unwrap_or(finding.figures);
    let learnt = format!("learnt from {} of this service", counted(&message.trained_lines.to_string(), "line"));
    match finding.kind {
        Kind::NewTemplate => format!("No such line came before; {learnt}."),
        Kind::NewService | Kind::ClusterOutlier | Kind::Silence => String::new(),
        Kind::RateSpike | Kind::RateDrop | Kind::LevelShift => {
            let (low, high) = (said(figures.expected_low), said(figures.expected_high));
            format!("Usual are {low} to {high} (95 % of windows), {learnt}.")
        }
    }
}

/// Since when, where, and which service came first.
fn origin(message: &Message) -> String {
    let mut text = format!("First evidence at {}", moment(message.started.start()));
    if let Some(host) = &message.host {
        text.push_str(&format!(", most lines of the window come from host {}", named(host)));
    }
    text.push('.');
    if let [(first, found), (second, followed), ..] = message.services.as_slice() {
        let (first, second) = (named(first), named(second));
        text.push_str(&match followed.since(*found) {
            lead @ 1.. => format!(" {first} came first, {} before {second}, and is ranked as the origin.", span(lead)),
            _ => format!(" {first} and {second} began together; {first} is ranked first."),
        });
    }
    text
}

fn others(message: &Message) -> String {
    if message.others.is_empty() {
        return String::new();
    }
    let named = message.others.iter().take(OTHERS_MAX).map(|symptom| {
        let finding = &symptom.finding;
        let text = found(finding, QUOTE_CHARS / 2);
        format!("{}: {text}, since {}", named(&finding.feature.service.name), since(symptom.first, message.time))
    });
    format!("With it: {}{}.", named.collect::<Vec<_>>().join("; "), more(message))
}

fn gravity(message: &Message) -> String {
    match (message.severity, message.services_with_errors) {
        (Severity::Critical, services @ 3..) => format!("Errors in {services} services make it critical."),
        (Severity::Critical, _) => "A service that is silent, or down by at least 80 %, makes it critical.".into(),
        _ => String::new(),
    }
}

/// The nearest known cluster of windows, and what differs from it.
fn normal(message: &Message, nearest: &NearestCluster) -> String {
    if nearest.distance <= nearest.radius && nearest.added.is_empty() && nearest.missing.is_empty() {
        return String::new();
    }
    let service = named(&message.lead.finding.feature.service.name);
    let family = quoted(&nearest.family, QUOTE_CHARS / 2);
    let mut text = format!(
        "The nearest normal window of {service} is of the family {family}, at distance {} where its own lie within {}",
        two_decimals(nearest.distance),
        two_decimals(nearest.radius)
    );
    for (word, texts) in [("more than in it", &nearest.added), ("missing", &nearest.missing)] {
        if !texts.is_empty() {
            let quotes: Vec<String> = texts.iter().map(quote).collect();
            text.push_str(&format!("; {word}: {}", listed(&quotes, 3, quotes.len())));
        }
    }
    text + "."
}

fn quote(text: &Arc<str>) -> String {
    quoted(text, QUOTE_CHARS / 2)
}

fn two_decimals(value: f64) -> String {
    format!("{value:.2}")
}

fn history(message: &Message) -> String {
    let mut text = String::new();
    if let Some(past) = &message.recurrence {
        let number = past.count + 1;
        let last = moment(past.last_started.start());
        text = format!("It is episode number {number} of this problem; the one before began at {last}.");
    }
    if message.suppressed > 0 {
        let space = if text.is_empty() { "" } else { " " };
        let findings = counted(&message.suppressed.to_string(), "further finding");
        text.push_str(&format!("{space}Folded into it: {findings}."));
    }
    text
}

/// Day and time to the second.
fn moment(time: StreamTime) -> String {
    let text = crate::decide::rfc3339(time);
    let (day, rest) = text.split_at_checked(10).unwrap_or_default();
    let clock: String = rest.chars().skip(1).take(8).collect();
    format!("{} {clock} UTC", identity(day))
}
