//! Micro-clusters: the kinds of windows that a service usually has, learnt online, forgotten in log time.
//!
//! A window is the set of templates in it. A cluster is how often each template was present in its windows; the vectors that
//! are compared weigh that by inverse document frequency and have length one. A window joins the nearest cluster (leader
//! clustering: Hartigan, "Clustering Algorithms", chapter 3) if it is within a fixed cosine distance, else it founds one. Weights
//! fade as in DenStream (Cao et al., SDM 2006). The store is bounded; the lightest cluster goes first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::decay::Decayed;
use crate::record::{Second, TemplateId};
use crate::vectorise::{Sorted, Walk};

/// Micro-clusters of one service at most.
const CLUSTERS_MAX: usize = 32;
/// Templates that a cluster remembers at most.
const TEMPLATES_PER_CLUSTER_MAX: usize = 96;
/// Within this cosine distance a window joins a cluster.
const LEADER_DISTANCE: f64 = 0.3;
/// Half-life of a cluster's weight, in seconds of log time: a day.
const HALF_LIFE_SECONDS: f64 = 86_400.0;
/// A template present in fewer of a cluster's windows than this is forgotten by it.
const PRESENCE_MIN: f64 = 0.02;
/// The least radius that is told of a cluster: its first windows are all alike.
const RADIUS_MIN: f64 = 0.1;

/// A vector over templates, in the order of their ids, of length one.
type Vector = Vec<(TemplateId, f64)>;

/// One kind of window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MicroCluster {
    /// Hash of the templates of the window that founded it.
    pub(super) id: u64,
    weight: Decayed,
    last_seen: Second,
    /// Share of its windows that each template was present in.
    presence: Vec<(TemplateId, f64)>,
    vector: Vector,
    distance_mean: f64,
    distance_variance: f64,
    /// The template that names its family.
    pub(super) family: Option<TemplateId>,
}

impl MicroCluster {
    fn found(window: &[TemplateId], now: Second) -> Self {
        let bytes: Vec<u8> = window.iter().flat_map(|id| id.0.to_le_bytes()).collect();
        let mut weight = Decayed::new(now);
        weight.add(1.0, now, HALF_LIFE_SECONDS);
        Self {
            id: xxh3_64_with_seed(&bytes, 0),
            weight,
            last_seen: now,
            presence: window.iter().take(TEMPLATES_PER_CLUSTER_MAX).map(|&id| (id, 1.0)).collect(),
            vector: Vector::new(),
            distance_mean: 0.0,
            distance_variance: 0.0,
            family: None,
        }
    }

    fn absorb(&mut self, window: &[TemplateId], distance: f64, now: Second) {
        self.weight.add(1.0, now, HALF_LIFE_SECONDS);
        self.last_seen = now;
        let step = 1.0 / self.weight.at(now, HALF_LIFE_SECONDS).max(1.0);
        for (_, share) in &mut self.presence {
            *share -= *share * step;
        }
        for &id in window {
            match self.presence.binary_search_by_key(&id, |&(known, _)| known) {
                Ok(place) => {
                    if let Some((_, share)) = self.presence.get_mut(place) {
                        *share += step;
                    }
                }
                Err(place) => self.presence.insert(place, (id, step)),
            }
        }
        self.presence.retain(|&(_, share)| share >= PRESENCE_MIN);
        if self.presence.len() > TEMPLATES_PER_CLUSTER_MAX {
            self.presence.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            self.presence.truncate(TEMPLATES_PER_CLUSTER_MAX);
            self.presence.sort_by_key(|&(id, _)| id);
        }
        let deviation = distance - self.distance_mean;
        self.distance_mean += deviation * step;
        self.distance_variance += (deviation * (distance - self.distance_mean) - self.distance_variance) * step;
    }

    /// Its vector: presence times inverse document frequency.
    pub(super) fn vector(&self) -> &Vector {
        &self.vector
    }

    /// Its weight now, in windows.
    pub(super) fn weight(&self, now: Second) -> f64 {
        self.weight.at(now, HALF_LIFE_SECONDS)
    }

    /// The distance within which its windows lie: three standard deviations beyond their mean.
    pub(super) fn radius(&self) -> f64 {
        (self.distance_mean + 3.0 * libm::sqrt(self.distance_variance.max(0.0))).clamp(RADIUS_MIN, 1.0)
    }

    /// Share of its windows that the template was present in.
    pub(super) fn presence(&self, id: TemplateId) -> f64 {
        let place = self.presence.binary_search_by_key(&id, |&(known, _)| known).ok();
        place.and_then(|place| self.presence.get(place)).map_or(0.0, |&(_, share)| share)
    }
}

