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

use super::gaps::{GAPS_MIN, Gaps};
use super::known_service::{KnownService, ServiceNumber};
use super::places::ByPlace;
use super::probability::threshold;
use super::sight::{Active, Known};
use super::{
    Budget, ClosedSecond, Detect, Detector, Direction, Feature, Figures, Finding, Judgement, Kind, Reasoning, Severity,
    Subject, Told, WARM_UP_SECONDS, Window,
};
use crate::record::{Level, Second, Service, TemplateId};
use crate::vectorise::Sorted;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ServiceGaps {
    own: Gaps,
    templates: ByPlace<Gaps>,
    /// No timer is missed before this second.
    earliest: Second,
}

/// The gaps of all services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Silence {
    services: Sorted<ServiceNumber, Box<ServiceGaps>>,
    /// Tests a day of each domain, counted once a minute.
    tests_per_day: BTreeMap<Option<Arc<str>>, f64>,
    counted_in_minute: Option<i64>,
    /// The services of which lines were missing in the last second, and their domains, in which services share timers.
    blind: BTreeSet<ServiceNumber>,
    blind_domains: BTreeSet<Option<Arc<str>>>,
}

impl Detect for Silence {
    fn score_then_learn(&mut self, second: &ClosedSecond, known: &Known<'_>, _: &Told, found: &mut Judgement) {
        let now = second.second;
        for merged in &known.merged {
            let Some(gaps) = self.services.get_mut(&merged.number) else { continue };
            let Some(absorbed) = merged.absorbed else { continue };
            let Some(of_part) = gaps.templates.take(absorbed.from) else { continue };
            match gaps.templates.get_mut(absorbed.into) {
                Some(whole) => whole.absorb(of_part),
                None => _ = gaps.templates.get_or_insert_with(absorbed.into, || of_part),
            }
        }
        known.gone.take_from(&mut self.services);
        for (number, place) in &known.gone.templates {
            if let Some(gaps) = self.services.get_mut(number) {
                gaps.templates.take(*place);
            }
        }
        self.see_again(now, known);
        for active in known.seen_whole() {
            let new = || Box::new(ServiceGaps::new(now));
            if let Some(gaps) = self.services.get_or_insert_with(active.known.number, new) {
                gaps.meet(now, active);
            }
        }
        self.count_tests(now, known);
        // Nearly always nothing is due, and then the services need not be looked up.
        let due: BTreeSet<ServiceNumber> =
            self.services.iter().filter(|(_, gaps)| gaps.is_due(now)).map(|(&number, _)| number).collect();
        let due: BTreeSet<ServiceNumber> = due.difference(&known.blind).copied().collect();
        if due.is_empty() {
            return;
        }
        for (service, facts) in known.catalogue.services().filter(|(_, facts)| due.contains(&facts.number)) {
            let Some(gaps) = self.services.get_mut(&facts.number) else { continue };
            if now.since(facts.birth) >= WARM_UP_SECONDS {
                let tests = self.tests_per_day.get(&service.environment).copied().unwrap_or(1.0);
                let threshold = threshold(tests, known.budget.false_findings_per_day);
                let watch = Watch { now, service, facts, known, threshold };
                gaps.judge(&watch, found);
            }
        }
    }
}

