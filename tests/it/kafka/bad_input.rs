//! Hostile records: none stops the stream, nothing is lost in silence, memory stays bounded.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::offline::bad_input::bad_lines;
use crate::support::client::{Client, Isolation};
use crate::support::process::Setup;
use crate::support::recording::{Line, Recording};
use crate::support::{ledger, unique};

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

#[test]
fn a_million_services_do_not_fill_the_memory() {
    let client = Client::shared();
    let topic = unique("services");
    client.create_topic(&topic, 4, &[]);
    let line = |n: i64| {
        let time_ms = TIMES_MS[0] + n / 4;
        let json = format!(
            r#"{{"ts": {}, "service": "s{n}", "message": "started"}}"#,
            crate::support::recording::seconds(time_ms)
        );
        Line { time_ms, json }
    };
    Recording::new((0..1_000_000).map(line).collect()).send(&client, &topic, 4);
    let setup = Setup::new(&client, &topic);
    let mut instance = setup.start("a");
    setup.wait_until_judged(&client, Duration::from_secs(240));
    ledger::assert_all_tallied(&client, &setup);
    let memory_bytes = instance.memory_bytes_max();
    eprintln!("a million services: {} MiB at most", memory_bytes >> 20);
    assert!(memory_bytes < 3 << 29, "{memory_bytes} bytes");
    assert!(instance.stop().success());
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
