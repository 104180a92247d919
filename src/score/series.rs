//! Counts of one thing over log time: the last minutes second by second, and what is usual for windows of three lengths.
//!
//! Only seconds with lines are stored, and what is due is learnt when the series is touched; long stretches of nothing are
//! learnt in closed form. What leaves the longer windows is taken from their sums when something is learnt, so that a second with
//! lines touches the last few moments only: a busy series has kilobytes of them, which are not in the cache. Learning lags behind by [`LEARN_LAG_SECONDS`], so that what is reported in that time is not learnt.
//! What was reported is replaced by what was expected, so that it neither counts twice nor becomes usual.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::Window;
use super::baseline::{Baseline, Expectation};
use super::moments::{Moment, Sum, first_near};
use crate::record::Second;

/// Lengths of the windows in which lines are counted, in seconds, shortest first.
pub(super) const WINDOWS_SECONDS: [i64; 3] = [10, 60, 300];
/// How long a window waits until it is learnt, in seconds.
pub(super) const LEARN_LAG_SECONDS: i64 = 60;
/// Seconds that have to be remembered: the longest window that is still to be learnt, and one touch in ten seconds.
const KEPT_SECONDS: i64 = 300 + LEARN_LAG_SECONDS + 10;
/// Weight of the prior variance, in windows.
const PRIOR_WINDOWS: f64 = 6.0;
/// Squared coefficient of variation that the prior expects beyond Poisson.
const PRIOR_VARIATION: f64 = 0.25;
/// A longer window is believed once it was seen this often; before that the shortest one speaks for it.
const BELIEVED_WINDOWS: f64 = 10.0;

/// The most that the moments of a series take, in bytes: one for each second that is kept, in steps of powers of two.
pub(super) const SERIES_BYTES_MAX: usize = 512 * size_of::<Moment>();

/// A deviation that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Deviation {
    since: Second,
    last: Second,
}

/// Counts of one thing.
///
/// What every second with lines needs comes first, so that it lies in as few lines of the cache as it can.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[repr(C)]
pub(super) struct Series {
    moments: VecDeque<Moment>,
    /// When the first of the next windows is due.
    due: i64,
    /// Since when nothing is expected any more: it stopped, and that was adopted.
    pub(super) dormant: bool,
    sums: [Sum; 3],
    baselines: [Baseline; 3],
    /// Start of the next window to learn.
    next: [i64; 3],
    deviation: Option<Deviation>,
    /// The end of what was reported.
    reported_until: Second,
}

impl Series {
    /// A series that can have lines since `birth`; between then and its first line there were none.
    pub(super) fn new(birth: Second) -> Self {
        let next = WINDOWS_SECONDS.map(|length| birth.0.div_euclid(length).saturating_mul(length));
        Self {
            moments: VecDeque::new(),
            sums: [Sum::default(); 3],
            baselines: [Baseline::default(); 3],
            next,
            due: birth.0,
            deviation: None,
            reported_until: Second(i64::MIN),
            dormant: false,
        }
    }

    /// Moves on to `now` and adds its lines. Learns what is due, but for windows that `told` covers. O(1) amortised.
    pub(super) fn step(&mut self, now: Second, lines: u64, told: &[Window]) {
        if self.dormant {
            self.wake(now, lines);
        }
        if self.learn(now, told) {
            self.tidy(now);
        }
        if lines > 0 {
            let moment = Moment::new(now, lines, lines as f64);
            self.moments.push_back(moment);
            for sum in &mut self.sums {
                sum.lines += u64::from(moment.lines);
                sum.counted += f64::from(moment.counted);
            }
        }
    }

    /// Brings all sums up to date and forgets the moments that no window needs any more.
    fn tidy(&mut self, now: Second) {
        for (sum, length) in self.sums.iter_mut().zip(WINDOWS_SECONDS) {
            sum.leave(&self.moments, now, length);
        }
        while self.moments.front().is_some_and(|first| first.second.0 <= now.0 - KEPT_SECONDS) {
            self.moments.pop_front();
            for sum in &mut self.sums {
                sum.first = sum.first.saturating_sub(1);
            }
        }
    }

    /// Takes in what another series counted: both count one thing from now on. O(moments).
    pub(super) fn absorb(&mut self, mut other: Self, now: Second, told: &[Window]) {
        self.step(now, 0, told);
        other.step(now, 0, told);
        // Of what stopped, and was adopted, nothing is expected; nor does it bring what was.
        match (self.dormant, other.dormant) {
            (true, false) => self.baselines = [Baseline::default(); 3],
            (false, true) => other.baselines = [Baseline::default(); 3],
            _ => {}
        }
        let mut moments: BTreeMap<Second, (u64, f64)> = BTreeMap::new();
        for moment in self.moments.iter().chain(&other.moments) {
            let (lines, counted) = moments.entry(moment.second).or_default();
            *lines += u64::from(moment.lines);
            *counted += f64::from(moment.counted);
        }
        let sums = moments.into_iter().map(|(second, (lines, counted))| Moment::new(second, lines, counted));
        self.moments = sums.collect();
        for (mine, theirs) in self.baselines.iter_mut().zip(other.baselines) {
            mine.absorb(theirs);
        }
        for (mine, theirs) in self.next.iter_mut().zip(other.next) {
            *mine = (*mine).max(theirs);
        }
        self.due = self.due.max(other.due);
        self.deviation = self.deviation.or(other.deviation);
        self.reported_until = self.reported_until.max(other.reported_until);
        self.dormant &= other.dormant;
        self.add_up(now);
    }

