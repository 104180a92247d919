//! Mix: a window of ten seconds unlike all known windows of its service.
//!
//! As an alarm it was found to add nothing, so it explains: every finding of a service names the nearest known cluster and
//! what differs from it. Alone it gives a notice, and that only where a window is farther from all clusters than any that is
//! remembered. Records become rarer with time (of n windows from one distribution ln n are records: Rényi, 1962), so that this
//! needs no threshold tuned to a service.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decay::remaining;
use super::family::name_families;
use super::known_service::{KnownService, ServiceNumber};
use super::micro_cluster::MicroClusters;
use super::series::LEARN_LAG_SECONDS;
use super::sight::{Active, Known};
use super::{
    ClosedSecond, Detect, Detector, Direction, Feature, Figures, Finding, Judgement, Kind, NearestCluster, Reasoning,
    Severity, Subject, Told, Window,
};
use crate::record::{Second, TemplateId};
use crate::vectorise::Sorted;

/// Length of a window, in seconds.
const WINDOW_SECONDS: i64 = 10;
/// Windows that a service must have before one can be an outlier.
const LEARNT_WINDOWS_MIN: u64 = 60;
/// Windows after which distances are remembered: before that everything is far.
const SETTLED_WINDOWS_MIN: u64 = 30;
/// No window is an outlier below this cosine distance.
const FAR: f64 = 0.5;
/// Half-life of the farthest distance, in seconds of log time: a week.
const HALF_LIFE_SECONDS: f64 = 7.0 * 86_400.0;
/// A service has one notice in this many seconds at most.
const NOTICE_EVERY_SECONDS: i64 = 600;
/// Families are named anew after this many seconds at the earliest, if there are new clusters.
const FAMILIES_EVERY_SECONDS: i64 = 600;
/// Templates of one second, and of one window, that count: those with the smallest ids, which are hashes.
const TEMPLATES_MAX: usize = 128;
/// How many templates are named on either side of a difference.
const DIFFERENCES_MAX: usize = 5;
/// A template is of a cluster if it is present in this share of its windows, and strange to it below the other.
const PRESENT: f64 = 0.5;
const STRANGE: f64 = 0.1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ServiceMix {
    clusters: MicroClusters,
    /// The templates of the last seconds.
    recent: VecDeque<(Second, Vec<TemplateId>)>,
    /// Windows that are still to be learnt, by their start: they wait, so that what is told in the meantime is not learnt.
    waiting: VecDeque<(Second, Vec<TemplateId>)>,
    /// The farthest window that is remembered, as of when.
    farthest: (f64, Second),
    noticed: Option<Second>,
    /// When families were named, and how many clusters had been founded by then.
    families_named: (Second, u64),
}

/// The mixes of all services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Mixes {
    services: Sorted<ServiceNumber, Box<ServiceMix>>,
}

impl Detect for Mixes {
    fn score_then_learn(&mut self, second: &ClosedSecond, known: &Known<'_>, told: &Told, found: &mut Judgement) {
        let now = second.second;
        for merged in &known.merged {
            if let Some(mix) = self.services.get_mut(&merged.number) {
                mix.merge(merged.from, merged.into);
            }
        }
        known.gone.take_from(&mut self.services);
        for active in known.seen_whole() {
            let new = || Box::new(ServiceMix::new(now));
            let Some(mix) = self.services.get_or_insert_with(active.known.number, new) else { continue };
            mix.close(now, active, told.of(active.service), found);
            let present = active.templates.iter().filter(|sight| sight.lines() > 0).map(|sight| sight.id);
            mix.recent.push_back((now, present.take(TEMPLATES_MAX).collect()));
        }
    }
}

impl Mixes {
    /// How the last windows of a service were known.
    pub(super) fn reasoning(&self, service: ServiceNumber, now: Second) -> Option<Reasoning> {
        let mix = self.services.get(&service)?;
        let window = mix.window(now.plus(1 - WINDOW_SECONDS), now);
        let (nearest, distance) = mix.clusters.nearest(&window)?;
        let (farthest, since) = mix.farthest;
        let numbers = vec![
            ("distance", distance),
            ("radius", nearest.radius()),
            ("farthest_remembered", farthest * remaining(now.since(since), HALF_LIFE_SECONDS)),
            ("far_from", FAR),
            ("windows_learnt", mix.clusters.windows() as f64),
            ("windows_needed", LEARNT_WINDOWS_MIN as f64),
        ];
        let of = format!("last {WINDOW_SECONDS} s");
        Some(Reasoning { detector: Detector::Mix, subject: Subject::Mix(nearest.id), of, numbers })
    }

    /// The known cluster nearest to the present window of a service, and how they differ.
    pub(super) fn nearest(&self, service: &KnownService, now: Second) -> Option<NearestCluster> {
        let mix = self.services.get(&service.number)?;
        mix.nearest(service, &mix.window(now.plus(1 - WINDOW_SECONDS), now.plus(1)))
    }
}

