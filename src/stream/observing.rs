//! The observing half as a task: records in, tallies (and dead letters, and scored records) out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Pace;
use super::log::{Committed, Incoming, Retained, Transaction};
use super::task::Task;
use crate::config::{Config, Shares};
use crate::ops::{ObserverMetrics, View};
use crate::publish::{self, Destination, Original, Outcome, OutputRecord};
use crate::record::{Offset, Partition, StreamTime, Topic};
use crate::stage::Observer;
use crate::vectorise::Cell;
use crate::vectorise::wire::Flush;

/// A record of the tallies topic is closed when it holds about this many bytes, and grows by as many at most: far below the
/// million that brokers allow unless told otherwise.
const RECORD_BYTES: usize = 300_000;

/// Dead letters and scored records that wait for the next transaction.
#[derive(Default)]
struct Outputs {
    /// Whether every record is written again, with what was found in it.
    is_scored: bool,
    records: Vec<OutputRecord>,
    bytes: usize,
}

impl Outputs {
    /// Adds what has to be written for a record; `panic` is what a panic on it said.
    fn push(&mut self, partition: &Partition, incoming: &Incoming<'_>, outcome: Outcome<'_>, panic: Option<&str>) {
        let reject = match outcome {
            Outcome::Rejected(reject) => Some(reject),
            _ => None,
        };
        if !self.is_scored && reject.is_none() {
            return;
        }
        let headers = (incoming.headers)();
        let original = Original {
            partition,
            offset: incoming.record.offset,
            timestamp_ms: incoming.record.timestamp.map(|(milliseconds, _)| milliseconds),
            key: incoming.key,
            value: incoming.record.value,
            headers: &headers,
        };
        let scored = self.is_scored.then(|| publish::scored(&original, outcome));
        for output in reject.map(|reject| publish::dead_letter(&original, reject, panic)).into_iter().chain(scored) {
            self.bytes += output.size_bytes();
            self.records.push(output);
        }
    }

    fn take(&mut self) -> Vec<OutputRecord> {
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }
}

/// An observer between an input topic and the tallies.
pub struct Observing {
    observer: Observer,
    flush_every: Duration,
    /// A flush is sent before it would hold more sums, or outputs of more bytes, than this, however little time has passed.
    shares: Shares,
    tallies_partitions: i32,
    roster: Arc<dyn Fn() -> BTreeMap<Topic, u32> + Send + Sync>,
    thread: usize,
    pace: Pace,
    /// From when on events are published of what begins in the past.
    live_from: Option<StreamTime>,
    /// The partitions that did begin there, with their ends at that time, until a flush says so.
    history_ends: BTreeMap<Partition, Offset>,
    outputs: Outputs,
    has_set_aside: bool,
    metrics: ObserverMetrics,
    view: Arc<View>,
}

impl Observing {
    /// An observer configured so; `roster` tells how many partitions each input topic has.
    pub fn new(
        config: &Config,
        tallies_partitions: i32,
        roster: Arc<dyn Fn() -> BTreeMap<Topic, u32> + Send + Sync>,
        view: Arc<View>,
    ) -> Self {
        let mut observer = Observer::new(config.format, config.lateness_ms);
        observer.cut_lines_at(config.line_bytes);
        Self {
            observer: observer.with_masks(config.masks.clone()),
            flush_every: Duration::from_millis(config.flush_ms),
            shares: config.shares(),
            tallies_partitions,
            roster,
            thread: 0,
            pace: Pace::default(),
            live_from: None,
            history_ends: BTreeMap::new(),
            outputs: Outputs { is_scored: config.scored, ..Outputs::default() },
            has_set_aside: false,
            metrics: ObserverMetrics::default(),
            view,
        }
    }

    /// The same, as one of several threads that go together.
    pub fn at_pace(self, thread: usize, pace: Pace) -> Self {
        Self { thread, pace, ..self }
    }

    /// The same; `is_again` where an earlier one broke off.
    pub fn after_an_outage(mut self, is_again: bool) -> Self {
        if is_again {
            self.observer.was_away();
        }
        self
    }