    /// What was between is not known, so it is not learnt either.
    pub(super) fn pass_over(&mut self, now: Second) {
        self.learn_from(now);
        // What was counted before anything was learnt is not learnt any more, so nothing is held against it. In a flood of services that
        // live for seconds to fill their windows would cost more than to judge them.
        if self.learnt_windows() < 1.0 {
            self.moments.iter_mut().for_each(|moment| moment.counted = 0.0);
            self.sums.iter_mut().for_each(|sum| sum.counted = 0.0);
            return;
        }
        // Of what is hardly expected nothing can be missed, and most series are such.
        if self.expect(WINDOWS_SECONDS.len() - 1).mean >= 1.0 {
            self.go_on(now);
        }
    }

    fn learn_from(&mut self, now: Second) {
        self.next = WINDOWS_SECONDS.map(|length| (now.0.div_euclid(length) + 1).saturating_mul(length));
    }

    /// While it sleeps nothing is learnt; when its lines come back it goes on with what was usual.
    fn wake(&mut self, now: Second, lines: u64) {
        self.learn_from(now);
        if lines > 0 {
            self.dormant = false;
            self.go_on(now);
        }
    }

    /// From `now` on it goes on with what was usual, as if that had come until now.
    pub(super) fn go_on(&mut self, now: Second) {
        if !self.dormant {
            let longest = WINDOWS_SECONDS.len() - 1;
            self.replace(now.plus(-1), longest, self.expect(longest).mean);
        }
    }

    /// Learns what is due; returns whether anything was.
    fn learn(&mut self, now: Second, told: &[Window]) -> bool {
        let complete = now.0 - LEARN_LAG_SECONDS + 1;
        if complete < self.due {
            return false;
        }
        self.due = i64::MAX;
        let first_told = told.iter().map(|span| span.start.0).min().unwrap_or(i64::MAX);
        for ((baseline, next), length) in self.baselines.iter_mut().zip(&mut self.next).zip(WINDOWS_SECONDS) {
            let aligned = |second: i64| second.div_euclid(length).saturating_mul(length);
            let end = aligned(complete);
            while *next < end {
                let first = match length == WINDOWS_SECONDS[0] {
                    true => first_near(&self.moments, self.sums[1].first, *next),
                    false => self.moments.partition_point(|moment| moment.second.0 < *next),
                };
                let busy = self.moments.get(first).map_or(end, |moment| aligned(moment.second.0));
                let empty_until = busy.min(aligned(first_told)).min(end);
                if empty_until > *next {
                    baseline.learn_nothing((empty_until - *next) / length);
                    *next = empty_until;
                    continue;
                }
                let until = *next + length;
                if !told.iter().any(|span| span.start.0 < until && *next < span.end.0) {
                    let window = self.moments.iter().skip(first).take_while(|moment| moment.second.0 < until);
                    baseline.learn(window.map(|moment| f64::from(moment.counted)).sum());
                }
                *next = until;
            }
            self.due = self.due.min(next.saturating_add(length));
        }
        true
    }

    /// What its moments take, in bytes, about: as many as are there give the same, wherever they came from.
    pub(super) fn size_bytes(&self) -> usize {
        self.moments.len().next_power_of_two() * size_of::<Moment>()
    }

    /// How many of the shortest windows were learnt, decayed.
    pub(super) fn learnt_windows(&self) -> f64 {
        self.baselines[0].windows
    }

    /// What the window with this place in [`WINDOWS_SECONDS`] counts as, and its lines, also those that were reported. O(moments
    /// that left it since something was learnt).
    pub(super) fn sum(&self, now: Second, place: usize) -> (f64, u64) {
        let (Some(&sum), Some(&length)) = (self.sums.get(place), WINDOWS_SECONDS.get(place)) else { return (0.0, 0) };
        let mut sum = sum;
        sum.leave(&self.moments, now, length);
        (sum.counted, sum.lines)
    }

    /// At least what [`Self::sum`] counts now. O(1).
    pub(super) fn sum_at_most(&self, place: usize) -> f64 {
        self.sums.get(place).map_or(0.0, |sum| sum.counted)
    }

    /// At most the mean of [`Self::expect`]. O(1).
    pub(super) fn expect_at_least(&self, place: usize) -> f64 {
        let [short, ..] = self.baselines;
        let own = self.baselines.get(place).copied().unwrap_or_default();
        own_mean(&short, &own, place)
    }

