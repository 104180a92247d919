//! Anomaly events as a subscriber reads them, and what the contract says of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, Isolation, Record};
use super::process::Setup;
use super::{eventually, repository, unique};

/// The committed events whose time is at most `until_ms`, in the order of their partitions.
pub fn published(client: &Client, setup: &Setup, until_ms: i64) -> Vec<Record> {
    let topic = setup.ours("anomalies");
    // A broker answers a commit before its markers are written; until then a subscriber does not see its end.
    eventually("the markers of the last transactions", Duration::from_secs(20), || {
        let [committed, all] =
            [Isolation::Committed, Isolation::Uncommitted].map(|isolation| client.ends(&topic, isolation));
        if committed == all { Ok(()) } else { Err(format!("{committed:?} of {all:?}")) }
    });
    let mut records = client.read(&topic, Isolation::Committed);
    let until = rfc_3339(until_ms);
    records.retain(|record| time(&value(record)) <= until.as_str());
    records
}

/// The canonical event in a record.
pub fn value(record: &Record) -> Value {
    serde_json::from_str(record.text()).unwrap()
}

/// What a subscriber sees of them but for offsets and the time of publication, which no replay can give again.
pub fn bytes(records: &[Record]) -> Vec<Record> {
    records.iter().map(|record| Record { offset: 0, timestamp_ms: None, ..record.clone() }).collect()
}

/// The time of an event. Such texts are ordered as the times are.
pub fn time(event: &Value) -> &str {
    event["time"].as_str().unwrap()
}

/// A moment as events write it.
pub fn rfc_3339(time_ms: i64) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000).unwrap();
    time.format(format).unwrap()
}

/// The events of each key in their order, without the coordinates in `source` and `samples`: what has to be the same
/// however the lines were spread over partitions and instances.
pub fn without_coordinates(events: impl IntoIterator<Item = Value>) -> BTreeMap<String, Vec<Value>> {
    let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for mut event in events {
        event.as_object_mut().unwrap().remove("source");
        for sample in event["samples"].as_array_mut().into_iter().flatten() {
            for coordinate in ["topic", "partition", "offset"] {
                sample.as_object_mut().unwrap().remove(coordinate);
            }
        }
        by_key.entry(event["dedup_key"].as_str().unwrap().to_owned()).or_default().push(event);
    }
    by_key
}

/// Fails with the first differences where two sets of events are not the same.
pub fn assert_same(what: &str, left: &BTreeMap<String, Vec<Value>>, right: &BTreeMap<String, Vec<Value>>) {
    let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let mut differences = Vec::new();
    let none = Vec::new();
    for key in keys {
        let (left, right) = (left.get(key).unwrap_or(&none), right.get(key).unwrap_or(&none));
        if left.len() != right.len() {
            differences.push(format!("{key}: {} and {} events", left.len(), right.len()));
        }
        for (left, right) in left.iter().zip(right).filter(|(left, right)| left != right) {
            differences.push(format!("{key}:\n  {left}\n  {right}"));
        }
    }
    let first = differences.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{what}: {} differences, the first of them\n{first}", differences.len());
}

/// Holds records of `eddyline.anomalies` against the published contract: schema, rules, CloudEvents headers.
pub fn assert_valid(records: &[Record]) {
    let mut ordered: Vec<&Record> = records.iter().collect();
    ordered.sort_by_key(|record| time(&value(record)).to_owned());
    check("canonical", ordered.iter().map(|record| record.text().to_owned()));
    check(
        "cloudevents",
        ordered.iter().map(|record| {
            let headers: BTreeMap<&str, &str> =
                record.headers.iter().map(|(key, value)| (key.as_str(), std::str::from_utf8(value).unwrap())).collect();
            let key = std::str::from_utf8(record.key.as_ref().unwrap()).unwrap();
            json!({"key": key, "headers": headers, "value": value(record)}).to_string()
        }),
    );
}

/// Holds documents, one JSON text each, against a format of `tests/contracts/check_events.py`.
pub fn check(format: &str, documents: impl IntoIterator<Item = String>) {
    let python = repository("tests/.cache/venv/bin/python");
    assert!(python.exists(), "no {}: `tests/run` makes it", python.display());
    let file = std::env::temp_dir().join(unique("eddyline-events"));
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    for document in documents {
        writeln!(out, "{document}").unwrap();
    }
    out.into_inner().unwrap();
    let script = repository("tests/contracts/check_events.py");
    let output = Command::new(python).arg(script).arg(format).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{format}, see {}:\n{said}{}",
        file.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::remove_file(file).unwrap();
}
