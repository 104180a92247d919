//! How many services a second may bring that nobody knows, where the catalogue is full. A flood of names would have each of them learnt
//! and forgotten again before it comes a second time, which costs many times what a line costs else. So most are counted as one
//! service of their environment, [`OTHER_SERVICES`]. Which ones is drawn anew in each second, by a hash: who comes again and again is soon
//! let in.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ClosedSecond;
use crate::record::{Second, Service};
use crate::vectorise::{Cell, OTHER_SERVICES, Sorted};

/// How many services that are not known a second may bring where the catalogue is full.
const NEWCOMERS_PER_SECOND_MAX: usize = 50;

/// Folds those of the new services of a second for which there is no room into one of their environment; where that is not among the known
/// ones, either, into the one of no environment. Leaves in `news` who is to be met instead. Returns how many were folded. O(services)
/// where there are too many.
pub(super) fn fold_newcomers(
    second: &mut ClosedSecond,
    news: &mut Vec<Service>,
    domains: &BTreeMap<Option<Arc<str>>, Second>,
    room: usize,
) -> u64 {
    let admitted = room.max(NEWCOMERS_PER_SECOND_MAX);
    if news.len() <= admitted {
        return 0;
    }
    let seed = second.second.0.cast_unsigned();
    let rank = |service: &Service| match *service.name == *OTHER_SERVICES {
        true => 0,
        false => xxh3_64_with_seed(service.name.as_bytes(), seed),
    };
    let mut ranks: Vec<(u64, Service)> = news.drain(..).map(|service| (rank(&service), service)).collect();
    ranks.select_nth_unstable(admitted);
    let mut folded: Vec<Service> = ranks.split_off(admitted).into_iter().map(|(_, service)| service).collect();
    folded.sort_unstable();
    let others = fold(&mut second.cells, &folded, domains);
    news.extend(ranks.into_iter().map(|(_, service)| service).chain(others.keys().cloned()));
    news.sort_unstable();
    news.dedup();
    second.cells.merge(others, Cell::merge);
    folded.len() as u64
}

/// Takes out the cells of these services, which are sorted, and adds them up by environment.
fn fold(
    cells: &mut Sorted<Service, Cell>,
    folded: &[Service],
    domains: &BTreeMap<Option<Arc<str>>, Second>,
) -> Sorted<Service, Cell> {
    let mut folded = folded.iter().peekable();
    let mut others: Sorted<Option<Arc<str>>, Cell> = Sorted::default();
    cells.retain(|service, cell| {
        let is_folded = folded.next_if_eq(&service).is_some();
        if is_folded {
            let domain = Some(&service.environment).filter(|domain| domains.contains_key(*domain));
            others.add(domain.cloned().flatten(), std::mem::take(cell).without_names(), Cell::merge);
        }
        !is_folded
    });
    let name: Arc<str> = Arc::from(OTHER_SERVICES);
    others.into_iter().map(|(environment, cell)| (Service { environment, name: Arc::clone(&name) }, cell)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn second(at: i64) -> ClosedSecond {
        let cell = || Cell { lines: [0, 0, 1, 0, 0, 0], ..Cell::default() };
        let domain = |n: usize| ["a", "b", "new"].get(n % 4).copied();
        let cells = (0..500).map(|n| (Service::new(domain(n), &format!("s{n}")), cell())).collect();
        ClosedSecond { second: Second(at), cells, missing: BTreeSet::new() }
    }

    /// Folds a second where so many are known and there is room for so many; returns who is met.
    fn met(second: &mut ClosedSecond, known: &BTreeSet<Service>, room: usize) -> Vec<Service> {
        let domains = [None, Some("a"), Some("b")].map(|domain| (domain.map(Arc::from), Second(0)));
        let mut news: Vec<Service> = second.cells.keys().filter(|service| !known.contains(service)).cloned().collect();
        fold_newcomers(second, &mut news, &BTreeMap::from(domains), room);
        news
    }

    #[test]
    fn all_lines_are_counted_and_those_who_are_known_stay() {
        let known: BTreeSet<Service> = second(0).cells.keys().take(300).cloned().collect();
        let (mut full, mut roomy) = (second(7), second(7));
        assert_eq!(met(&mut roomy, &known, 200).len(), 200);
        assert_eq!(roomy, second(7));
        let news = met(&mut full, &known, 3);
        assert_eq!(full.cells.values().map(Cell::total).sum::<u64>(), 500);
        assert!(known.iter().chain(&news).all(|service| full.cells.get(service).is_some()));
        assert_eq!(full.cells.len(), known.len() + news.len());
        let others: Vec<&Service> = news.iter().filter(|service| *service.name == *OTHER_SERVICES).collect();
        assert_eq!(news.len() - others.len(), NEWCOMERS_PER_SECOND_MAX);
        assert!(others.iter().all(|other| other.environment.as_deref() != Some("new")), "{others:?}");
    }

    #[test]
    fn who_comes_again_and_again_is_let_in() {
        let mut known = BTreeSet::new();
        (0..100).for_each(|at| known.extend(met(&mut second(at), &known, 0)));
        assert!(second(0).cells.keys().all(|service| known.contains(service)));
    }
}