    /// The same, of which partitions begin in the past of which nothing is committed: events are published from this moment on.
    pub fn live_from(self, live_from: Option<StreamTime>) -> Self {
        Self { live_from, ..self }
    }
}

impl Task for Observing {
    const NAME: &'static str = "observe";
    const SETS_ASIDE: bool = true;

    fn assign(&mut self, partition: &Partition, committed: Option<&Committed>, there: Retained) -> Offset {
        let Retained { first, end } = there;
        let from = committed.map_or(first, |committed| committed.offset);
        if committed.is_none() && self.live_from.is_some() {
            self.history_ends.insert(partition.clone(), end);
        }
        if from < first {
            tracing::error!(%partition, committed = from.0, first = first.0,
                "records were deleted by retention before they were read; reading on at the first that is left");
        }
        let from = from.max(first);
        self.observer.assign(partition.clone(), from, committed.map(|committed| committed.metadata.as_str()));
        from
    }

    fn revoke(&mut self, partition: &Partition) {
        self.history_ends.remove(partition);
        self.observer.revoke(partition);
        self.view.forget_partition(partition);
    }

    fn drop_all(&mut self) {
        self.observer.partitions().for_each(|partition| self.view.forget_partition(partition));
        // Nobody waits for what is not read here any more.
        self.pace.tell(self.thread, None);
        self.observer.drop_all();
        self.history_ends.clear();
        self.outputs.take();
        self.has_set_aside = false;
    }

    fn set_aside(&mut self, partition: &Partition, incoming: &Incoming<'_>, panic: &str) {
        let Some(outcome) = self.observer.set_aside(partition, incoming.record.offset) else {
            self.metrics.passed_over();
            return;
        };
        self.outputs.push(partition, incoming, outcome, Some(panic));
        // Committed at once: the next that panics has nothing to be read again but what is between the two.
        self.has_set_aside = true;
    }

    fn record(&mut self, partition: &Partition, incoming: &Incoming<'_>, now_ms: i64) -> Result<(), String> {
        let Some(outcome) = self.observer.record(partition, &incoming.record, now_ms) else {
            self.metrics.passed_over();
            return Ok(());
        };
        self.outputs.push(partition, incoming, outcome, None);
        Ok(())
    }

    fn at_end(&mut self, partition: &Partition, now_ms: i64) {
        self.observer.at_end(partition, now_ms);
    }

    fn ahead(&mut self, now_ms: i64) -> Vec<Partition> {
        let slowest = self.observer.slowest(now_ms);
        let elsewhere = self.pace.tell(self.thread, slowest);
        self.observer.ahead(slowest.into_iter().chain(elsewhere).min())
    }

    fn is_full(&self) -> bool {
        self.has_set_aside
            || self.observer.entries() >= self.shares.entries
            || self.outputs.bytes >= self.shares.output_bytes
    }

    fn is_due(&self, since_commit: Duration, _caught_up: bool) -> bool {
        // A flush that waited for its turn would hold back what the judge makes of a second that is over.
        let flush_every = if self.observer.ends_a_second() { self.flush_every / 2 } else { self.flush_every };
        self.is_full()
            || (since_commit >= flush_every && (self.observer.is_dirty() || !self.outputs.records.is_empty()))
    }

    fn committed(&mut self, _is_last: bool) {}

    fn seal(&mut self, transaction: &mut Transaction) {
        if !self.observer.is_dirty() && self.outputs.records.is_empty() {
            return;
        }
        transaction.outputs.append(&mut self.outputs.take());
        self.has_set_aside = false;
        let history_ends = std::mem::take(&mut self.history_ends);
        let live_from = self.live_from.filter(|_| !history_ends.is_empty());
        let flush = Flush { live_from, history_ends, ..self.observer.flush((self.roster)()) };
        self.metrics.flushed(&flush, self.observer.limits_met(), &self.view);
        for (partition, records) in split(flush, self.tallies_partitions) {
            for record in records {
                let value = record.encode();
                self.metrics.tally_bytes(value.len());
                transaction.outputs.push(OutputRecord {
                    destination: Destination::Tallies,
                    partition: Some(partition),
                    key: None,
                    value: Some(value),
                    headers: Vec::new(),
                    timestamp_ms: None,
                });
            }
        }
        for (partition, offset, metadata) in self.observer.positions() {
            transaction.offsets.insert(partition.clone(), (offset, metadata));
        }
    }
}

