//! `eddyline check --online` against a real broker: it finds what is wrong, changes nothing, and ends in bounded time.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::secure::{PASSWORD, broker, settings};
use crate::support::client::Client;
use crate::support::process::eddyline;
use crate::support::recording::Recording;
use crate::support::unique;

/// What it found, and its exit code.
struct Checked {
    code: Option<i32>,
    report: Value,
}

impl Checked {
    /// Runs it over these topics, under this group and prefix.
    fn run(name: &str, topics: &str, settings: &[(&str, String)]) -> Self {
        let mut arguments: Vec<String> =
            ["check", "--online", "--output", "json", "--topics", topics].map(str::to_owned).to_vec();
        let more = [("kafka.group", name.to_owned()), ("kafka.prefix", format!("{name}."))];
        for (key, value) in settings.iter().cloned().chain(more) {
            arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
        let output = eddyline(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), b"");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(PASSWORD), "{text}");
        let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Self { code: output.status.code(), report }
    }

    /// Fails unless there is a check of this verdict and kind that says these words.
    fn assert_has(&self, verdict: &str, of: &str, words: &[&str]) {
        let checks = self.report["checks"].as_array().unwrap();
        let is_it = |check: &&Value| {
            let said = format!("{} {}", check["found"].as_str().unwrap(), check["advice"].as_str().unwrap());
            check["verdict"] == verdict && check["of"] == of && words.iter().all(|word| said.contains(word))
        };
        assert!(checks.iter().any(|check| is_it(&check)), "no {verdict} of {of:?} with {words:?} in {:#}", self.report);
    }
}

#[test]
fn all_is_well_and_nothing_was_made_of_it() {
    let client = Client::new(broker().bootstrap());
    let (topic, name) = (unique("secure"), unique("it"));
    client.create_topic(&topic, 2, &[]);
    Recording::shop(60).send(&client, &topic, 2);
    let checked = Checked::run(&name, &topic, &settings("eddyline", "SCRAM-SHA-512"));
    assert_eq!(checked.code, Some(0), "{:#}", checked.report);
    assert_eq!(checked.report["warnings"], 0, "{:#}", checked.report);
    checked.assert_has("ok", "brokers", &["1 answer"]);
    checked.assert_has("ok", &format!("topic {topic}"), &["2 partitions"]);
    checked.assert_has("ok", &format!("topic {name}.tallies"), &["does not exist yet"]);
    checked.assert_has("ok", "rights", &["the user eddyline may"]);
    checked.assert_has(
        "ok",
        &format!("records {topic}"),
        &["JSON", "time in 100 %", "service in 100 %", "keys on 0 %"],
    );
    let examples = checked.report["samples"][0]["examples"].as_array().unwrap();
    assert_eq!(examples.len(), 3);
    for ours in ["tallies", "anomalies", "episodes", "snapshots", "deadletters"] {
        assert_eq!(client.partitions(&format!("{name}.{ours}")), [0; 0], "it creates nothing");
    }
    assert!(client.committed(&name, &topic).values().all(|offset| *offset == 0), "it commits nothing");
}

#[test]
fn each_thing_that_is_wrong_is_named_with_what_to_do() {
    let client = Client::new(broker().bootstrap());
    let (binary, empty, local, name) = (unique("secure"), unique("secure"), unique("secure"), unique("it"));
    for topic in [&binary, &empty, &local] {
        client.create_topic(topic, 1, &[]);
    }
    client.create_topic(&format!("{name}.snapshots"), 1, &[("cleanup.policy", "delete")]);
    client.create_topic(&format!("{name}.tallies"), 1, &[("retention.ms", "3600000")]);
    // Records of 08:01:40 UTC with the wall clock of New York in them.
    let time_ms = 1_795_420_900_000;
    for _ in 0..20 {
        client.send(&binary, 0, time_ms, Some(b"\x00\x01\x02\xff\xfe\x00\x00\x07"));
        client.send(&local, 0, time_ms, Some(b"2026-11-23 03:01:39 ERROR login of bob failed, password=hunter2"));
    }
    client.flush();
    let topics = [&*binary, &*empty, &*local, "secure-nowhere"].join(",");
    let checked = Checked::run(&name, &topics, &settings("eddyline", "SCRAM-SHA-512"));
    assert_eq!(checked.code, Some(1), "{:#}", checked.report);
    checked.assert_has("error", "topic secure-nowhere", &["does not exist", "input.topics"]);
    checked.assert_has("error", &format!("records {binary}"), &["dead letters 100 %", "binary"]);
    checked.assert_has("warning", &format!("records {empty}"), &["empty"]);
    checked.assert_has("warning", &format!("records {local}"), &["-5 h", "zone"]);
    checked.assert_has("warning", &format!("topic {name}.snapshots"), &["compact", "kafka-configs.sh"]);
    checked.assert_has("warning", &format!("topic {name}.tallies"), &["retention.ms is 3600000"]);
    assert!(!checked.report.to_string().contains("hunter2"), "examples are redacted");
}

#[test]
fn each_right_that_is_missing_is_named() {
    let client = Client::new(broker().bootstrap());
    let (topic, name) = (unique("secure"), unique("it"));
    client.create_topic(&topic, 1, &[]);
    client.create_topic(&format!("{name}.anomalies"), 1, &[]);
    let checked = Checked::run(&name, &topic, &settings("reader", "SCRAM-SHA-512"));
    assert_eq!(checked.code, Some(1), "{:#}", checked.report);
    checked.assert_has("error", "rights", &["transactional ids", "--transactional-id"]);
    checked.assert_has("error", "rights", &[&format!("join the group {name}-judge"), "--group"]);
    checked.assert_has("error", &format!("topic {name}.tallies"), &["may not be created", "kafka-topics.sh"]);
    let checked = Checked::run(&name, &topic, &settings("novice", "SCRAM-SHA-512"));
    checked.assert_has("error", "rights", &["transactional ids", "--transactional-id"]);
    checked.assert_has("ok", &format!("topic {name}.tallies"), &["does not exist yet"]);
}

#[test]
fn a_broker_that_is_away_is_said_in_bounded_time() {
    let began = Instant::now();
    let checked = Checked::run("it-away", "logs", &[("kafka.brokers", "127.0.0.1:1".to_owned())]);
    assert_eq!(checked.code, Some(1));
    checked.assert_has("error", "brokers", &["127.0.0.1:1", "within 10 s"]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let misspelt = ("kafka.properties.sasl.pasword", "hunter2".to_owned());
    let checked = Checked::run("it-away", "logs", &[("kafka.brokers", "127.0.0.1:1".to_owned()), misspelt]);
    assert_eq!(checked.code, Some(1));
    checked.assert_has("error", "brokers", &["sasl.pasword"]);
    assert!(!checked.report.to_string().contains("hunter2"));
}
