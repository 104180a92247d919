//! Sources whose lines are no log messages: base64 dumps, minified code, free text. Of such a service every line is a kind of its own,
//! so that what is new or rare says nothing.
//!
//! Five checks, as Elastic's categorisation of log messages makes them of a job that saw a hundred messages ("categorization
//! status"): one kind only; more than 90 % of the kinds rare; more than half new; more than half dead; more kinds than half the
//! lines. Where the last is true and goes on, new kinds are not entered into the catalogue any more: their lines count in the
//! service's sums and as its other lines. The other checks are only reported, for healthy services have such catalogues, too.
//!
//! # Invariants
//!
//! * A function of the service's seconds alone: the same seconds, the same verdicts. Other services are not looked at.
//! * The service's sums are those of all its lines, whatever the verdict.

use serde::{Deserialize, Serialize};

use super::WARM_UP_SECONDS;
use crate::record::Second;

/// Lines that a check needs at least.
pub const LINES_MIN: u64 = 100;
/// Templates that shares of templates need at least: of a few, any share is soon reached.
const TEMPLATES_MIN: u64 = 50;
/// A verdict rests on as many seconds at least, so that the start of a program is none.
const WINDOW_SECONDS: i64 = 10;
/// A new service is looked at after as many seconds, when most of what it writes was seen once, but before any of it is told.
const FIRST_AFTER_SECONDS: i64 = WARM_UP_SECONDS - 60;
/// A window of what is taken for a dump is over after as many seconds, however few its lines.
const LONG_WINDOW_SECONDS: i64 = 60;
/// A verdict begins after as many windows in a row that find it: one burst of new kinds is an incident, no dump.
const WINDOWS_TO_BEGIN: u8 = 2;
/// A verdict ends after as many windows in a row that do not confirm it.
const WINDOWS_TO_END: u8 = 6;

/// Why the templates of a service say little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsuitable {
    /// There are more kinds of lines than half the lines.
    ManyTemplates,
    /// More than half of the templates are new.
    New,
    /// More than 90 % of the templates came once.
    Rare,
    /// More than half of the templates came once and never again.
    Dead,
    /// All lines are of one kind.
    OneTemplate,
}

impl Unsuitable {
    /// As it is written in a status.
    pub fn code(self) -> &'static str {
        match self {
            Self::ManyTemplates => "many_templates",
            Self::New => "new_templates",
            Self::Rare => "rare_templates",
            Self::Dead => "dead_templates",
            Self::OneTemplate => "one_template",
        }
    }

    /// As a sentence says it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::ManyTemplates => "there are more kinds of lines than half the lines",
            Self::New => "more than half of the kinds of lines are new",
            Self::Rare => "more than 90 % of the kinds of lines came once",
            Self::Dead => "more than half of the kinds of lines came once and never again",
            Self::OneTemplate => "all lines are of one kind",
        }
    }

    /// Whether new templates are counted together and not each for itself.
    pub fn coarsens(self) -> bool {
        self == Self::ManyTemplates
    }
}

/// What the checks look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that were looked at.
    pub lines: u64,
    /// Kinds of lines that were met for the first time among them.
    pub first_sights: u64,
    /// Templates that are known.
    pub templates: u64,
    /// Of them, those of one line.
    pub rare: u64,
    /// Of them, those that are new.
    pub new: u64,
    /// Of them, those of one line that is long ago.
    pub dead: u64,
}

impl Counts {
    /// The first check that is true; `None` where none is, or too few lines were seen.
    pub fn verdict(&self) -> Option<Unsuitable> {
        self.verdict_above(2)
    }

    /// The same, where there are many kinds from one in so many lines on.
    fn verdict_above(&self, lines_per_kind: u64) -> Option<Unsuitable> {
        if self.lines < LINES_MIN {
            return None;
        }
        let is_settled = self.templates >= TEMPLATES_MIN;
        let checks = [
            (self.first_sights * lines_per_kind > self.lines, Unsuitable::ManyTemplates),
            (is_settled && self.new * 2 > self.templates, Unsuitable::New),
            (is_settled && self.rare * 10 > self.templates * 9, Unsuitable::Rare),
            (is_settled && self.dead * 2 > self.templates, Unsuitable::Dead),
            (self.templates == 1, Unsuitable::OneTemplate),
        ];
        checks.into_iter().find_map(|(is_true, reason)| is_true.then_some(reason))
    }
}

/// What is known of the suitability of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suitability {
    verdict: Option<Unsuitable>,
    /// Windows in a row that found otherwise.
    unconfirmed: u8,
    since: Second,
    lines: u64,
    first_sights: u64,
}

impl Suitability {
    /// That of a service that begins now.
    pub(super) fn new(now: Second) -> Self {
        Self { verdict: None, unconfirmed: 0, since: now.plus(FIRST_AFTER_SECONDS), lines: 0, first_sights: 0 }
    }

