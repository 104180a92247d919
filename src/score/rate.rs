//! Rates: far more or far fewer lines than expected, of a service, of its warnings and errors, of a template.
//!
//! Counts in windows of 10, 60 and 300 s are held against a negative binomial by moments. Three rules keep it quiet:
//! a threshold from a budget of false findings, a least effect (twice or half the expected, thrice where templates too young
//! to have a rate are counted in), and traffic: what the service's other lines did alike explains a template's count.
//! Young templates have no rate of their own. A deviation of ten minutes is adopted as the new normal. While a service is silent
//! nothing of it is missed here: its silence says so already, and whether it is adopted.
//!
//! A second costs O(series with lines in it), and every tenth second of a service O(its series) for those that stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::LN_10;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::known_service::{KnownService, ServiceNumber};
use super::places::{ByPlace, Place};
use super::probability::threshold;
use super::series::{Series, WINDOWS_SECONDS};
use super::sight::{Active, Known, Sight};
use super::trial::{Traffic, Trial};
use super::{
    Budget, ClosedSecond, Detect, Detector, Figures, Judgement, Reasoning, Subject, Told, WARM_UP_SECONDS, Window,
};
use crate::record::{Level, Second, Service};
use crate::vectorise::Sorted;

/// Below this age a template has no rate of its own, in seconds.
const YOUNG_SECONDS: i64 = 120;
/// How often a series is looked at for lines that are missing, in seconds.
const DROPS_EVERY_SECONDS: i64 = 10;
/// Least effect of a finding: so many times the expected, or so many times less.
const EFFECT: f64 = 2.0;
/// The same where young templates are counted in.
const EFFECT_WITH_YOUNG: f64 = 3.0;
/// Windows slide: one test a second counts as so many independent ones for each length of window.
const TESTS_PER_WINDOW: f64 = 4.0;

/// The counts of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ServiceRates {
    /// All lines.
    all: Series,
    /// Lines of templates that are not young.
    known: Option<Series>,
    warnings: Series,
    errors: Series,
    templates: ByPlace<Series>,
    /// Whether its silence was told, and neither did it write since nor was that seen to be adopted.
    is_silent: bool,
}

/// The rates of all services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rates {
    services: Sorted<ServiceNumber, Box<ServiceRates>>,
    /// How many series each domain has, counted once a minute.
    series: BTreeMap<Option<Arc<str>>, u64>,
    counted_in_minute: Option<i64>,
    /// The services of which lines were missing in the last second.
    blind: BTreeSet<ServiceNumber>,
}

impl Detect for Rates {
    fn score_then_learn(&mut self, second: &ClosedSecond, known: &Known<'_>, told: &Told, found: &mut Judgement) {
        let now = second.second;
        self.merge(now, known, told);
        self.forget(known);
        for number in std::mem::replace(&mut self.blind, known.blind.clone()).difference(&known.blind) {
            if let Some(rates) = self.services.get_mut(number) {
                rates.change(|series| series.pass_over(now));
            }
        }
        self.count_series(now, known);
        for number in known.silent.difference(&known.blind) {
            if let Some(rates) = self.services.get_mut(number) {
                rates.is_silent = true;
            }
        }
        for active in known.seen_whole() {
            let threshold = self.threshold(active.service, known.budget);
            let new = || Box::new(ServiceRates::new(active.known.birth));
            let Some(rates) = self.services.get_or_insert_with(active.known.number, new) else { continue };
            if rates.is_silent && active.cell.total() > 0 {
                rates.end_silence(|series| series.go_on(now));
            }
            rates.step(now, active, told.of(active.service));
            if now.since(active.known.birth) >= WARM_UP_SECONDS && !rates.is_silent {
                rates.judge_active(now, active, threshold, found);
            }
        }
        for (service, facts) in known.catalogue.services() {
            let is_due = (now.0 + i64::from(facts.number.0)).rem_euclid(DROPS_EVERY_SECONDS) == 0;
            if !is_due || now.since(facts.birth) < WARM_UP_SECONDS || known.blind.contains(&facts.number) {
                continue;
            }
            let threshold = self.threshold(service, known.budget);
            if let Some(rates) = self.services.get_mut(&facts.number) {
                if rates.is_silent && !known.silent.contains(&facts.number) {
                    rates.end_silence(|series| series.adopt(now));
                }
                rates.judge_missing(now, service, facts, threshold, told.of(service), found);
            }
        }
    }
}

