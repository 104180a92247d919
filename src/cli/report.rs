//! Events for people at a terminal: one block each, the gravest first to the eye.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::decide::Status;
use crate::publish::AnomalyEvent;
use crate::score::Severity;
use crate::stage::Judge;

/// Writes events as text, with colours that the stream strips where it is no terminal.
#[derive(Default)]
pub(super) struct Report {
    opened: BTreeMap<Severity, usize>,
}

impl Report {
    /// One event.
    pub(super) fn event(&mut self, event: &AnomalyEvent) -> String {
        let mut text = String::new();
        let (style, bold, dim) = (style_of(event.severity), Style::new().bold(), Style::new().dimmed());
        let time = event.time.get(11..19).unwrap_or(&event.time);
        let sign = match event.status {
            crate::publish::EventStatus::Trigger => {
                *self.opened.entry(event.severity).or_default() += 1;
                "▲ opened"
            }
            crate::publish::EventStatus::Update => "△ update",
            crate::publish::EventStatus::Resolve => "▽ closed",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{dim}{time}{dim:#} {style}{sign} {:<8}{style:#} {bold}{}{bold:#}",
            event.severity.word(),
            event.summary
        );
        if event.status == crate::publish::EventStatus::Trigger {
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

fn style_of(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Info => AnsiColor::Blue,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Error => AnsiColor::Red,
        Severity::Critical => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(colour.into())).bold()
}
