//! Bugs planted on purpose, to show that the simulation would find them. They exist in here only: some are in the simulated
//! client and the store of snapshots ([`super::client`], [`super::snapshots`]), the others bend a task on its way to the worker ([`Bent`]).

use std::collections::BTreeMap;
use std::time::Duration;

use eddyline::publish::Destination;
use eddyline::record::{Offset, Partition, Record, StreamTime};
use eddyline::stream::{Committed, Incoming, Retained, Task, Transaction};
use eddyline::vectorise::Sorted;
use eddyline::vectorise::wire::Flush;

use super::input::is_poison;
use super::snapshots::Store;
use super::world::tallies;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// Outputs are written outside of the transaction, so an abort does not take them back.
    PublishesBeforeTheCommit,
    /// The tenth flush of a life is committed without its tallies.
    ForgetsAFlush,
    /// The clock of the partition is not committed with its offset.
    DropsTheMetadata,
    /// A late line is counted twice.
    CountsLateLinesTwice,
    /// A partition promises a second too much, so that a second is judged too early.
    JudgesASecondTooEarly,
    /// Offsets of partitions that were given up are committed once more, with no guard against it.
    CommitsForeignOffsets,
    /// After a lost answer the transaction is sent again without asking what was committed.
    ResendsWithoutAsking,
    /// What was not committed is kept when the assignment is lost.
    KeepsStateWhenLost,
    /// Partitions are given up without committing what was read of them.
    SkipsTheCommitOfARevocation,
    /// A judge publishes again what it learns from the tallies below its committed offset.
    PublishesWhatWasPublished,
    /// Aborted tallies are read like committed ones.
    ReadsUncommitted,
    /// After a failure it is not noticed that the transaction before was taken back.
    TakesWhatItIsToldForKnown,
    /// It is not noticed that offsets were lost whose tallies were not.
    BelievesTheGroupAlone,
    /// Offsets are committed first, and outputs follow on their own.
    CommitsOffsetsBeforeOutputs,
    /// A restored judge goes on some tallies too far behind its snapshot.
    SkipsTalliesBehindASnapshot,
    /// A judge passes over its own word that a partition is cut off.
    ForgetsACut,
    /// A record that makes a stage panic is passed over.
    SkipsARecordThatPanics,
    /// What was counted when a stage panicked is kept.
    KeepsStateAfterAPanic,
    /// The producer stays the same though a request of it is still on its way.
    KeepsItsEpoch,
}

impl Mutant {
    pub const ALL: [Self; 19] = [
        Self::PublishesBeforeTheCommit,
        Self::ForgetsAFlush,
        Self::DropsTheMetadata,
        Self::CountsLateLinesTwice,
        Self::JudgesASecondTooEarly,
        Self::CommitsForeignOffsets,
        Self::ResendsWithoutAsking,
        Self::KeepsStateWhenLost,
        Self::SkipsTheCommitOfARevocation,
        Self::PublishesWhatWasPublished,
        Self::ReadsUncommitted,
        Self::TakesWhatItIsToldForKnown,
        Self::BelievesTheGroupAlone,
        Self::CommitsOffsetsBeforeOutputs,
        Self::SkipsTalliesBehindASnapshot,
        Self::ForgetsACut,
        Self::SkipsARecordThatPanics,
        Self::KeepsStateAfterAPanic,
        Self::KeepsItsEpoch,
    ];
}

/// A task that does as it should, but for one bug.
pub struct Bent<T> {
    task: T,
    mutant: Option<Mutant>,
    /// Where snapshots go, of a judge that takes any.
    store: Option<Store>,
    seals: u64,
    /// Whether something was sealed since the last commit.
    is_sealed: bool,
    has_panicked: bool,
    given_up: BTreeMap<Partition, (Offset, String)>,
    sealed: BTreeMap<Partition, (Offset, String)>,
}

impl<T> Bent<T> {
    pub fn new(task: T, mutant: Option<Mutant>, store: Option<Store>) -> Self {
        Self {
            task,
            mutant,
            store,
            seals: 0,
            is_sealed: false,
            has_panicked: false,
            given_up: BTreeMap::new(),
            sealed: BTreeMap::new(),
        }
    }
}

impl<T: Task> Task for Bent<T> {
    const NAME: &'static str = T::NAME;
    const SETS_ASIDE: bool = T::SETS_ASIDE;

