//! One transaction until it is committed: again after an abort, and in doubt ask what was committed.
//!
//! The rules stand here, apart from Kafka's client, so that the simulation runs them too ([`Connection`] is what they ask of a
//! client, one step a method).

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{debug, error, warn};

use super::log::{CommitError, Committed, Known, Log, Tallied, Transaction};
use crate::record::{Offset, Partition};

/// How long one transaction is tried again before the connection is made anew; far below the poll interval of five
/// minutes after which the group would give up on us.
const COMMIT_FOR: Duration = Duration::from_secs(120);
/// The same where a stop was requested: what is not committed is read again, and a service manager does not wait for long.
const COMMIT_WHEN_STOPPING_FOR: Duration = Duration::from_secs(5);
/// The same while partitions are given up, for which the whole group waits, and in which a member that the group no longer counts
/// learns nothing of it.
const COMMIT_IN_REBALANCE_FOR: Duration = Duration::from_secs(10);
/// The pause before a transaction is sent again.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Why a transaction was not committed.
#[derive(Debug)]
pub enum Failure {
    /// It has to be aborted, and can then be sent again.
    Abort(String),
    /// It has to be aborted, because the group does not know us any more, and does not come back: the partitions may be others'.
    NotAMember(String),
    /// Somebody else has taken our name over.
    Fenced(String),
    /// Whether it was committed is unknown, or the producer is of no use any more.
    Doubt(String),
    /// It will never be accepted.
    Permanent(String),
}

/// The steps of a commit, each of which can fail by itself.
pub trait Connection: Log {
    /// Whether this partition is read by us now.
    fn is_assigned(&self, partition: &Partition) -> bool;

    /// Sends everything in one burst and commits it with the offsets, once.
    ///
    /// # Errors
    /// See [`Failure`].
    fn send(&mut self, transaction: &Transaction) -> Result<(), Failure>;

    /// Ends a transaction that failed, so that it can be sent again.
    ///
    /// # Errors
    /// Where that is in doubt too.
    fn abort(&mut self) -> Result<(), Failure>;

    /// Whether requests that were sent may still reach the log, though later ones were answered.
    ///
    /// A request whose connection breaks is sent again on a new one; the first copy may be read later than the second. One that ends a
    /// transaction would then end the next one, half sent, and one of offsets would take them back, for a broker does not tell transactions
    /// of one epoch apart (KIP-890, whose protocol librdkafka does not speak). A new producer's epoch refuses them all.
    fn may_have_stragglers(&self) -> bool;

    /// Makes a new producer of the same name, which ends whatever its forerunner began.
    ///
    /// # Errors
    /// Where that is not possible.
    fn renew(&mut self) -> Result<(), CommitError>;

    /// What was committed of the partitions when it was last known.
    fn known(&mut self) -> &mut Known;

