//! The Kafka records of an event: CloudEvents 1.0 in binary mode.
//!
//! Source: CloudEvents specification, "Kafka Protocol Binding". The extensions `partitionkey`, `severitynumber` and
//! `severitytext` are the registered ones, the latter two with OpenTelemetry's numbers.

use super::event::{AnomalyEvent, Status};
use super::{Destination, Header, OutputRecord};
use crate::decide::SCHEMA_ID;
use crate::score::Severity;

/// The records of an event: the event itself, and the state of its episode in the compacted topic, which is the same event
/// while the episode is open and a tombstone once it closed.
///
/// # Errors
/// If the event cannot be written as JSON, which no content of its fields causes.
pub fn records(event: &AnomalyEvent) -> Result<[OutputRecord; 2], serde_json::Error> {
    let value = serde_json::to_vec(event)?;
    let is_open = event.status != Status::Resolve;
    let record = |destination, value| OutputRecord {
        destination,
        partition: None,
        key: Some(event.dedup_key.clone().into_bytes()),
        value,
        headers: headers(event),
        timestamp_ms: None,
    };
    let state = record(Destination::Episodes, is_open.then(|| value.clone()));
    Ok([record(Destination::Anomalies, Some(value)), state])
}

fn headers(event: &AnomalyEvent) -> Vec<Header> {
    let (number, word) = match event.severity {
        Severity::Info => ("9", "INFO"),
        Severity::Warning => ("13", "WARN"),
        Severity::Error => ("17", "ERROR"),
        Severity::Critical => ("21", "FATAL"),
    };
    vec![
        Header::new("ce_specversion", "1.0"),
        Header::new("ce_id", event.event_id.as_str()),
        Header::new("ce_source", "/eddyline/default"),
        Header::new("ce_type", format!("eddyline.anomaly.v1.{}", event.status.word())),
        Header::new("ce_time", event.time.as_str()),
        Header::new("ce_subject", event.dedup_key.as_str()),
        Header::new("ce_dataschema", SCHEMA_ID),
        Header::new("ce_partitionkey", event.dedup_key.as_str()),
        Header::new("ce_severitynumber", number),
        Header::new("ce_severitytext", word),
        Header::new("content-type", "application/json"),
    ]
}
