//! Families: micro-clusters that are alike, clustered again and named, so that people see a handful of modes.
//!
//! `linfa-clustering` has no weights, no forgetting and no sparse vectors; here it has what it is good at, a few dozen short
//! dense vectors now and then. Vectors are hashed to 64 dimensions with signs (Weinberger et al., "Feature Hashing for Large
//! Scale Multitask Learning", ICML 2009) and have length one, so that Euclidean k-means orders them as the cosine does. The
//! seed is fixed; linfa parallelises over rows only, each of which is computed alone, so threads do not change the result.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{KMeans, KMeansInit};
use ndarray::{Array2, ArrayView1, Axis};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::micro_cluster::MicroCluster;
use crate::record::{Second, TemplateId};

/// Dimensions of the hashed vectors.
const DIMENSIONS: usize = 64;
/// Families of a service at most.
const FAMILIES_MAX: usize = 6;
/// Seed of the first centroids.
const SEED: u64 = 0x00ed_d711;
/// Iterations of k-means at most.
const ITERATIONS_MAX: u64 = 50;

/// Names the family of each cluster by its most characteristic template. Deterministic. O(clusters × families).
pub(super) fn name_families(clusters: &mut [MicroCluster], now: Second) {
    let rows = hashed(clusters);
    let places = families(&rows);
    let count = places.iter().max().map_or(0, |last| last + 1);
    for family in 0..count {
        let members =
            || places.iter().zip(clusters.iter()).filter(|&(&place, _)| place == family).map(|(_, cluster)| cluster);
        let name = most_characteristic(members(), now);
        for (_, cluster) in places.iter().zip(clusters.iter_mut()).filter(|&(&place, _)| place == family) {
            cluster.family = name;
        }
    }
}

/// The template with the most weight in these clusters.
fn most_characteristic<'a>(members: impl Iterator<Item = &'a MicroCluster>, now: Second) -> Option<TemplateId> {
    let mut sums: Vec<(TemplateId, f64)> = Vec::new();
    for cluster in members {
        let weight = cluster.weight(now);
        for &(id, share) in cluster.vector() {
            match sums.iter_mut().find(|(known, _)| *known == id) {
                Some((_, sum)) => *sum += share * weight,
                None => sums.push((id, share * weight)),
            }
        }
    }
    sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(id, _)| id)
}

fn hashed(clusters: &[MicroCluster]) -> Array2<f64> {
    let mut rows = Array2::zeros((clusters.len(), DIMENSIONS));
    for (mut row, cluster) in rows.axis_iter_mut(Axis(0)).zip(clusters) {
        for &(TemplateId(id), share) in cluster.vector() {
            let place = usize::try_from(id % DIMENSIONS as u64).unwrap_or_default();
            if let Some(cell) = row.get_mut(place) {
                *cell += if (id / DIMENSIONS as u64).is_multiple_of(2) { share } else { -share };
            }
        }
        let norm = libm::sqrt(row.iter().map(|x| x * x).sum());
        if norm > 0.0 {
            row.mapv_inplace(|x| x / norm);
        }
    }
    rows
}

/// The family of each row.
fn families(rows: &Array2<f64>) -> Vec<usize> {
    let count = (1..FAMILIES_MAX).find(|families| families * families >= rows.nrows()).unwrap_or(FAMILIES_MAX);
    if count < 2 {
        return vec![0; rows.nrows()];
    }
    let params = KMeans::params_with_rng(count, Xoshiro256PlusPlus::seed_from_u64(SEED));
    let params =
        params.n_runs(1).max_n_iterations(ITERATIONS_MAX).tolerance(1e-6).init_method(KMeansInit::KMeansPlusPlus);
    let Ok(model) = params.fit(&DatasetBase::from(rows.view())) else { return vec![0; rows.nrows()] };
    rows.outer_iter().map(|row| nearest(model.centroids(), row)).collect()
}

fn nearest(centroids: &Array2<f64>, row: ArrayView1<'_, f64>) -> usize {
    let squared =
        |centroid: ArrayView1<'_, f64>| -> f64 { centroid.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum() };
    let distances = centroids.outer_iter().map(squared).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
}
