//! The models of the judge: what is usual for each service, and what is not.
//!
//! A second is judged once every service's sums of it are there. The catalogue merges and meets its templates, then each detector
//! scores the second and learns from it, in this order: novelty, rates, silence, mix. Invariants:
//!
//! * **Score before learn**: [`Detect`] has one method, so that no caller can learn before it scores.
//! * **Same seconds, same findings**: everything is iterated in the order of names or numbers, sums are taken in a fixed
//!   order, functions come from `libm`. A restored scorer goes on as if it had never stopped.
//! * **What was told is not learnt** ([`Told`]), so that a second occurrence is found again; what goes on for ten minutes is
//!   adopted as the new normal.
//! * **Everything has a limit and ages** in log time: services, templates, clusters. A service of whose lines nearly all are new is
//!   counted in sums, and no more by template (`suitability`).
//! * A second in which any wrote costs O(services that are known, templates with lines in it), and every tenth second of a service
//!   O(its templates).
//!
//! A service's first five minutes give nothing above a notice; in its first day nothing is worse than a warning, unless lines of
//! error level say so.

mod baseline;
mod catalogue;
mod decay;
mod family;
mod finding;
mod gaps;
mod history;
mod known_service;
mod known_template;
mod lookup;
mod micro_cluster;
mod mix;
mod moments;
mod newcomers;
mod novelty;
mod places;
mod probability;
mod probation;
mod rate;
mod reasoning;
mod remembered;
mod second;
mod series;
mod sight;
mod silence;
mod sources;
mod suitability;
#[cfg(test)]
mod tests;
mod trial;

use serde::{Deserialize, Serialize};

use crate::record::{Second, Service, TemplateId};
use crate::template::Masks;
use crate::vectorise::{SERVICES_PER_SECOND_MAX, Sample};

pub use catalogue::{Catalogue, SERVICES_MAX, TEMPLATE_BYTES_PER_SERVICE_MAX, TEMPLATES_MAX};
pub use finding::*;
pub use known_service::KnownService;
pub use known_template::KnownTemplate;
pub use lookup::{ALIASES_TOLD_MAX, Entry, Lookup};
pub use reasoning::Reasoning;
pub use second::{ClosedSecond, Judgement, Status, Told, WindowFacts};
pub use sight::Known;
pub use suitability::{Counts, LINES_MIN, Unsuitable};

use history::History;
use mix::Mixes;
use novelty::Novelty;
use rate::Rates;
use silence::Silence;

/// A service's first seconds, in which nothing above a notice is found.
pub const WARM_UP_SECONDS: i64 = 300;
/// In a service's first seconds nothing but error-level lines is worse than a warning: a day.
const TRIAL_SECONDS: i64 = 86_400;
/// How many false findings a day each detector may make in a domain. It is a setting and no part of the state: models that are
/// restored go on with the one they are given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// False findings a day, above 0.
    pub false_findings_per_day: f64,
}

impl Default for Budget {
    /// One a week.
    fn default() -> Self {
        Self { false_findings_per_day: 1.0 / 7.0 }
    }
}

/// One way to notice that something is wrong. It has one method, so that no caller can learn before it scores.
pub trait Detect {
    /// Scores the second with what was learnt so far, then learns it, except for what was told.
    fn score_then_learn(&mut self, second: &ClosedSecond, known: &Known<'_>, told: &Told, found: &mut Judgement);
}

/// All models of one tallies partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scorer {
    #[serde(skip)]
    budget: Budget,
    /// A setting, too.
    #[serde(skip)]
    masks: Masks,
    now: Option<Second>,
    catalogue: Catalogue,
    history: History,
    novelty: Novelty,
    rates: Rates,
    silence: Silence,
    mixes: Mixes,
}

impl Scorer {
    /// Models that have learnt nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same models, from now on with this budget.
    pub fn with_budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// The same models, for ids that were made with these masks from now on.
    pub fn with_masks(self, masks: Masks) -> Self {
        Self { masks, ..self }
    }

