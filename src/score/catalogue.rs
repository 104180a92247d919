//! The catalogue: which services and templates there are, since when, how grave, and a line that shows them.
//!
//! It is bounded: beyond a limit the least valuable go, those with the fewest lines (which age), then those unseen for the
//! longest time. A flood of new names so displaces itself and not what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decay::Decayed;
use super::{Budget, ClosedSecond, TemplateFacts};
use crate::record::{Level, Second, Service, TemplateId};
use crate::template::{Merge, Merges};
use crate::vectorise::{Cell, SAMPLE_BYTES_MAX, Sample, TemplateTally, beginning, with_ellipsis};

/// How many templates are remembered of one service.
pub const TEMPLATES_PER_SERVICE_MAX: usize = 2_000;
/// How many templates are remembered in all: with their samples, rates and gaps some 5 kB each.
pub const TEMPLATES_MAX: usize = 50_000;
/// How many services are remembered.
pub const SERVICES_MAX: usize = 5_000;
/// For how long a template keeps the gravest level it was seen at, in seconds: a day.
const LEVEL_SECONDS: i64 = 86_400;
/// Half-life of what makes a template or service worth remembering: a week.
const HALF_LIFE_SECONDS: f64 = 7.0 * 86_400.0;

/// A service, as the models know it: never given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceNumber(pub u32);

/// What is known of a template of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownTemplate {
    /// When it was first seen.
    pub birth: Second,
    /// When it was last seen.
    pub last_seen: Second,
    /// The gravest level it was seen at; one that did not come again for a day gives way to what comes now.
    pub level: Level,
    /// When it was last seen at that level.
    level_seen: Second,
    lines: Decayed,
    text: Option<Arc<str>>,
    first: Option<Sample>,
    recent: Option<Sample>,
}

impl KnownTemplate {
    fn new(now: Second) -> Self {
        let (lines, level) = (Decayed::new(now), Level::Trace);
        Self { birth: now, last_seen: now, level, level_seen: now, lines, text: None, first: None, recent: None }
    }

    fn meet(&mut self, tally: &TemplateTally, now: Second) {
        self.last_seen = now;
        let level = tally.level();
        if level >= self.level || now.since(self.level_seen) > LEVEL_SECONDS {
            (self.level, self.level_seen) = (level, now);
        }
        self.lines.add((tally.total() + tally.late) as f64, now, HALF_LIFE_SECONDS);
        if self.text.is_none() {
            self.text = tally.skeleton.as_ref().map(shown);
        }
        let Some(sample) = &tally.sample else { return };
        if self.first.is_none() {
            self.first = Some(sample.clone());
        }
        let minute = |sample: &Sample| sample.time.second().0.div_euclid(60);
        let better = self.recent.as_ref().is_none_or(|kept| match minute(sample).cmp(&minute(kept)) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => sample < kept,
            std::cmp::Ordering::Less => false,
        });
        if better {
            self.recent = Some(sample.clone());
        }
    }

    /// Takes in a template that was merged into this one, which now has this text.
    fn absorb(&mut self, other: Self, text: &Arc<str>, now: Second) {
        self.birth = self.birth.min(other.birth);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.level = self.level.max(other.level);
        self.lines.add(other.lines.at(now, HALF_LIFE_SECONDS), now, HALF_LIFE_SECONDS);
        self.text = Some(shown(text));
        self.first = self.first.take().into_iter().chain(other.first).min();
        self.recent = self.recent.take().into_iter().chain(other.recent).max_by_key(|sample| sample.time);
    }

    /// Its skeleton's text; the sample's where no skeleton was announced. Where it is not all of it, it ends with an ellipsis.
    pub fn text(&self) -> Arc<str> {
        self.text.clone().or_else(|| self.sample().map(Sample::shown)).unwrap_or_else(|| Arc::from("?"))
    }

    /// The smallest sample of the latest minute that brought one.
    pub fn sample(&self) -> Option<&Sample> {
        self.recent.as_ref().or(self.first.as_ref())
    }
}

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownService {
    /// Its number.
    pub number: ServiceNumber,
    /// When it was first seen.
    pub birth: Second,
    /// When it was last seen.
    pub last_seen: Second,
    /// Lines in time since then.
    pub trained_lines: u64,
    lines: Decayed,
    templates: BTreeMap<TemplateId, KnownTemplate>,
    merges: Merges,
}

impl KnownService {
    fn new(number: ServiceNumber, now: Second) -> Self {
        let (lines, templates, merges) = (Decayed::new(now), BTreeMap::new(), Merges::default());
        Self { number, birth: now, last_seen: now, trained_lines: 0, lines, templates, merges }
    }

