//! Ageing: what was learnt loses half its weight in a half-life of log time. It is computed from time differences when a
//! thing is touched, so that a long gap costs nothing.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::record::Second;

/// The half-life of what is worth remembering.
pub(super) const WEEK_SECONDS: f64 = 7.0 * 86_400.0;

/// What is left with a half-life of a week after no second, after one, and so on: most is touched again soon.
static SOON_BY_WEEK: LazyLock<[f64; 32]> =
    LazyLock::new(|| std::array::from_fn(|seconds| computed(seconds as f64, WEEK_SECONDS)));

fn computed(elapsed_seconds: f64, half_life_seconds: f64) -> f64 {
    libm::exp2(-elapsed_seconds / half_life_seconds)
}

/// What is left of a weight after `elapsed_seconds`, 0 to 1.
pub(super) fn remaining(elapsed_seconds: i64, half_life_seconds: f64) -> f64 {
    let soon = usize::try_from(elapsed_seconds.max(0)).ok().filter(|_| half_life_seconds == WEEK_SECONDS);
    let known = soon.and_then(|seconds| SOON_BY_WEEK.get(seconds).copied());
    known.unwrap_or_else(|| computed(elapsed_seconds.max(0) as f64, half_life_seconds))
}

/// A count that ages.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Decayed {
    value: f64,
    as_of: Second,
}

impl Decayed {
    /// Nothing yet.
    pub(super) fn new(now: Second) -> Self {
        Self { value: 0.0, as_of: now }
    }

    /// Its value now.
    pub(super) fn at(self, now: Second, half_life_seconds: f64) -> f64 {
        self.value * remaining(now.since(self.as_of), half_life_seconds)
    }

    /// Adds to it.
    pub(super) fn add(&mut self, amount: f64, now: Second, half_life_seconds: f64) {
        self.value = self.at(now, half_life_seconds) + amount;
        self.as_of = self.as_of.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_once_is_what_would_be_computed_each_time() {
        for seconds in -1..40_i64 {
            let each_time = libm::exp2(-(seconds.max(0) as f64) / WEEK_SECONDS);
            assert_eq!(remaining(seconds, WEEK_SECONDS).to_bits(), each_time.to_bits(), "{seconds}");
        }
    }
}
