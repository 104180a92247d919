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
    mut meanwhile: impl FnMut(&mut Observer, &mut Judge),
) -> Vec<Message> {
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
    messages
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
        *judge = Judge::restore(&snapshot).unwrap();
        assert_eq!(judge.snapshot().unwrap(), snapshot, "a snapshot of what was restored is the snapshot");
    });
    assert_same("snapshots", &restored, &expected);
}
