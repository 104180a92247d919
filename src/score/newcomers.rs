//! How many new services there were lately, and in which domains: what makes a flood.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::{Second, Service};

/// More new services in this minute and the last one are a flood, where the catalogue had no room for them: as many as it makes room
/// for at once.
pub(super) const NEWCOMERS_MAX: u32 = 250;

/// Of whom new services are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Crowd {
    /// A domain that is known.
    Of(Option<Arc<str>>),
    /// All domains that are not: each may be the only one of its kind.
    NewDomains,
}

/// The domains that are known, and their first seconds.
pub(super) type Domains = BTreeMap<Option<Arc<str>>, Second>;

impl Crowd {
    /// The crowd of a service.
    pub(super) fn of(service: &Service, domains: &Domains) -> Self {
        match domains.contains_key(&service.environment) {
            true => Self::Of(service.environment.clone()),
            false => Self::NewDomains,
        }
    }
}

/// Counts of new services, in this minute and the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Newcomers {
    minute: i64,
    this: BTreeMap<Crowd, u32>,
    last: BTreeMap<Crowd, u32>,
}

impl Newcomers {
    /// Goes on to a second. Returns whether a minute is over.
    pub(super) fn go_on(&mut self, now: Second) -> bool {
        let minute = now.0.div_euclid(60);
        if minute == self.minute {
            return false;
        }
        let this = std::mem::take(&mut self.this);
        self.last = if minute == self.minute.saturating_add(1) { this } else { BTreeMap::new() };
        self.minute = minute;
        true
    }

    /// Counts a new service.
    pub(super) fn count(&mut self, crowd: &Crowd) {
        match self.this.get_mut(crowd) {
            Some(count) => *count = count.saturating_add(1),
            None => _ = self.this.insert(crowd.clone(), 1),
        }
    }

    /// The first second of those that are counted.
    pub(super) fn since(&self) -> Second {
        Second(self.minute.saturating_sub(1).saturating_mul(60))
    }

    /// Whether there are too many in all. O(crowds).
    pub(super) fn are_many(&self) -> bool {
        let all = self.this.values().chain(self.last.values());
        all.fold(0, |sum: u32, &count| sum.saturating_add(count)) > NEWCOMERS_MAX
    }

    /// The share of each crowd in [`NEWCOMERS_MAX`]. O(crowds).
    pub(super) fn share(&self) -> u32 {
        let crowds = self.this.len() + self.last.keys().filter(|crowd| !self.this.contains_key(*crowd)).count();
        NEWCOMERS_MAX / u32::try_from(crowds.max(1)).unwrap_or(u32::MAX)
    }

    /// How many there were of a crowd. O(log crowds).
    pub(super) fn of(&self, crowd: &Crowd) -> u32 {
        let count = |counts: &BTreeMap<Crowd, u32>| counts.get(crowd).copied().unwrap_or(0);
        count(&self.this).saturating_add(count(&self.last))
    }
}
