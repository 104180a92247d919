//! Novelty: templates that a service never wrote before, by how often it writes new ones.
//!
//! New templates of warning and of error level come with a hazard per unit of log time, learnt per service and level with
//! the domain's as prior (gamma-Poisson). What comes within a minute is one burst and counts once. An error is reported
//! where a new one within a minute is improbable and no other service of the domain knows the line (a framework's line
//! is no news). Anything else new is a notice. A service's first five minutes give none: there everything is new.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::decay::{Decayed, remaining};
use super::known_service::ServiceNumber;
use super::sight::{Active, Known, Sight};
use super::{
    ClosedSecond, Detect, Detector, Direction, Feature, Figures, Finding, Judgement, Kind, Reasoning, Severity,
    Subject, Told, WARM_UP_SECONDS, Window,
};
use crate::record::{Level, Second, Service};

/// A hazard is of this many seconds; new templates within it are one burst.
const BURST_SECONDS: i64 = 60;
/// Weight of the domain's hazard as prior, in seconds.
const PRIOR_SECONDS: f64 = 600.0;
/// An error is reported where a new one within [`BURST_SECONDS`] has at most this probability.
const PROBABILITY_MAX: f64 = 0.1;
/// Half-life of what is known of hazards, in seconds of log time: a week.
const HALF_LIFE_SECONDS: f64 = 7.0 * 86_400.0;
/// At most so many new templates of a service are told in one second; a flood is told as well by these.
const TOLD_PER_SECOND_MAX: usize = 32;

/// Bursts of new templates of one level of one service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bursts {
    count: Decayed,
    last: Second,
}

/// Bursts per second of log time of each domain and class, as far as they were asked for in this second.
type Priors = BTreeMap<(Option<Arc<str>>, usize), f64>;

/// The hazards of new templates, of warnings and of errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Novelty {
    bursts: BTreeMap<ServiceNumber, [Option<Bursts>; 2]>,
}

impl Detect for Novelty {
    fn score_then_learn(&mut self, second: &ClosedSecond, known: &Known<'_>, _: &Told, found: &mut Judgement) {
        let now = second.second;
        for number in &known.gone.services {
            self.bursts.remove(number);
        }
        let mut priors = Priors::new();
        for active in &known.active {
            if active.known.birth == now {
                let domain_birth = known.catalogue.domain_birth(active.service).unwrap_or(now);
                if now.since(domain_birth) > WARM_UP_SECONDS {
                    found.findings.push(new_service(now, active));
                }
            }
            let news = active.templates.iter().filter(|sight| sight.known.birth == now);
            let is_warm = now.since(active.known.birth) >= WARM_UP_SECONDS;
            let told = news.filter(|sight| is_warm && sight.known.level >= Level::Info);
            for sight in told.take(TOLD_PER_SECOND_MAX) {
                let hazard = self.hazard(now, active, sight, known, &mut priors);
                found.findings.push(new_template(now, active, sight, hazard, known));
            }
            self.learn(now, active);
        }
    }
}

impl Novelty {
    /// Expected bursts of such templates within [`BURST_SECONDS`]; of levels below warning it is not asked. The domain is
    /// asked once a second: O(services).
    fn hazard(
        &self,
        now: Second,
        active: &Active<'_>,
        sight: &Sight<'_>,
        known: &Known<'_>,
        priors: &mut Priors,
    ) -> Option<f64> {
        let class = class(sight.known.level)?;
        let prior = *priors
            .entry((active.service.environment.clone(), class))
            .or_insert_with(|| self.prior(known.catalogue, active.service, class, now));
        let own = self.count(active.known.number, class, now);
        let rate = (own + PRIOR_SECONDS * prior) / (exposure(now.since(active.known.birth)) + PRIOR_SECONDS);
        Some(rate * BURST_SECONDS as f64)
    }

    /// Bursts per second of log time in the domain of a service. O(services).
    fn prior(&self, catalogue: &Catalogue, service: &Service, class: usize, now: Second) -> f64 {
        let (mut bursts, mut seconds) = (0.5, 1.0);
        for (_, facts) in catalogue.domain(service) {
            bursts += self.count(facts.number, class, now);
            seconds += exposure(now.since(facts.birth));
        }
        bursts / seconds
    }