impl Rates {
    fn merge(&mut self, now: Second, known: &Known<'_>, told: &Told) {
        for merged in &known.merged {
            let Some(rates) = self.services.get_mut(&merged.number) else { continue };
            let Some(absorbed) = merged.absorbed else { continue };
            let Some(mut series) = rates.templates.take(absorbed.from) else { continue };
            let Some(whole) = rates.templates.get_mut(absorbed.into) else {
                rates.templates.get_or_insert_with(absorbed.into, || series);
                continue;
            };
            if self.blind.contains(&merged.number) || known.blind.contains(&merged.number) {
                whole.pass_over(now);
                series.pass_over(now);
            }
            whole.absorb(series, now, told.of(&merged.service));
        }
    }

    fn forget(&mut self, known: &Known<'_>) {
        known.gone.take_from(&mut self.services);
        for (number, place) in &known.gone.templates {
            if let Some(rates) = self.services.get_mut(number) {
                rates.templates.take(*place);
            }
        }
    }

    /// What the series of a template takes, in bytes, about.
    pub(super) fn size_bytes(&self, service: ServiceNumber, place: Place) -> usize {
        let series = self.services.get(&service).and_then(|rates| rates.templates.get(place));
        series.map_or(0, Series::size_bytes)
    }

    fn count_series(&mut self, now: Second, known: &Known<'_>) {
        let minute = Some(now.0.div_euclid(60));
        if self.counted_in_minute == minute {
            return;
        }
        self.counted_in_minute = minute;
        self.series.clear();
        for (service, facts) in known.catalogue.services() {
            *self.series.entry(service.environment.clone()).or_default() += 4 + facts.template_count() as u64;
        }
    }

    fn threshold(&self, service: &Service, budget: Budget) -> f64 {
        let series = self.series.get(&service.environment).copied().unwrap_or(1);
        let per_series: f64 = WINDOWS_SECONDS.iter().map(|&length| 86_400.0 / length as f64 * TESTS_PER_WINDOW).sum();
        threshold(series as f64 * per_series, budget.false_findings_per_day)
    }

    /// What is expected of each length of window of one subject, and what came of it so far.
    pub(super) fn reasoning(
        &self,
        service: &Service,
        facts: &KnownService,
        subject: Subject,
        now: Second,
        budget: Budget,
    ) -> Vec<Reasoning> {
        let Some(series) = self.services.get(&facts.number).and_then(|rates| rates.series(facts, subject)) else {
            return Vec::new();
        };
        let window = |(place, length): (usize, i64)| {
            let expected = series.expect(place);
            let (counted_as, lines) = series.sum(now.plus(-1), place);
            let numbers = vec![
                ("lines", lines as f64),
                ("counted_as", counted_as),
                ("mean", expected.mean),
                ("variance", expected.variance),
                ("dispersion", expected.variance / expected.mean.max(1e-9)),
                ("learnt_10_s_windows", series.learnt_windows()),
                ("threshold_log10", self.threshold(service, budget)),
            ];
            Reasoning { detector: Detector::Rate, subject, of: format!("{length} s"), numbers }
        };
        WINDOWS_SECONDS.into_iter().enumerate().map(window).collect()
    }

    /// Lines of the last minute against what is expected of a minute.
    pub(super) fn figures(&self, facts: &KnownService, subject: Subject, now: Second) -> Option<(Window, Figures)> {
        const MINUTE: usize = 1;
        let series = self.services.get(&facts.number)?.series(facts, subject)?;
        let expected = series.expect(MINUTE);
        let (expected_low, expected_high) = expected.band();
        let observed = series.lines(now, 60).0 as f64;
        let figures = Figures { observed, expected: expected.mean, expected_low, expected_high };
        Some((Window { start: now.plus(-59), end: now.plus(1) }, figures))
    }
}

impl ServiceRates {
    fn new(birth: Second) -> Self {
        let series = || Series::new(birth);
        let templates = ByPlace::default();
        Self { all: series(), known: None, warnings: series(), errors: series(), templates, is_silent: false }
    }

    fn series(&self, facts: &KnownService, subject: Subject) -> Option<&Series> {
        match subject {
            Subject::Volume => Some(&self.all),
            Subject::Level(Level::Warn) => Some(&self.warnings),
            Subject::Level(_) => Some(&self.errors),
            Subject::Template(id) => self.templates.get(facts.places.find(id)?),
            Subject::Heartbeat(_) | Subject::Mix(_) | Subject::Service => None,
        }
    }

    fn totals(&mut self) -> impl Iterator<Item = &mut Series> {
        [&mut self.all, &mut self.warnings, &mut self.errors].into_iter().chain(&mut self.known)
    }

    /// The service writes again, or its silence was adopted: what that means for each of its series. O(templates).
    fn end_silence(&mut self, change: impl Fn(&mut Series)) {
        self.is_silent = false;
        self.change(change);
    }

