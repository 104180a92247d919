//! What was injected, and what was found of it.

use std::fmt;

use anyhow::Context;
use serde::Deserialize;

use crate::cli::report::Shown;
use crate::ops::Status;
use crate::score::Severity;

const FAULTS: &str = include_str!("faults.json");
/// An event counts for a fault until this long after its end, in seconds: effects last.
const COUNTS_AFTER_END_S: f64 = 60.0;

#[derive(Deserialize)]
struct Recording {
    t1: f64,
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    fault: String,
    start: f64,
    end: f64,
    services: Vec<String>,
}

/// An event as far as it counts here: when it opened, how grave, of what.
struct Opened {
    at: f64,
    severity: Severity,
    services: Vec<String>,
    summary: String,
}

/// Collects events and holds them against the faults.
pub(super) struct Scores {
    recording: Recording,
    opened: Vec<Opened>,
}

impl Scores {
    pub(super) fn new() -> anyhow::Result<Self> {
        let recording = serde_json::from_str(FAULTS).context("the list of faults")?;
        Ok(Self { recording, opened: Vec::new() })
    }

    pub(super) fn add(&mut self, event: &Shown) {
        if event.status == "trigger"
            && let Some(at) = seconds(&event.time)
        {
            let (services, summary) = (event.services.clone(), event.summary.clone());
            self.opened.push(Opened { at, severity: event.severity, services, summary });
        }
    }

    /// Whether every line of the recording is judged.
    pub(super) fn is_judged(&self, status: &Status) -> bool {
        let until = status.judges.iter().filter_map(|judge| judge.judged_until.as_deref()).filter_map(seconds);
        until.fold(0.0, f64::max) >= self.recording.t1
    }

    fn is_of(fault: &Fault, event: &Opened) -> bool {
        let in_time = event.at >= fault.start && event.at <= fault.end + COUNTS_AFTER_END_S;
        in_time && event.services.iter().take(3).any(|service| fault.services.contains(service))
    }

    fn found(&self, fault: &Fault) -> Option<&Opened> {
        self.opened.iter().find(|event| event.severity > Severity::Info && Self::is_of(fault, event))
    }

    fn is_in_a_fault(&self, event: &Opened) -> bool {
        self.recording.faults.iter().any(|fault| Self::is_of(fault, event))
    }
}

fn seconds(rfc3339: &str) -> Option<f64> {
    let parsed = time::OffsetDateTime::parse(rfc3339, &time::format_description::well_known::Rfc3339).ok()?;
    Some(parsed.unix_timestamp_nanos() as f64 / 1e9)
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.recording.faults {
            match self.found(fault) {
                Some(event) => writeln!(
                    f,
                    "  found   {:<14} after {:>4.1} s   {:<8} {}",
                    fault.fault,
                    event.at - fault.start,
                    event.severity.word(),
                    event.summary
                )?,
                None => writeln!(f, "  missed  {:<14} {:>14} {}", fault.fault, "", fault.services.join(", "))?,
            }
        }
        let found = self.recording.faults.iter().filter(|fault| self.found(fault).is_some()).count();
        let wrong: Vec<&Opened> =
            self.opened.iter().filter(|event| event.severity > Severity::Info && !self.is_in_a_fault(event)).collect();
        let notices = self.opened.iter().filter(|event| event.severity == Severity::Info).count();
        writeln!(
            f,
            "\n  {found} of {} faults found, {} false alarms above info, {notices} notices (info).",
            self.recording.faults.len(),
            wrong.len()
        )?;
        for event in wrong {
            writeln!(f, "  false   {:<8} {}", event.severity.word(), event.summary)?;
        }
        Ok(())
    }
}
