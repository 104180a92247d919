//! Probation: while a flood of new services goes on, one that comes for the first time is not made known.
//!
//! A model of each service that comes once and never again would cost as much as all the rest, and displace what came seldom. So its lines
//! are counted as those of [`OTHER_SERVICES`] of its domain, and of its name a hash is remembered. Who comes in another second is let in:
//! those first that came most often, and [`LET_IN_PER_SECOND_MAX`] in each second, so that a flood of those that come twice costs little
//! more. A line of error level or worse counts like one more second.
//!
//! # Invariants
//!
//! * A flood begins where more than [`NEWCOMERS_MAX`] new services in this minute and the last one found no room but that of others, and goes on
//!   while as many come. Where none goes on, everybody is let in.
//! * A domain in which no more than its share of them begin has no part in it: its services are let in.
//! * Who is known stays known, but for those that began with the flood and came once, or wrote a few lines and no more: they are remembered
//!   instead.
//! * Bounded ([`Remembered`]), and a function of the seconds alone.
//!
//! [`NEWCOMERS_MAX`]: super::newcomers::NEWCOMERS_MAX

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::known_service::KnownService;
use super::newcomers::{Crowd, Domains, Newcomers};
use super::remembered::{Remembered, hash};
use super::{ClosedSecond, SERVICES_MAX};
use crate::record::{Level, Second, Service};
use crate::vectorise::{Cell, OTHER_SERVICES, fold_into};

/// So many of a flood are let in in one second of log time.
const LET_IN_PER_SECOND_MAX: usize = 10;

/// Who began with a flood is forgotten again if it has no more lines than these …
const LINES_OF_FLOOD_MAX: u64 = 10;
/// … and wrote none for so many seconds of log time.
const SILENT_SECONDS: i64 = 60;

/// Who is new, and who of them is let in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Probation {
    newcomers: Newcomers,
    /// While a flood goes on: the first second of whose newcomers it is made.
    flood_since: Option<Second>,
    /// Whether those that came with the flood are to be forgotten after this second, if they do not go on.
    clears: bool,
    remembered: Remembered,
    /// How often a service was counted among others for it.
    pub(super) folded: u64,
}

/// A new service.
pub(super) struct Newcomer {
    service: Service,
    /// Whether it has lines of error level or worse.
    fails: bool,
}

impl Newcomer {
    /// A service that is not known, and what it wrote.
    pub(super) fn new(service: &Service, cell: &Cell) -> Self {
        Self { service: service.clone(), fails: cell.at_level(Level::Error) > 0 }
    }
}

/// A new service, and what decides whether it is let in.
struct Candidate {
    service: Service,
    crowd: Crowd,
    hash: u64,
    /// In how many seconds it came before.
    times: u8,
    /// Its place among the new services.
    place: usize,
}

impl Candidate {
    /// The order in which they are let in.
    fn rank(&self) -> Rank {
        (Reverse(self.times), self.hash, self.place)
    }
}

type Rank = (Reverse<u8>, u64, usize);

/// The rank of the last one that is let in: of those that came before.
fn last_let_in(candidates: &[Candidate]) -> Option<Rank> {
    let mut ranks: Vec<Rank> = candidates.iter().filter(|candidate| candidate.times > 0).map(Candidate::rank).collect();
    ranks.sort_unstable();
    ranks.truncate(LET_IN_PER_SECOND_MAX);
    ranks.pop()
}

impl Probation {
    /// Looks at the services of a second that are not known, in their order, where so many are. Returns those that are to be made known; the
    /// lines of the others are counted as those of others.
    pub(super) fn let_in(
        &mut self,
        second: &mut ClosedSecond,
        news: Vec<Newcomer>,
        known_services: usize,
        domains: &Domains,
    ) -> Vec<Service> {
        let is_full = known_services + news.len() > SERVICES_MAX;
        let minute_is_over = self.newcomers.go_on(second.second);
        let candidates = self.candidates(news, is_full || self.flood_since.is_some(), domains);
        self.turn(minute_is_over);
        if self.flood_since.is_none() {
            return candidates.into_iter().map(|candidate| candidate.service).collect();
        }
        let share = self.newcomers.share();
        let has_part = |candidate: &Candidate| {
            *candidate.service.name != *OTHER_SERVICES && self.newcomers.of(&candidate.crowd) > share
        };
        let (candidates, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(has_part);
        let last = last_let_in(&candidates);
        let (again, stay): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| last.is_some_and(|last| candidate.rank() <= last));
        let let_in = others.into_iter().chain(again).map(|candidate| candidate.service);
        let_in.chain(self.hold_back(second, stay)).collect()
    }

