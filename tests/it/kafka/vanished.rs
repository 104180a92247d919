//! What was to be read is not there any more: it is said, counted, and no event comes of it.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::events;
use crate::support::process::{Instance, Setup};
use crate::support::recording::{Line, Recording, seconds};
use crate::support::{eventually, unique};

const LIMIT: Duration = Duration::from_secs(60);
/// A moment in 2026.
const START_MS: i64 = 1_780_000_000_000;

/// A service as steady as a service can be: ten lines a second.
fn steady(from_s: i64, until_s: i64) -> Vec<Line> {
    let line = |tenth: i64| {
        let time_ms = START_MS + tenth * 100;
        let json = format!(r#"{{"ts": {}, "service": "steady", "message": "all is well"}}"#, seconds(time_ms));
        Line { time_ms, json }
    };
    (from_s * 10..until_s * 10).map(line).collect()
}

fn send(client: &Client, topic: &str, lines: &[Line]) {
    for line in lines {
        client.send(topic, 0, line.time_ms, Some(line.json.as_bytes()));
    }
    client.flush();
}

fn wait_for_gap(client: &Client, setup: &Setup, instance: &Instance) {
    setup.wait_until_judged(client, LIMIT);
    eventually("the judge to count the gap", LIMIT, || match instance.metric("eddyline_tally_gaps_total") {
        gaps if gaps > 0.0 => Ok(()),
        _ => Err(instance.log()),
    });
}

/// Behind its last line the service is silent, which is no false event.
fn assert_no_event(client: &Client, setup: &Setup, last_s: i64) {
    let events = events::published(client, setup, START_MS + last_s * 1_000 - 1_000);
    let paging: Vec<_> = events.iter().map(events::value).filter(|event| event["severity"] != "info").collect();
    assert!(paging.is_empty(), "{paging:#?}");
}

/// Retention deletes what nobody read yet, while the observer is away.
#[test]
fn records_that_retention_deleted_are_a_gap_and_no_event() {
    let client = Client::shared();
    let topic = unique("retention");
    client.create_topic(&topic, 1, &[]);
    let setup = Setup::new(&client, &topic).set("observe.threads", "1");
    send(&client, &topic, &steady(0, 1_200));
    let mut instance = setup.start("a");
    setup.wait_until_judged(&client, LIMIT);
    assert!(instance.stop().success());
    send(&client, &topic, &Recording::new(steady(1_200, 2_000)).lines);
    client.delete_records(&topic, 0, 15_000);
    let mut instance = setup.start("a");
    wait_for_gap(&client, &setup, &instance);
    let log = instance.log();
    assert!(log.contains("deleted by retention before they were read"), "{log}");
    assert!(log.contains("continue at offset 15000 where 12000 was expected"), "{log}");
    assert!(instance.stop().success());
    assert_no_event(&client, &setup, 2_000);
}

/// The topic is removed and made again with fewer records than were read, while the observer is away and while it runs.
#[test]
fn a_topic_that_is_made_anew_is_read_from_its_beginning() {
    let client = Client::shared();
    for runs in [false, true] {
        let topic = unique("anew");
        client.create_topic(&topic, 1, &[]);
        let setup = Setup::new(&client, &topic).set("observe.threads", "1");
        send(&client, &topic, &steady(0, 1_200));
        let mut instance = setup.start("a");
        setup.wait_until_judged(&client, LIMIT);
        if !runs {
            assert!(instance.stop().success());
        }
        client.delete_topic(&topic);
        client.create_topic(&topic, 1, &[]);
        let lines = Recording::new(steady(1_200, 1_300)).lines;
        send(&client, &topic, &lines);
        if !runs {
            instance = setup.start("a");
        }
        eventually("the new topic to be read", LIMIT, || {
            let committed = client.committed(&setup.group, &topic);
            if committed[&0] == lines.len() as i64 { Ok(()) } else { Err(format!("{committed:?}: {}", instance.log())) }
        });
        wait_for_gap(&client, &setup, &instance);
        let log = instance.log();
        // Kafka forgets what was committed for a topic that is removed, so only who reads it at that time can tell.
        assert!(!runs || log.contains("Offset out of range"), "{log}");
        assert!(log.contains("continue at offset 0 where 12000 was expected"), "{log}");
        assert!(instance.stop().success());
        // While it runs, its clock runs on: what it takes to make the topic anew may be a silence.
        if !runs {
            assert_no_event(&client, &setup, 1_300);
        }
    }
}