    /// Judges the next second, then learns it. Seconds must come in rising order; those in between had no lines.
    /// Templates are merged first, and the second's counts with them.
    pub fn judge(&mut self, second: &mut ClosedSecond, told: &Told) -> Judgement {
        self.now = Some(second.second);
        let is_crowded = second.cells.len() > SERVICES_PER_SECOND_MAX;
        let held = |service, place| self.rates.size_bytes(service, place);
        let gone_and_merged = self.catalogue.meet(second, &self.masks, &held);
        let mut known = Known::new(&self.catalogue, second, gone_and_merged, self.silence.silent(), self.budget);
        if is_crowded {
            known.miss_the_absent(second);
        }
        self.history.add(second.second, &known);
        let merged = known.merged.iter().map(|merged| (merged.service.clone(), merged.from, merged.into)).collect();
        let lookups = lookup::to_tell(second.second, &known);
        let mut found = Judgement { merged, lookups, blind: known.blind_services(), ..Judgement::default() };
        let detectors: [&mut dyn Detect; 4] = [&mut self.novelty, &mut self.rates, &mut self.silence, &mut self.mixes];
        for detector in detectors {
            detector.score_then_learn(second, &known, told, &mut found);
        }
        self.complete(second.second, &mut found);
        found
    }

    /// Adds what is known of the findings' templates and mixes, and puts all into their order.
    fn complete(&self, now: Second, found: &mut Judgement) {
        let rank = |finding: &Finding| (std::cmp::Reverse(finding.severity), std::cmp::Reverse(finding.kind));
        found.findings.sort_by(|a, b| {
            a.feature.cmp(&b.feature).then(rank(a).cmp(&rank(b))).then(b.surprise.total_cmp(&a.surprise))
        });
        found.findings.dedup_by(|next, first| next.feature == first.feature);
        found.adopted.sort();
        found.adopted.dedup();
        let mut nearest: Option<(Service, Option<NearestCluster>)> = None;
        for finding in &mut found.findings {
            let service = &finding.feature.service;
            let Some(known) = self.catalogue.service(service) else { continue };
            if let Subject::Template(id) | Subject::Heartbeat(id) = finding.feature.subject {
                let (facts, sample) = self.catalogue.facts(service, id, now).unzip();
                finding.sample = sample.flatten().cloned();
                finding.template = facts;
            }
            if nearest.as_ref().is_none_or(|(of, _)| of != service) {
                nearest = Some((service.clone(), self.mixes.nearest(known, now)));
            }
            if finding.nearest.is_none() {
                finding.nearest = nearest.as_ref().and_then(|(_, cluster)| cluster.clone());
            }
            if now.since(known.birth) < TRIAL_SECONDS && !finding.is_about_errors() {
                finding.severity = finding.severity.min(Severity::Warning);
            }
        }
    }

    /// What is known of a service's lines in a window of the last ten minutes: nothing of a service that is not known.
    pub fn facts(&self, service: &Service, window: Window) -> WindowFacts {
        let known = self.catalogue.service(service);
        known.map(|known| self.history.facts(known.number, window, known.trained_lines)).unwrap_or_default()
    }

    /// What is known of a template, and a line that shows it: the first one of the last minute that had it.
    pub fn template(&self, service: &Service, id: TemplateId) -> Option<(TemplateFacts, Option<&Sample>)> {
        self.catalogue.facts(service, id, self.now?)
    }

    /// What is true of a feature now: lines of the last minute, or seconds since the last line of what is silent.
    pub fn figures(&self, feature: &Feature) -> Option<(Window, Figures)> {
        let (now, known) = (self.now?, self.catalogue.service(&feature.service)?);
        match feature.subject {
            Subject::Heartbeat(_) => self.silence.figures(known, feature.subject, now),
            Subject::Volume if self.is_silent(feature) => self.silence.figures(known, feature.subject, now),
            subject => self.rates.figures(known, subject, now),
        }
    }

    /// Whether a silence that was told still lasts: it is told once, and is over when lines come back or it is adopted.
    pub fn is_silent(&self, feature: &Feature) -> bool {
        let known = self.catalogue.service(&feature.service);
        feature.direction == Direction::Down
            && known.is_some_and(|known| self.silence.is_silent(known, feature.subject))
    }

    #[cfg(test)]
    fn template_bytes(&self, known: &KnownService) -> usize {
        known.template_bytes(&|service, place| self.rates.size_bytes(service, place))
    }

    /// The services and templates that are known.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The last second that was judged.
    pub fn now(&self) -> Option<Second> {
        self.now
    }

    /// How many services and templates are known, and how much of their warm-up is left. O(services).
    pub fn status(&self) -> Status {
        let age = |known: &KnownService| self.now.map_or(0, |now| now.since(known.birth));
        let left = self.catalogue.services().map(|(_, known)| WARM_UP_SECONDS - age(known));
        let warming: Vec<i64> = left.filter(|&left| left > 0).collect();
        Status {
            services: self.catalogue.services().count(),
            templates: self.catalogue.template_count(),
            warming_up: warming.len(),
            warm_up_left_seconds: warming.into_iter().max().unwrap_or(0),
            forgotten: self.catalogue.forgotten,
        }
    }
}
