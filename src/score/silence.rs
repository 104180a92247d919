//! Silence: something regular that stopped, by the gaps between seconds with lines.
//!
//! The gap since the last line is held against a gamma distribution of the learnt gaps, from twenty on. Of a service any
//! stop counts; of templates only timers are watched, as rates look after traffic. A timer is judged over the services that
//! share it (the role of writing a periodic report moves between instances), and only while its own service still writes:
//! else it is the service that is silent. A silence is told once. Ten minutes and three gaps later it is adopted and the timer
//! forgotten until it returns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::catalogue::{Active, Known, KnownService, ServiceNumber};
use super::probability::{gamma, negative_binomial, threshold};
use super::{
    ClosedSecond, Detect, Detector, Direction, FALSE_FINDINGS_PER_DAY, Feature, Figures, Finding, Judgement, Kind,
    Severity, Subject, Told, WARM_UP_SECONDS, Window,
};
use crate::record::{Level, Second, Service, TemplateId};

/// Gaps that must have been seen before their like is missed.
const GAPS_MIN: f64 = 20.0;
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
struct Gaps {
    birth: Second,
    last: Second,
    count: f64,
    mean: f64,
    squares: f64,
    /// When the present silence was told, unless it was adopted.
    told: Option<Second>,
}

impl Gaps {
    fn new(now: Second) -> Self {
        Self { birth: now, last: now, count: 0.0, mean: 0.0, squares: 0.0, told: None }
    }

