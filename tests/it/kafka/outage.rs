//! A broker that is away for 20 s, frozen, or cannot write, on a Kafka of its own.

use std::time::Duration;

use crate::offline::shop::detect;
use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::events::{self, assert_same, rfc_3339, without_coordinates};
use crate::support::process::Setup;
use crate::support::recording::Recording;
use crate::support::{eventually, ledger, unique};

#[test]
fn a_broker_that_is_away_for_20_s_changes_nothing() {
    changes_nothing(|broker| {
        broker.kill();
        std::thread::sleep(Duration::from_secs(20));
        broker.again();
    });
}

/// Its connections stand, as they do when the network or a collector of garbage holds it up.
#[test]
fn a_broker_that_is_frozen_for_8_s_changes_nothing() {
    changes_nothing(|broker| {
        broker.pause();
        std::thread::sleep(Duration::from_secs(8));
        broker.resume();
    });
}

/// Kafka refuses what it cannot write, and ends when no folder is left that it can write to. Space is made before it starts again.
#[test]
fn a_broker_whose_disk_is_full_changes_nothing() {
    changes_nothing(|broker| {
        broker.fill_disk();
        eventually("the broker to give up", Duration::from_secs(60), || {
            if broker.is_running() { Err("it runs".to_owned()) } else { Ok(()) }
        });
        std::thread::sleep(Duration::from_secs(5));
        broker.again();
    });
}

fn changes_nothing(outage: impl FnOnce(&Broker)) {
    let broker = Broker::start();
    let client = Client::new(broker.bootstrap());
    let topic = unique("outage");
    client.create_topic(&topic, 4, &[]);
    let recording = Recording::shop(900);
    let setup = Setup::new(&client, &topic).set("publish.scored", "true");
    let mut instance = setup.start("a");
    instance.wait_until_ready();
    let half = recording.lines.len() / 2;
    send(&client, &topic, &recording, 0..half);
    // What shippers could not send in the meantime they send when they are back: its times are those of the outage, and it is not late.
    setup.wait_until_observed(&client, Duration::from_secs(30));
    outage(&broker);
    std::thread::sleep(Duration::from_secs(2));
    send(&client, &topic, &recording, half..recording.lines.len());

    setup.wait_until_judged(&client, Duration::from_secs(120));
    assert!(instance.is_running(), "the same process goes on");
    let tallied = ledger::assert_all_tallied(&client, &setup);
    assert_eq!(tallied.outcomes.late, 0, "the outage was taken for silence");
    assert!(instance.stop().success());
    ledger::assert_scored_once(&client, &setup);
    ledger::assert_no_open_transaction(&client, &setup);
    let until = rfc_3339(recording.end_ms);
    let detected = detect(&["-"], recording.to_json_lines().as_bytes());
    let expected = without_coordinates(detected.into_iter().filter(|event| events::time(event) <= until.as_str()));
    let published = events::published(&client, &setup, recording.end_ms);
    assert_same("detect and run", &expected, &without_coordinates(published.iter().map(events::value)));
}

/// A service manager that stops everything at once must not have to wait for a broker that is gone already. What was not
/// committed is read again, so nothing is lost.
#[test]
fn who_is_stopped_while_the_broker_is_away_ends() {
    let broker = Broker::start();
    let client = Client::new(broker.bootstrap());
    let topic = unique("outage");
    client.create_topic(&topic, 4, &[]);
    let setup = Setup::new(&client, &topic);
    let mut instance = setup.start("a");
    instance.wait_until_ready();
    let recording = Recording::shop(60);
    send(&client, &topic, &recording, 0..recording.lines.len());
    broker.kill();
    std::thread::sleep(Duration::from_secs(5));
    assert!(instance.stop().success());
}

fn send(client: &Client, topic: &str, recording: &Recording, range: std::ops::Range<usize>) {
    for (index, line) in recording.lines.iter().enumerate().take(range.end).skip(range.start) {
        client.send(topic, Recording::partition(index, 4), line.time_ms, Some(line.json.as_bytes()));
    }
    client.flush();
}
