//! The two stages chained in memory: what may be forgotten, what may be kept, and what may be cut anywhere.

use std::collections::BTreeMap;

use eddyline::decide::Message;
use eddyline::decode::Format;
use eddyline::record::{Offset, Partition, Record, TimeBasis, Topic};
use eddyline::stage::{Judge, Observer};
use eddyline::vectorise::wire::Flush;

use crate::support::Random;
use crate::support::recording::{Line, Recording};

const LATENESS_MS: i64 = 5_000;
const PARTITIONS: i32 = 3;

/// Sends the lines through observers, each with some of the partitions, and one judge. How far the partitions are apart and
/// when there is a flush is drawn by lot; after each, `meanwhile` may do what must change nothing.
fn judged(
    lines: &[Line],
    observers: usize,
    seed: u64,
    meanwhile: impl FnMut(&mut Observer, &mut Judge),
) -> Vec<Message> {
    judge(lines, observers, seed, meanwhile).0
}

/// The same, and the judge as it is at the end.
fn judge(
    lines: &[Line],
    observers: usize,
    seed: u64,
    mut meanwhile: impl FnMut(&mut Observer, &mut Judge),
) -> (Vec<Message>, Judge) {
    let topic = Topic::new("logs");
    let roster = BTreeMap::from([(topic.clone(), PARTITIONS.unsigned_abs())]);
    let partitions: Vec<Partition> = (0..PARTITIONS).map(|number| Partition::new(topic.clone(), number)).collect();
    let mut working: Vec<Observer> = (0..observers).map(|_| Observer::new(Format::Auto, LATENESS_MS)).collect();
    for (number, partition) in partitions.iter().enumerate() {
        working[number % observers].assign(partition.clone(), Offset(0), None);
    }
    let (mut random, mut judge, mut messages) = (Random::new(seed), Judge::new(), Vec::new());
    let mut unread: Vec<_> =
        (0..partitions.len()).map(|n| lines.iter().skip(n).step_by(partitions.len()).zip(0..)).collect();
    let mut is_left = true;
    while is_left {
        is_left = false;
        for (number, partition) in partitions.iter().enumerate() {
            let observer = &mut working[number % observers];
            let batch = usize::try_from(random.below(5_000)).unwrap();
            for (line, offset) in unread[number].by_ref().take(batch) {
                is_left = true;
                let timestamp = Some((line.time_ms, TimeBasis::KafkaCreate));
                let record = Record { offset: Offset(offset), timestamp, value: Some(line.json.as_bytes()) };
                observer.record(partition, &record, 0);
                if random.below(2_000) == 0 {
                    send(observer.flush(roster.clone()), &mut judge, &mut messages);
                    meanwhile(observer, &mut judge);
                }
            }
        }
    }
    for observer in &mut working {
        send(observer.flush(roster.clone()), &mut judge, &mut messages);
    }
    judge.end_of_input(&mut messages);
    (messages, judge)
}

/// Through the wire form, as in Kafka.
fn send(flush: Flush, judge: &mut Judge, messages: &mut Vec<Message>) {
    let flush = Flush::decode(&flush.encode()).unwrap();
    assert!(judge.flush(flush, messages).is_empty(), "the tallies do not join up");
}

fn assert_same(what: &str, left: &[Message], right: &[Message]) {
    assert!(!right.is_empty());
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right, "{what}");
    }
    assert_eq!(left.len(), right.len(), "{what}");
}

/// Invariant 2: batches are cut anywhere, and shared out to any number of observers.
#[test]
fn flushes_at_other_moments_and_other_observers_change_nothing() {
    let lines = Recording::shop(1_000).lines;
    let expected = judged(&lines, 1, 1, |_, _| {});
    for (observers, seed) in [(1, 2), (2, 3), (3, 4)] {
        assert_same("flushes", &judged(&lines, observers, seed, |_, _| {}), &expected);
    }
}

/// Invariant 3.
#[test]
fn forgetting_in_observe_changes_nothing() {
    let lines = Recording::shop(1_000).lines;
    let expected = judged(&lines, 2, 5, |_, _| {});
    assert_same("forgetting", &judged(&lines, 2, 5, |observer, _| observer.forget()), &expected);
}

/// A judge that is put away and taken out again goes on with the same bytes.
#[test]
fn a_restored_snapshot_continues_as_if_nothing_happened() {
    let lines = Recording::shop(1_000).lines;
    let expected = judged(&lines, 1, 6, |_, _| {});
    let restored = judged(&lines, 1, 6, |_, judge| {
        let snapshot = judge.snapshot().unwrap();
        *judge = Judge::restore(&snapshot.concat()).unwrap();
        assert_eq!(judge.snapshot().unwrap(), snapshot, "a snapshot of what was restored is the snapshot");
    });
    assert_same("snapshots", &restored, &expected);
}

/// Lines of a service whose words vary without looking like it: names of users and units, and states of machines.
fn lines_with_names(seed: u64) -> Vec<Line> {
    let mut random = Random::new(seed);
    let mut name = |count: u64| {
        let letter = |number: u64| char::from(b'a' + u8::try_from(number % 26).unwrap());
        let number = random.below(count);
        String::from_iter([letter(number / 26), letter(number), letter(number * 7), 'x'])
    };
    let line = |number: i64| {
        let message = match number % 4 {
            _ if number == 1_900 => "ERROR the disk is full".to_owned(),
            0 => format!("Invalid user {} from 10.0.0.7", name(60)),
            1 => format!("unit {} of slice {} was loaded", name(30), name(3)),
            2 => format!("machine {} {} by the manager", number, if number % 3 == 0 { "started" } else { "paused" }),
            _ => format!("WARN cache of {} is stale", name(200)),
        };
        let time_ms = 1_795_420_887_000 + number * 500;
        let json = format!(r#"{{"time":{time_ms},"service":"s{}","message":"{message}"}}"#, number % 5 % 2);
        Line { time_ms, json }
    };
    (0..2_400).map(line).collect()
}

/// Invariant 2, of merging: the same seconds give the same aliases, and the same events, however they were partitioned.
#[test]
fn merging_depends_on_the_seconds_alone() {
    for lines in [lines_with_names(1), lines_with_names(2)] {
        let aliases = |judge: &Judge| -> Vec<_> {
            let services = judge.scorer().catalogue().services();
            services.flat_map(|(service, known)| known.aliases().map(|alias| (service.clone(), alias))).collect()
        };
        let (expected, alone) = judge(&lines, 1, 7, |_, _| {});
        assert!(aliases(&alone).len() > 100, "{}", aliases(&alone).len());
        for (observers, seed) in [(1, 8), (2, 9), (3, 10)] {
            let (messages, shared) = judge(&lines, observers, seed, |observer, judge| {
                observer.forget();
                *judge = Judge::restore(&judge.snapshot().unwrap().concat()).unwrap();
            });
            assert_eq!(aliases(&shared), aliases(&alone));
            assert_same("merging", &messages, &expected);
        }
    }
}
