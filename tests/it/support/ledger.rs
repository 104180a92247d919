//! Exactly once, checked from outside: whether every record is accounted for, once.

use std::collections::BTreeMap;

use eddyline::publish::OUTCOME;
use eddyline::vectorise::wire::{Flush, Outcomes};

use super::client::{Client, Isolation, Record};
use super::process::Setup;

/// What the committed tallies say of the records that they cover.
pub struct Tallied {
    /// What became of them.
    pub outcomes: Outcomes,
    /// For each input partition, the offset up to which they cover it.
    pub until: BTreeMap<i32, i64>,
}

impl Tallied {
    /// How many records they account for.
    pub fn records(&self) -> u64 {
        let Outcomes { lines, continuations, rejects, empty, .. } = self.outcomes;
        lines + continuations + rejects + empty
    }
}

/// Adds up the committed tallies.
///
/// # Panics
/// Where the ranges of offsets of an input partition do not join up: a record was lost or counted twice.
pub fn tallied(client: &Client, setup: &Setup) -> Tallied {
    let mut all = Tallied { outcomes: Outcomes::default(), until: BTreeMap::new() };
    for record in client.read(&setup.ours("tallies"), Isolation::Committed) {
        let flush = Flush::decode(record.value.as_ref().unwrap()).unwrap();
        for progress in flush.progress {
            assert_eq!(progress.partition.topic.name(), setup.topic);
            let until = all.until.entry(progress.partition.number).or_insert(0);
            assert_eq!(progress.from.0, *until, "{}: the tallies do not join up", progress.partition);
            *until = progress.to.0;
            all.outcomes.lines += progress.outcomes.lines;
            all.outcomes.continuations += progress.outcomes.continuations;
            all.outcomes.rejects += progress.outcomes.rejects;
            all.outcomes.empty += progress.outcomes.empty;
            all.outcomes.late += progress.outcomes.late;
            all.outcomes.clamped += progress.outcomes.clamped;
        }
    }
    all
}

/// Fails unless the tallies cover each input partition from 0 to the committed offset, which is its end.
pub fn assert_all_tallied(client: &Client, setup: &Setup) -> Tallied {
    let all = tallied(client, setup);
    let ends = client.ends(&setup.topic, Isolation::Uncommitted);
    assert_eq!(client.committed(&setup.group, &setup.topic), ends, "the committed offsets are not the ends");
    assert_eq!(all.until, ends, "the tallies end elsewhere");
    all
}

/// Fails unless `<input>.scored` holds each record of the input once, in order and untouched; what says that it is no record is none.
pub fn assert_scored_once(client: &Client, setup: &Setup) {
    let input = by_partition(client.read(&setup.topic, Isolation::Committed));
    let mut scored = client.read(&format!("{}.scored", setup.topic), Isolation::Committed);
    scored.retain(|record| !is_none(record));
    let scored = by_partition(scored);
    assert_eq!(input.keys().collect::<Vec<_>>(), scored.keys().collect::<Vec<_>>());
    for (partition, input) in &input {
        let scored = &scored[partition];
        for (position, (input, scored)) in input.iter().zip(scored).enumerate() {
            let same =
                input.key == scored.key && input.value == scored.value && input.timestamp_ms == scored.timestamp_ms;
            assert!(same, "record {position} of partition {partition}: {input:?} became {scored:?}");
        }
        assert_eq!(scored.len(), input.len(), "partition {partition}");
    }
}

/// Whether it says that it is no copy of anything.
pub fn is_none(record: &Record) -> bool {
    record.headers.contains(&(OUTCOME.to_owned(), b"none".to_vec()))
}

fn by_partition(records: Vec<Record>) -> BTreeMap<i32, Vec<Record>> {
    let mut partitions: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
    for record in records {
        partitions.entry(record.partition).or_default().push(record);
    }
    partitions
}

/// Fails where a transaction hangs: it would hide the end of the topic from every reader. The programs must have ended.
pub fn assert_no_open_transaction(client: &Client, setup: &Setup) {
    let scored = format!("{}.scored", setup.topic);
    let topics = ["tallies", "anomalies", "episodes", "deadletters"].map(|name| setup.ours(name));
    for topic in topics.iter().chain([&scored]) {
        assert_eq!(client.ends(topic, Isolation::Committed), client.ends(topic, Isolation::Uncommitted), "{topic}");
    }
}
