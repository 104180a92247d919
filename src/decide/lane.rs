//! One lane of open episodes, problems or notices, for a second that brings many findings: how many are open in each domain, and where
//! those of a service are.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::episode::Episode;
use crate::record::Service;

/// How many episodes of a lane are open in each domain; those that close at the end of the second no longer count.
pub(super) struct Room {
    pub(super) open: usize,
    domains: BTreeMap<Option<Arc<str>>, usize>,
}

impl Room {
    /// That of one lane. O(episodes).
    pub(super) fn of(open: &[Episode], is_notice: bool) -> Self {
        let mut room = Self { open: 0, domains: BTreeMap::new() };
        let lane = open.iter().filter(|episode| episode.is_notice == is_notice && !episode.is_closing());
        lane.for_each(|episode| room.opens(&episode.environment));
        room
    }

    /// How many are open in a domain.
    pub(super) fn count(&self, domain: &Option<Arc<str>>) -> usize {
        self.domains.get(domain).copied().unwrap_or(0)
    }

    /// How many are open in the domain that has the most. O(domains).
    pub(super) fn most(&self) -> usize {
        self.domains.values().copied().max().unwrap_or(0)
    }

    pub(super) fn opens(&mut self, domain: &Option<Arc<str>>) {
        self.open += 1;
        match self.domains.get_mut(domain) {
            Some(count) => *count += 1,
            None => _ = self.domains.insert(domain.clone(), 1),
        }
    }

    pub(super) fn closes(&mut self, domain: &Option<Arc<str>>) {
        self.open -= 1;
        if let Some(count) = self.domains.get_mut(domain) {
            *count -= 1;
        }
    }
}

/// In which of the open episodes a service has evidence or a symptom. Services are known by their hashes, so that a few places may be
/// those of others.
#[derive(Default)]
pub(super) struct ByService {
    /// The last of the entries of each service.
    last: HashMap<u64, usize, FixedState>,
    /// The place of an episode, and the entry of the same service before this one.
    entries: Vec<(usize, Option<usize>)>,
}

impl ByService {
    /// Those of all of them. O(symptoms).
    pub(super) fn of(open: &[Episode]) -> Self {
        let mut places = Self::default();
        for (place, episode) in open.iter().enumerate() {
            episode.named().for_each(|service| places.add(service, place));
        }
        places
    }

    /// Adds the place of an episode, which is not before those that the service has.
    pub(super) fn add(&mut self, service: &Service, place: usize) {
        let next = self.entries.len();
        let last = self.last.entry(FixedState::default().hash_one(service)).or_insert(next);
        let before = Some(*last).filter(|&last| last != next);
        if before.and_then(|last| self.entries.get(last)).is_none_or(|&(known, _)| known != place) {
            *last = next;
            self.entries.push((place, before));
        }
    }

    /// The places of a service, the last one first.
    pub(super) fn last_first(&self, service: &Service) -> impl Iterator<Item = usize> + use<'_> {
        let last = self.last.get(&FixedState::default().hash_one(service));
        let entry = |place: usize| self.entries.get(place);
        let entries = std::iter::successors(last.and_then(|&last| entry(last)), move |(_, before)| entry((*before)?));
        entries.map(|&(place, _)| place)
    }
}
