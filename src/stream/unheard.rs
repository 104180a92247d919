//! How long nothing was heard of input partitions. Only a clock can tell, so what follows from it is written into the tallies
//! ([`Cut`]), and acted on when it is read there.

use std::collections::BTreeMap;

use crate::record::Partition;
use crate::vectorise::wire::Cut;

/// A partition that nobody was heard of for so long is cut off, in milliseconds. An observer that lives is heard of once a second;
/// one that died is replaced after the session time-out (6 s) or by its restart, which is given the rest.
const PATIENCE_MS: i64 = 30_000;
/// How often the clock is looked at, in milliseconds.
const LOOK_EVERY_MS: i64 = 1_000;
/// What passes between two looks that are further apart is not counted: this process stood still.
const LOOK_WITHIN_MS: i64 = 3_000;

/// For how long each partition was not heard of, while others were.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    looked_at_ms: Option<i64>,
    unheard_ms: BTreeMap<Partition, i64>,
}

impl Unheard {
    /// A tally tells of a partition.
    pub(super) fn heard(&mut self, partition: &Partition) {
        self.unheard_ms.remove(partition);
    }

    /// A tally was read at this moment; `holding_back` are the cuts that would help. Returns those whose time has come. Without
    /// tallies nobody calls this, and nothing is counted: when all observers are gone there are no lines *yet*.
    pub(super) fn look(&mut self, now_ms: i64, holding_back: impl FnOnce() -> Vec<Cut>) -> Vec<Cut> {
        let passed_ms = self.looked_at_ms.map_or(LOOK_EVERY_MS, |looked_ms| now_ms.saturating_sub(looked_ms));
        if (0..LOOK_EVERY_MS).contains(&passed_ms) {
            return Vec::new();
        }
        let is_counted = self.looked_at_ms.is_some() && passed_ms <= LOOK_WITHIN_MS;
        self.looked_at_ms = Some(now_ms);
        let mut holding_back = holding_back();
        let before = std::mem::take(&mut self.unheard_ms);
        let counted_ms = if is_counted { passed_ms } else { 0 };
        holding_back.retain(|cut| {
            // One that has just begun to hold the others back begins to be counted now.
            let unheard_ms = before.get(&cut.partition).map_or(0, |ms| ms.saturating_add(counted_ms));
            let is_over = unheard_ms >= PATIENCE_MS;
            self.unheard_ms.insert(cut.partition.clone(), if is_over { 0 } else { unheard_ms });
            is_over
        });
        holding_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Topic;

    fn cut() -> Cut {
        Cut { partition: Partition::new(Topic::new("logs"), 1), complete_until: None }
    }

    /// Looks once a second at these moments, in seconds, and says at which the patience was over.
    fn over(unheard: &mut Unheard, seconds: impl IntoIterator<Item = i64>) -> Vec<i64> {
        seconds.into_iter().filter(|second| !unheard.look(second * 1_000, || vec![cut()]).is_empty()).collect()
    }

    #[test]
    fn the_patience_is_over_once_and_then_again() {
        assert_eq!(over(&mut Unheard::default(), 100..165), [130, 160]);
    }

    #[test]
    fn who_is_heard_of_has_all_the_time_again() {
        let mut unheard = Unheard::default();
        assert!(over(&mut unheard, 100..125).is_empty());
        unheard.heard(&cut().partition);
        assert!(over(&mut unheard, 125..150).is_empty());
        assert_eq!(unheard.look(150_000, Vec::new), [], "it holds nobody back any more");
        assert_eq!(over(&mut unheard, 151..200), [181]);
    }

    #[test]
    fn pauses_are_not_counted() {
        let mut unheard = Unheard::default();
        let seconds = (100..110).chain(3_710..3_720).chain(7_300..7_308);
        assert!(over(&mut unheard, seconds).is_empty());
        assert!(over(&mut unheard, (0..100).map(|look| 8_000 + look * 4)).is_empty());
    }
}
