//! The loop.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use metrics::{Histogram, histogram};
use tracing::{debug, info, warn};

use super::log::{CommitError, Log, Rebalance, Transaction};
use super::task::Task;
use crate::ops::Stop;

/// How long one poll waits for a record.
const POLL_WAIT: Duration = Duration::from_millis(20);

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
    transaction: Transaction,
    /// When, by the log's own clock.
    committed_at: Duration,
    caught_up: bool,
    stop: Stop,
    heartbeat_ms: Arc<AtomicI64>,
    commit_seconds: Histogram,
}

impl<L: Log, T: Task> Worker<L, T> {
    /// A worker that runs until `stop` is requested and tells through `heartbeat_ms` when it last went round.
    pub fn new(log: L, task: T, stop: Stop, heartbeat_ms: Arc<AtomicI64>) -> Self {
        let committed_at = log.now().running_for;
        Self {
            log,
            task,
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
        self.heartbeat_ms.store(self.log.now().wall_ms, Ordering::Relaxed);
        while let Some(rebalance) = self.log.rebalance() {
            let handled = self.handle(rebalance);
            self.settle(handled)?;
        }
        let wall_ms = self.log.now().wall_ms;
        let (task, mut failure) = (&mut self.task, None);
        let polled = self.log.poll(POLL_WAIT, &mut |partition, incoming| {
            failure = task.record(partition, incoming, wall_ms).err();
            if failure.is_some() || task.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Some(failure) = failure {
            return Err(WorkerError::Permanent(failure));
        }
        match polled {
            Ok(count) => self.caught_up = count == 0,
            Err(error) => self.settle(Err(error))?,
        }
        for partition in self.log.at_end() {
            self.task.at_end(&partition, self.log.now().wall_ms);
        }
        let ahead = self.task.ahead();
        let held = self.log.hold(&ahead);
        self.settle(held)?;
        // What a rebalance came before is still to be committed.
        let since_commit = self.log.now().running_for.saturating_sub(self.committed_at);
        if !self.transaction.is_empty() || self.task.is_due(since_commit, self.caught_up) {
            let committed = self.commit(false);
            if committed.is_ok() {
                self.task.committed(false);
            }
            self.settle(committed)?;
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

    fn handle(&mut self, rebalance: Rebalance) -> Result<(), CommitError> {
        match rebalance {
            Rebalance::Assign(partitions) => {
                let mut positions = Vec::with_capacity(partitions.len());
                for (partition, committed, first) in self.log.committed(&partitions)? {
                    let from = self.task.assign(&partition, committed.as_ref(), first);
                    debug!(%partition, from = from.0, "assigned");
                    positions.push((partition, from));
                }
                self.log.assign(&positions)?;
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
                if !partitions.is_empty() {
                    info!(partitions = %listed(&partitions), lost, "no longer reading");
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
            let started = self.log.now().running_for;
            self.log.commit(&self.transaction, in_rebalance)?;
            self.commit_seconds.record(self.log.now().running_for.saturating_sub(started));
            self.transaction.clear();
        }
        self.committed_at = self.log.now().running_for;
        Ok(())
    }
}

fn listed(partitions: &[crate::record::Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