/// The micro-clusters of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct MicroClusters {
    clusters: Vec<MicroCluster>,
    /// Inverse document frequencies, as of the last refresh.
    idf: Sorted<TemplateId, f64>,
    /// That of a template which no cluster has.
    idf_of_unknown: f64,
    windows: u64,
    founded: u64,
    refreshed_at_windows: u64,
}

impl MicroClusters {
    /// The nearest cluster and its distance. O(clusters × templates).
    pub(super) fn nearest(&self, window: &[TemplateId]) -> Option<(&MicroCluster, f64)> {
        self.nearest_place(window).and_then(|(place, distance)| Some((self.clusters.get(place)?, distance)))
    }

    fn nearest_place(&self, window: &[TemplateId]) -> Option<(usize, f64)> {
        let vector = weighted(window.iter().map(|&id| (id, 1.0)), &self.idf, self.idf_of_unknown);
        let distances =
            self.clusters.iter().enumerate().map(|(place, cluster)| (place, distance(&vector, &cluster.vector)));
        distances.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Learns a window whose templates are sorted, at this distance of the nearest cluster.
    pub(super) fn learn(&mut self, window: &[TemplateId], now: Second) {
        let near = self.nearest_place(window).filter(|&(_, distance)| distance <= LEADER_DISTANCE);
        let place = match near {
            Some((place, distance)) => {
                if let Some(cluster) = self.clusters.get_mut(place) {
                    cluster.absorb(window, distance, now);
                }
                place
            }
            None => self.found(window, now),
        };
        let (idf, unknown) = (&self.idf, self.idf_of_unknown);
        if let Some(cluster) = self.clusters.get_mut(place) {
            cluster.vector = weighted(cluster.presence.iter().copied(), idf, unknown);
        }
        self.windows += 1;
        // Frequencies change fast at first.
        if self.windows >= (self.refreshed_at_windows * 2).min(self.refreshed_at_windows + 60) {
            self.refresh(now);
        }
    }

    fn found(&mut self, window: &[TemplateId], now: Second) -> usize {
        self.founded += 1;
        let cluster = MicroCluster::found(window, now);
        if self.clusters.len() < CLUSTERS_MAX {
            self.clusters.push(cluster);
            return self.clusters.len() - 1;
        }
        let value = |cluster: &MicroCluster| (cluster.weight(now), cluster.last_seen, cluster.id);
        let order =
            |a: &(f64, Second, u64), b: &(f64, Second, u64)| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2)));
        let lightest = self.clusters.iter().map(value).enumerate().min_by(|a, b| order(&a.1, &b.1));
        let place = lightest.map_or(0, |(place, _)| place);
        if let Some(kept) = self.clusters.get_mut(place) {
            *kept = cluster;
        }
        place
    }

    /// Takes the document frequencies from the clusters, and the clusters' vectors from these.
    fn refresh(&mut self, now: Second) {
        self.refreshed_at_windows = self.windows;
        let mut documents: BTreeMap<TemplateId, f64> = BTreeMap::new();
        let mut total = 0.0;
        for cluster in &self.clusters {
            let weight = cluster.weight(now);
            total += weight;
            for &(id, share) in &cluster.presence {
                *documents.entry(id).or_default() += weight * share;
            }
        }
        let idf = |count: f64| libm::log1p((total + 1.0) / (count + 1.0));
        self.idf_of_unknown = idf(0.0);
        self.idf = documents.into_iter().map(|(id, count)| (id, idf(count))).collect();
        for cluster in &mut self.clusters {
            cluster.vector = weighted(cluster.presence.iter().copied(), &self.idf, self.idf_of_unknown);
        }
    }

    /// A template is a part of another one from now on: present where either was, and as frequent as the more frequent one.
    pub(super) fn merge(&mut self, from: TemplateId, into: TemplateId) {
        if let Some(idf) = self.idf.remove(&from) {
            self.idf.add(into, idf, |known, idf| *known = known.min(idf));
        }
        for cluster in &mut self.clusters {
            if cluster.family == Some(from) {
                cluster.family = Some(into);
            }
            let Ok(place) = cluster.presence.binary_search_by_key(&from, |&(id, _)| id) else { continue };
            let (_, share) = cluster.presence.remove(place);
            match cluster.presence.binary_search_by_key(&into, |&(id, _)| id) {
                Ok(place) => {
                    if let Some((_, known)) = cluster.presence.get_mut(place) {
                        *known = known.max(share);
                    }
                }
                Err(place) => cluster.presence.insert(place, (into, share)),
            }
            cluster.vector = weighted(cluster.presence.iter().copied(), &self.idf, self.idf_of_unknown);
        }
    }

    /// Inverse document frequency of a template: how telling its presence is.
    pub(super) fn idf(&self, id: TemplateId) -> f64 {
        self.idf.get(&id).copied().unwrap_or(self.idf_of_unknown.max(f64::MIN_POSITIVE))
    }

    /// How many windows were learnt.
    pub(super) fn windows(&self) -> u64 {
        self.windows
    }

    /// How many clusters were founded.
    pub(super) fn founded(&self) -> u64 {
        self.founded
    }

    #[cfg(test)]
    fn clusters(&self) -> &[MicroCluster] {
        &self.clusters
    }

    /// The clusters, to name their families.
    pub(super) fn clusters_mut(&mut self) -> &mut [MicroCluster] {
        &mut self.clusters
    }
}