    /// Notes that it was seen. A gap that was told is not learnt.
    fn meet(&mut self, now: Second) {
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
    fn absorb(&mut self, other: Self) {
        let (birth, last) = (self.birth.min(other.birth), self.last.max(other.last));
        let told = self.told.and(other.told);
        *self = Self { birth, last, told, ..if other.count > self.count { other } else { *self } };
    }

    fn variation(&self) -> f64 {
        (self.squares / self.count / (self.mean * self.mean)).max(VARIATION_MIN)
    }

    fn is_timer(&self) -> bool {
        self.count >= GAPS_MIN
            && self.mean >= TIMER_SECONDS_MIN
            && self.last.since(self.birth) >= TIMER_KNOWN_SECONDS
            && self.variation() <= VARIATION_OF_TIMER_MAX
    }

    /// When its second line from the last one on is due: a service that writes nothing after that is silent itself.
    #[expect(clippy::cast_possible_truncation, reason = "a mean gap is below the time since the service's birth")]
    fn owed_from(&self) -> Second {
        self.last.plus(libm::ceil(2.0 * self.mean) as i64)
    }

    /// The first second in which its absence is worth a thought.
    #[expect(clippy::cast_possible_truncation, reason = "a mean gap is below the time since the service's birth")]
    fn missed_from(&self) -> Second {
        self.last.plus(libm::ceil(3.0 * self.mean) as i64 + 2)
    }

    /// When a silence that was told, or could have been, at `since` is the new normal.
    #[expect(clippy::cast_possible_truncation, reason = "a mean gap is below the time since the service's birth")]
    fn adopted_from(&self, since: Second) -> Second {
        since.plus(ADOPT_SECONDS.max(libm::ceil(ADOPT_GAPS * self.mean) as i64))
    }

    /// By the more cautious of two distributions with the moments of the gaps: a gamma, which fits timers, and a negative
    /// binomial of the empty seconds in between, which fits chance (with Poisson traffic their number is geometric).
    fn surprise(&self, now: Second) -> f64 {
        let gap = now.since(self.last);
        let shape = 1.0 / self.variation();
        let as_timer = gamma(gap as f64, shape, self.mean / shape);
        let empty_seconds = u64::try_from(gap - 1).unwrap_or(0);
        let as_chance = negative_binomial(empty_seconds, self.mean - 1.0, self.squares / self.count, true);
        as_timer.min(as_chance)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ServiceGaps {
    own: Gaps,
    templates: BTreeMap<TemplateId, Gaps>,
    /// No timer is missed before this second.
    earliest: Second,
}

/// The gaps of all services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Silence {
    services: BTreeMap<ServiceNumber, ServiceGaps>,
    /// Tests a day of each domain, counted once a minute.
    tests_per_day: BTreeMap<Option<Arc<str>>, f64>,
    counted_in_minute: Option<i64>,
    /// Whether lines of the last second were lost.
    is_blind: bool,
}

impl Detect for Silence {
    fn score_then_learn(&mut self, second: &ClosedSecond, known: &Known<'_>, _: &Told, found: &mut Judgement) {
        let now = second.second;
        for merged in &known.merged {
            let Some(gaps) = self.services.get_mut(&merged.number) else { continue };
            if let Some(of_part) = gaps.templates.remove(&merged.from) {
                gaps.templates.entry(merged.into).and_modify(|gaps| gaps.absorb(of_part)).or_insert(of_part);
            }
        }
        for number in &known.gone.services {
            self.services.remove(number);
        }
        for (number, id) in &known.gone.templates {
            if let Some(gaps) = self.services.get_mut(number) {
                gaps.templates.remove(id);
            }
        }
        if second.is_partial {
            self.is_blind = true;
            return;
        }
        if std::mem::take(&mut self.is_blind) {
            self.services.values_mut().for_each(|gaps| gaps.begin_anew(now));
        }
        for active in &known.active {
            let gaps = self.services.entry(active.known.number).or_insert_with(|| ServiceGaps::new(now));
            gaps.meet(now, active);
        }
        self.count_tests(now, known);
        for (service, facts) in known.catalogue.services() {
            let tests = self.tests_per_day.get(&service.environment).copied().unwrap_or(1.0);
            let Some(gaps) = self.services.get_mut(&facts.number) else { continue };
            if now.since(facts.birth) >= WARM_UP_SECONDS {
                let watch = Watch { now, service, facts, known, threshold: threshold(tests, FALSE_FINDINGS_PER_DAY) };
                gaps.judge(&watch, found);
            }
        }
    }
}

impl Silence {
    fn count_tests(&mut self, now: Second, known: &Known<'_>) {
        let minute = Some(now.0.div_euclid(60));
        if self.counted_in_minute == minute {
            return;
        }
        self.counted_in_minute = minute;
        self.tests_per_day.clear();
        for (service, facts) in known.catalogue.services() {
            let Some(gaps) = self.services.get(&facts.number) else { continue };
            let tests = self.tests_per_day.entry(service.environment.clone()).or_default();
            let timers = gaps.templates.values().filter(|gaps| gaps.is_timer());
            for watched in timers.chain(Some(&gaps.own).filter(|own| own.count >= GAPS_MIN)) {
                *tests += 86_400.0 / watched.mean.max(1.0);
            }
        }
    }

    fn gaps(&self, service: ServiceNumber, subject: Subject) -> Option<&Gaps> {
        let gaps = self.services.get(&service)?;
        match subject {
            Subject::Volume => Some(&gaps.own),
            Subject::Heartbeat(id) => gaps.templates.get(&id),
            _ => None,
        }
    }

    /// The services whose silence was told and lasts.
    pub(super) fn silent(&self) -> BTreeSet<ServiceNumber> {
        let told = self.services.iter().filter(|(_, gaps)| gaps.own.told.is_some());
        told.map(|(&number, _)| number).collect()
    }

    /// Whether what was told as silent still is.
    pub(super) fn is_silent(&self, service: ServiceNumber, subject: Subject) -> bool {
        self.gaps(service, subject).is_some_and(|gaps| gaps.told.is_some())
    }

    /// Seconds since the last line against the usual gap.
    pub(super) fn figures(&self, service: ServiceNumber, subject: Subject, now: Second) -> Option<(Window, Figures)> {
        let gaps = self.gaps(service, subject)?;
        Some((Window { start: gaps.last, end: now.plus(1) }, gaps.figures(now)))
    }
}

impl Gaps {
    fn figures(&self, now: Second) -> Figures {
        let half = 1.96 * self.mean * libm::sqrt(self.variation());
        Figures {
            observed: now.since(self.last) as f64,
            expected: self.mean,
            expected_low: (self.mean - half).max(0.0),
            expected_high: self.mean + half,
        }
    }
}

/// What a service's silence is judged against.
struct Watch<'a> {
    now: Second,
    service: &'a Service,
    facts: &'a KnownService,
    known: &'a Known<'a>,
    threshold: f64,
}

impl ServiceGaps {
    fn new(now: Second) -> Self {
        Self { own: Gaps::new(now), templates: BTreeMap::new(), earliest: Second(i64::MAX) }
    }

