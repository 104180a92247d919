//! The catalogue: which services and templates there are, since when, how grave, and a line that shows them.
//!
//! It is bounded: beyond a limit the least valuable go, those with the fewest lines (which age), then those unseen for the
//! longest time. A flood of new names so displaces itself and not what is known, and costs little ([`super::probation`]).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::known_service::{Absorbed, HeldBytes, KnownService, ServiceNumber};
use super::known_template::{HALF_LIFE_SECONDS, TEMPLATE_BYTES_MAX};
use super::newcomers::Domains;
use super::places::Place;
use super::probation::{Newcomer, Probation};
use super::series::SERIES_BYTES_MAX;
use super::sources::{Missing, Numbered};
use super::suitability::Unsuitable;
use super::{ClosedSecond, TemplateFacts};
use crate::record::{Second, Service, TemplateId};
use crate::template::{Masks, Merge};
use crate::vectorise::{OTHER_SERVICES, Sample, Sorted, Walk};

/// How many bytes the templates of one service may take, with their texts, samples and series: some 1,500 to 2,000 templates, and
/// 700 of those that come every second.
pub const TEMPLATE_BYTES_PER_SERVICE_MAX: usize = 8 << 20;
/// As many templates are within the budget whatever their texts are.
const TEMPLATES_THAT_FIT: usize = TEMPLATE_BYTES_PER_SERVICE_MAX / (TEMPLATE_BYTES_MAX + SERIES_BYTES_MAX);
/// How many templates are remembered in all: with their samples, rates and gaps some 5 kB each.
pub const TEMPLATES_MAX: usize = 50_000;
/// How many services are remembered.
pub const SERVICES_MAX: usize = 5_000;

/// What was forgotten in a second, so that the detectors forget it too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gone {
    /// In rising order.
    pub(super) services: Vec<ServiceNumber>,
    pub(super) templates: Vec<(ServiceNumber, Place)>,
}

impl Gone {
    /// Takes out what is held of the services that were forgotten. O(n) where any were.
    pub(super) fn take_from<T>(&self, of_services: &mut Sorted<ServiceNumber, T>) {
        if !self.services.is_empty() {
            of_services.retain(|number, _| self.services.binary_search(number).is_err());
        }
    }
}

/// A template of a service that became part of another one in this second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Merged {
    pub(super) service: Service,
    pub(super) number: ServiceNumber,
    pub(super) from: TemplateId,
    pub(super) into: TemplateId,
    /// What became of what was known of the one that is no more.
    pub(super) absorbed: Option<Absorbed>,
}

/// All services of one tallies partition and their templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Each in a piece of memory of its own: a flood of names moves the others about in the tree.
    services: BTreeMap<Service, Box<KnownService>>,
    domains: Domains,
    probation: Probation,
    partitions: Numbered,
    /// Services whose templates say little, and why.
    unsuitable: BTreeMap<Service, Unsuitable>,
    next_number: u32,
    template_count: usize,
    /// How many services and templates were forgotten because of the limits.
    pub forgotten: u64,
}

impl Catalogue {
    /// Meets what a second brings: merges templates, counts the lines of those that were merged as lines of what they are part
    /// of now, and remembers what is left. Before anyone else sees the second, so that nobody sees what is no template any
    /// more. `held` says what a model holds of a template. Returns what had to be forgotten for it, and what was merged.
    pub(super) fn meet(
        &mut self,
        second: &mut ClosedSecond,
        masks: &Masks,
        held: HeldBytes<'_>,
    ) -> (Gone, Vec<Merged>) {
        let now = second.second;
        self.meet_services(second);
        let (mut gone, mut merged) = (Gone::default(), Vec::new());
        let mut known_services = Walk::along(self.services.iter_mut());
        for (service, cell) in second.cells.iter_mut() {
            let Some(known) = known_services.find(service) else { continue };
            let before = known.places.len();
            let verdict = known.unsuitable();
            let coarsened = known.coarsen(cell, masks);
            let (number, merges) = (known.number, known.fold(cell, now, masks));
            let named = |(merge, absorbed): (Merge, Option<Absorbed>)| {
                let Merge { from, into, .. } = merge;
                Merged { service: service.clone(), number, from, into, absorbed }
            };
            merged.extend(merges.into_iter().map(named));
            let met = known.places.len();
            known.meet(cell, now);
            known.sources.meet(cell, &mut self.partitions);
            if *service.name != *OTHER_SERVICES {
                known.check(cell, coarsened + (known.places.len() - met) as u64, now);
            }
            if known.unsuitable() != verdict {
                if known.unsuitable().is_some_and(Unsuitable::coarsens) {
                    known.forget_rare(now, &mut gone.templates);
                }
                match known.unsuitable() {
                    Some(reason) => self.unsuitable.insert(service.clone(), reason),
                    None => self.unsuitable.remove(service),
                };
            }
            if known.places.len() > TEMPLATES_THAT_FIT {
                let bytes = known.template_bytes(held);
                if bytes > TEMPLATE_BYTES_PER_SERVICE_MAX {
                    known.shrink(bytes - TEMPLATE_BYTES_PER_SERVICE_MAX * 9 / 10, now, held, &mut gone.templates);
                }
            }
            self.template_count = self.template_count + known.places.len() - before;
        }
        self.take_back(now, &mut gone);
        self.shrink_services(now, &mut gone);
        self.shrink_templates(now, held, &mut gone);
        gone.services.sort_unstable();
        self.forgotten += (gone.services.len() + gone.templates.len()) as u64;
        (gone, merged)
    }

