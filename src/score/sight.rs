//! What the detectors are told of a second beside its sums: which services and templates wrote, and what is known of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Catalogue, Gone, Merged};
use super::known_service::{KnownService, ServiceNumber};
use super::known_template::KnownTemplate;
use super::places::Place;
use super::{Budget, ClosedSecond};
use crate::record::{Service, TemplateId};
use crate::vectorise::{Cell, TemplateTally, Walk};

/// A template that was seen in the second.
pub(super) struct Sight<'a> {
    pub(super) id: TemplateId,
    pub(super) place: Place,
    pub(super) tally: &'a TemplateTally,
    pub(super) known: &'a KnownTemplate,
}

impl Sight<'_> {
    /// Lines in time that count for rates: those for debugging do not, since to switch them on is no trouble.
    pub(super) fn lines(&self) -> u64 {
        self.tally.countable()
    }
}

/// A service that wrote in the second.
pub(super) struct Active<'a> {
    pub(super) service: &'a Service,
    pub(super) cell: &'a Cell,
    pub(super) known: &'a KnownService,
    pub(super) templates: Vec<Sight<'a>>,
}

/// What the detectors are told of a second beside its sums.
pub struct Known<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) active: Vec<Active<'a>>,
    pub(super) gone: Gone,
    /// Services whose silence was told before this second and lasts.
    pub(super) silent: BTreeSet<ServiceNumber>,
    pub(super) merged: Vec<Merged>,
    /// Services of which lines may be missing, and their domains.
    pub(super) blind: BTreeSet<ServiceNumber>,
    pub(super) blind_domains: BTreeSet<Option<Arc<str>>>,
    /// How many false findings may be made.
    pub(super) budget: Budget,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        catalogue: &'a Catalogue,
        second: &'a ClosedSecond,
        (gone, merged): (Gone, Vec<Merged>),
        mut silent: BTreeSet<ServiceNumber>,
        budget: Budget,
    ) -> Self {
        let mut active = Vec::with_capacity(second.cells.len());
        let mut known_services = Walk::along(catalogue.services());
        for (service, cell) in second.cells.iter() {
            let Some(known) = known_services.find(service) else { continue };
            if cell.total() > 0 {
                silent.remove(&known.number);
            }
            active.push(Active { service, cell, known, templates: sights(known, cell) });
        }
        let mut blind_domains = BTreeSet::new();
        let concerned = catalogue.concerned(second).map(|(service, known)| {
            blind_domains.insert(service.environment.clone());
            known.number
        });
        let blind = concerned.collect();
        Self { catalogue, active, gone, silent, merged, blind, blind_domains, budget }
    }

    /// The second has as many services as one may have: who is not among them may have been counted as others.
    pub(super) fn miss_the_absent(&mut self, second: &ClosedSecond) {
        let mut cells = Walk::along(second.cells.iter());
        for (service, known) in self.catalogue.services().filter(|(service, _)| cells.find(service).is_none()) {
            self.blind.insert(known.number);
            self.blind_domains.insert(service.environment.clone());
        }
    }

    /// The names of the services of which lines may be missing.
    pub(super) fn blind_services(&self) -> BTreeSet<Service> {
        if self.blind.is_empty() {
            return BTreeSet::new();
        }
        let blind = self.catalogue.services().filter(|(_, known)| self.blind.contains(&known.number));
        blind.map(|(service, _)| service.clone()).collect()
    }

    /// The services that wrote in the second, but for those of which lines may be missing.
    pub(super) fn seen_whole(&self) -> impl Iterator<Item = &Active<'a>> {
        self.active.iter().filter(|active| !self.blind.contains(&active.known.number))
    }
}

/// The templates that a service wrote in the second, in the order of their ids.
fn sights<'a>(service: &'a KnownService, cell: &'a Cell) -> Vec<Sight<'a>> {
    let mut sights = Vec::with_capacity(cell.templates.len());
    let mut from = 0;
    for (&id, tally) in cell.templates.iter() {
        let known = service.places.seek(&mut from, id).and_then(|place| Some((place, service.template_at(place)?)));
        sights.extend(known.map(|(place, known)| Sight { id, place, tally, known }));
    }
    sights
}
