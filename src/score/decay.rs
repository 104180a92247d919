//! Ageing: what was learnt loses half its weight in a half-life of log time. It is computed from time differences when a
//! thing is touched, so that a long gap costs nothing.

use serde::{Deserialize, Serialize};

use crate::record::Second;

/// What is left of a weight after `elapsed_seconds`, 0 to 1.
pub(super) fn remaining(elapsed_seconds: i64, half_life_seconds: f64) -> f64 {
    libm::exp2(-(elapsed_seconds.max(0) as f64) / half_life_seconds)
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