    /// Gives new services their numbers. In a flood of them, the lines of most are counted as those of others.
    fn meet_services(&mut self, second: &mut ClosedSecond) {
        let now = second.second;
        let mut known = Walk::along(self.services.iter());
        let news = second.cells.iter().filter(|(service, _)| known.find(service).is_none());
        let news = news.map(|(service, cell)| Newcomer::new(service, cell)).collect();
        let news = self.probation.let_in(second, news, self.services.len(), &self.domains);
        for service in news {
            self.domains.entry(service.environment.clone()).or_insert(now);
            let Entry::Vacant(vacant) = self.services.entry(service) else { continue };
            vacant.insert(Box::new(KnownService::new(ServiceNumber(self.next_number), now)));
            self.next_number = self.next_number.wrapping_add(1);
        }
    }

    /// Forgets those that came with a flood of new services and do not go on, but for their names.
    fn take_back(&mut self, now: Second, gone: &mut Gone) {
        if !self.probation.takes_back() {
            return;
        }
        let is_of_flood =
            |service: &Service, known: &KnownService| self.probation.is_of_flood(service, known, now, &self.domains);
        let once: Vec<Service> =
            self.services().filter(|(service, known)| is_of_flood(service, known)).map(|(s, _)| s.clone()).collect();
        for service in &once {
            self.probation.remember(service, now);
        }
        self.forget_services(&once, gone);
    }

    fn shrink_services(&mut self, now: Second, gone: &mut Gone) {
        if self.services.len() <= SERVICES_MAX {
            return;
        }
        let mut by_value: Vec<(f64, Second, &Service)> = self
            .services
            .iter()
            .map(|(service, known)| (known.lines.at(now, HALF_LIFE_SECONDS), known.last_seen, service))
            .collect();
        let excess = by_value.len() - SERVICES_MAX * 19 / 20;
        by_value.select_nth_unstable_by(excess, |a, b| a.0.total_cmp(&b.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
        by_value.truncate(excess);
        let least: Vec<Service> = by_value.into_iter().map(|(_, _, service)| service.clone()).collect();
        self.forget_services(&least, gone);
    }

    /// Forgets these. O(services).
    fn forget_services(&mut self, services: &[Service], gone: &mut Gone) {
        for service in services {
            if let Some(known) = self.services.remove(service) {
                self.template_count -= known.places.len();
                gone.services.push(known.number);
                self.unsuitable.remove(service);
            }
        }
        let domains: BTreeSet<_> = self.services.keys().map(|service| &service.environment).collect();
        self.domains.retain(|domain, _| domains.contains(domain));
    }

    /// Where there are too many templates in all, the service with the most gives up a tenth of its own.
    fn shrink_templates(&mut self, now: Second, held: HeldBytes<'_>, gone: &mut Gone) {
        while self.template_count > TEMPLATES_MAX {
            let largest =
                self.services.values_mut().max_by_key(|known| (known.places.len(), std::cmp::Reverse(known.number)));
            let Some(known) = largest else { return };
            let before = known.places.len();
            known.shrink((known.template_bytes(held) / 10).max(1), now, held, &mut gone.templates);
            self.template_count -= before - known.places.len();
        }
    }

    /// A service.
    pub fn service(&self, service: &Service) -> Option<&KnownService> {
        self.services.get(service).map(Box::as_ref)
    }

    /// All services, in their order.
    pub fn services(&self) -> impl Iterator<Item = (&Service, &KnownService)> {
        self.services.iter().map(|(service, known)| (service, &**known))
    }

    /// The services of the domain that `service` is of.
    pub(super) fn domain<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = (&'a Service, &'a KnownService)> {
        self.services().filter(move |(other, _)| other.environment == service.environment)
    }

    /// The first second of the domain that `service` is of.
    pub(super) fn domain_birth(&self, service: &Service) -> Option<Second> {
        self.domains.get(&service.environment).copied()
    }

    #[cfg(test)]
    pub(super) fn domain_count(&self) -> usize {
        self.domains.len()
    }

    /// The services of which lines may be among those that are missing of a second. O(services) where any are.
    pub(super) fn concerned<'a>(
        &'a self,
        second: &ClosedSecond,
    ) -> impl Iterator<Item = (&'a Service, &'a KnownService)> + use<'a> {
        let missing = (!second.missing.is_empty()).then(|| Missing::new(&second.missing, &self.partitions));
        missing.into_iter().flat_map(|missing| {
            self.services().filter(move |(service, known)| {
                *service.name == *OTHER_SERVICES || known.sources.may_be_among(&missing)
            })
        })
    }

    /// Services whose templates say little, and why.
    pub fn unsuitable(&self) -> &BTreeMap<Service, Unsuitable> {
        &self.unsuitable
    }

    /// How often a new service was counted among others because too many came at once.
    pub fn folded_services(&self) -> u64 {
        self.probation.folded
    }

    /// How many templates there are in all.
    pub fn template_count(&self) -> usize {
        self.template_count
    }

    /// The facts of a template, and a line that shows it.
    pub(super) fn facts(
        &self,
        service: &Service,
        id: TemplateId,
        now: Second,
    ) -> Option<(TemplateFacts, Option<&Sample>)> {
        let known = self.services.get(service)?.template(id)?;
        let (is_new, first_seen) = (known.birth == now, known.first_seen());
        let facts = TemplateFacts { id, text: known.text(), is_new, first_seen, level: known.level };
        Some((facts, known.sample()))
    }
}
