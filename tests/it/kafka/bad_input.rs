//! Hostile records: none stops the stream, nothing is lost in silence, memory stays bounded.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::offline::bad_input::bad_lines;
use crate::support::client::{Client, Isolation};
use crate::support::process::{Instance, Setup};
use crate::support::recording::{Line, Recording};
use crate::support::{eventually, ledger, unique};

const DAY_MS: i64 = 86_400_000;
/// The recording's day, a moment in 1754 and one in 2099, as timestamps of records.
const TIMES_MS: [i64; 3] = [1_795_420_900_000, -6_795_420_900_000, 4_070_908_800_000];

#[test]
fn hostile_records_stop_nothing_and_are_accounted_for() {
    let client = Client::shared();
    let topic = unique("hostile");
    client.create_topic(&topic, 2, &[("max.message.bytes", "20000000")]);
    let recording = Recording::shop(120);
    let mut sent = recording.lines.len();
    let mut bad: Vec<Option<Vec<u8>>> = bad_lines().into_iter().map(Some).collect();
    bad.push(None);
    for value in &bad {
        for (partition, time_ms) in TIMES_MS.into_iter().enumerate() {
            // A broker takes no negative timestamp: what is from 1754 says so in its own text.
            client.send(&topic, i32::try_from(partition % 2).unwrap(), time_ms.max(0), value.as_deref());
            sent += 1;
        }
    }
    recording.send(&client, &topic, 2);

    let setup = Setup::new(&client, &topic).set("publish.scored", "true");
    let mut instance = setup.start("a");
    setup.wait_until_judged(&client, Duration::from_secs(90));
    let tallied = ledger::assert_all_tallied(&client, &setup);
    assert!(instance.memory_bytes_max() < 1 << 30, "{} bytes", instance.memory_bytes_max());
    assert!(instance.stop().success());

    assert_eq!(tallied.records(), sent as u64);
    assert!(tallied.outcomes.empty >= 3, "tombstones and empty records");
    let dead = client.read(&setup.ours("deadletters"), Isolation::Committed);
    assert_eq!(dead.len() as u64, tallied.outcomes.rejects);
    let sent_values: BTreeSet<&[u8]> = bad.iter().flatten().map(Vec::as_slice).collect();
    for record in &dead {
        assert!(sent_values.contains(record.value.as_deref().unwrap()), "a dead letter holds the original bytes");
        assert!(record.headers.iter().any(|(name, _)| name.contains("reason")), "{:?}", record.headers);
        assert!(record.headers.iter().any(|(_, value)| value == topic.as_bytes()), "{:?}", record.headers);
    }
    ledger::assert_scored_once(&client, &setup);
    ledger::assert_no_open_transaction(&client, &setup);
}

/// What the process may take, unless told otherwise.
const MEMORY_MIB: u64 = 512;

/// Runs over these lines, four partitions of them, and checks what it took. Returns it for more questions.
fn run_within_the_limit(name: &str, lines: impl Iterator<Item = Line>, settings: &[(&str, &str)]) -> Instance {
    let client = Client::shared();
    let topic = unique(name);
    client.create_topic(&topic, 4, &[("max.message.bytes", "20000000")]);
    Recording::new(lines.collect()).send(&client, &topic, 4);
    let mut setup = Setup::new(&client, &topic);
    for (key, value) in settings {
        setup = setup.set(key, value);
    }
    let instance = setup.start("a");
    setup.wait_until_judged(&client, Duration::from_secs(240));
    ledger::assert_all_tallied(&client, &setup);
    let memory_mib = instance.memory_bytes_max() >> 20;
    eprintln!("{name} {settings:?}: {memory_mib} MiB at most");
    assert!(memory_mib < MEMORY_MIB, "{memory_mib} MiB");
    instance
}

