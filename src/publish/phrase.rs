//! What a summary and a narrative say alike: who, and what was observed against what was expected.

use super::text::{counted, quoted, said, shortened, span};
use crate::decide::{Message, identity};
use crate::record::Level;
use crate::score::{Figures, Finding, Kind, Subject, Window};

/// How much of a service's name a sentence shows, in characters.
const NAME_CHARS_MAX: usize = 48;

/// The name of a service in a sentence.
pub(super) fn named(service: &str) -> String {
    shortened(&identity(service), NAME_CHARS_MAX)
}

/// The first service, and the environment where it is known.
pub(super) fn who(message: &Message) -> String {
    let service = message.services.first().map_or(&message.lead.finding.feature.service.name, |(name, _)| name);
    match message.environment.as_deref().filter(|environment| !environment.is_empty()) {
        Some(environment) => format!("{} ({})", named(service), shortened(&identity(environment), NAME_CHARS_MAX / 2)),
        None => named(service),
    }
}

/// What a finding is about, as lines are named: `'the text'`, `lines`, `lines at error level`.
pub(super) fn subject(finding: &Finding, quote_chars: usize) -> String {
    match (finding.feature.subject, text_of(finding)) {
        (Subject::Template(_) | Subject::Heartbeat(_), Some(text)) => quoted(text, quote_chars),
        (Subject::Template(id) | Subject::Heartbeat(id), None) => id.to_string(),
        (Subject::Level(level), _) => format!("lines at {} level", level.word()),
        _ => "lines".into(),
    }
}

/// The template's text, else the sample's.
fn text_of(finding: &Finding) -> Option<&str> {
    let template = finding.template.as_ref().map(|template| template.text.as_ref());
    template.or_else(|| finding.sample.as_ref().map(|sample| sample.text.as_ref()))
}

/// What the message's lead is, in its window.
pub(super) fn lead(message: &Message, quote_chars: usize) -> String {
    let finding = &message.lead.finding;
    let figures = message.figures.unwrap_or(finding.figures);
    fact(finding, &figures, message.figures_are_gaps, message.window, quote_chars)
}

/// What another symptom was when it was last found.
pub(super) fn found(finding: &Finding, quote_chars: usize) -> String {
    fact(finding, &finding.figures, finding.kind == Kind::Silence, finding.window, quote_chars)
}

/// What was observed against what was expected, with at most `quote_chars` characters of the template.
fn fact(finding: &Finding, figures: &Figures, are_gaps: bool, window: Window, quote_chars: usize) -> String {
    let is_template = matches!(finding.feature.subject, Subject::Template(_) | Subject::Heartbeat(_));
    let subject = subject(finding, quote_chars);
    let (observed, expected) = (said(figures.observed), said(figures.expected));
    if are_gaps {
        let (gap, usual) = (span_of(figures.observed), span_of(figures.expected));
        return match is_template {
            true => format!("no {subject} for {gap}, usually every {usual}"),
            false => format!("silent for {gap}, usually a line every {usual}"),
        };
    }
    let lines = match finding.feature.subject {
        Subject::Level(level) => format!("{} at {} level", counted(&observed, "line"), level.word()),
        _ if is_template => format!("{} {subject}", counted(&observed, &format!("{}line", grave(finding)))),
        _ => counted(&observed, "line"),
    };
    let within = span(window.end.since(window.start));
    match finding.kind {
        Kind::NewTemplate => format!("{lines} in {within}, never seen before"),
        Kind::NewService => format!("a service never seen before, {lines} in {within}"),
        Kind::ClusterOutlier => format!("an unusual mix of lines in {within}"),
        Kind::RateDrop => format!("only {lines} in {within}, expected {expected}"),
        Kind::RateSpike | Kind::Silence => format!("{lines} in {within}, expected {expected}"),
        Kind::LevelShift => format!("{lines} in {within}, a lasting change from {expected}"),
    }
}

/// `error ` and the like for a template of that level.
fn grave(finding: &Finding) -> String {
    let level = finding.template.as_ref().map(|template| template.level).filter(|level| *level >= Level::Warn);
    level.map_or_else(String::new, |level| format!("{} ", level.word()))
}

/// A number of seconds as a person says it; below 10 with a decimal.
pub(super) fn span_of(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{} s", said(seconds));
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and no span is that long")]
    let whole = seconds.round() as i64;
    span(whole)
}