    /// Why the service is unsuitable, if it is.
    pub(super) fn verdict(&self) -> Option<Unsuitable> {
        self.verdict
    }

    /// Counts a second: its lines, and of how many kinds of them nothing was known.
    pub(super) fn count(&mut self, lines: u64, first_sights: u64, now: Second) {
        if now < self.since {
            return;
        }
        self.lines += lines;
        self.first_sights += first_sights;
    }

    /// When the window began that can be judged now; `None` where that needs more lines or seconds.
    pub(super) fn due(&self, now: Second) -> Option<Second> {
        let seconds = now.since(self.since);
        let is_over = self.lines >= LINES_MIN && seconds >= WINDOW_SECONDS;
        // Who writes less than a dump does is no dump.
        (is_over || self.verdict.is_some_and(Unsuitable::coarsens) && seconds >= LONG_WINDOW_SECONDS)
            .then_some(self.since)
    }

    /// Judges the window that is over, of whose lines and first sights are known already, and begins the next one.
    pub(super) fn judge(&mut self, templates: Counts, now: Second) {
        let counts = Counts { lines: self.lines, first_sights: self.first_sights, ..templates };
        // What is on stays on until it is clearly over.
        let lines_per_kind = if self.verdict == Some(Unsuitable::ManyTemplates) { 4 } else { 2 };
        let found = counts.verdict_above(lines_per_kind);
        self.unconfirmed = if found == self.verdict { 0 } else { self.unconfirmed + 1 };
        let is_graver = found.is_some_and(|found| self.verdict.is_none_or(|verdict| found < verdict));
        if self.unconfirmed >= if is_graver { WINDOWS_TO_BEGIN } else { WINDOWS_TO_END } {
            (self.verdict, self.unconfirmed) = (found, 0);
        }
        (self.since, self.lines, self.first_sights) = (now, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_its_threshold() {
        let healthy = Counts { lines: 1_000, first_sights: 500, templates: 100, rare: 90, new: 50, dead: 50 };
        assert_eq!(healthy.verdict(), None);
        let checks = [
            (Counts { first_sights: 501, ..healthy }, Unsuitable::ManyTemplates),
            (Counts { new: 51, ..healthy }, Unsuitable::New),
            (Counts { rare: 91, ..healthy }, Unsuitable::Rare),
            (Counts { dead: 51, ..healthy }, Unsuitable::Dead),
            (Counts { templates: 1, ..Counts { lines: 100, ..Counts::default() } }, Unsuitable::OneTemplate),
        ];
        for (counts, reason) in checks {
            assert_eq!(counts.verdict(), Some(reason));
            assert_eq!(Counts { lines: 99, ..counts }.verdict(), None, "too few lines");
        }
        let small = Counts { templates: 49, rare: 49, new: 49, dead: 49, lines: 1_000, first_sights: 0 };
        assert_eq!(small.verdict(), None, "too few templates");
    }

    #[test]
    fn a_verdict_begins_with_two_windows_and_ends_after_a_while() {
        let (mut suitability, mut now) = (Suitability::new(Second(0)), Second(FIRST_AFTER_SECONDS));
        let templates = Counts { templates: 10, ..Counts::default() };
        let mut fresh = suitability;
        fresh.count(100, 100, now);
        assert_eq!((fresh.due(now.plus(9)), fresh.due(now.plus(10))), (None, Some(now)));
        let mut window = |lines: u64, first_sights: u64| {
            suitability.count(9, 9, Second(FIRST_AFTER_SECONDS - 1));
            suitability.count(lines, first_sights, now);
            now = now.plus(10);
            if suitability.due(now).is_some() {
                suitability.judge(templates, now);
            }
            suitability.verdict()
        };
        assert_eq!(window(99, 99), None);
        assert_eq!(window(1, 0), None, "a burst of new kinds is no dump");
        assert_eq!((window(100, 20), window(100, 90)), (None, None), "nor is another one later");
        assert_eq!(window(100, 90), Some(Unsuitable::ManyTemplates));
        for _ in 0..20 {
            assert_eq!(window(100, 26), Some(Unsuitable::ManyTemplates), "not clearly over");
        }
        for _ in 0..5 {
            assert_eq!(window(100, 20), Some(Unsuitable::ManyTemplates));
        }
        assert_eq!(window(100, 20), None);
        assert_eq!(window(100, 50), None, "half is not yet too many");
        assert_eq!((window(100, 90), window(100, 90)), (None, Some(Unsuitable::ManyTemplates)));
        for _ in 0..6 {
            (0..5).for_each(|_| assert!(window(1, 1).is_some()));
            window(1, 1);
        }
        assert_eq!(window(1, 1), None, "who writes so little is no dump any more");
    }
}