/// Divides a flush over the partitions of the tallies topic, by domain, and over records of bounded size. The progress goes
/// to every partition, behind the sums.
fn split(flush: Flush, partitions: i32) -> BTreeMap<i32, Vec<Flush>> {
    let mut divided: BTreeMap<i32, Vec<Flush>> = (0..partitions.max(1)).map(|number| (number, vec![])).collect();
    let mut bytes: BTreeMap<i32, usize> = BTreeMap::new();
    for (second, cells) in flush.cells {
        for (service, cell) in cells {
            let number = home(service.environment.as_deref(), partitions);
            let held = bytes.entry(number).or_default();
            let records = divided.entry(number).or_default();
            for part in cell.parts(RECORD_BYTES) {
                if records.is_empty() || *held >= RECORD_BYTES {
                    records.push(Flush::default());
                    *held = 0;
                }
                *held += part.size_bytes();
                if let Some(record) = records.last_mut() {
                    record.cells.entry(second).or_default().add(service.clone(), part, Cell::merge);
                }
            }
        }
    }
    for records in divided.values_mut() {
        if records.is_empty() {
            records.push(Flush::default());
        }
        if let Some(last) = records.last_mut() {
            last.roster.clone_from(&flush.roster);
            last.progress.clone_from(&flush.progress);
            last.live_from = flush.live_from;
            last.history_ends.clone_from(&flush.history_ends);
        }
    }
    divided
}

/// The partition of the tallies topic that holds a domain.
fn home(environment: Option<&str>, partitions: i32) -> i32 {
    let hash = xxhash_rust::xxh3::xxh3_64(environment.unwrap_or_default().as_bytes());
    let partitions = u64::from(partitions.max(1).unsigned_abs());
    i32::try_from(hash % partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Second, Service, TemplateId};
    use crate::vectorise::TemplateTally;

    /// A second in which every service wrote many templates that nobody had seen: the worst that lines can do.
    fn flood() -> Flush {
        let mut flush = Flush::default();
        for service in 0..3 {
            let mut cell = Cell { lines: [0, 0, 1_000, 0, 0, 0], ..Cell::default() };
            for template in 0..1_000 {
                let skeleton = Some(Arc::from("x".repeat(1_000)));
                let tally = TemplateTally { lines: [0, 0, 1, 0, 0, 0], skeleton, ..TemplateTally::default() };
                cell.templates.insert(TemplateId(template), tally);
            }
            flush.cells.entry(Second(7)).or_default().insert(Service::new(None, &service.to_string()), cell);
        }
        flush
    }

    #[test]
    fn no_record_is_too_large_for_a_broker_and_the_sums_are_the_same() {
        let mut together = Flush::default();
        for record in split(flood(), 1).remove(&0).unwrap() {
            assert!(record.encode().len() < 700_000);
            for (second, cells) in record.cells {
                for (service, cell) in cells {
                    together.cells.entry(second).or_default().add(service, cell, Cell::merge);
                }
            }
        }
        assert_eq!(together, flood());
    }

    #[test]
    fn every_partition_of_the_tallies_learns_of_the_progress() {
        let mut flush = flood();
        flush.roster.insert(Topic::new("logs"), 8);
        flush.live_from = Some(StreamTime(9));
        flush.history_ends = BTreeMap::from([(Partition::new(Topic::new("logs"), 7), Offset(8))]);
        for records in split(flush.clone(), 3).into_values() {
            assert_eq!(records.last().unwrap().roster.len(), 1);
            assert_eq!(records.last().unwrap().live_from, Some(StreamTime(9)));
            assert_eq!(records.last().unwrap().history_ends, flush.history_ends);
        }
    }
}