/// Shares of templates, in the order of their ids, times inverse document frequency. O(templates).
fn weighted(shares: impl Iterator<Item = (TemplateId, f64)>, idf: &Sorted<TemplateId, f64>, unknown: f64) -> Vector {
    let (mut idf, unknown) = (Walk::along(idf.iter()), unknown.max(f64::MIN_POSITIVE));
    unit(shares.map(|(id, share)| (id, share * idf.find(&id).copied().unwrap_or(unknown))).collect())
}

/// Brings a vector to length one.
fn unit(mut vector: Vector) -> Vector {
    let largest = vector.iter().map(|&(_, x)| x).fold(0.0, f64::max);
    if largest > 0.0 {
        // Scaled first, so that the tiniest weights do not vanish when squared.
        vector.iter_mut().for_each(|(_, x)| *x /= largest);
        let norm = libm::sqrt(vector.iter().map(|&(_, x)| x * x).sum());
        vector.iter_mut().for_each(|(_, x)| *x /= norm);
    }
    vector
}

/// Cosine distance of two vectors of length one with no negative part, 0 to 1. O(length).
fn distance(a: &Vector, b: &Vector) -> f64 {
    let (mut a, mut b) = (a.as_slice(), b.as_slice());
    let mut product = 0.0;
    while let (&[(x, u), ref a_rest @ ..], &[(y, v), ref b_rest @ ..]) = (a, b) {
        if x == y {
            product += u * v;
        }
        (a, b) = (if x <= y { a_rest } else { a }, if y <= x { b_rest } else { b });
    }
    (1.0 - product).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(ids: &[u64]) -> Vec<TemplateId> {
        ids.iter().copied().map(TemplateId).collect()
    }

    #[test]
    fn windows_of_two_kinds_make_two_clusters_and_a_stranger_is_far() {
        let mut clusters = MicroClusters::default();
        for second in 0..200 {
            let kind = if second % 4 == 0 { window(&[1, 2, 3]) } else { window(&[1, 7, 8, 9]) };
            clusters.learn(&kind, Second(second * 10));
        }
        assert_eq!(clusters.clusters().len(), 2);
        let (nearest, distance) = clusters.nearest(&window(&[1, 2, 3])).expect("there are clusters");
        assert!(distance < 0.01 && nearest.presence(TemplateId(2)) > 0.99);
        let (_, far) = clusters.nearest(&window(&[20, 21])).expect("there are clusters");
        assert_eq!(far, 1.0);
    }

    #[test]
    fn the_store_is_bounded_and_the_heaviest_stay() {
        let mut clusters = MicroClusters::default();
        for second in 0..100 {
            clusters.learn(&window(&[1, 2]), Second(second));
        }
        for stranger in 0..1_000 {
            clusters.learn(&window(&[100 + stranger]), Second(200));
        }
        assert_eq!(clusters.clusters().len(), CLUSTERS_MAX);
        assert!(clusters.nearest(&window(&[1, 2])).is_some_and(|(_, distance)| distance < 0.01));
    }

    #[test]
    fn a_window_of_a_thousand_templates_is_cut() {
        let mut clusters = MicroClusters::default();
        let many: Vec<TemplateId> = (0..1_000).map(TemplateId).collect();
        clusters.learn(&many, Second(0));
        clusters.learn(&many, Second(10));
        assert!(clusters.clusters().iter().all(|cluster| cluster.presence.len() <= TEMPLATES_PER_CLUSTER_MAX));
    }
}
