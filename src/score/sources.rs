//! Which partitions the lines of a service come through, so that it is known whom a partition concerns of which lines are missing.
//!
//! Where producers choose partitions by key, the lines of a service come through a few; where they take turns, through all, and then
//! every service is concerned. Who was not seen in a partition is believed not to write there once it was seen long enough: of
//! somebody who takes turns, all partitions would have been seen by then. Partitions are only ever added, so a service that moves is
//! concerned by more than it has to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::Partition;
use crate::vectorise::Cell;

/// So many seconds with lines for each partition: who takes turns by lot then misses a given one with a probability of e⁻¹⁰.
const SECONDS_PER_PARTITION: usize = 10;

/// The partitions that lines came through, numbered in the order in which they were first seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Numbered(BTreeMap<(Arc<str>, i32), usize>);

impl Numbered {
    fn number(&mut self, partition: &Partition) -> usize {
        let next = self.0.len();
        *self.0.entry((partition.topic.shared(), partition.number)).or_insert(next)
    }
}

/// Where one service writes: a bit for each partition, and in how many seconds it was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sources {
    seen: Vec<u64>,
    seconds: usize,
}

impl Sources {
    /// Takes a second with lines in. O(its partitions).
    pub(super) fn meet(&mut self, cell: &Cell, numbered: &mut Numbered) {
        self.seconds = self.seconds.saturating_add(1);
        for partition in cell.ranges.keys() {
            let number = numbered.number(partition);
            if self.seen.len() <= number / 64 {
                self.seen.resize(number / 64 + 1, 0);
            }
            if let Some(word) = self.seen.get_mut(number / 64) {
                *word |= 1 << (number % 64);
            }
        }
    }

    /// Whether lines of it may be among those that are missing.
    pub(super) fn may_be_among(&self, missing: &Missing) -> bool {
        self.seen.is_empty()
            || self.seconds < missing.partitions * SECONDS_PER_PARTITION
            || missing
                .numbers
                .iter()
                .any(|number| self.seen.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0))
    }
}

/// Partitions of which lines are missing.
pub(super) struct Missing {
    /// Those of them that lines came through before.
    numbers: Vec<usize>,
    /// How many partitions there are, as far as is known.
    partitions: usize,
}

impl Missing {
    pub(super) fn new(missing: &BTreeSet<Partition>, numbered: &Numbered) -> Self {
        let known = |partition: &Partition| numbered.0.get(&(partition.topic.shared(), partition.number)).copied();
        let numbers: Vec<usize> = missing.iter().filter_map(known).collect();
        Self { partitions: numbered.0.len() + missing.len() - numbers.len(), numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Offset, Topic};

    fn partition(number: i32) -> Partition {
        Partition::new(Topic::new("logs"), number)
    }

    fn cell(number: i32) -> Cell {
        Cell { ranges: [(partition(number), (Offset(0), Offset(1)))].into_iter().collect(), ..Cell::default() }
    }

    #[test]
    fn who_was_seen_elsewhere_for_long_enough_is_not_concerned() {
        let (mut numbered, mut own, mut others) = (Numbered::default(), Sources::default(), Sources::default());
        (0..200).for_each(|number| others.meet(&cell(number), &mut numbered));
        let among = |sources: &Sources, numbered: &Numbered, number: i32| {
            sources.may_be_among(&Missing::new(&BTreeSet::from([partition(number)]), numbered))
        };
        assert!(among(&own, &numbered, 7), "nothing is known of it");
        for second in 0..2_000 {
            assert!(among(&own, &numbered, 7), "{second}");
            own.meet(&cell(130 + second % 2), &mut numbered);
        }
        assert!(!among(&own, &numbered, 7));
        assert!(among(&own, &numbered, 130) && among(&own, &numbered, 131));
        assert!(among(&own, &numbered, 999), "there is one more than was known");
        (0..10).for_each(|_| own.meet(&cell(130), &mut numbered));
        assert!(!among(&own, &numbered, 999), "nobody was seen in it");
        assert!(among(&others, &numbered, 7));
    }
}