    fn change(&mut self, change: impl Fn(&mut Series)) {
        self.totals().for_each(&change);
        self.templates.values_mut().for_each(&change);
    }

    fn step(&mut self, now: Second, active: &Active<'_>, told: &[Window]) {
        let mut known = 0;
        for sight in &active.templates {
            let lines = sight.lines();
            let series = self.templates.get_or_insert_with(sight.place, || Series::new(sight.known.birth));
            series.into_iter().for_each(|series| series.step(now, lines, told));
            if now.since(sight.known.birth) >= YOUNG_SECONDS {
                known += lines;
            }
        }
        if known > 0 || self.known.is_some() {
            self.known.get_or_insert_with(|| Series::new(now)).step(now, known, told);
        }
        self.all.step(now, active.cell.countable(), told);
        self.warnings.step(now, active.cell.at_level(Level::Warn), told);
        self.errors.step(now, active.cell.at_level(Level::Error), told);
    }

    fn traffic(&self, now: Second) -> Option<Traffic> {
        let known = self.known.as_ref()?;
        Some([0, 1, 2].map(|place| (known.sum(now, place).1 as f64, known.expect(place).mean)))
    }

    /// Judges what has lines in this second.
    fn judge_active(&mut self, now: Second, active: &Active<'_>, threshold: f64, found: &mut Judgement) {
        let traffic = self.traffic(now);
        let service = active.service;
        let (subject, level) = (Subject::Volume, Level::Info);
        let trial =
            Trial { now, service, subject, level, threshold, effect: EFFECT, traffic: None, up: true, down: false };
        self.judge_missing_volume(&trial, found);
        if let Some(known) = &mut self.known {
            trial.hold(known, found);
        }
        Trial { effect: EFFECT_WITH_YOUNG, ..trial }.hold(&mut self.all, found);
        for (series, level) in [(&mut self.warnings, Level::Warn), (&mut self.errors, Level::Error)] {
            Trial { subject: Subject::Level(level), level, ..trial }.hold(series, found);
        }
        let is_ripe = |sight: &&Sight<'_>| sight.lines() > 0 && now.since(sight.known.birth) >= YOUNG_SECONDS;
        for sight in active.templates.iter().filter(is_ripe) {
            let Some(series) = self.templates.get_mut(sight.place) else { continue };
            let (subject, level) = (Subject::Template(sight.id), sight.known.level);
            Trial { subject, level, traffic: traffic.as_ref(), ..trial }.hold(series, found);
        }
    }

    /// The volume of the known lines, and that only if the service writes less in all: a release that replaces the lines
    /// of a service does not bring it down.
    fn judge_missing_volume(&mut self, trial: &Trial<'_>, found: &mut Judgement) {
        let has_fallen = |place| self.all.sum(trial.now, place).0 * EFFECT <= self.all.expect(place).mean;
        let all_fell = [0, 1, 2].into_iter().any(has_fallen);
        if let (Some(known), true) = (&mut self.known, all_fell) {
            Trial { up: false, down: true, ..*trial }.hold(known, found);
        }
    }

    /// Judges what may have stopped: every series of which enough is expected to be missed. Where spans were told all
    /// series are learnt in step, so that none learns them later.
    fn judge_missing(
        &mut self,
        now: Second,
        service: &Service,
        facts: &KnownService,
        threshold: f64,
        told: &[Window],
        found: &mut Judgement,
    ) {
        self.totals().for_each(|series| series.step(now, 0, told));
        let (subject, level, effect) = (Subject::Volume, Level::Info, EFFECT);
        let trial = Trial { now, service, subject, level, threshold, effect, traffic: None, up: false, down: true };
        let is_silent = self.is_silent;
        if !is_silent {
            self.judge_missing_volume(&trial, found);
        }
        let traffic = self.traffic(now);
        for (id, place) in facts.places.iter() {
            let Some(series) = self.templates.get_mut(place) else { continue };
            // None is at least as likely as of a Poisson distribution with this mean.
            let can_be_missed = !series.dormant && series.expect(2).mean / LN_10 >= threshold;
            if can_be_missed || !told.is_empty() {
                series.step(now, 0, told);
            }
            let Some(known) = facts.template_at(place) else { continue };
            // Fewer warnings are no trouble.
            if can_be_missed && !is_silent && known.level < Level::Warn && now.since(known.birth) >= YOUNG_SECONDS {
                Trial { subject: Subject::Template(id), traffic: traffic.as_ref(), ..trial }.hold(series, found);
            }
        }
    }
}
