//! What a worker needs of a log: records in, transactions out.
//!
//! Kafka is one implementation ([`super::kafka`]); the simulation in `tests/simulation` is another, which fails on purpose.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::publish::OutputRecord;
use crate::record::{Offset, Partition, Record};

/// A record as it was read, with all that is needed to write it out again untouched.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// Position, timestamp and value.
    pub record: Record<'a>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// Reads the headers, which few records need.
    pub headers: &'a dyn Fn() -> HeaderList<'a>,
}

/// Headers in their order: name and value.
pub type HeaderList<'a> = Vec<(&'a str, Option<&'a [u8]>)>;

/// What was committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: Offset,
    /// What was committed beside it.
    pub metadata: String,
}

/// What tallies say of how far a partition was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tallied {
    /// The first offset that they cover.
    pub from: Offset,
    /// The first behind those, and what was to be committed beside it.
    pub until: Committed,
}

/// What is committed of each partition that is read, as far as is known: nothing of one that was never committed.
pub type Known = BTreeMap<Partition, Option<Committed>>;

/// What can be read of a partition now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// The first offset that is still there; where nothing was committed, that at which to begin.
    pub first: Offset,
    /// The next offset that will be written.
    pub end: Offset,
}

/// Outputs and the positions they came from: a transaction is a value, and is sent whole or not at all, as often as it
/// takes.
#[derive(Debug, Default)]
pub struct Transaction {
    /// What to write, in order.
    pub outputs: Vec<OutputRecord>,
    /// The next offset of each partition and the metadata beside it.
    pub offsets: BTreeMap<Partition, (Offset, String)>,
}

impl Transaction {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.offsets.is_empty()
    }

    /// Empties it, after it was committed or when it may not be any more.
    pub fn clear(&mut self) {
        self.outputs.clear();
        self.offsets.clear();
    }
}

/// A change of the partitions that a worker reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// These are read from now on.
    Assign(Vec<Partition>),
    /// These are not any more. When the assignment is lost, others may read them already: nothing may be committed.
    Revoke {
        /// The partitions.
        partitions: Vec<Partition>,
        /// Whether they were taken away without asking.
        lost: bool,
    },
}

/// How a commit ended that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A rebalance has to be handled first; the same transaction can be committed afterwards.
    #[error("a rebalance comes first")]
    RebalanceFirst,
    /// The partitions belong to somebody else now: what was not committed has to be forgotten.
    #[error("the assignment is lost: {0}")]
    Lost(String),
    /// The connection is of no use any more and has to be made anew; what was not committed has to be forgotten.
    #[error("the connection has to be made anew: {0}")]
    Broken(String),
    /// The same, because another member of the same name has taken over.
    #[error("another member of the same name has taken over: {0}")]
    Fenced(String),
    /// Trying again cannot help.
    #[error("{0}")]
    Permanent(String),
}

/// Who takes records; breaks off after one that is the last for now.
pub type Taker<'t> = dyn FnMut(&Partition, &Incoming<'_>) -> ControlFlow<()> + 't;

/// A log that is read by a group and written in transactions.
pub trait Log {
    /// The time, by a clock that never goes back. A worker knows no other, so that a simulated log brings its own.
    fn now(&self) -> Duration;

    /// Hands out records until `wait` has passed without any, a rebalance is due, enough were handed out, or who takes them
    /// breaks off. Returns how many were.
    ///
    /// # Errors
    /// Where the log is of no use any more.
    fn poll(&mut self, wait: Duration, each: &mut Taker<'_>) -> Result<usize, CommitError>;

    /// The oldest rebalance that was not handled yet.
    fn rebalance(&mut self) -> Option<Rebalance>;

    /// What was committed for these partitions, and what there is of them.
    ///
    /// # Errors
    /// Where the log is of no use any more.
    fn committed(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>, Retained)>, CommitError>;

    /// Answers an assignment: reads these partitions from these offsets on.
    ///
    /// # Errors
    /// Where the log is of no use any more.
    fn assign(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError>;

    /// Reads partitions that are assigned from these offsets on, some of it once more. None is held any more.
    ///
    /// # Errors
    /// Where the log is of no use any more.
    fn rewind(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError>;

    /// Answers a revocation.
    ///
    /// # Errors
    /// Where the log is of no use any more.
    fn unassign(&mut self, partitions: &[Partition]) -> Result<(), CommitError>;

    /// The partitions that have nothing more to read, looked at about once a second; empty in between.
    fn at_end(&mut self) -> Vec<Partition>;

    /// Reads everything that is assigned but these.
    ///
    /// # Errors
    /// Where the log is of no use any more.
    fn hold(&mut self, partitions: &[Partition]) -> Result<(), CommitError>;

    /// Writes a transaction. `in_rebalance` says that a revocation is being handled, so no other can be waited for.
    ///
    /// # Errors
    /// See [`CommitError`].
    fn commit(&mut self, transaction: &Transaction, in_rebalance: bool) -> Result<(), CommitError>;

    /// Leaves the group, after the last commit.
    fn leave(&mut self);
}

/// Partitions as a message names them.
pub(super) fn listed(partitions: &[Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
