//! Both stages in memory, one behind the other: for files, tests and benches. The same code as between topics, without them.

use std::collections::BTreeMap;

use super::{Judge, Observer};
use crate::decide::Message;
use crate::decode::Format;
use crate::record::{Offset, Partition, Record, Second, Topic};
use crate::score::Budget;

/// A flush is made after this many lines, however little log time has passed.
const LINES_PER_FLUSH: usize = 10_000;

/// Records in, messages out.
pub struct Chain {
    observer: Observer,
    judge: Judge,
    roster: BTreeMap<Topic, u32>,
    lines: usize,
    flushed_at: Option<Second>,
}

impl Chain {
    /// A chain that reads this format and lets lines be late by this much, in milliseconds.
    pub fn new(format: Format, lateness_ms: i64) -> Self {
        Self {
            observer: Observer::new(format, lateness_ms),
            judge: Judge::new(),
            roster: BTreeMap::new(),
            lines: 0,
            flushed_at: None,
        }
    }

    /// The same, with this budget of false findings.
    pub fn with_budget(self, budget: Budget) -> Self {
        Self { judge: self.judge.with_budget(budget), ..self }
    }

    /// Adds a partition, from its first record on. All are added before the first record is read.
    pub fn open(&mut self, partition: &Partition) {
        let partitions = self.roster.entry(partition.topic.clone()).or_default();
        *partitions = (*partitions).max(u32::try_from(partition.number).unwrap_or(0) + 1);
        self.observer.assign(partition.clone(), Offset(0), None);
    }

    /// Records without a timestamp that follow were written before this moment; see [`crate::decode::Decoder::written_by`].
    pub fn written_by(&mut self, moment_ms: i64) {
        self.observer.written_by(moment_ms);
    }

    /// Takes one record. Messages come out behind those that are in `out`.
    pub fn record(&mut self, partition: &Partition, record: &Record<'_>, out: &mut Vec<Message>) {
        self.observer.record(partition, record, 0);
        self.lines += 1;
        let second = self.observer.latest(partition).map(|time| time.second());
        if second > self.flushed_at || self.lines >= LINES_PER_FLUSH {
            self.flushed_at = second.max(self.flushed_at);
            self.flush(out);
        }
    }

    /// Nothing of a partition follows: it holds nobody back any more.
    pub fn close(&mut self, partition: &Partition, out: &mut Vec<Message>) {
        self.observer.end_of_input(partition);
        self.flush(out);
        self.observer.revoke(partition);
    }

    /// Nothing follows at all: what is open is judged. Episodes stay open.
    pub fn end(&mut self, out: &mut Vec<Message>) {
        self.flush(out);
        self.judge.end_of_input(out);
    }

    /// The observing half.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// The judging half.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    fn flush(&mut self, out: &mut Vec<Message>) {
        self.lines = 0;
        let flush = self.observer.flush(self.roster.clone());
        // Offsets of one process join up by construction.
        self.judge.flush(flush, out);
    }
}