impl ServiceMix {
    fn nearest(&self, service: &KnownService, window: &[TemplateId]) -> Option<NearestCluster> {
        let (cluster, distance) = self.clusters.nearest(window)?;
        let text = |id: TemplateId| service.template(id).map(|known| known.text());
        let mut added: Vec<TemplateId> = window.iter().copied().filter(|&id| cluster.presence(id) < STRANGE).collect();
        added.sort_by(|&a, &b| self.clusters.idf(b).total_cmp(&self.clusters.idf(a)).then(a.cmp(&b)));
        let mut missing = cluster.vector().clone();
        missing.retain(|&(id, _)| cluster.presence(id) >= PRESENT && window.binary_search(&id).is_err());
        missing.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let first = cluster.vector().iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|&(id, _)| id);
        let template = first.and_then(text).unwrap_or_else(|| Arc::from("?"));
        let family = cluster.family.and_then(text).unwrap_or_else(|| Arc::clone(&template));
        Some(NearestCluster {
            id: cluster.id,
            template,
            family,
            distance,
            radius: cluster.radius(),
            added: added.into_iter().filter_map(text).take(DIFFERENCES_MAX).collect(),
            missing: missing.into_iter().filter_map(|(id, _)| text(id)).take(DIFFERENCES_MAX).collect(),
        })
    }

    fn new(now: Second) -> Self {
        let (clusters, recent, waiting) = (MicroClusters::default(), VecDeque::new(), VecDeque::new());
        Self { clusters, recent, waiting, farthest: (0.0, now), noticed: None, families_named: (now, 0) }
    }

    /// A template is a part of another one from now on.
    fn merge(&mut self, from: TemplateId, into: TemplateId) {
        for (_, ids) in self.recent.iter_mut().chain(&mut self.waiting) {
            if let Some(place) = ids.iter().position(|&id| id == from) {
                ids.remove(place);
                ids.push(into);
                ids.sort_unstable();
                ids.dedup();
            }
        }
        self.clusters.merge(from, into);
    }

    /// The templates of a span of the last seconds, sorted.
    fn window(&self, start: Second, end: Second) -> Vec<TemplateId> {
        let seconds = self.recent.iter().filter(|(second, _)| (start..end).contains(second));
        let mut window: Vec<TemplateId> = seconds.flat_map(|(_, ids)| ids.iter().copied()).collect();
        window.sort_unstable();
        window.dedup();
        window.truncate(TEMPLATES_MAX);
        window
    }

    /// Scores the last window once a second of a later one has lines, and learns those that waited long enough.
    fn close(&mut self, now: Second, active: &Active<'_>, told: &[Window], found: &mut Judgement) {
        let aligned = |second: Second| Second(second.0.div_euclid(WINDOW_SECONDS) * WINDOW_SECONDS);
        if let Some(start) = self.recent.back().map(|&(last, _)| aligned(last)).filter(|&start| start != aligned(now)) {
            let span = Window { start, end: start.plus(WINDOW_SECONDS) };
            let window = self.window(span.start, span.end);
            if !window.is_empty() {
                if !is_told(span, told) {
                    found.findings.extend(self.score(now, active, span, &window));
                }
                self.waiting.push_back((start, window));
            }
            self.learn(now, told);
        }
        while self.recent.front().is_some_and(|&(first, _)| now.since(first) >= WINDOW_SECONDS) {
            self.recent.pop_front();
        }
    }

    fn learn(&mut self, now: Second, told: &[Window]) {
        let is_due = |start: Second| now.since(start) >= WINDOW_SECONDS + LEARN_LAG_SECONDS;
        while let Some((start, window)) = self.waiting.pop_front_if(|(start, _)| is_due(*start)) {
            if !is_told(Window { start, end: start.plus(WINDOW_SECONDS) }, told) {
                self.clusters.learn(&window, now);
            }
        }
        if self.clusters.founded() > self.families_named.1 && now.since(self.families_named.0) >= FAMILIES_EVERY_SECONDS
        {
            self.families_named = (now, self.clusters.founded());
            name_families(self.clusters.clusters_mut(), now);
        }
    }

    fn score(&mut self, now: Second, active: &Active<'_>, window: Window, ids: &[TemplateId]) -> Option<Finding> {
        let windows = self.clusters.windows();
        if windows < SETTLED_WINDOWS_MIN {
            return None;
        }
        let (nearest, distance) = self.clusters.nearest(ids)?;
        let (farthest, since) = self.farthest;
        let farthest = farthest * remaining(now.since(since), HALF_LIFE_SECONDS);
        self.farthest = (farthest.max(distance), now);
        let is_due = self.noticed.is_none_or(|last| now.since(last) >= NOTICE_EVERY_SECONDS);
        if distance < FAR || distance <= farthest || windows < LEARNT_WINDOWS_MIN || !is_due {
            return None;
        }
        self.noticed = Some(now);
        let feature =
            Feature { service: active.service.clone(), subject: Subject::Mix(nearest.id), direction: Direction::Up };
        let figures = Figures { observed: distance, expected: 0.0, expected_low: 0.0, expected_high: nearest.radius() };
        Some(Finding {
            second: now,
            feature,
            kind: Kind::ClusterOutlier,
            detector: Detector::Mix,
            severity: Severity::Info,
            // The chance of a record among as many windows.
            surprise: libm::log10(windows as f64 + 1.0),
            threshold: 0.0,
            onset: window.start,
            window,
            figures,
            evidence_lines: 0,
            template: None,
            sample: None,
            nearest: self.nearest(active.known, ids),
        })
    }
}

fn is_told(window: Window, told: &[Window]) -> bool {
    told.iter().any(|told| told.start < window.end && window.start < told.end)
}