impl Silence {
    /// Of whom everything is seen again, nothing is missed that could have been written in the meantime: no timer of their domains
    /// either, for whoever shares one may have written it.
    fn see_again(&mut self, now: Second, known: &Known<'_>) {
        for number in std::mem::replace(&mut self.blind, known.blind.clone()).difference(&known.blind) {
            if let Some(gaps) = self.services.get_mut(number) {
                gaps.begin_anew(now);
            }
        }
        let domains = std::mem::replace(&mut self.blind_domains, known.blind_domains.clone());
        if domains.is_subset(&known.blind_domains) {
            return;
        }
        for (service, facts) in known.catalogue.services() {
            let is_over = domains.contains(&service.environment) && !known.blind_domains.contains(&service.environment);
            if let Some(gaps) = self.services.get_mut(&facts.number).filter(|_| is_over) {
                gaps.begin_timers_anew(now);
            }
        }
    }

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
            let of_templates = facts.places.iter().filter_map(|(_, place)| gaps.templates.get(place));
            let timers = of_templates.filter(|gaps| gaps.is_timer());
            for watched in timers.chain(Some(&gaps.own).filter(|own| own.count >= GAPS_MIN)) {
                *tests += 86_400.0 / watched.mean.max(1.0);
            }
        }
    }

    fn gaps(&self, facts: &KnownService, subject: Subject) -> Option<&Gaps> {
        let gaps = self.services.get(&facts.number)?;
        match subject {
            Subject::Volume => Some(&gaps.own),
            Subject::Heartbeat(id) => gaps.templates.get(facts.places.find(id)?),
            _ => None,
        }
    }

    /// What is known of the gaps of a service, or of a template where that is a timer or could become one.
    pub(super) fn reasoning(
        &self,
        service: &Service,
        facts: &KnownService,
        subject: Subject,
        now: Second,
        budget: Budget,
    ) -> Option<Reasoning> {
        let subject = if let Subject::Template(id) = subject { Subject::Heartbeat(id) } else { subject };
        let gaps = self.gaps(facts, subject).filter(|gaps| gaps.count > 0.0)?;
        let tests = self.tests_per_day.get(&service.environment).copied().unwrap_or(1.0);
        let numbers = vec![
            ("gap_s", now.since(gaps.last) as f64),
            ("mean_gap_s", gaps.mean),
            ("squared_variation", gaps.variation()),
            ("gaps_learnt", gaps.count),
            ("gaps_needed", GAPS_MIN),
            ("surprise_log10", if now > gaps.last { gaps.surprise(now) } else { 0.0 }),
            ("threshold_log10", threshold(tests, budget.false_findings_per_day)),
        ];
        let of = if gaps.told.is_some() { "silence that was told" } else { "gap" }.to_owned();
        Some(Reasoning { detector: Detector::Silence, subject, of, numbers })
    }

    /// The services whose silence was told and lasts.
    pub(super) fn silent(&self) -> BTreeSet<ServiceNumber> {
        let told = self.services.iter().filter(|(_, gaps)| gaps.own.told.is_some());
        told.map(|(&number, _)| number).collect()
    }

    /// Whether what was told as silent still is.
    pub(super) fn is_silent(&self, facts: &KnownService, subject: Subject) -> bool {
        self.gaps(facts, subject).is_some_and(|gaps| gaps.told.is_some())
    }

    /// Seconds since the last line against the usual gap.
    pub(super) fn figures(&self, facts: &KnownService, subject: Subject, now: Second) -> Option<(Window, Figures)> {
        let gaps = self.gaps(facts, subject)?;
        Some((Window { start: gaps.last, end: now.plus(1) }, gaps.figures(now)))
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
        Self { own: Gaps::new(now), templates: ByPlace::default(), earliest: Second(i64::MAX) }
    }

    /// What was written in the meantime is not known: nothing is missed that could have been seen then. What was told as silent
    /// stays so until its next line.
    fn begin_anew(&mut self, now: Second) {
        if self.own.told.is_none() {
            self.own.last = now;
        }
        self.begin_timers_anew(now);
    }

    fn begin_timers_anew(&mut self, now: Second) {
        self.templates.values_mut().filter(|gaps| gaps.told.is_none()).for_each(|gaps| gaps.last = now);
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
            let Some(gaps) = self.templates.get_or_insert_with(sight.place, || Gaps::new(now)) else { continue };
            gaps.meet(now);
            if gaps.is_timer() {
                self.earliest = self.earliest.min(gaps.missed_from());
            }
        }
    }

    /// Whether [`Self::judge`] would look at anything.
    fn is_due(&self, now: Second) -> bool {
        now >= self.earliest || self.is_own_due(now)
    }

    fn is_own_due(&self, now: Second) -> bool {
        // Most wrote just now, and then the product is not needed.
        self.own.count >= GAPS_MIN && now > self.own.last && now >= self.own.missed_from()
    }

    fn judge(&mut self, watch: &Watch<'_>, found: &mut Judgement) {
        let now = watch.now;
        if self.is_own_due(now) {
            let lost = watch.judge(&mut self.own, Subject::Volume, Severity::Critical, found);
            if lost {
                self.own = Gaps::new(self.own.last);
            }
        }
        if now < self.earliest || watch.known.blind_domains.contains(&watch.service.environment) {
            return;
        }
        self.earliest = Second(i64::MAX);
        let service_last = self.own.last;
        for (id, place) in watch.facts.places.iter() {
            let Some(gaps) = self.templates.get_mut(place).filter(|gaps| gaps.is_timer()) else { continue };
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
