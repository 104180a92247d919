//! Instances that come, go and freeze: partitions move, and nothing that is published changes.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::offline::shop::detect;
use crate::support::client::Client;
use crate::support::events::{self, assert_same, rfc_3339, without_coordinates};
use crate::support::process::Setup;
use crate::support::recording::Recording;
use crate::support::{eventually, ledger, unique};

const PARTITIONS: i32 = 8;

/// Fails unless what the instances published is what `detect` finds, and each record was counted once.
pub fn assert_undisturbed(client: &Client, setup: &Setup, recording: &Recording) {
    setup.wait_until_judged(client, Duration::from_secs(90));
    ledger::assert_all_tallied(client, setup);
    let until = rfc_3339(recording.end_ms);
    let detected = detect(&["-"], recording.to_json_lines().as_bytes());
    let expected = without_coordinates(detected.into_iter().filter(|event| events::time(event) <= until.as_str()));
    let published = events::published(client, setup, recording.end_ms);
    assert!(!expected.is_empty());
    assert_same("detect and run", &expected, &without_coordinates(published.iter().map(events::value)));
}

/// Writes the recording over this time, while `meanwhile` goes on.
fn write_over<T>(
    client: &Client,
    topic: &str,
    recording: &Recording,
    over: Duration,
    meanwhile: impl FnOnce() -> T,
) -> T {
    std::thread::scope(|scope| {
        scope.spawn(|| recording.send_over(client, topic, PARTITIONS, over, &AtomicBool::new(false)));
        meanwhile()
    })
}

/// With a heartbeat of 300 ms nearly every rebalance gives an innocent member ILLEGAL_GENERATION (research on real Kafka).
#[test]
fn instances_join_and_leave_and_no_state_is_dropped() {
    let client = Client::shared();
    let topic = unique("joins");
    client.create_topic(&topic, PARTITIONS, &[]);
    let recording = Recording::shop(900);
    let setup = Setup::new(&client, &topic).set("kafka.properties.heartbeat.interval.ms", "300");
    let mut first = setup.start("a");
    first.wait_until_ready();
    write_over(&client, &topic, &recording, Duration::from_secs(30), || {
        for name in ["b", "c"] {
            std::thread::sleep(Duration::from_secs(3));
            let mut second = setup.start(name);
            second.wait_until_ready();
            std::thread::sleep(Duration::from_secs(5));
            assert!(second.stop().success());
        }
    });
    assert_undisturbed(&client, &setup, &recording);
    assert_eq!(first.metric("eddyline_restarts_total"), 0.0);
    assert!(!first.log().contains("is forgotten"), "an innocent member dropped its state");
    assert!(first.stop().success());
    ledger::assert_no_open_transaction(&client, &setup);
}

/// SIGSTOP for longer than the session time-out: the others take over, and what comes back commits nothing that is not its own.
#[test]
fn a_frozen_instance_comes_back_and_commits_nothing_twice() {
    let client = Client::shared();
    let topic = unique("frozen");
    client.create_topic(&topic, PARTITIONS, &[]);
    let recording = Recording::shop(900);
    let setup = Setup::new(&client, &topic).set("publish.scored", "true");
    let mut instances = [setup.start("a"), setup.start("b")];
    for instance in &instances {
        instance.wait_until_ready();
    }
    write_over(&client, &topic, &recording, Duration::from_secs(30), || {
        std::thread::sleep(Duration::from_secs(5));
        instances[0].pause();
        std::thread::sleep(Duration::from_secs(12));
        instances[0].resume();
    });
    assert_undisturbed(&client, &setup, &recording);
    ledger::assert_scored_once(&client, &setup);
    for instance in &mut instances {
        assert!(instance.is_running(), "a frozen instance comes back in the same process");
        assert!(instance.stop().success());
    }
    ledger::assert_no_open_transaction(&client, &setup);
    events::assert_valid(&events::published(&client, &setup, recording.end_ms));
}

