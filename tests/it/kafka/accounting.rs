//! Events arrive, are valid, and every record of the input is accounted for.

use std::collections::{BTreeMap, BTreeSet};
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

    assert_every_template_can_be_looked_up(&client, &setup);

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

/// The ids in the scored records are found in the compacted table of templates, by themselves or among the aliases of another one, but
/// for those that came in one second only.
fn assert_every_template_can_be_looked_up(client: &Client, setup: &Setup) {
    let mut known = BTreeSet::new();
    let mut table = BTreeMap::new();
    for record in client.read(&setup.ours("templates"), Isolation::Committed) {
        table.insert(record.key, record.value);
    }
    for value in table.into_values().flatten() {
        let entry: serde_json::Value = serde_json::from_slice(&value).unwrap();
        let service = entry["service"].as_str().unwrap().to_owned();
        assert!(!entry["text"].as_str().unwrap().is_empty());
        for id in entry["aliases"].as_array().unwrap().iter().chain([&entry["id"]]) {
            known.insert((service.clone(), id.as_str().unwrap().to_owned()));
        }
    }
    let mut seconds: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for record in client.read(&format!("{}.scored", setup.topic), Isolation::Committed) {
        let header = |name: &str| {
            let found = record.headers.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
        };
        if let (Some(service), Some(id), Some(time)) =
            (header("eddyline-service"), header("eddyline-template"), header("eddyline-time"))
        {
            seconds.entry((service, id)).or_default().insert(time[..19].to_owned());
        }
    }
    let again: Vec<_> = seconds.iter().filter(|(_, seconds)| seconds.len() > 1).map(|(key, _)| key).collect();
    assert!(again.len() > 20, "{again:?}");
    let missing: Vec<_> = again.iter().filter(|key| !known.contains(**key) && key.0 != "end").collect();
    assert!(missing.is_empty(), "{missing:?}");
}
