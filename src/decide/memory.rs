//! Problems that were there before: what comes back carries the same key and its history.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::key::EpisodeId;
use crate::record::{Second, Service, TemplateId};
use crate::score::{Feature, Subject};

/// How many problems of one domain are remembered. The one that ended first goes first.
pub const REMEMBERED_PER_DOMAIN_MAX: usize = 1_000;
/// How many problems are remembered in all.
pub const REMEMBERED_MAX: usize = 10_000;
/// The share of its features, by weight, that a new episode must have in common with a remembered problem.
const RESEMBLANCE_MIN: f64 = 0.3;
/// What a whole service's volume weighs against a template: it moves whatever the problem is.
const TOTAL_WEIGHT: f64 = 0.05;

/// A problem that had an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Past {
    /// What was wrong, in rising order.
    pub features: Vec<Feature>,
    /// How many episodes it had.
    pub episodes: u64,
    /// The first evidence of the last of them.
    pub started: Second,
    /// Its last evidence.
    pub ended: Second,
    /// Its id.
    pub id: EpisodeId,
}

/// The remembered problems by domain and dedup key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    past: BTreeMap<Option<Arc<str>>, BTreeMap<Arc<str>, Past>>,
}

impl Memory {
    /// What is remembered under this key.
    pub(super) fn get(&self, environment: &Option<Arc<str>>, key: &str) -> Option<&Past> {
        self.past.get(environment)?.get(key)
    }

    /// The key of the problem that holds the greatest share of these features, rare ones weighing more; the later one of
    /// equals. Where they share but volumes, those must also be much of what the problem was. `None` where none resembles them
    /// enough. O(problems × features × log).
    pub(super) fn resembling(&self, environment: &Option<Arc<str>>, features: &[&Feature]) -> Option<Arc<str>> {
        let domain = self.past.get(environment)?;
        let weights: Vec<f64> = features.iter().map(|feature| weight(domain, feature)).collect();
        let all: f64 = weights.iter().sum();
        let mut best: Option<(f64, Second, &Arc<str>)> = None;
        for (key, past) in domain {
            let held = |feature: &Feature| past.features.binary_search(feature).is_ok();
            let common: Vec<_> = features.iter().zip(&weights).filter(|(feature, _)| held(feature)).collect();
            let share = common.iter().map(|(_, weight)| *weight).sum::<f64>() / all;
            let is_told_by_totals = common.iter().all(|(feature, _)| is_total(feature));
            let is_much_of_past = common.len() * 10 >= past.features.len() * 3;
            let candidate = (share, past.ended, key);
            let resembles = share >= RESEMBLANCE_MIN && (is_much_of_past || !is_told_by_totals);
            if resembles && best.is_none_or(|best| candidate > best) {
                best = Some(candidate);
            }
        }
        best.map(|(_, _, key)| Arc::clone(key))
    }

    /// A template became part of another one: what recurs with it is the same problem. O(problems × features).
    pub(super) fn merge(&mut self, service: &Service, from: TemplateId, into: TemplateId) {
        for past in self.past.get_mut(&service.environment).into_iter().flat_map(BTreeMap::values_mut) {
            let mut is_changed = false;
            for feature in past.features.iter_mut().filter(|feature| feature.service == *service) {
                match &mut feature.subject {
                    Subject::Template(id) | Subject::Heartbeat(id) if *id == from => (*id, is_changed) = (into, true),
                    _ => {}
                }
            }
            if is_changed {
                past.features.sort();
                past.features.dedup();
            }
        }
    }

    /// Remembers an episode of the problem `key` that closed.
    pub(super) fn remember(&mut self, environment: &Option<Arc<str>>, key: &Arc<str>, mut latest: Past) {
        let domain = self.past.entry(environment.clone()).or_default();
        latest.episodes = domain.get(key).map_or(1, |past| past.episodes + 1);
        domain.insert(Arc::clone(key), latest);
        if domain.len() > REMEMBERED_PER_DOMAIN_MAX {
            forget_oldest(domain);
        }
        if self.count() > REMEMBERED_MAX {
            let oldest = |domain: &BTreeMap<Arc<str>, Past>| domain.values().map(|past| past.ended).min();
            let stalest = self.past.iter().min_by_key(|(_, domain)| oldest(domain)).map(|(name, _)| name.clone());
            if let Some(domain) = stalest.as_ref().and_then(|name| self.past.get_mut(name)) {
                forget_oldest(domain);
            }
            self.past.retain(|_, domain| !domain.is_empty());
        }
    }

    fn count(&self) -> usize {
        self.past.values().map(BTreeMap::len).sum()
    }
}

fn forget_oldest(domain: &mut BTreeMap<Arc<str>, Past>) {
    let oldest = domain.iter().min_by_key(|(_, past)| past.ended).map(|(key, _)| Arc::clone(key));
    if let Some(key) = oldest {
        domain.remove(&key);
    }
}

fn is_total(feature: &Feature) -> bool {
    matches!(feature.subject, Subject::Volume | Subject::Level(_))
}

/// Inverse document frequency of a feature over the remembered problems.
fn weight(domain: &BTreeMap<Arc<str>, Past>, feature: &Feature) -> f64 {
    let seen = domain.values().filter(|past| past.features.binary_search(feature).is_ok()).count();
    let base = if is_total(feature) { TOTAL_WEIGHT } else { 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
    let seen = seen as f64;
    base / (1.0 + seen)
}