/// Two instances share the work while both are there, and a clean leave hands it over without waiting for a session to end.
#[test]
fn a_clean_leave_hands_over_within_seconds() {
    let client = Client::shared();
    let topic = unique("leave");
    client.create_topic(&topic, PARTITIONS, &[]);
    let setup = Setup::new(&client, &topic);
    let (mut first, mut second) = (setup.start("a"), setup.start("b"));
    first.wait_until_ready();
    second.wait_until_ready();
    // A member that leaves in the midst of a rebalance is missed only when its session ends.
    std::thread::sleep(Duration::from_secs(4));
    assert!(second.stop().success());
    let left = Instant::now();
    let recording = Recording::shop(60);
    recording.send(&client, &topic, PARTITIONS);
    let ends = client.ends(&topic, crate::support::client::Isolation::Uncommitted);
    eventually("all partitions to be read", Duration::from_secs(30), || {
        let committed = client.committed(&setup.group, &topic);
        if committed == ends { Ok(()) } else { Err(format!("{committed:?} of {ends:?}")) }
    });
    eprintln!("taken over {:?} after the leave", left.elapsed());
    assert!(left.elapsed() < Duration::from_secs(5), "{:?}: it waited for the session to end", left.elapsed());
    assert!(first.stop().success());
}

/// From one instance to four and back to one, which is another: the judge moves with the first, and it moves with its snapshot.
#[test]
fn from_one_instance_to_four_and_back_to_another_one() {
    let client = Client::shared();
    let topic = unique("scale");
    client.create_topic(&topic, PARTITIONS, &[]);
    let recording = Recording::shop(1_200);
    let setup = Setup::new(&client, &topic).set("snapshots.every_s", "1").set("observe.threads", "1");
    let mut first = setup.start("a");
    first.wait_until_ready();
    let mut last = write_over(&client, &topic, &recording, Duration::from_secs(45), || {
        std::thread::sleep(Duration::from_secs(4));
        let mut others = ["b", "c", "d"].map(|name| {
            let instance = setup.start(name);
            instance.wait_until_ready();
            std::thread::sleep(Duration::from_secs(3));
            instance
        });
        for instance in [&first].into_iter().chain(&others) {
            let reads = instance.reading().iter().filter(|(read, _)| *read == topic).count();
            assert_eq!(reads, 2, "four instances share eight partitions: {}", instance.log());
        }
        assert!(first.reading().contains(&(setup.ours("tallies"), 0)), "the judge stays where it is");
        assert!(first.stop().success());
        for instance in &mut others[..2] {
            std::thread::sleep(Duration::from_secs(2));
            assert!(instance.stop().success());
        }
        let [_, _, last] = others;
        last
    });
    assert_undisturbed(&client, &setup, &recording);
    assert!(last.log().contains(" restored "), "the judge that moved learnt again: {}", last.log());
    assert!(last.stop().success());
    ledger::assert_no_open_transaction(&client, &setup);
}

/// Two processes of one name put each other out, but not for ever: one of them (or both) gives up with a clear word.
#[test]
fn two_processes_of_one_name_do_not_go_on_for_ever() {
    let client = Client::shared();
    let topic = unique("namesakes");
    client.create_topic(&topic, 1, &[]);
    assert_one_of_two_namesakes_gives_up(&Setup::new(&client, &topic).set("observe.threads", "1"));
}

pub(super) fn assert_one_of_two_namesakes_gives_up(setup: &Setup) {
    let first = setup.start("a");
    first.wait_until_ready();
    let mut instances = [first, setup.start("a")];
    let ended = eventually("one to give up", Duration::from_secs(180), || {
        instances.iter_mut().position(|instance| !instance.is_running()).ok_or_else(|| "both run".to_owned())
    });
    let ended = &mut instances[ended];
    assert!(!ended.wait(Duration::ZERO).success());
    let log = ended.log();
    assert!(log.contains("another process of this group runs with kafka.instance = \"a\""), "{log}");
}
