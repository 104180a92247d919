//! What a worker runs: a stage, with its inputs decoded from and its outputs encoded into records.

use std::time::Duration;

use super::log::{Committed, Incoming, Retained, Transaction};
use crate::record::{Offset, Partition};

/// A stage as the worker sees it. Its state changes through these calls only.
pub trait Task {
    /// The stage's name in metrics.
    const NAME: &'static str;
    /// Whether a record on which it panics can be set aside. Where not, the worker ends with it.
    const SETS_ASIDE: bool;

    /// A partition is read from now on. Returns the offset to begin at, given what was committed and what there is.
    fn assign(&mut self, partition: &Partition, committed: Option<&Committed>, there: Retained) -> Offset;

    /// A partition is not read any more. Everything of it was committed, or all that is not is dropped, too.
    fn revoke(&mut self, partition: &Partition);

    /// The assignment is lost: whatever was not committed is read again by somebody else.
    fn drop_all(&mut self);

    /// One record, read at this moment of a clock that never goes back, in milliseconds.
    ///
    /// # Errors
    /// Where going on would publish something wrong; says what to do.
    fn record(&mut self, partition: &Partition, incoming: &Incoming<'_>, now_ms: i64) -> Result<(), String>;

    /// A record on which it panicked when it was read before, with what the panic said. It is accounted for, and nothing else
    /// is done with it. Never called where it [sets nothing aside](Self::SETS_ASIDE).
    fn set_aside(&mut self, partition: &Partition, incoming: &Incoming<'_>, panic: &str);

    /// A partition has nothing more to read.
    fn at_end(&mut self, partition: &Partition, now_ms: i64);

    /// The partitions that are so far ahead of the others in log time that they have to wait, at this moment.
    fn ahead(&mut self, now_ms: i64) -> Vec<Partition>;

    /// Whether it has gathered so much that it must be committed before anything else is read.
    fn is_full(&self) -> bool;

    /// Whether to commit now: so long after the last commit, and whether all that is there was read.
    fn is_due(&self, since_commit: Duration, caught_up: bool) -> bool;

    /// What was sealed is committed. `is_last`: the partitions are about to be handed over, or the process stops.
    fn committed(&mut self, is_last: bool);

    /// Moves what has to be published, and the positions it came from, into the transaction.
    fn seal(&mut self, transaction: &mut Transaction);
}