    /// What the group has committed for these partitions.
    ///
    /// # Errors
    /// Where the log does not say.
    fn committed_offsets(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, CommitError>;

    /// What the last tallies say of these partitions, whatever became of their transactions; nothing of what is not found with little effort,
    /// and nothing for who reads tallies.
    ///
    /// # Errors
    /// Where the log does not say.
    fn last_written(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError>;

    /// The same of committed tallies, once all transactions have ended that are open there now. Gives up waiting in the end.
    ///
    /// # Errors
    /// Where the log does not say.
    fn last_committed(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError>;

    /// Whether the partitions may belong to somebody else by now.
    fn assignment_lost(&self) -> bool;

    /// Lets the group make progress while a transaction waits, without reading on. Returns whether a rebalance is due.
    ///
    /// # Errors
    /// Where the log is of no use any more.
    fn poll_paused(&mut self) -> Result<bool, CommitError>;

    /// Whether a stop was requested.
    fn is_stopping(&self) -> bool;

    /// Lets time pass.
    fn wait(&mut self, duration: Duration);
}

/// Where reading goes on: at what is committed, or behind it, where committed tallies say that it was counted.
///
/// A broker may lose the end of a transaction in some of its partitions only (seen in Kafka 4.3.1), so that tallies are committed and the offsets
/// beside them are not. These tallies are the last ones and begin where the group stands; others do not count, for whoever sets offsets back
/// means it.
///
/// # Errors
/// Where the log does not say.
pub fn where_to_go_on<C: Connection>(
    connection: &mut C,
    partitions: &[Partition],
) -> Result<Vec<(Partition, Option<Committed>)>, CommitError> {
    let mut found = connection.committed_offsets(partitions)?;
    connection.known().extend(found.iter().cloned());
    if found.is_empty() {
        return Ok(found);
    }
    let offset_of = |group: &Option<Committed>| group.as_ref().map_or(Offset(0), |group| group.offset);
    // What was written behind is most often what somebody could not commit any more.
    let written = connection.last_written(partitions)?;
    let is_behind = |(partition, group): &(Partition, Option<Committed>)| {
        written.get(partition).is_some_and(|told| told.until.offset > offset_of(group))
    };
    if !found.iter().any(is_behind) {
        return Ok(found);
    }
    let tallied = connection.last_committed(partitions)?;
    for (partition, committed) in &mut found {
        let (group, Some(told)) = (offset_of(committed), tallied.get(partition)) else { continue };
        if told.from == group && told.until.offset > group {
            error!(%partition, committed = group.0, counted_until = told.until.offset.0,
                "what was committed is lost and its tallies are not: reading on behind what was counted");
            *committed = Some(told.until.clone());
        }
    }
    Ok(found)
}

enum Recovered {
    SendAgain,
    WasCommitted,
}

/// Sends a transaction until it is committed, or cannot be.
///
/// # Errors
/// See [`CommitError`].
pub fn commit_whole<C: Connection>(
    connection: &mut C,
    transaction: &Transaction,
    in_rebalance: bool,
) -> Result<(), CommitError> {
    // The broker checks who is a member, not whose partition it is.
    if let Some(foreign) = transaction.offsets.keys().find(|partition| !connection.is_assigned(partition)) {
        return Err(CommitError::Broken(format!("{foreign} is to be committed but is not assigned")));
    }
    let started = connection.now();
    loop {
        outrun_stragglers(connection)?;
        let Err(failure) = connection.send(transaction) else {
            know(connection, transaction);
            return outrun_stragglers(connection);
        };
        let reason = format!("{failure:?}");
        let is_put_out = matches!(failure, Failure::NotAMember(_));
        if let Recovered::WasCommitted = recover(connection, failure, transaction)? {
            return Ok(());
        }
        if connection.assignment_lost() {
            return Err(CommitError::Lost(reason));
        }
        if is_put_out {
            // Others may have been given what was read, also where the group lets us in again.
            return Err(CommitError::Broken(reason));
        }
        let limit = match (connection.is_stopping(), in_rebalance) {
            (true, _) => COMMIT_WHEN_STOPPING_FOR,
            (false, true) => COMMIT_IN_REBALANCE_FOR,
            (false, false) => COMMIT_FOR,
        };
        if connection.now().saturating_sub(started) >= limit {
            return Err(CommitError::Broken(reason));
        }
        if !in_rebalance && connection.poll_paused()? {
            return Err(CommitError::RebalanceFirst);
        }
        connection.wait(SEND_AGAIN_AFTER);
    }
}

/// After a failure: may the same transaction be sent again?
fn recover<C: Connection>(
    connection: &mut C,
    failure: Failure,
    transaction: &Transaction,
) -> Result<Recovered, CommitError> {
    match failure {
        Failure::Permanent(reason) => Err(CommitError::Permanent(reason)),
        Failure::Fenced(reason) => {
            // Where it is still ours to end, nobody has to wait for it.
            connection.abort().ok();
            Err(CommitError::Fenced(reason))
        }
        Failure::Abort(ref reason) | Failure::NotAMember(ref reason) => {
            debug!(reason, "transaction aborted; it is sent again");
            match connection.abort() {
                Ok(()) => outrun_stragglers(connection).and_then(|()| match failure {
                    // Who was put out sends nothing again.
                    Failure::NotAMember(_) => Ok(Recovered::SendAgain),
                    _ => ask(connection, reason, transaction),
                }),
                Err(Failure::Fenced(reason)) => Err(CommitError::Fenced(reason)),
                Err(failure) => resolve_doubt(connection, &format!("{failure:?}"), transaction),
            }
        }
        Failure::Doubt(reason) => resolve_doubt(connection, &reason, transaction),
    }
}

/// Around each transaction: brokers are to refuse what is still on its way, and where they lost the end of the last one when the connection broke, this one,
/// which may be of other partitions, would end it in part. (Who stops sends this one only.)
fn outrun_stragglers<C: Connection>(connection: &mut C) -> Result<(), CommitError> {
    if connection.may_have_stragglers() && !connection.is_stopping() { connection.renew() } else { Ok(()) }
}

/// A new producer of the same name ends whatever its forerunner began; then the committed offsets tell how it ended.
fn resolve_doubt<C: Connection>(
    connection: &mut C,
    reason: &str,
    transaction: &Transaction,
) -> Result<Recovered, CommitError> {
    warn!(reason, "transaction in doubt; asking what was committed");
    connection.renew()?;
    ask(connection, reason, transaction)
}

/// Asks whether a transaction was committed.
///
/// Where it was not, the one before has to be: a broker that lost the end of that one ends it together with this one, as an abort (seen in Kafka 4.3.1,
/// where a partition has no leader for a moment). Then both have to be read again.
fn ask<C: Connection>(connection: &mut C, reason: &str, transaction: &Transaction) -> Result<Recovered, CommitError> {
    if connection.assignment_lost() {
        return Err(CommitError::Lost(reason.to_owned()));
    }
    let partitions: Vec<Partition> = transaction.offsets.keys().cloned().collect();
    let committed: Known = connection.committed_offsets(&partitions)?.into_iter().collect();
    if committed == committed_by(transaction) {
        know(connection, transaction);
        return Ok(Recovered::WasCommitted);
    }
    let known = connection.known();
    match partitions.iter().all(|partition| committed.get(partition) == known.get(partition)) {
        true => Ok(Recovered::SendAgain),
        false => {
            Err(CommitError::Broken("what is committed is neither what was so before nor what was sent".to_owned()))
        }
    }
}

fn know<C: Connection>(connection: &mut C, transaction: &Transaction) {
    connection.known().extend(committed_by(transaction));
}

fn committed_by(transaction: &Transaction) -> Known {
    let committed = |(partition, (offset, metadata)): (&Partition, &(_, String))| {
        (partition.clone(), Some(Committed { offset: *offset, metadata: metadata.clone() }))
    };
    transaction.offsets.iter().map(committed).collect()
}

#[cfg(test)]
mod tests;