fn line(time_ms: i64, service: &str, message: &str) -> Line {
    let ts = crate::support::recording::seconds(time_ms);
    Line { time_ms, json: format!(r#"{{"ts": {ts}, "service": "{service}", "message": "{message}"}}"#) }
}

#[test]
fn a_million_services_stay_within_the_memory_limit() {
    let lines = (0..1_000_000).map(|n| line(TIMES_MS[0] + n / 4, &format!("s{n}"), "started"));
    let mut instance = run_within_the_limit("services", lines, &[("observe.threads", "4")]);
    assert!(instance.metric("eddyline_judge_services_folded") > 0.0);
    assert!(instance.metric("eddyline_forgotten") > 0.0);
    let (_, status) = instance.get("/status").unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(status["judges"][0]["services_folded"].as_u64() > Some(0), "{status}");
    assert!(status["judges"][0]["forgotten"].as_u64() > Some(0), "{status}");
    assert!(instance.stop().success());
}

/// As jobs do: 250 new ones in each second, each of which writes a line a second for twelve.
#[test]
fn services_that_come_and_go_stay_within_the_memory_limit() {
    let lines = (0..600_000_i64).map(|n| {
        let (second, place) = (n / 3_000, n % 3_000);
        let number = (second - place % 12) * 250 + place / 12;
        line(TIMES_MS[0] + n / 3, &format!("job{number}"), &format!("step {place} of {n} done after {} ms", n % 977))
    });
    let mut instance = run_within_the_limit("jobs", lines, &[("observe.threads", "4")]);
    assert!(instance.metric("eddyline_forgotten") > 0.0);
    assert!(instance.stop().success());
}

#[test]
fn a_million_words_stay_within_the_memory_limit() {
    // Letters only: what has digits in it is a number to the templates.
    let word = |n: i64| n.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
    let text = |n| format!("{} {}", word(n), "and some more words that all of them have in common ".repeat(10));
    let lines = (0..1_000_000).map(|n| line(TIMES_MS[0] + n / 4, "words", &text(n)));
    let mut instance = run_within_the_limit("words", lines, &[("observe.threads", "4")]);
    assert!(instance.stop().success());
}

#[test]
fn lines_of_megabytes_stay_within_the_memory_limit() {
    let long = "x".repeat(5_000_000);
    let lines = (0..120).map(|n| line(TIMES_MS[0] + n * 100, "long", &format!("number {n} {long}")));
    let settings = [("observe.threads", "4"), ("publish.scored", "true")];
    let mut instance = run_within_the_limit("long", lines, &settings);
    assert_eq!(instance.metric("eddyline_lines_cut_total"), 120.0);
    assert!(instance.stop().success());
}

/// Somebody names a topic of something else than logs: that is said, all of it is kept, and the logs are read as ever.
#[test]
fn a_partition_of_something_else_than_logs_is_told_and_stops_nobody() {
    let client = Client::shared();
    let topic = unique("binary");
    client.create_topic(&topic, 2, &[]);
    let setup = Setup::new(&client, &topic).set("observe.threads", "1");
    let mut instance = setup.start("a");
    for n in 0..2_000_i64 {
        client.send(&topic, 0, TIMES_MS[0] + n, Some(&[&[0; 60][..], &n.to_be_bytes()].concat()));
        client.send(&topic, 1, TIMES_MS[0] + n, Some(b"a line of a log"));
    }
    client.flush();
    setup.wait_until_observed(&client, Duration::from_secs(60));
    eventually("the complaint", Duration::from_secs(20), || match instance.get("/readyz") {
        Ok((503, why)) if why == format!("no logs: {topic}[0]\n") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    eventually("the metric", Duration::from_secs(20), || match instance.metric("eddyline_partitions_undecodable") {
        1.0 => Ok(()),
        other => Err(other.to_string()),
    });
    // It is said once a minute.
    let complaints = || instance.log().matches("nearly nothing of it can be decoded").count();
    eventually("the complaint in the log", Duration::from_secs(80), || match complaints() {
        1 => Ok(()),
        other => Err(other.to_string()),
    });
    assert!(instance.stop().success());
    let outcomes = ledger::assert_all_tallied(&client, &setup).outcomes;
    assert_eq!((outcomes.lines, outcomes.rejects), (2_000, 2_000));
    assert_eq!(client.read(&setup.ours("deadletters"), Isolation::Committed).len(), 2_000);
}

/// One record from the end of the century must not carry a watermark there, nor the lines after it out of their seconds.
#[test]
fn a_record_from_2099_makes_no_other_line_late() {
    let client = Client::shared();
    let topic = unique("future");
    client.create_topic(&topic, 1, &[]);
    let recording = Recording::shop(120);
    let mut from_the_future = 0;
    for (index, line) in recording.lines.iter().enumerate() {
        if index % 500 == 499 {
            from_the_future += 1;
            client.send(&topic, 0, TIMES_MS[2] + DAY_MS, Some(br#"{"service": "a", "message": "from the future"}"#));
        }
        client.send(&topic, 0, line.time_ms, Some(line.json.as_bytes()));
    }
    client.flush();
    let setup = Setup::new(&client, &topic);
    let mut instance = setup.start("a");
    setup.wait_until_judged(&client, Duration::from_secs(60));
    let tallied = ledger::assert_all_tallied(&client, &setup);
    assert!(instance.stop().success());
    assert!(from_the_future > 0);
    assert_eq!(tallied.outcomes.late, from_the_future, "they are not believed, and nobody else is late");
}
