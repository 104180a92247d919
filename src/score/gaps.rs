//! The gaps between the seconds in which something was seen: what is usual, and how surprising the present one is.

use serde::{Deserialize, Serialize};

use super::Figures;
use super::probability::{gamma, negative_binomial};
use crate::record::Second;

/// Gaps that must have been seen before their like is missed.
pub(super) const GAPS_MIN: f64 = 20.0;
/// What a gap counts for after the next one: a half-life of some 1,400 gaps.
const KEPT_PER_GAP: f64 = 0.999_5;
/// The least squared coefficient of variation: no timer is believed to be more exact.
const VARIATION_MIN: f64 = 1.0 / 16.0;
/// The greatest one of a timer.
const VARIATION_OF_TIMER_MAX: f64 = 0.25;
/// The shortest mean gap of a timer, in seconds.
const TIMER_SECONDS_MIN: f64 = 2.0;
/// How long a timer must have been known, in seconds.
const TIMER_KNOWN_SECONDS: i64 = 300;
/// So long after it was told a silence is the new normal, in seconds.
const ADOPT_SECONDS: i64 = 600;
/// So many mean gaps must have passed by then, that a slow timer has its chance to return.
const ADOPT_GAPS: f64 = 3.0;

/// The gaps between the seconds in which something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Gaps {
    pub(super) birth: Second,
    pub(super) last: Second,
    pub(super) count: f64,
    pub(super) mean: f64,
    squares: f64,
    /// When the present silence was told, unless it was adopted.
    pub(super) told: Option<Second>,
}

impl Gaps {
    pub(super) fn new(now: Second) -> Self {
        Self { birth: now, last: now, count: 0.0, mean: 0.0, squares: 0.0, told: None }
    }

    /// Notes that it was seen. A gap that was told is not learnt.
    pub(super) fn meet(&mut self, now: Second) {
        let gap = now.since(self.last) as f64;
        if gap > 0.0 && self.told.is_none() {
            self.count = self.count * KEPT_PER_GAP + 1.0;
            let deviation = gap - self.mean;
            self.mean += deviation / self.count;
            self.squares = self.squares * KEPT_PER_GAP + deviation * (gap - self.mean);
        }
        (self.last, self.told) = (now, None);
    }

    /// Takes in the gaps of what is a part of it now: those that are known better stand for both, for what is written more often
    /// is not missed too soon by them.
    pub(super) fn absorb(&mut self, other: Self) {
        let (birth, last) = (self.birth.min(other.birth), self.last.max(other.last));
        let told = self.told.and(other.told);
        *self = Self { birth, last, told, ..if other.count > self.count { other } else { *self } };
    }

    pub(super) fn variation(&self) -> f64 {
        (self.squares / self.count / (self.mean * self.mean)).max(VARIATION_MIN)
    }

    pub(super) fn is_timer(&self) -> bool {
        self.count >= GAPS_MIN
            && self.mean >= TIMER_SECONDS_MIN
            && self.last.since(self.birth) >= TIMER_KNOWN_SECONDS
            && self.variation() <= VARIATION_OF_TIMER_MAX
    }

    /// When its second line from the last one on is due: a service that writes nothing after that is silent itself.
    #[expect(clippy::cast_possible_truncation, reason = "a mean gap is below the time since the service's birth")]
    pub(super) fn owed_from(&self) -> Second {
        self.last.plus(libm::ceil(2.0 * self.mean) as i64)
    }

    /// The first second in which its absence is worth a thought.
    #[expect(clippy::cast_possible_truncation, reason = "a mean gap is below the time since the service's birth")]
    pub(super) fn missed_from(&self) -> Second {
        self.last.plus(libm::ceil(3.0 * self.mean) as i64 + 2)
    }

    /// When a silence that was told, or could have been, at `since` is the new normal.
    #[expect(clippy::cast_possible_truncation, reason = "a mean gap is below the time since the service's birth")]
    pub(super) fn adopted_from(&self, since: Second) -> Second {
        since.plus(ADOPT_SECONDS.max(libm::ceil(ADOPT_GAPS * self.mean) as i64))
    }

    /// By the more cautious of two distributions with the moments of the gaps: a gamma, which fits timers, and a negative
    /// binomial of the empty seconds in between, which fits chance (with Poisson traffic their number is geometric).
    pub(super) fn surprise(&self, now: Second) -> f64 {
        let gap = now.since(self.last);
        let shape = 1.0 / self.variation();
        let as_timer = gamma(gap as f64, shape, self.mean / shape);
        let empty_seconds = u64::try_from(gap - 1).unwrap_or(0);
        let as_chance = negative_binomial(empty_seconds, self.mean - 1.0, self.squares / self.count, true);
        as_timer.min(as_chance)
    }

    /// Seconds since the last one against the usual gap.
    pub(super) fn figures(&self, now: Second) -> Figures {
        let half = 1.96 * self.mean * libm::sqrt(self.variation());
        Figures {
            observed: now.since(self.last) as f64,
            expected: self.mean,
            expected_low: (self.mean - half).max(0.0),
            expected_high: self.mean + half,
        }
    }
}
