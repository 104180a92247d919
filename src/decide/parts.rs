//! Which services take part in an episode, and which of them is the origin.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::record::{Second, Service};
use crate::score::{Finding, Kind, Severity};

/// How many services an episode names.
pub const SERVICES_MAX: usize = 10;
/// How many more it counts: as many as are known at all.
const OTHERS_MAX: usize = crate::score::SERVICES_MAX;
/// Services whose first findings lie within this many seconds began together.
const TOGETHER_S: i64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Part {
    found: Second,
    surprise: f64,
    has_errors: bool,
    /// Whether some of them are of a new template: that says what broke, where a count only says that something did.
    has_new_errors: bool,
}

/// The services of an episode; they only grow, up to [`SERVICES_MAX`]. Those beyond are counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Parts {
    parts: BTreeMap<Service, Part>,
    /// Hashes of the others.
    others: BTreeSet<u64>,
}

impl Parts {
    /// Adds what a finding says of its service. Whether there is room for it.
    pub(super) fn add(&mut self, finding: &Finding) -> bool {
        let service = &finding.feature.service;
        if self.parts.len() >= SERVICES_MAX && !self.parts.contains_key(service) {
            if self.others.len() < OTHERS_MAX {
                self.others.insert(hash(service));
            }
            return false;
        }
        let start = Part { found: finding.second, surprise: 0.0, has_errors: false, has_new_errors: false };
        let part = self.parts.entry(service.clone()).or_insert(start);
        part.surprise = part.surprise.max(finding.surprise);
        let has_errors = finding.severity >= Severity::Error && finding.is_about_errors();
        part.has_errors |= has_errors;
        part.has_new_errors |= has_errors && finding.kind == Kind::NewTemplate;
        true
    }

    /// Whether `service` is one of them.
    pub(super) fn contains(&self, service: &Service) -> bool {
        self.parts.contains_key(service)
    }

    /// Those that are named, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &Service> {
        self.parts.keys()
    }

    /// How many are named.
    pub(super) fn count(&self) -> usize {
        self.parts.len()
    }

    /// How many there are, named or not.
    pub(super) fn total(&self) -> usize {
        self.parts.len() + self.others.len()
    }

    /// In how many of them there are lines of error level among the evidence.
    pub(super) fn with_errors(&self) -> usize {
        self.parts.values().filter(|part| part.has_errors).count()
    }

    /// Each and when it was first found, the most probable origin first: by that time (in steps of [`TOGETHER_S`]), then by new
    /// errors, surprise, and name. The time of the finding tells more than that of the evidence, which is a guess in long windows.
    pub(super) fn ranked(&self) -> Vec<(&Service, Second)> {
        let earliest = self.parts.values().map(|part| part.found).min().unwrap_or_default();
        let mut services: Vec<_> = self.parts.iter().collect();
        services.sort_by(|(name_a, a), (name_b, b)| {
            let step = |part: &Part| part.found.since(earliest) / TOGETHER_S;
            let order = step(a).cmp(&step(b)).then(b.has_new_errors.cmp(&a.has_new_errors));
            order.then(b.surprise.total_cmp(&a.surprise)).then(name_a.cmp(name_b))
        });
        services.into_iter().map(|(service, part)| (service, part.found)).collect()
    }
}

fn hash(service: &Service) -> u64 {
    let environment = service.environment.as_deref().map_or(0, |name| xxh3_64_with_seed(name.as_bytes(), 1));
    xxh3_64_with_seed(service.name.as_bytes(), environment)
}
