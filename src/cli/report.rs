//! Events for people at a terminal: one block each, the gravest first to the eye.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde::Deserialize;

use crate::publish::AnomalyEvent;
use crate::score::Severity;
use crate::stage::Judge;

/// What is shown of an event.
#[derive(Deserialize)]
pub(super) struct Shown {
    /// `trigger`, `update` or `resolve`.
    pub(super) status: String,
    /// How grave.
    pub(super) severity: Severity,
    /// When, in RFC 3339.
    pub(super) time: String,
    /// The services, the origin first.
    pub(super) services: Vec<String>,
    /// The one line to read.
    pub(super) summary: String,
    evidence: Narrative,
    #[serde(default)]
    samples: Vec<Example>,
}

#[derive(Deserialize)]
struct Narrative {
    narrative: String,
}

#[derive(Deserialize)]
struct Example {
    text: String,
}

impl From<&AnomalyEvent> for Shown {
    fn from(event: &AnomalyEvent) -> Self {
        Self {
            status: event.status.word().to_owned(),
            severity: event.severity,
            time: event.time.clone(),
            services: event.services.clone(),
            summary: event.summary.clone(),
            evidence: Narrative { narrative: event.evidence.narrative.clone() },
            samples: event.samples.iter().map(|sample| Example { text: sample.text.clone() }).collect(),
        }
    }
}

/// Writes events as text, with colours that the stream strips where it is no terminal.
#[derive(Default)]
pub(super) struct Report {
    opened: BTreeMap<Severity, usize>,
}

impl Report {
    /// One event.
    pub(super) fn event(&mut self, event: &Shown) -> String {
        let mut text = String::new();
        let (style, bold, dim) = (style_of(event.severity), Style::new().bold(), Style::new().dimmed());
        let time = event.time.get(11..19).unwrap_or(&event.time);
        let is_trigger = event.status == "trigger";
        let sign = match event.status.as_str() {
            "trigger" => "▲ opened",
            "update" => "△ update",
            _ => "▽ closed",
        };
        if is_trigger {
            *self.opened.entry(event.severity).or_default() += 1;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{dim}{time}{dim:#} {style}{sign} {:<8}{style:#} {bold}{}{bold:#}",
            event.severity.word(),
            event.summary
        );
        if is_trigger {
            let _ = writeln!(text, "           {}", event.evidence.narrative);
            for sample in event.samples.iter().take(2) {
                let _ = writeln!(text, "           {dim}│ {}{dim:#}", sample.text);
            }
        }
        text
    }

    /// What was read, and what came of it.
    pub(super) fn end(&self, lines: u64, judge: &Judge) -> String {
        let models = judge.scorer().status();
        let count = |severity| self.opened.get(&severity).copied().unwrap_or(0);
        let open = judge.open_episodes().count();
        format!(
            "\n{lines} lines of {} services in {} templates. Opened: {} critical, {} error, {} warning, {} info; {open} still open.\n",
            models.services,
            models.templates,
            count(Severity::Critical),
            count(Severity::Error),
            count(Severity::Warning),
            count(Severity::Info),
        )
    }
}

/// The colour of a severity.
pub(super) fn style_of(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Info => AnsiColor::Blue,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Error => AnsiColor::Red,
        Severity::Critical => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(colour.into())).bold()
}