    /// Meets the new templates of a second, in the order of their ids, and lets the counts follow the merges. Returns these.
    fn fold(&mut self, cell: &mut Cell, now: Second) -> Vec<Merge> {
        let mut ids: Vec<TemplateId> = cell.templates.keys().copied().collect();
        ids.sort_unstable();
        let mut news = Vec::new();
        for &id in &ids {
            let Some(tally) = cell.templates.get(&id) else { continue };
            let lines = tally.total() + tally.late;
            match &tally.skeleton {
                _ if self.merges.contains(id) => self.merges.count(id, lines, now),
                Some(text) => news.push((id, Arc::clone(text), lines)),
                None => {}
            }
        }
        let mut merges = Vec::new();
        for (id, text, lines) in news {
            merges.extend(self.merges.meet(id, &text, lines, now));
        }
        for id in ids {
            let into = self.merges.resolve(id);
            if into != id {
                let merge = merges.iter().rev().find(|merge| merge.into == into);
                cell.rename_template(id, into, merge.map(|merge| Arc::clone(&merge.text)));
            }
        }
        for merge in &merges {
            self.absorb(merge, now);
        }
        merges
    }

    fn absorb(&mut self, merge: &Merge, now: Second) {
        if let Some(known) = self.templates.remove(&merge.from) {
            let place = self.templates.entry(merge.into);
            place.or_insert_with(|| KnownTemplate::new(now)).absorb(known, &merge.text, now);
        }
    }

    /// How templates of it were merged: the old id, and that of the template it is part of now.
    pub fn aliases(&self) -> impl Iterator<Item = (TemplateId, TemplateId)> {
        self.merges.aliases()
    }

    /// A template of it.
    pub fn template(&self, id: TemplateId) -> Option<&KnownTemplate> {
        self.templates.get(&id)
    }

    /// How many templates of it are known.
    pub fn template_count(&self) -> usize {
        self.templates.len()
    }

    fn meet(&mut self, cell: &Cell, now: Second) {
        self.last_seen = now;
        self.trained_lines += cell.total();
        self.lines.add((cell.total() + cell.late) as f64, now, HALF_LIFE_SECONDS);
        // In any order: each is met for itself.
        for (&id, tally) in &cell.templates {
            self.templates.entry(id).or_insert_with(|| KnownTemplate::new(now)).meet(tally, now);
        }
    }

    /// Forgets the least valuable templates until `keep` are left. O(n log n).
    fn shrink(&mut self, keep: usize, now: Second, gone: &mut Vec<(ServiceNumber, TemplateId)>) {
        let mut by_value: Vec<(f64, Second, TemplateId)> = self
            .templates
            .iter()
            .map(|(&id, known)| (known.lines.at(now, HALF_LIFE_SECONDS), known.last_seen, id))
            .collect();
        by_value.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (_, _, id) in by_value.into_iter().take(self.templates.len().saturating_sub(keep)) {
            self.templates.remove(&id);
            gone.push((self.number, id));
        }
        let templates = &self.templates;
        self.merges.retain(|id| templates.contains_key(&id));
    }
}

/// What was forgotten in a second, so that the detectors forget it too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gone {
    pub(super) services: Vec<ServiceNumber>,
    pub(super) templates: Vec<(ServiceNumber, TemplateId)>,
}

/// A template of a service that became part of another one in this second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Merged {
    pub(super) service: Service,
    pub(super) number: ServiceNumber,
    pub(super) from: TemplateId,
    pub(super) into: TemplateId,
}

/// All services of one tallies partition and their templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    services: BTreeMap<Service, KnownService>,
    /// The first second of each domain.
    domains: BTreeMap<Option<Arc<str>>, Second>,
    next_number: u32,
    template_count: usize,
    /// How many services and templates were forgotten because of the limits.
    pub forgotten: u64,
}

impl Catalogue {
    /// Merges templates, and counts the lines of those that were merged as lines of what they are part of now. Before anyone
    /// else sees the second, so that nobody sees what is no template any more.
    pub(super) fn fold(&mut self, second: &mut ClosedSecond) -> Vec<Merged> {
        let now = second.second;
        let mut merged = Vec::new();
        for (service, cell) in &mut second.cells {
            let known = known(&mut self.services, &mut self.next_number, service, now);
            let before = known.templates.len();
            let merges = known.fold(cell, now);
            self.template_count = self.template_count + known.templates.len() - before;
            let number = known.number;
            let named = |merge: Merge| Merged { service: service.clone(), number, from: merge.from, into: merge.into };
            merged.extend(merges.into_iter().map(named));
        }
        merged
    }

