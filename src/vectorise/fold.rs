//! The limit on the number of services in a second.

use std::collections::{BTreeMap, BinaryHeap};

use xxhash_rust::xxh3::xxh3_64;

use super::{Cell, OTHER_SERVICES, SERVICES_PER_SECOND_MAX, Sorted};
use crate::record::Service;

/// Which services stay in a second that has too many: those with the smallest hashes, and of equal ones the first.
fn rank(service: &Service) -> (u64, &Service) {
    (xxh3_64(service.name.as_bytes()), service)
}

/// Folds the services of one second beyond [`SERVICES_PER_SECOND_MAX`] into one, [`OTHER_SERVICES`], which has lines but
/// no templates. Those with the smallest hashes stay, so the same services stay in every second and however the lines were
/// divided. Returns how many were folded. O(n) where it is over the limit, else O(1).
pub fn fold_services(cells: &mut Sorted<Service, Cell>) -> usize {
    if cells.len() <= SERVICES_PER_SECOND_MAX {
        return 0;
    }
    let other = Service::new(None, OTHER_SERVICES);
    let mut ranks: Vec<(u64, &Service)> = cells.keys().filter(|service| **service != other).map(rank).collect();
    let excess = ranks.len().saturating_sub(SERVICES_PER_SECOND_MAX);
    if excess == 0 {
        return 0;
    }
    let (_, &mut (hash, service), _) = ranks.select_nth_unstable(SERVICES_PER_SECOND_MAX);
    let first_gone = (hash, service.clone());
    let mut rest = Cell::default();
    cells.retain(|service, cell| {
        let stays = *service == other || rank(service) < (first_gone.0, &first_gone.1);
        if !stays {
            rest.merge(std::mem::take(cell).without_names());
        }
        stays
    });
    cells.add(other, rest, Cell::merge);
    excess
}

/// Counts the lines of some services as those of another one, without their names: `into` says of which one, of a service that stays
/// nothing. O(n log n).
pub(crate) fn fold_into(cells: &mut Sorted<Service, Cell>, mut into: impl FnMut(&Service) -> Option<Service>) {
    let mut sums: BTreeMap<Service, Cell> = BTreeMap::new();
    cells.retain(|service, cell| {
        let Some(other) = into(service) else { return true };
        sums.entry(other).or_default().merge(std::mem::take(cell).without_names());
        false
    });
    for (other, sum) in sums {
        cells.add(other, sum, Cell::merge);
    }
}

/// The services of one second while they come: knows which of them will be folded, whatever else comes.
#[derive(Default)]
pub(super) struct Admission {
    /// Those that may stay.
    ranks: BinaryHeap<(u64, Service)>,
}

impl Admission {
    /// Whether a service that was not admitted yet may stay. O(log n), and O(1) for those that may not.
    pub(super) fn admits(&mut self, environment: Option<&str>, name: &str) -> Option<Service> {
        let hash = xxh3_64(name.as_bytes());
        if self.ranks.len() >= SERVICES_PER_SECOND_MAX {
            let last = self.ranks.peek()?;
            if (hash, environment, name) > (last.0, last.1.environment.as_deref(), &*last.1.name) {
                return None;
            }
            self.ranks.pop();
        }
        let service = Service::new(environment, name);
        self.ranks.push((hash, service.clone()));
        Some(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(range: std::ops::Range<usize>) -> Sorted<Service, Cell> {
        range
            .map(|n| (Service::new(None, &format!("s{n}")), Cell { lines: [0, 0, 1, 0, 0, 0], ..Cell::default() }))
            .collect()
    }

    #[test]
    fn folding_parts_first_gives_the_same_as_folding_the_whole() {
        let mut whole = cells(0..5_000);
        assert_eq!(fold_services(&mut whole), 5_000 - SERVICES_PER_SECOND_MAX);
        let (mut left, mut right) = (cells(0..3_500), cells(3_500..5_000));
        fold_services(&mut left);
        fold_services(&mut right);
        left.merge(right, Cell::merge);
        fold_services(&mut left);
        assert_eq!(left, whole);
        assert_eq!(whole.len(), SERVICES_PER_SECOND_MAX + 1);
        assert_eq!(whole.values().map(Cell::total).sum::<u64>(), 5_000);
    }

    #[test]
    fn who_is_not_admitted_would_be_folded() {
        for of in [|n: usize| (None, format!("s{n}")), |n| (Some(format!("e{n}")), "s".to_owned())] {
            let (mut admission, mut whole, mut refused) = (Admission::default(), Sorted::default(), Vec::new());
            for (environment, name) in (0..5_000).map(of) {
                let service = Service::new(environment.as_deref(), &name);
                whole.insert(service.clone(), Cell::default());
                match admission.admits(environment.as_deref(), &name) {
                    Some(admitted) => assert_eq!(admitted, service),
                    None => refused.push(service),
                }
            }
            fold_services(&mut whole);
            assert!(refused.len() > 500, "{}", refused.len());
            assert!(refused.iter().all(|service| whole.get(service).is_none()));
            assert!(admission.ranks.iter().all(|(_, service)| whole.get(service).is_some()));
        }
    }
}