    /// What was written in the meantime is not known: nothing is missed that could have been seen then. What was told as silent
    /// stays so until its next line.
    fn begin_anew(&mut self, now: Second) {
        let all = std::iter::once(&mut self.own).chain(self.templates.values_mut());
        all.filter(|gaps| gaps.told.is_none()).for_each(|gaps| gaps.last = now);
    }

    fn meet(&mut self, now: Second, active: &Active<'_>) {
        if active.cell.total() > 0 {
            if self.own.told.is_some() {
                // Its timers could not write either: they begin anew.
                self.templates.values_mut().for_each(|gaps| gaps.last = now);
            }
            self.own.meet(now);
        }
        for sight in active.templates.iter().filter(|sight| sight.lines() > 0) {
            let gaps = self.templates.entry(sight.id).or_insert_with(|| Gaps::new(now));
            gaps.meet(now);
            if gaps.is_timer() {
                self.earliest = self.earliest.min(gaps.missed_from());
            }
        }
    }

    fn judge(&mut self, watch: &Watch<'_>, found: &mut Judgement) {
        let now = watch.now;
        if self.own.count >= GAPS_MIN && now >= self.own.missed_from() {
            let lost = watch.judge(&mut self.own, Subject::Volume, Severity::Critical, found);
            if lost {
                self.own = Gaps { last: self.own.last, ..Gaps::new(self.own.last) };
            }
        }
        if now < self.earliest {
            return;
        }
        self.earliest = Second(i64::MAX);
        let service_last = self.own.last;
        for (&id, gaps) in &mut self.templates {
            if !gaps.is_timer() {
                continue;
            }
            if now >= gaps.missed_from() {
                let is_explained = gaps.told.is_none()
                    && (service_last < gaps.owed_from() || watch.is_written_elsewhere(id, gaps.last));
                let level = watch.facts.template(id).map_or(Level::Info, |known| known.level);
                // A warning that no longer comes is no trouble.
                let is_lost = match is_explained || level >= Level::Warn {
                    true => now >= gaps.adopted_from(gaps.missed_from()),
                    false => watch.judge(gaps, Subject::Heartbeat(id), Severity::Error, found),
                };
                if is_lost {
                    *gaps = Gaps::new(gaps.last);
                    continue;
                }
            }
            let again = match gaps.told {
                Some(told) => gaps.adopted_from(told),
                None => gaps.missed_from().max(now.plus(1)),
            };
            self.earliest = self.earliest.min(again);
        }
    }
}

impl Watch<'_> {
    /// Judges one silence. Returns whether it has become the new normal, so that the timer is to be forgotten.
    fn judge(&self, gaps: &mut Gaps, subject: Subject, severity: Severity, found: &mut Judgement) -> bool {
        let feature = || Feature { service: self.service.clone(), subject, direction: Direction::Down };
        if let Some(told) = gaps.told {
            let is_adopted = self.now >= gaps.adopted_from(told);
            if is_adopted {
                found.adopted.push(feature());
            }
            return is_adopted;
        }
        let surprise = gaps.surprise(self.now);
        if surprise < self.threshold {
            return false;
        }
        gaps.told = Some(self.now);
        found.findings.push(Finding {
            second: self.now,
            feature: feature(),
            kind: Kind::Silence,
            detector: Detector::Silence,
            severity,
            surprise,
            threshold: self.threshold,
            window: Window { start: gaps.last, end: self.now.plus(1) },
            onset: gaps.last,
            figures: gaps.figures(self.now),
            evidence_lines: 0,
            template: None,
            sample: None,
            nearest: None,
        });
        false
    }

    /// Whether another service of the domain wrote the template since then.
    fn is_written_elsewhere(&self, id: TemplateId, since: Second) -> bool {
        let mut others = self.known.catalogue.domain(self.service).filter(|(other, _)| *other != self.service);
        others.any(|(_, facts)| facts.template(id).is_some_and(|theirs| theirs.last_seen > since))
    }
}