    /// What is expected of a window. Sparse and young series lean on the shortest window and on the prior.
    pub(super) fn expect(&self, place: usize) -> Expectation {
        let [short, ..] = self.baselines;
        let own = self.baselines.get(place).copied().unwrap_or_default();
        let [short_seconds, ..] = WINDOWS_SECONDS.map(|length| length as f64);
        let seconds = WINDOWS_SECONDS.get(place).map_or(short_seconds, |&length| length as f64);
        let mean = own_mean(&short, &own, place);
        // Half an event in what was seen: nothing is impossible because it was not seen yet.
        let mean = mean + 0.5 * seconds / (short.windows * short_seconds + short_seconds);
        let prior = mean + PRIOR_VARIATION * mean * mean;
        let variance = ((own.squares + PRIOR_WINDOWS * prior) / (own.windows + PRIOR_WINDOWS)).max(mean);
        Expectation { mean, variance: variance + variance / (short.windows * short_seconds / seconds + 0.5) }
    }

    /// The lines of the last `seconds`, and those of them that no report counted.
    pub(super) fn lines(&self, now: Second, seconds: i64) -> (u64, u64) {
        let window = self.moments.iter().rev().take_while(|moment| moment.second.0 > now.0 - seconds);
        let window = window.filter(|moment| moment.second <= now);
        window.fold((0, 0), |(all, new), moment| {
            let lines = u64::from(moment.lines);
            (all + lines, new + if moment.second >= self.reported_until { lines } else { 0 })
        })
    }

    /// The first of the last `seconds` with such a number of lines; never one without.
    pub(super) fn first(&self, now: Second, seconds: i64, is_such: impl Fn(u64) -> bool) -> Option<Second> {
        let mut last = self.moments.iter().filter(|moment| moment.lines > 0 && now.since(moment.second) < seconds);
        last.find(|moment| is_such(u64::from(moment.lines))).map(|moment| moment.second)
    }

    /// Notes that the window ending `now` deviates and was reported. Returns for how many seconds that goes on already.
    pub(super) fn reported(&mut self, now: Second, place: usize) -> i64 {
        let expected = self.expect(place).mean;
        self.replace(now, place, expected);
        self.reported_until = now.plus(1);
        let length = WINDOWS_SECONDS.get(place).copied().unwrap_or_default();
        let since = match self.deviation {
            Some(deviation) if now.since(deviation.last) <= 2 * length + 30 => deviation.since,
            _ => now,
        };
        self.deviation = Some(Deviation { since, last: now });
        now.since(since)
    }

    /// Lets the window ending `now` count as `expected` lines.
    fn replace(&mut self, now: Second, place: usize, expected: f64) {
        let length = WINDOWS_SECONDS.get(place).copied().unwrap_or_default();
        let start = now.0 - length + 1;
        let mut inside = self.moments.split_off(self.moments.partition_point(|moment| moment.second.0 < start));
        let counted = expected / length as f64;
        for second in (start..=now.0).map(Second) {
            let lines = match inside.front() {
                Some(moment) if moment.second == second => {
                    inside.pop_front().map_or(0, |moment| u64::from(moment.lines))
                }
                _ => 0,
            };
            self.moments.push_back(Moment::new(second, lines, counted));
        }
        self.moments.append(&mut inside);
        self.add_up(now);
    }

    /// Takes the sums of the windows that end now from the moments.
    fn add_up(&mut self, now: Second) {
        for (sum, length) in self.sums.iter_mut().zip(WINDOWS_SECONDS) {
            let first = self.moments.partition_point(|moment| moment.second.0 <= now.0 - length);
            let (lines, counted) = self.moments.iter().skip(first).fold((0, 0.0), |(lines, counted), moment| {
                (lines + u64::from(moment.lines), counted + f64::from(moment.counted))
            });
            *sum = Sum { lines, counted, first };
        }
    }

    /// Takes the deviation as the new normal: what is usual is learnt anew, or, where nothing comes any more, put to sleep.
    pub(super) fn adopt(&mut self, now: Second) {
        self.deviation = None;
        if self.lines(now, 300).0 == 0 {
            self.dormant = true;
            self.moments.clear();
            self.sums = [Sum::default(); 3];
        } else {
            *self = Self { reported_until: self.reported_until, ..Self::new(now) };
        }
    }
}

/// The mean of what was seen of a window; a young one leans on the shortest.
fn own_mean(short: &Baseline, own: &Baseline, place: usize) -> f64 {
    let [short_seconds, ..] = WINDOWS_SECONDS.map(|length| length as f64);
    let seconds = WINDOWS_SECONDS.get(place).map_or(short_seconds, |&length| length as f64);
    match own.windows < BELIEVED_WINDOWS {
        true => short.mean * seconds / short_seconds,
        false => own.mean,
    }
}
