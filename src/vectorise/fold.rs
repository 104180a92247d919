//! The limit on the number of services in a second.

use std::collections::BTreeMap;

use super::{Cell, OTHER_SERVICES, SERVICES_PER_SECOND_MAX};
use crate::record::Service;

/// Folds the services of one second beyond [`SERVICES_PER_SECOND_MAX`] into one, [`OTHER_SERVICES`], which has lines but
/// no templates. Those with the smallest hashes stay, so the same services stay in every second and however the lines were
/// divided. Returns how many were folded. O(n log n) where it is over the limit, else O(1).
pub fn fold_services(cells: &mut BTreeMap<Service, Cell>) -> usize {
    let other = Service::new(None, OTHER_SERVICES);
    let named = cells.len() - usize::from(cells.contains_key(&other));
    let excess = named.saturating_sub(SERVICES_PER_SECOND_MAX);
    if excess == 0 {
        return 0;
    }
    let mut by_hash: Vec<(u64, Service)> = cells
        .keys()
        .filter(|service| **service != other)
        .map(|service| (xxhash_rust::xxh3::xxh3_64(service.name.as_bytes()), service.clone()))
        .collect();
    by_hash.sort_unstable();
    let mut rest = cells.remove(&other).unwrap_or_default();
    for (_, service) in by_hash.into_iter().skip(SERVICES_PER_SECOND_MAX) {
        if let Some(mut cell) = cells.remove(&service) {
            cell.templates.clear();
            cell.hosts.clear();
            cell.other_lines = cell.total();
            rest.merge(cell);
        }
    }
    cells.insert(other, rest);
    excess
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(range: std::ops::Range<usize>) -> BTreeMap<Service, Cell> {
        range
            .map(|n| (Service::new(None, &format!("s{n}")), Cell { lines: [0, 0, 1, 0, 0, 0], ..Cell::default() }))
            .collect()
    }

    #[test]
    fn folding_parts_first_gives_the_same_as_folding_the_whole() {
        let mut whole = cells(0..5_000);
        fold_services(&mut whole);
        let (mut left, mut right) = (cells(0..3_500), cells(3_500..5_000));
        fold_services(&mut left);
        fold_services(&mut right);
        for (service, cell) in right {
            left.entry(service).or_default().merge(cell);
        }
        fold_services(&mut left);
        assert_eq!(left, whole);
        assert_eq!(whole.len(), SERVICES_PER_SECOND_MAX + 1);
        assert_eq!(whole.values().map(Cell::total).sum::<u64>(), 5_000);
    }
}
