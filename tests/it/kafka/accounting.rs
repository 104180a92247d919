//! Events arrive, are valid, and every record of the input is accounted for.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::client::{Client, Isolation};
use crate::support::process::Setup;
use crate::support::recording::Recording;
use crate::support::{events, ledger, unique};

#[test]
fn events_arrive_and_every_record_is_accounted_for() {
    let client = Client::shared();
    let topic = unique("accounting");
    client.create_topic(&topic, 8, &[]);
    let recording = Recording::shop(1_500);
    recording.send(&client, &topic, 8);
    let setup = Setup::new(&client, &topic).set("publish.scored", "true");
    let mut instance = setup.start("a");
    instance.wait_until_ready();
    setup.wait_until_judged(&client, Duration::from_secs(90));
    let tallied = ledger::assert_all_tallied(&client, &setup);
    let status = instance.get("/status").unwrap();
    assert_eq!(status.0, 200, "{}", status.1);
    assert!(instance.stop().success(), "a stop by SIGTERM is no failure");

    assert_eq!(tallied.records(), recording.lines.len() as u64);
    assert!(tallied.outcomes.continuations > 0, "the recording has stack traces");
    assert_eq!(tallied.outcomes.rejects, 0);
    ledger::assert_scored_once(&client, &setup);
    ledger::assert_no_open_transaction(&client, &setup);

    let published = client.read(&setup.ours("anomalies"), Isolation::Committed);
    assert!(!published.is_empty());
    events::assert_valid(&published);
    let opened: Vec<_> = published.iter().map(events::value).filter(|event| event["status"] == "trigger").collect();
    assert!(opened.iter().any(|event| event["entity"]["service"] == "sshd"), "the password guessing of minute 10");
    assert!(published.iter().map(events::value).any(|event| event["status"] == "resolve"), "nothing ever closes");

    // The compacted table of open episodes: the latest message of each key, nothing once it closed.
    let mut open = BTreeMap::new();
    for record in &published {
        let is_open = events::value(record)["status"] != "resolve";
        open.insert(record.key.clone(), record.value.clone().filter(|_| is_open));
    }
    let mut table = BTreeMap::new();
    for record in client.read(&setup.ours("episodes"), Isolation::Committed) {
        table.insert(record.key, record.value);
    }
    open.retain(|_, value| value.is_some());
    table.retain(|_, value| value.is_some());
    assert_eq!(open, table);
}