    /// Meets what a second brings. Returns what had to be forgotten for it.
    pub(super) fn meet(&mut self, second: &ClosedSecond) -> Gone {
        let mut gone = Gone::default();
        let now = second.second;
        for (service, cell) in &second.cells {
            self.domains.entry(service.environment.clone()).or_insert(now);
            let known = known(&mut self.services, &mut self.next_number, service, now);
            let before = known.templates.len();
            known.meet(cell, now);
            if known.templates.len() > TEMPLATES_PER_SERVICE_MAX {
                known.shrink(TEMPLATES_PER_SERVICE_MAX * 9 / 10, now, &mut gone.templates);
            }
            self.template_count = self.template_count + known.templates.len() - before;
        }
        self.shrink_services(now, &mut gone);
        self.shrink_templates(now, &mut gone);
        self.forgotten += (gone.services.len() + gone.templates.len()) as u64;
        gone
    }

    fn shrink_services(&mut self, now: Second, gone: &mut Gone) {
        if self.services.len() <= SERVICES_MAX {
            return;
        }
        let mut by_value: Vec<(f64, Second, Service)> = self
            .services
            .iter()
            .map(|(service, known)| (known.lines.at(now, HALF_LIFE_SECONDS), known.last_seen, service.clone()))
            .collect();
        by_value.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then_with(|| a.2.cmp(&b.2)));
        let excess = self.services.len() - SERVICES_MAX * 19 / 20;
        for (_, _, service) in by_value.into_iter().take(excess) {
            if let Some(known) = self.services.remove(&service) {
                self.template_count -= known.templates.len();
                gone.services.push(known.number);
            }
        }
        self.domains.retain(|domain, _| self.services.keys().any(|service| service.environment == *domain));
    }

    /// Where there are too many templates in all, the service with the most gives up a tenth of its own.
    fn shrink_templates(&mut self, now: Second, gone: &mut Gone) {
        while self.template_count > TEMPLATES_MAX {
            let largest =
                self.services.values_mut().max_by_key(|known| (known.templates.len(), std::cmp::Reverse(known.number)));
            let Some(known) = largest else { return };
            let before = known.templates.len();
            known.shrink(before * 9 / 10, now, &mut gone.templates);
            self.template_count -= before - known.templates.len();
        }
    }

    /// A service.
    pub fn service(&self, service: &Service) -> Option<&KnownService> {
        self.services.get(service)
    }

    /// All services, in their order.
    pub fn services(&self) -> impl Iterator<Item = (&Service, &KnownService)> {
        self.services.iter()
    }

    /// The services of the domain that `service` is of.
    pub(super) fn domain<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = (&'a Service, &'a KnownService)> {
        self.services.iter().filter(move |(other, _)| other.environment == service.environment)
    }

    /// The first second of the domain that `service` is of.
    pub(super) fn domain_birth(&self, service: &Service) -> Option<Second> {
        self.domains.get(&service.environment).copied()
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
        let known = self.services.get(service)?.templates.get(&id)?;
        let first_seen = known.first.as_ref().map_or(known.birth.start(), |sample| sample.time.min(known.birth.end()));
        let facts =
            TemplateFacts { id, text: known.text(), is_new: known.birth == now, first_seen, level: known.level };
        Some((facts, known.sample()))
    }
}

fn known<'a>(
    services: &'a mut BTreeMap<Service, KnownService>,
    next_number: &mut u32,
    service: &Service,
    now: Second,
) -> &'a mut KnownService {
    services.entry(service.clone()).or_insert_with(|| {
        let number = ServiceNumber(*next_number);
        *next_number = next_number.wrapping_add(1);
        KnownService::new(number, now)
    })
}

/// What is kept of a text: all of it, or its first words and an ellipsis.
fn shown(text: &Arc<str>) -> Arc<str> {
    match beginning(text, SAMPLE_BYTES_MAX) {
        (_, false) => Arc::clone(text),
        (words, true) => with_ellipsis(words),
    }
}

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
        for (service, cell) in &second.cells {
            let Some(known) = catalogue.services.get(service) else { continue };
            if cell.total() > 0 {
                silent.remove(&known.number);
            }
            let sights = cell.sorted_templates().into_iter();
            let sights = sights.filter_map(|(id, tally)| Some(Sight { id, tally, known: known.templates.get(&id)? }));
            active.push(Active { service, cell, known, templates: sights.collect() });
        }
        Self { catalogue, active, gone, silent, merged, budget }
    }
}
