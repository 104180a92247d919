//! What the detectors are told of a second beside its sums: which services and templates wrote, and what is known of them.

use std::collections::BTreeSet;

use super::catalogue::{Catalogue, Gone, KnownService, Merged, ServiceNumber};
use super::known_template::KnownTemplate;
use super::side_by_side::is_dense;
use super::{Budget, ClosedSecond};
use crate::record::{Service, TemplateId};
use crate::vectorise::{Cell, TemplateTally, Walk};

/// A template that was seen in the second.
pub(super) struct Sight<'a> {
    pub(super) id: TemplateId,
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
        for (service, cell) in &second.cells {
            let Some(known) = known_services.find(service) else { continue };
            if cell.total() > 0 {
                silent.remove(&known.number);
            }
            active.push(Active { service, cell, known, templates: sights(known, cell) });
        }
        Self { catalogue, active, gone, silent, merged, budget }
    }
}

/// The templates that a service wrote in the second, in the order of their ids.
fn sights<'a>(service: &'a KnownService, cell: &'a Cell) -> Vec<Sight<'a>> {
    let tallies = cell.sorted_templates();
    let mut sights = Vec::with_capacity(tallies.len());
    let is_dense = is_dense(service.template_count(), tallies.len());
    let mut walk = Walk::along(service.templates());
    for (id, tally) in tallies {
        let known = if is_dense { walk.find(&id) } else { service.template(id) };
        sights.extend(known.map(|known| Sight { id, tally, known }));
    }
    sights
}
