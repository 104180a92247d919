//! The loop.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use metrics::{Histogram, counter, histogram};
use tracing::{debug, error, info, warn};

use super::log::{CommitError, Incoming, Log, Rebalance, Transaction, listed};
use super::task::Task;
use crate::ops::Stop;
use crate::record::{Offset, Partition};

/// How long one poll waits for a record.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// Of what a panic says, so much is kept.
const PANIC_CHARS_MAX: usize = 500;

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Its connection is of no use; a new worker can take over from what was committed.
    #[error("{0}")]
    Broken(String),
    /// The same, because another member of the same name has taken over.
    #[error("{0}")]
    Fenced(String),
    /// Trying again cannot help.
    #[error("{0}")]
    Permanent(String),
}

/// Why a record was not taken.
enum Failure {
    /// Going on would publish something wrong.
    Permanent(String),
    /// The task panicked on it.
    Panic(Poison),
}

/// A record on which a task panics, and what the panic says.
struct Poison {
    offset: Offset,
    text: String,
}

impl From<CommitError> for WorkerError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Permanent(reason) => Self::Permanent(reason),
            CommitError::Fenced(reason) => Self::Fenced(reason),
            CommitError::Broken(reason) | CommitError::Lost(reason) => Self::Broken(reason),
            CommitError::RebalanceFirst => Self::Broken(error.to_string()),
        }
    }
}

/// One thread's loop: a log and a task.
pub struct Worker<L, T> {
    log: L,
    task: T,
    /// The partitions that are read. Of each, the last record on which the task panicked: read again, it is set aside.
    partitions: BTreeMap<Partition, Option<Poison>>,
    transaction: Transaction,
    /// When, by the log's own clock.
    committed_at: Duration,
    caught_up: bool,
    stop: Stop,
    heartbeat_ms: Arc<AtomicI64>,
    commit_seconds: Histogram,
}

impl<L: Log, T: Task> Worker<L, T> {
    /// A worker that runs until `stop` is requested and tells through `heartbeat_ms` when it last went round, by the log's clock.
    pub fn new(log: L, task: T, stop: Stop, heartbeat_ms: Arc<AtomicI64>) -> Self {
        let committed_at = log.now();
        Self {
            log,
            task,
            partitions: BTreeMap::new(),
            transaction: Transaction::default(),
            committed_at,
            caught_up: false,
            stop,
            heartbeat_ms,
            commit_seconds: histogram!("eddyline_commit_seconds", "stage" => T::NAME),
        }
    }

