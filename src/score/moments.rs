//! The moments of a series, and the sums of them over the windows that end now.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::record::Second;

/// The lines of one second. `counted` is what they count as: themselves, or what was expected where they were reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Moment {
    pub(super) second: Second,
    pub(super) lines: u32,
    pub(super) counted: f32,
}

impl Moment {
    /// Small, for there are hundreds of each series.
    #[expect(clippy::cast_possible_truncation, reason = "the sums take each as it was rounded, so they stay exact")]
    pub(super) fn new(second: Second, lines: u64, counted: f64) -> Self {
        Self { second, lines: u32::try_from(lines).unwrap_or(u32::MAX), counted: counted as f32 }
    }
}

/// A window that ends now; what has left it may still be counted, until it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) lines: u64,
    pub(super) counted: f64,
    /// The place of its first moment.
    pub(super) first: usize,
}

impl Sum {
    /// Takes off the moments that have left by `now`. O(moments that have).
    pub(super) fn leave(&mut self, moments: &VecDeque<Moment>, now: Second, length: i64) {
        while let Some(moment) = moments.get(self.first).filter(|moment| moment.second.0 <= now.0 - length) {
            self.lines -= u64::from(moment.lines);
            self.counted -= f64::from(moment.counted);
            self.first += 1;
        }
        if self.first == moments.len() {
            self.counted = 0.0;
        }
    }
}

/// The first moment from a second on, near a place: a search through all of them would touch many that are not in the cache. What is
/// due of the shortest windows is about as old as what left the next longer one last.
pub(super) fn first_near(moments: &VecDeque<Moment>, near: usize, second: i64) -> usize {
    let mut place = near.min(moments.len());
    while place.checked_sub(1).and_then(|last| moments.get(last)).is_some_and(|moment| moment.second.0 >= second) {
        place -= 1;
    }
    while moments.get(place).is_some_and(|moment| moment.second.0 < second) {
        place += 1;
    }
    place
}
