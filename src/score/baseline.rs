//! What is usual for a count: a mean and a variance that age window by window.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Half-life of what is usual, in windows.
const HALF_LIFE_WINDOWS: f64 = 1_440.0;
/// What a window counts for after the next one.
static KEPT_PER_WINDOW: LazyLock<f64> = LazyLock::new(|| libm::exp2(-1.0 / HALF_LIFE_WINDOWS));

/// What is usual for windows of one length: decayed weight, mean and sum of squared deviations.
///
/// Source: the weighted incremental variance of West, "Updating mean and variance estimates" (CACM 1979), with decay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Baseline {
    pub(super) windows: f64,
    pub(super) mean: f64,
    pub(super) squares: f64,
}

impl Baseline {
    /// Learns a window.
    pub(super) fn learn(&mut self, count: f64) {
        let kept = *KEPT_PER_WINDOW;
        self.windows = self.windows * kept + 1.0;
        let deviation = count - self.mean;
        self.mean += deviation / self.windows;
        self.squares = self.squares * kept + deviation * (count - self.mean);
    }

    /// Takes in the windows of another one: of counts that are added up, as if they were independent. The shorter past of the
    /// two had no lines before it began.
    pub(super) fn absorb(&mut self, other: Self) {
        let windows = self.windows.max(other.windows);
        if windows <= 0.0 {
            return;
        }
        let moments = |of: Self| {
            let mean = of.mean * of.windows / windows;
            let squares = of.squares + of.windows * of.mean * of.mean - windows * mean * mean;
            (mean, squares.max(0.0))
        };
        let (one, two) = (moments(*self), moments(other));
        *self = Self { windows, mean: one.0 + two.0, squares: one.1 + two.1 };
    }

    /// Learns `windows` windows without a line, in closed form.
    pub(super) fn learn_nothing(&mut self, windows: i64) {
        let kept = libm::exp2(-(windows as f64) / HALF_LIFE_WINDOWS);
        let added = (1.0 - kept) / (1.0 - *KEPT_PER_WINDOW);
        let old = self.windows * kept;
        self.squares = self.squares * kept + self.mean * self.mean * old * added / (old + added);
        self.mean = self.mean * old / (old + added);
        self.windows = old + added;
    }
}

/// What is expected of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expectation {
    pub(super) mean: f64,
    /// Of the prediction: it contains how uncertain the mean is.
    pub(super) variance: f64,
}

impl Expectation {
    /// The range that holds about 95 % of the windows, by the normal approximation.
    pub(super) fn band(self) -> (f64, f64) {
        let half = 1.96 * libm::sqrt(self.variance);
        ((self.mean - half).max(0.0), self.mean + half)
    }
}
