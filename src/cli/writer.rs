//! Events on standard output: a report for people, or JSON lines.

use std::io::Write;

use anyhow::Context;
use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::Serialize;

use super::report::{Report, Shown};
use crate::config::Config;
use crate::decide::Message;
use crate::publish::{AnomalyEvent, Destination, OutputRecord, Provenance, compose, records};
use crate::score::Severity;
use crate::stage::Chain;

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A readable report
    Text,
    /// The canonical event, one JSON object a line
    Json,
    /// `{key, headers, value}` as it would go to Kafka, one JSON object a line
    Kafka,
}

/// Writes messages to standard output in the form that was asked for.
pub(super) struct Writer {
    output: Output,
    provenance: Provenance,
    report: Report,
    progress: ProgressBar,
    /// Lines that were read.
    pub(super) lines: u64,
    /// The gravest so far.
    pub(super) worst: Option<Severity>,
}

impl Writer {
    pub(super) fn new(output: Output, config: &Config, progress: ProgressBar) -> Self {
        Self { output, provenance: config.provenance(), report: Report::default(), progress, lines: 0, worst: None }
    }

    pub(super) fn write(&mut self, messages: &mut Vec<Message>) -> anyhow::Result<()> {
        for message in messages.drain(..) {
            self.worst = self.worst.max(Some(message.severity));
            let event = compose(&message, &self.provenance);
            let text = match self.output {
                Output::Text => self.report.event(&Shown::from(&event)),
                Output::Json => line(&event)?,
                Output::Kafka => records(&event)?.iter().filter_map(kafka_line).collect(),
            };
            self.progress.suspend(|| anstream::stdout().write_all(text.as_bytes())).context("standard output")?;
        }
        anstream::stdout().flush().context("standard output")
    }

    pub(super) fn end(&mut self, chain: &Chain) -> anyhow::Result<()> {
        if self.output == Output::Text {
            let text = self.report.end(self.lines, chain.judge());
            anstream::stdout().write_all(text.as_bytes()).context("standard output")?;
        }
        Ok(())
    }
}

fn line(event: &AnomalyEvent) -> anyhow::Result<String> {
    Ok(serde_json::to_string(event)? + "\n")
}

/// A record of the anomalies topic as `{key, headers, value}`.
fn kafka_line(record: &OutputRecord) -> Option<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        key: &'a str,
        headers: std::collections::BTreeMap<&'a str, &'a str>,
        value: &'a serde_json::value::RawValue,
    }
    if record.destination != Destination::Anomalies {
        return None;
    }
    let text = |bytes: &'_ Option<Vec<u8>>| bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let (key, value) = (text(&record.key)?, text(&record.value)?);
    let headers: Vec<(&str, String)> =
        record.headers.iter().filter_map(|header| Some((&*header.name, text(&header.value)?))).collect();
    let line = Line {
        key: &key,
        headers: headers.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        value: serde_json::from_str(&value).ok()?,
    };
    Some(serde_json::to_string(&line).ok()? + "\n")
}
