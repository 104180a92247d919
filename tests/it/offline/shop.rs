//! What the recording `shop` must give, whatever else changes.

use std::sync::OnceLock;

use serde_json::Value;

use crate::support::events::{self, rfc_3339};
use crate::support::process::eddyline;
use crate::support::recording::{Recording, seconds};
use crate::support::repository;

/// The events of the whole recording, as `detect` finds them with its default settings.
pub fn detected() -> &'static [Value] {
    static EVENTS: OnceLock<Vec<Value>> = OnceLock::new();
    EVENTS.get_or_init(|| detect(&["-"], Recording::shop(i64::from(u16::MAX)).to_json_lines().as_bytes()))
}

/// The events that `detect` finds in these files, or in this standard input.
pub fn detect(files: &[&str], input: &[u8]) -> Vec<Value> {
    let arguments: Vec<&str> = ["detect", "--output", "json"].iter().chain(files).copied().collect();
    let output = eddyline(&arguments, input);
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

struct Fault {
    name: String,
    /// From its start to 60 s after its end, as events write times.
    window: (String, String),
    services: Vec<String>,
}

fn faults() -> Vec<Fault> {
    let text = std::fs::read_to_string(repository("src/cli/demo/faults.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let read = |fault: &Value| {
        let moment = |name: &str, later: f64| {
            #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970")]
            let time_ms = ((fault[name].as_f64().unwrap() + later) * 1000.0) as i64;
            rfc_3339(time_ms)
        };
        Fault {
            name: fault["fault"].as_str().unwrap().to_owned(),
            window: (moment("start", 0.0), moment("end", 60.0)),
            services: serde_json::from_value(fault["services"].clone()).unwrap(),
        }
    };
    file["faults"].as_array().unwrap().iter().map(read).collect()
}

/// Whether an event opened at the time of a fault and names one of its services among its first three.
fn is_of(event: &Value, fault: &Fault) -> bool {
    let time = events::time(event);
    let services = event["services"].as_array().unwrap();
    let names = |service: &Value| fault.services.iter().any(|name| service == name.as_str());
    fault.window.0.as_str() <= time && time <= fault.window.1.as_str() && services.iter().take(3).any(names)
}

#[test]
fn nine_of_twelve_faults_are_found_with_at_most_two_false_alarms() {
    let faults = faults();
    assert_eq!(faults.len(), 12);
    let opened: Vec<&Value> = detected().iter().filter(|event| event["status"] == "trigger").collect();
    // The lines of the recording's end are none of its own: what they raise is no false alarm.
    let end = rfc_3339(Recording::shop(i64::from(u16::MAX)).end_ms);
    let missed: Vec<&str> = faults
        .iter()
        .filter(|fault| !opened.iter().any(|event| is_of(event, fault)))
        .map(|fault| &*fault.name)
        .collect();
    let is_false = |event: &Value| {
        event["severity"] != "info"
            && events::time(event) <= end.as_str()
            && !faults.iter().any(|fault| is_of(event, fault))
    };
    let wrong: Vec<String> = opened
        .iter()
        .filter(|event| is_false(event))
        .map(|event| format!("{} {}", events::time(event), event["summary"].as_str().unwrap()))
        .collect();
    eprintln!("missed: {missed:?}; false: {wrong:#?}; {} opened", opened.len());
    assert!(missed.len() <= 3, "missed: {missed:?}");
    assert!(wrong.len() <= 2, "false: {wrong:#?}");
}

#[test]
fn every_event_is_valid() {
    assert!(detected().len() > 12);
    events::check("canonical", detected().iter().map(Value::to_string));
}

#[test]
fn what_is_printed_for_kafka_is_cloud_events() {
    let input = Recording::shop(900).to_json_lines();
    let output = eddyline(&["detect", "--output", "kafka", "-"], input.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    events::check("cloudevents", String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned));
}

/// Invariant 4, score before learn: a past that knew its future would differ from one that had none.
#[test]
fn cutting_the_future_changes_no_past_event() {
    for minutes in [14, 20, 31] {
        let begun = Recording::shop(minutes * 60);
        let until = rfc_3339(begun.end_ms - 10_000);
        let lines = &begun.lines[..begun.lines.len() - 72];
        let input: String = lines.iter().map(|line| format!("{}\n", line.json)).collect();
        let past = |events: Vec<Value>| -> Vec<Value> {
            events.into_iter().filter(|event| events::time(event) <= until.as_str()).collect()
        };
        let (cut, whole) = (past(detect(&["-"], input.as_bytes())), past(detected().to_vec()));
        assert!(!whole.is_empty());
        assert_eq!(cut, whole, "cut after {minutes} minutes");
    }
}

/// Lines as of a dump: code without blanks, of which no two are of one kind, and every fourth is base64.
fn dump(recording: &Recording) -> String {
    let (first_ms, mut state) = (recording.lines[0].time_ms, 1_u64);
    let mut word = |letters: &[u8], length: usize| -> String {
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
        };
        (0..length).map(letter).collect()
    };
    let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut lines = String::new();
    for index in 0..(recording.end_ms - first_ms) / 50 {
        let message = match index % 4 {
            0 => word(base64, 76),
            _ => format!("{}({}){{{}}}", word(b"ghijklmnop", 5), word(b"qrstuvw", 6), word(b"klmnopq", 9)),
        };
        let ts = seconds(first_ms + index * 50);
        lines += &format!("{{\"ts\": {ts}, \"service\": \"dump\", \"message\": \"{message}\"}}\n");
    }
    lines
}

#[test]
fn a_dump_beside_the_shop_adds_no_event_hides_no_error_and_floods_nobody() {
    let recording = Recording::shop(1_200);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.jsonl");
    std::fs::write(&file, dump(&recording)).unwrap();
    let shop = recording.to_json_lines();
    let is_of_dump = |event: &Value| event["services"].as_array().unwrap().iter().any(|service| service == "dump");
    let said = |events: &[Value]| -> Vec<String> {
        // One more service makes the tests of a domain a little stricter, so that times and figures may differ.
        let fields = ["status", "severity", "dedup_key"];
        let of_shop = events.iter().filter(|event| !is_of_dump(event));
        of_shop.map(|event| fields.map(|field| event[field].to_string()).join(" ")).collect()
    };
    let alone = detect(&["-"], shop.as_bytes());
    let beside = detect(&["-", file.to_str().unwrap()], shop.as_bytes());
    assert!(alone.len() > 5);
    let (alone, beside_it) = (said(&alone), said(&beside));
    assert!(beside_it.iter().all(|event| alone.contains(event)), "{beside_it:#?}");
    let errors =
        |events: &[String]| events.iter().filter(|event| event.contains("\"error\"")).cloned().collect::<Vec<_>>();
    assert_eq!(errors(&alone), errors(&beside_it));
    let of_dump: Vec<&Value> = beside.iter().filter(|event| is_of_dump(event)).map(|event| &event["summary"]).collect();
    assert!(of_dump.len() <= 3, "{of_dump:#?}");
}
