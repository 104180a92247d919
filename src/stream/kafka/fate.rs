//! How transactions end of which brokers lost the end. Pure.
//!
//! One was committed if any part of it is, anywhere. It was aborted if none is, and also if what it covers was read again behind it, for nobody reads again
//! what was committed. What is committed reaches up to some offset in each partition of the input, so "a part of it" is "beyond its beginning".

use std::collections::BTreeMap;

use super::open::Left;
use crate::publish::Destination;
use crate::record::{Offset, Partition};
use crate::stream::log::{Committed, Tallied};

/// How far something reaches in partitions of the input: the next offset.
pub(super) type Reached = BTreeMap<Partition, Offset>;

/// What a group says.
pub(super) struct Group {
    /// What it has committed, whatever is open.
    pub(super) committed: Reached,
    /// Whether offsets are open beside that.
    pub(super) is_open: bool,
}

impl Group {
    /// Whether it has not come so far.
    pub(super) fn lacks(&self, partition: &Partition, until: &Committed) -> bool {
        self.committed.get(partition).is_none_or(|committed| *committed < until.offset)
    }
}

/// How the places end that are open.
pub(super) struct Fate {
    pub(super) committed: Vec<Left>,
    pub(super) aborted: Vec<Left>,
}

impl Fate {
    /// Given for each of them whether it was read again behind it, and how far reaches what is committed.
    pub(super) fn of(lost: Vec<(Left, bool)>, mut reached: Reached) -> Self {
        // All that tallies cover was written in one transaction: what is true of one of their partitions is true of all.
        for (left, is_again) in &lost {
            if left.open.destination == Destination::Tallies && !is_again && left.is_reached(&reached) {
                reach(&mut reached, left.covers.iter().map(|(partition, told)| (partition, told.until.offset)));
            }
        }
        let (committed, aborted): (Vec<_>, Vec<_>) =
            lost.into_iter().partition(|(left, is_again)| !is_again && left.is_reached(&reached));
        let only = |lost: Vec<(Left, bool)>| lost.into_iter().map(|(left, _)| left).collect();
        Self { committed: only(committed), aborted: only(aborted) }
    }

    /// The offsets that belong to what is committed and that the group has not: those of the tallies that are ended, and those of tallies that are
    /// committed already (`counted`) where offsets are open.
    pub(super) fn offsets_left(
        &self,
        group: &Group,
        counted: &BTreeMap<Partition, Tallied>,
    ) -> BTreeMap<Partition, Committed> {
        let ended = self.committed.iter().filter(|left| left.open.destination == Destination::Tallies);
        let ended = ended.flat_map(|left| &left.covers).map(|(partition, told)| (partition, told));
        let counted = counted.iter().filter(|_| group.is_open);
        let mut until: BTreeMap<Partition, Committed> = BTreeMap::new();
        for (partition, told) in counted.chain(ended).filter(|(partition, told)| group.lacks(partition, &told.until)) {
            let known = until.entry(partition.clone()).or_insert_with(|| told.until.clone());
            if known.offset < told.until.offset {
                *known = told.until.clone();
            }
        }
        until
    }
}

impl Left {
    /// Whether anything that is committed reaches beyond the beginning of what it covers.
    pub(super) fn is_reached(&self, reached: &Reached) -> bool {
        self.covers.iter().any(|(partition, told)| reached.get(partition).is_some_and(|reached| *reached > told.from))
    }
}

/// Reaches further, where this does.
pub(super) fn reach<'a>(reached: &mut Reached, more: impl IntoIterator<Item = (&'a Partition, Offset)>) {
    for (partition, offset) in more {
        let reached = reached.entry(partition.clone()).or_insert(offset);
        *reached = offset.max(*reached);
    }
}

#[cfg(test)]
mod tests;
