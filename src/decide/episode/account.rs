//! What an episode says of itself: its services, its symptoms in the order of what they tell, its lines, its spans of time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Episode, Symptom};
use crate::decide::symptom::ABSORB_S;
use crate::record::{Second, Service};
use crate::score::{Subject, Window};

impl Episode {
    /// Its services and when each was first found, the most probable origin first.
    pub fn services(&self) -> Vec<(&Service, Second)> {
        self.services.ranked()
    }

    /// The symptoms, the most telling first: those of the origin before the others, what lasts before what ended, then by
    /// severity, by how specific they are, and by surprise.
    pub fn symptoms(&self) -> Vec<&Symptom> {
        let origin = self.services().first().map(|&(service, _)| service);
        let mut symptoms: Vec<&Symptom> = self.symptoms.values().collect();
        symptoms.sort_by(|a, b| {
            let rank = |symptom: &Symptom| {
                let feature = &symptom.finding.feature;
                let is_elsewhere = Some(&feature.service) != origin;
                let is_aside = symptom.is_notice && !self.is_notice;
                let specific = matches!(feature.subject, Subject::Template(_) | Subject::Heartbeat(_));
                let is_other = self.is_notice && symptom.finding.kind != self.kind;
                (is_aside, is_elsewhere, is_other, symptom.end.is_some(), Reverse(symptom.severity), Reverse(specific))
            };
            let order = rank(a).cmp(&rank(b)).then(b.surprise.total_cmp(&a.surprise));
            order.then_with(|| a.finding.feature.cmp(&b.finding.feature))
        });
        symptoms
    }

    /// The last second with evidence.
    pub fn ended(&self) -> Second {
        let counted = self.symptoms.values().filter(|symptom| !symptom.is_notice || self.is_notice);
        counted.map(|symptom| symptom.last).max().unwrap_or(self.started).max(self.started)
    }

    /// Lines of evidence so far. A line may be counted by its template, its level and the volume of its service; of each
    /// service the greatest of these sums stands for all.
    pub fn lines(&self) -> u64 {
        let mut sums: BTreeMap<&Service, [u64; 3]> = BTreeMap::new();
        for (feature, symptom) in &self.symptoms {
            let [templates, levels, whole] = sums.entry(&feature.service).or_default();
            let sum = match feature.subject {
                Subject::Template(_) | Subject::Heartbeat(_) => templates,
                Subject::Level(_) => levels,
                Subject::Volume | Subject::Mix(_) | Subject::Service => whole,
            };
            *sum += symptom.lines;
        }
        sums.into_values().filter_map(|sums| sums.into_iter().max()).sum()
    }

    /// The span of log time that each of its services was not itself, a little widened and no longer than a shift of a level
    /// takes to be adopted.
    pub(in crate::decide) fn spans(&self) -> BTreeMap<Service, Window> {
        const BEFORE_S: i64 = 10;
        const AFTER_S: i64 = 5;
        let mut spans: BTreeMap<Service, Window> = BTreeMap::new();
        for symptom in self.symptoms.values().filter(|symptom| !symptom.is_notice) {
            let start = symptom.first.plus(-BEFORE_S);
            let end = symptom.last.plus(1 + AFTER_S);
            let span = spans.entry(symptom.finding.feature.service.clone()).or_insert(Window { start, end });
            *span = Window { start: span.start.min(start), end: span.end.max(end) };
        }
        for span in spans.values_mut() {
            span.end = span.end.min(span.start.plus(BEFORE_S + ABSORB_S));
        }
        spans
    }
}