    /// The hazards of new warnings and errors of a service.
    pub(super) fn reasoning(&self, catalogue: &Catalogue, service: &Service, now: Second) -> Vec<Reasoning> {
        let Some(known) = catalogue.service(service) else { return Vec::new() };
        let class = |(class, level): (usize, Level)| {
            let prior = self.prior(catalogue, service, class, now);
            let (own, seconds) = (self.count(known.number, class, now), exposure(now.since(known.birth)));
            let hazard = (own + PRIOR_SECONDS * prior) / (seconds + PRIOR_SECONDS) * BURST_SECONDS as f64;
            let numbers = vec![
                ("bursts", own),
                ("observed_s", seconds),
                ("prior_per_day", prior * 86_400.0),
                ("expected_in_60_s", hazard),
                ("p", -libm::expm1(-hazard)),
                ("p_max", PROBABILITY_MAX),
            ];
            let of = format!("new {} lines", level.word());
            Reasoning { detector: Detector::Novelty, subject: Subject::Level(level), of, numbers }
        };
        [(0, Level::Warn), (1, Level::Error)].map(class).into()
    }

    fn count(&self, service: ServiceNumber, class: usize, now: Second) -> f64 {
        let bursts = self.bursts.get(&service).and_then(|classes| classes.get(class).copied().flatten());
        bursts.map_or(0.0, |bursts| bursts.count.at(now, HALF_LIFE_SECONDS))
    }

    fn learn(&mut self, now: Second, active: &Active<'_>) {
        let news = active.templates.iter().filter(|sight| sight.known.birth == now);
        for class in news.filter_map(|sight| class(sight.known.level)) {
            let classes = self.bursts.entry(active.known.number).or_default();
            let Some(place) = classes.get_mut(class) else { continue };
            let bursts = place.get_or_insert(Bursts { count: Decayed::new(now), last: now.plus(-BURST_SECONDS - 1) });
            if now.since(bursts.last) > BURST_SECONDS {
                bursts.count.add(1.0, now, HALF_LIFE_SECONDS);
            }
            bursts.last = now;
        }
    }
}

/// Seconds of observation, with those long ago counting less: the integral of the decay.
fn exposure(age_seconds: i64) -> f64 {
    (1.0 - remaining(age_seconds, HALF_LIFE_SECONDS)) * HALF_LIFE_SECONDS / std::f64::consts::LN_2
}

fn class(level: Level) -> Option<usize> {
    match level {
        Level::Trace | Level::Debug | Level::Info => None,
        Level::Warn => Some(0),
        Level::Error | Level::Fatal => Some(1),
    }
}

fn new_template(
    now: Second,
    active: &Active<'_>,
    sight: &Sight<'_>,
    hazard: Option<f64>,
    known: &Known<'_>,
) -> Finding {
    let probability = hazard.map_or(1.0, |hazard| -libm::expm1(-hazard));
    let is_improbable = sight.known.level >= Level::Error && probability <= PROBABILITY_MAX;
    let is_reported = is_improbable && !is_known_elsewhere(active.service, sight, known);
    let lines = sight.tally.total() + sight.tally.late;
    let expected = hazard.unwrap_or_default();
    Finding {
        severity: if is_reported { Severity::Error } else { Severity::Info },
        surprise: -libm::log10(probability.max(1e-300)),
        threshold: if is_reported { -libm::log10(PROBABILITY_MAX) } else { 0.0 },
        figures: Figures { observed: lines as f64, expected, expected_low: 0.0, expected_high: expected },
        evidence_lines: lines,
        ..notice(now, active.service, Subject::Template(sight.id), Kind::NewTemplate)
    }
}

fn is_known_elsewhere(service: &Service, sight: &Sight<'_>, known: &Known<'_>) -> bool {
    let mut others = known.catalogue.domain(service).filter(|(other, _)| *other != service);
    others.any(|(_, facts)| facts.template(sight.id).is_some_and(|theirs| theirs.birth < sight.known.birth))
}

fn new_service(now: Second, active: &Active<'_>) -> Finding {
    let lines = active.cell.total() + active.cell.late;
    Finding {
        figures: Figures { observed: lines as f64, ..Figures::default() },
        evidence_lines: lines,
        ..notice(now, active.service, Subject::Service, Kind::NewService)
    }
}

fn notice(now: Second, service: &Service, subject: Subject, kind: Kind) -> Finding {
    Finding {
        second: now,
        feature: Feature { service: service.clone(), subject, direction: Direction::Up },
        kind,
        detector: Detector::Novelty,
        severity: Severity::Info,
        surprise: 0.0,
        threshold: 0.0,
        window: Window { start: now, end: now.plus(1) },
        onset: now,
        figures: Figures::default(),
        evidence_lines: 0,
        template: None,
        sample: None,
        nearest: None,
    }
}