    /// Goes round until it is asked to stop: then it commits what was read and leaves the group.
    ///
    /// # Errors
    /// Where the log is of no use any more. What was not committed is forgotten.
    pub fn run(&mut self) -> Result<(), WorkerError> {
        while !self.stop.is_requested() {
            self.round()?;
        }
        let committed = self.commit(false);
        if committed.is_ok() {
            self.task.committed(true);
        }
        self.log.leave();
        match committed {
            Ok(()) | Err(CommitError::RebalanceFirst | CommitError::Lost(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes round once: rebalances, records, and a commit where it is due. [`Worker::run`] without its loop, for those who
    /// decide themselves who goes on when.
    ///
    /// # Errors
    /// As [`Worker::run`].
    pub fn round(&mut self) -> Result<(), WorkerError> {
        self.heartbeat_ms.store(self.now_ms(), Ordering::Relaxed);
        self.rebalance()?;
        let now_ms = self.now_ms();
        let (task, partitions, mut failure) = (&mut self.task, &self.partitions, None);
        let polled = self.log.poll(POLL_WAIT, &mut |partition, incoming| {
            let poison = partitions.get(partition).and_then(Option::as_ref);
            failure = take(task, partition, incoming, poison, now_ms).err().map(|reason| (partition.clone(), reason));
            if failure.is_some() || task.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match failure {
            None => {}
            Some((_, Failure::Permanent(reason))) => return Err(WorkerError::Permanent(reason)),
            Some((partition, Failure::Panic(poison))) => return self.isolate(partition, poison),
        }
        match polled {
            Ok(count) => self.caught_up = count == 0,
            Err(error) => self.settle(Err(error))?,
        }
        for partition in self.log.at_end() {
            self.task.at_end(&partition, self.now_ms());
        }
        let ahead = self.task.ahead(self.now_ms());
        let held = self.log.hold(&ahead);
        self.settle(held)?;
        // What a rebalance came before is still to be committed.
        let since_commit = self.log.now().saturating_sub(self.committed_at);
        if !self.transaction.is_empty() || self.task.is_due(since_commit, self.caught_up) {
            let committed = self.commit(false);
            if committed.is_ok() {
                self.task.committed(false);
            }
            self.settle(committed)?;
        }
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.log.now().as_millis()).unwrap_or(i64::MAX)
    }

    /// Handles the rebalances that wait.
    fn rebalance(&mut self) -> Result<(), WorkerError> {
        while let Some(rebalance) = self.log.rebalance() {
            let handled = self.handle(rebalance);
            self.settle(handled)?;
        }
        Ok(())
    }

    /// What an error of the log means for the state.
    fn settle(&mut self, result: Result<(), CommitError>) -> Result<(), WorkerError> {
        match result {
            Ok(()) | Err(CommitError::RebalanceFirst) => Ok(()),
            Err(CommitError::Lost(reason)) => {
                warn!(reason, "the assignment is lost: what was not committed is forgotten");
                self.forget();
                Ok(())
            }
            Err(error @ CommitError::Permanent(_)) => Err(error.into()),
            Err(error) => {
                self.forget();
                Err(error.into())
            }
        }
    }

    fn forget(&mut self) {
        self.transaction.clear();
        self.task.drop_all();
    }

    /// The task panicked on a record: how far that came with its state, nobody knows. So what was not committed is forgotten
    /// and read again, and the record is set aside when it comes.
    fn isolate(&mut self, partition: Partition, poison: Poison) -> Result<(), WorkerError> {
        counter!("eddyline_panics_total", "stage" => T::NAME).increment(1);
        let (offset, text) = (poison.offset.0, poison.text.clone());
        if !T::SETS_ASIDE {
            return Err(WorkerError::Permanent(format!(
                "{partition} offset {offset}: panic: {text}; this is a bug of Eddyline, and going on without this record would \
                 publish something wrong: report it, and upgrade or go back to the version before"
            )));
        }
        error!(%partition, offset, text, "panic: a bug of Eddyline, please report it; the record goes to the dead letters");
        self.partitions.insert(partition, Some(poison));
        self.forget();
        // A client may hand out a record in the very call in which it learns of a rebalance, and what is revoked is not read again.
        self.rebalance()?;
        let partitions: Vec<Partition> = self.partitions.keys().cloned().collect();
        if partitions.is_empty() {
            return Ok(());
        }
        let begun = self.begin(&partitions).and_then(|positions| self.log.rewind(&positions));
        self.settle(begun)
    }

    /// Has the task begin with partitions at what was committed of them.
    fn begin(&mut self, partitions: &[Partition]) -> Result<Vec<(Partition, Offset)>, CommitError> {
        let mut positions = Vec::with_capacity(partitions.len());
        for (partition, committed, there) in self.log.committed(partitions)? {
            let from = self.task.assign(&partition, committed.as_ref(), there);
            debug!(%partition, from = from.0, "assigned");
            positions.push((partition, from));
        }
        Ok(positions)
    }

    fn handle(&mut self, rebalance: Rebalance) -> Result<(), CommitError> {
        match rebalance {
            Rebalance::Assign(partitions) => {
                let positions = self.begin(&partitions)?;
                self.log.assign(&positions)?;
                self.partitions.extend(partitions.iter().map(|partition| (partition.clone(), None)));
                if !partitions.is_empty() {
                    info!(partitions = %listed(&partitions), "reading");
                }
            }
            Rebalance::Revoke { partitions, lost } => {
                let committed = if lost { Err(CommitError::Lost("taken away".to_owned())) } else { self.commit(true) };
                if committed.is_ok() {
                    self.task.committed(true);
                }
                for partition in &partitions {
                    self.task.revoke(partition);
                }
                self.log.unassign(&partitions)?;
                self.partitions.retain(|partition, _| !partitions.contains(partition));
                if !partitions.is_empty() {
                    info!(partitions = %listed(&partitions), lost, "no longer reading");
                }
                if lost {
                    // A client of librdkafka that was put out of its group does not always come back (2.12: after broken connections it was
                    // a member without an assignment for ever).
                    return Err(CommitError::Broken("the assignment is lost".to_owned()));
                }
                committed?;
            }
        }
        Ok(())
    }

    /// Sends what is gathered, and what an earlier attempt could not.
    fn commit(&mut self, in_rebalance: bool) -> Result<(), CommitError> {
        loop {
            if self.transaction.is_empty() {
                self.task.seal(&mut self.transaction);
            }
            if self.transaction.is_empty() {
                break;
            }
            let started = self.log.now();
            self.log.commit(&self.transaction, in_rebalance)?;
            self.commit_seconds.record(self.log.now().saturating_sub(started));
            self.transaction.clear();
        }
        self.committed_at = self.log.now();
        Ok(())
    }
}

/// Gives a record to the task, or sets it aside where the task panicked on it before.
fn take<T: Task>(
    task: &mut T,
    partition: &Partition,
    incoming: &Incoming<'_>,
    poison: Option<&Poison>,
    now_ms: i64,
) -> Result<(), Failure> {
    let offset = incoming.record.offset;
    if let Some(poison) = poison.filter(|poison| poison.offset == offset) {
        task.set_aside(partition, incoming, &poison.text);
        return Ok(());
    }
    // Whatever a panic leaves of the task's state is dropped, so nobody sees it.
    match catch_unwind(AssertUnwindSafe(|| task.record(partition, incoming, now_ms))) {
        Ok(taken) => taken.map_err(Failure::Permanent),
        Err(panic) => Err(Failure::Panic(Poison { offset, text: text_of(panic.as_ref()) })),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no text").chars().take(PANIC_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