    fn assign(&mut self, partition: &Partition, committed: Option<&Committed>, there: Retained) -> Offset {
        self.given_up.remove(partition);
        let forgets = self.mutant == Some(Mutant::PublishesWhatWasPublished) && T::NAME == "judge";
        self.task.assign(partition, committed.filter(|_| !forgets), there)
    }

    fn revoke(&mut self, partition: &Partition) {
        if let Some(sealed) = self.sealed.remove(partition) {
            self.given_up.insert(partition.clone(), sealed);
        }
        self.task.revoke(partition);
    }

    fn drop_all(&mut self) {
        self.is_sealed = false;
        let has_panicked = std::mem::take(&mut self.has_panicked);
        let keeps = self.mutant == Some(Mutant::KeepsStateAfterAPanic) && has_panicked;
        if self.mutant != Some(Mutant::KeepsStateWhenLost) && !keeps {
            self.task.drop_all();
        }
    }

    fn record(&mut self, partition: &Partition, incoming: &Incoming<'_>, now_ms: i64) -> Result<(), String> {
        if self.mutant == Some(Mutant::ForgetsACut) && T::NAME == "judge" {
            let mut flush = Flush::decode(incoming.record.value.unwrap_or_default()).unwrap();
            flush.cuts.clear();
            let value = flush.encode();
            let record = Record { value: Some(&value), ..incoming.record };
            return self.task.record(partition, &Incoming { record, key: None, headers: &Vec::new }, now_ms);
        }
        let taken = self.task.record(partition, incoming, now_ms);
        if T::SETS_ASIDE && incoming.record.value.is_some_and(is_poison) {
            self.has_panicked = true;
            // In the middle of it: the task has changed, and does not come to its end. Nobody needs to be told.
            std::panic::resume_unwind(Box::new("poison"));
        }
        taken
    }

    fn set_aside(&mut self, partition: &Partition, incoming: &Incoming<'_>, panic: &str) {
        if self.mutant != Some(Mutant::SkipsARecordThatPanics) {
            self.task.set_aside(partition, incoming, panic);
        }
    }

    fn at_end(&mut self, partition: &Partition, now_ms: i64) {
        self.task.at_end(partition, now_ms);
    }

    fn ahead(&mut self, now_ms: i64) -> Vec<Partition> {
        self.task.ahead(now_ms)
    }

    fn is_due(&self, since_commit: Duration, caught_up: bool) -> bool {
        self.task.is_due(since_commit, caught_up)
    }

    fn is_full(&self) -> bool {
        self.task.is_full()
    }

    fn committed(&mut self, is_last: bool) {
        let takes =
            std::mem::take(&mut self.is_sealed) && self.store.as_ref().is_some_and(|store| store.is_due(is_last));
        self.task.committed(takes);
        if let (true, Some(store), Some((offset, _))) = (takes, &self.store, self.sealed.get(&tallies())) {
            store.wait_for(*offset);
        }
    }

    fn seal(&mut self, transaction: &mut Transaction) {
        self.task.seal(transaction);
        if transaction.is_empty() {
            return;
        }
        self.seals += 1;
        self.is_sealed = true;
        self.sealed.clone_from(&transaction.offsets);
        match self.mutant {
            Some(Mutant::ForgetsAFlush) if self.seals == 10 => {
                transaction.outputs.retain(|output| output.destination != Destination::Tallies);
            }
            Some(Mutant::DropsTheMetadata) => {
                transaction.offsets.values_mut().for_each(|(_, metadata)| metadata.clear());
            }
            Some(Mutant::CommitsForeignOffsets) => transaction.offsets.append(&mut self.given_up),
            Some(Mutant::CountsLateLinesTwice) => in_flushes(transaction, |flush| {
                let cells = flush.cells.values_mut().flat_map(Sorted::values_mut);
                cells.flat_map(|cell| cell.templates.values_mut()).for_each(|template| template.late *= 2);
            }),
            Some(Mutant::JudgesASecondTooEarly) => in_flushes(transaction, |flush| {
                for progress in &mut flush.progress {
                    progress.complete_until = progress.complete_until.map(|time| StreamTime(time.0 + 1_000));
                }
            }),
            _ => {}
        }
    }
}

fn in_flushes(transaction: &mut Transaction, change: impl Fn(&mut Flush)) {
    for output in transaction.outputs.iter_mut().filter(|output| output.destination == Destination::Tallies) {
        let mut flush = Flush::decode(output.value.as_deref().unwrap()).unwrap();
        change(&mut flush);
        output.value = Some(flush.encode());
    }
}
