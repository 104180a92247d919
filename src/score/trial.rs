//! A series on trial: are its counts far from what is expected of them?
//!
//! Three windows are tried, and the most surprising speaks. A finding needs a least effect and a probability below the
//! threshold; what was reported counts as expected from then on, and what goes on for ten minutes is adopted.

use super::baseline::Expectation;
use super::probability::negative_binomial;
use super::series::{Series, WINDOWS_SECONDS};
use super::{Detector, Direction, Feature, Figures, Finding, Judgement, Kind, Severity, Subject, Window};
use crate::record::{Level, Second, Service};

/// After this time a deviation is the new normal, in seconds.
const ADOPT_SECONDS: i64 = 600;
/// Lines that are added to both sides when traffic is compared, so that a few lines explain nothing.
const TRAFFIC_LINES: f64 = 5.0;
/// Windows that must have been learnt before a series is judged.
const LEARNT_WINDOWS_MIN: f64 = 3.0;
/// A service is down, and not only slow, at this share of its expected lines.
const DOWN_SHARE: f64 = 0.2;

/// The lines of the known templates and those expected, per length of window: what traffic explains.
pub(super) type Traffic = [(f64, f64); 3];

/// How a series is judged.
#[derive(Clone, Copy)]
pub(super) struct Trial<'a> {
    pub(super) now: Second,
    pub(super) service: &'a Service,
    pub(super) subject: Subject,
    /// The gravest level of its lines.
    pub(super) level: Level,
    pub(super) threshold: f64,
    pub(super) effect: f64,
    pub(super) traffic: Option<&'a Traffic>,
    pub(super) up: bool,
    pub(super) down: bool,
}

/// The most surprising window of a series.
struct Deviant {
    place: usize,
    surprise: f64,
    is_up: bool,
    counted: f64,
    mean: f64,
    variance: f64,
}

impl Trial<'_> {
    /// Judges a series; reports, and adopts what went on for long.
    pub(super) fn hold(&self, series: &mut Series, found: &mut Judgement) {
        if series.dormant || series.learnt_windows() < LEARNT_WINDOWS_MIN {
            return;
        }
        let Some(deviant) = self.deviant(series).filter(|deviant| deviant.surprise >= self.threshold) else { return };
        let mut finding = self.finding(series, &deviant);
        if series.reported(self.now, deviant.place) > ADOPT_SECONDS {
            series.adopt(self.now);
            finding.kind = Kind::LevelShift;
            found.adopted.push(finding.feature.clone());
        }
        found.findings.push(finding);
    }

    fn deviant(&self, series: &Series) -> Option<Deviant> {
        let mut worst: Option<Deviant> = None;
        for place in 0..WINDOWS_SECONDS.len() {
            if self.cannot_be_worth(series, place) {
                continue;
            }
            let (counted, lines) = series.sum(self.now, place);
            let expected = series.expect(place);
            let (mut mean, mut variance) = (expected.mean, expected.variance);
            let is_up = counted > mean;
            if let Some(&(total, total_expected)) = self.traffic.and_then(|traffic| traffic.get(place)) {
                let others = (total - lines as f64).max(0.0);
                let factor = (others + TRAFFIC_LINES) / ((total_expected - mean).max(0.0) + TRAFFIC_LINES);
                let factor = if is_up { factor.max(1.0) } else { factor.min(1.0) };
                mean *= factor;
                variance *= if factor > 1.0 { factor * factor } else { factor };
            }
            let is_worth = match is_up {
                true => self.up && counted >= self.least_worth(mean),
                false => self.down && counted * self.effect <= mean,
            };
            let is_within = (counted - mean).abs() < 2.0 * libm::sqrt(variance) && (is_up || mean < TRAFFIC_LINES);
            if !is_worth || is_within {
                continue;
            }
            let surprise = negative_binomial(rounded(counted), mean, variance, is_up);
            if worst.as_ref().is_none_or(|worst| surprise > worst.surprise) {
                worst = Some(Deviant { place, surprise, is_up, counted, mean, variance });
            }
        }
        worst
    }

    /// Whether a look at bounds shows that a window is not worth its sums: nearly all are such. Traffic only raises what is expected.
    fn cannot_be_worth(&self, series: &Series, place: usize) -> bool {
        !self.down && series.sum_at_most(place) < self.least_worth(series.expect_at_least(place))
    }

    /// From how many lines on more than expected is worth a finding.
    fn least_worth(&self, mean: f64) -> f64 {
        self.effect * mean + 2.0
    }

    /// The first of the last seconds that has as many lines as make a deviation; where there are fewer lines than expected, or
    /// none such, the first of these seconds. A longer window also holds what is usual.
    fn onset(&self, series: &Series, deviant: &Deviant) -> Second {
        let [shortest, ..] = WINDOWS_SECONDS;
        let length = WINDOWS_SECONDS.get(deviant.place).copied().unwrap_or(shortest);
        let usual = self.effect * deviant.mean / length as f64;
        let is_onset = |lines: u64| deviant.is_up && lines as f64 >= usual;
        series.first(self.now, shortest, is_onset).unwrap_or(self.now.plus(1 - shortest))
    }

    fn finding(&self, series: &Series, deviant: &Deviant) -> Finding {
        let length = WINDOWS_SECONDS.get(deviant.place).copied().unwrap_or_default();
        let (lines, evidence_lines) = series.lines(self.now, length);
        let expected = Expectation { mean: deviant.mean, variance: deviant.variance };
        let (expected_low, expected_high) = expected.band();
        let is_down = self.subject == Subject::Volume && !deviant.is_up && deviant.counted <= DOWN_SHARE * deviant.mean;
        let severity = match () {
            () if is_down => Severity::Critical,
            () if self.level >= Level::Error && deviant.is_up => Severity::Error,
            () => Severity::Warning,
        };
        let direction = if deviant.is_up { Direction::Up } else { Direction::Down };
        Finding {
            second: self.now,
            feature: Feature { service: self.service.clone(), subject: self.subject, direction },
            kind: if deviant.is_up { Kind::RateSpike } else { Kind::RateDrop },
            detector: Detector::Rate,
            severity,
            surprise: deviant.surprise,
            threshold: self.threshold,
            window: Window { start: self.now.plus(1 - length), end: self.now.plus(1) },
            onset: self.onset(series, deviant),
            figures: Figures { observed: lines as f64, expected: deviant.mean, expected_low, expected_high },
            evidence_lines,
            template: None,
            sample: None,
            nearest: None,
        }
    }
}

/// To the nearest whole number of lines.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums of lines are finite and not negative"
)]
fn rounded(lines: f64) -> u64 {
    libm::round(lines.max(0.0)) as u64
}
