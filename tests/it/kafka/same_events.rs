//! Invariant 2: how the lines are spread and when they are flushed changes no event.

use std::time::Duration;

use crate::offline::shop::detect;
use crate::support::client::Client;
use crate::support::events::{self, assert_same, rfc_3339, without_coordinates};
use crate::support::ledger::assert_all_tallied;
use crate::support::process::{Instance, Setup};
use crate::support::recording::Recording;
use crate::support::unique;

#[test]
fn partitions_instances_flushes_and_detect_give_the_same_events() {
    let client = Client::shared();
    let recording = Recording::shop(1_200);
    let topics: Vec<(i32, String)> = [1, 8].map(|partitions| (partitions, unique("same"))).into();
    for (partitions, topic) in &topics {
        client.create_topic(topic, *partitions, &[]);
        recording.send(&client, topic, *partitions);
    }
    let variants = [(0, "50", 1), (0, "2000", 2), (1, "500", 1), (1, "50", 2), (1, "2000", 1)];
    let running: Vec<(String, Setup, Vec<Instance>)> = variants
        .into_iter()
        .map(|(topic, flush_ms, instances)| {
            let (partitions, topic) = &topics[topic];
            let name = format!("{partitions} partitions, {instances} instances, flush {flush_ms} ms");
            let setup = Setup::new(&client, topic).set("observe.flush_ms", flush_ms);
            let instances = ["a", "b"][..instances].iter().map(|instance| setup.start(instance)).collect();
            (name, setup, instances)
        })
        .collect();

    let until = rfc_3339(recording.end_ms);
    let detected = detect(&["-"], recording.to_json_lines().as_bytes());
    let expected = without_coordinates(detected.into_iter().filter(|event| events::time(event) <= until.as_str()));
    assert!(expected.len() > 5, "{} keys", expected.len());
    for (name, setup, mut instances) in running {
        setup.wait_until_judged(&client, Duration::from_secs(120));
        for instance in &mut instances {
            assert!(instance.stop().success());
        }
        let tallied = assert_all_tallied(&client, &setup);
        assert_eq!((tallied.records(), tallied.outcomes.late), (recording.lines.len() as u64, 0), "{name}");
        let published = events::published(&client, &setup, recording.end_ms);
        assert_same(&name, &expected, &without_coordinates(published.iter().map(events::value)));
    }
}