    /// Looks at the new services. Those for whom there is no room are counted, but for those that came before.
    fn candidates(&mut self, news: Vec<Newcomer>, are_counted: bool, domains: &Domains) -> Vec<Candidate> {
        let candidate = |(place, Newcomer { service, fails }): (usize, Newcomer)| {
            let (crowd, hash) = (Crowd::of(&service, domains), hash(&service));
            let times = self.remembered.times(hash);
            if are_counted && times == 0 {
                self.newcomers.count(&crowd);
            }
            Candidate { service, crowd, hash, times: times.saturating_add(u8::from(fails)), place }
        };
        news.into_iter().enumerate().map(candidate).collect()
    }

    /// Begins or ends the flood.
    fn turn(&mut self, minute_is_over: bool) {
        let are_many = self.newcomers.are_many();
        match self.flood_since {
            Some(_) if !are_many => {
                self.flood_since = None;
                self.remembered.clear();
            }
            Some(_) => self.clears = minute_is_over,
            None if are_many => {
                self.flood_since = Some(self.newcomers.since());
                self.clears = true;
            }
            None => {}
        }
    }

    /// Remembers who is not let in, and counts its lines as those of others. Returns these.
    fn hold_back(&mut self, second: &mut ClosedSecond, candidates: Vec<Candidate>) -> Vec<Service> {
        self.folded = self.folded.saturating_add(candidates.len() as u64);
        for candidate in &candidates {
            self.remembered.set(candidate.hash, candidate.times.saturating_add(1), second.second);
        }
        let name: Arc<str> = Arc::from(OTHER_SERVICES);
        let (mut others, mut rest) = (BTreeSet::new(), candidates.into_iter().peekable());
        fold_into(&mut second.cells, |service| {
            let Candidate { crowd, .. } = rest.next_if(|candidate| candidate.service == *service)?;
            let environment = if let Crowd::Of(environment) = crowd { environment } else { None };
            let other = Service { environment, name: Arc::clone(&name) };
            others.insert(other.clone());
            Some(other)
        });
        others.into_iter().collect()
    }

    /// Whether those that came with the flood are to be forgotten after this second, if they do not go on: when the flood begins, and once a minute.
    pub(super) fn takes_back(&mut self) -> bool {
        std::mem::take(&mut self.clears)
    }

    /// Whether a service that is known is only to be remembered: it came with the flood, and once or seldom, and does not go on.
    pub(super) fn is_of_flood(&self, service: &Service, known: &KnownService, now: Second, domains: &Domains) -> bool {
        let Some(since) = self.flood_since else { return false };
        let came_once = known.birth == known.last_seen && known.last_seen < now;
        let came_seldom = known.trained_lines <= LINES_OF_FLOOD_MAX && now.since(known.last_seen) >= SILENT_SECONDS;
        if known.birth < since || !(came_once || came_seldom) {
            return false;
        }
        let exceeds = |crowd: &Crowd| self.newcomers.of(crowd) > self.newcomers.share();
        let is_of_new_domain = domains.get(&service.environment).is_some_and(|&birth| birth >= since);
        *service.name != *OTHER_SERVICES
            && (exceeds(&Crowd::Of(service.environment.clone())) || is_of_new_domain && exceeds(&Crowd::NewDomains))
    }

    /// Remembers a service that is not known any more.
    pub(super) fn remember(&mut self, service: &Service, now: Second) {
        let hash = hash(service);
        self.remembered.set(hash, self.remembered.times(hash).max(1), now);
    }
}

#[cfg(test)]
mod tests;
