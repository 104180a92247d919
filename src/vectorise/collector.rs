//! Counts lines as they come: the hot half of this module. Nothing here allocates for a line whose service, second and
//! template were seen since the last flush.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet, HashTable};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::announced::Announced;
use super::fold::Admission;
use super::live::{LiveCell, LiveTemplate};
use super::{Cell, OTHER_SERVICES, SAMPLE_BYTES_MAX, Sorted, TemplateTally, beginning, fold_services};
use crate::record::{Level, Offset, Partition, Second, Service, StreamTime, TemplateId, TimeBasis};
use crate::template::Skeleton;

/// A line with its time and template, ready to be counted.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The partition it was read from.
    pub partition: &'a Partition,
    /// Its offset there.
    pub offset: Offset,
    /// When it happened; of a late line, the time it is counted at.
    pub time: StreamTime,
    /// Whether it came too late for its own second.
    pub late: bool,
    /// What its time rests on.
    pub basis: TimeBasis,
    /// Its environment.
    pub environment: Option<&'a str>,
    /// Its service.
    pub service: &'a str,
    /// Its host.
    pub host: Option<&'a str>,
    /// How grave it says it is.
    pub level: Level,
    /// Whether its text is only the beginning of what was written.
    pub is_cut: bool,
    /// Its text, and the skeleton of it; `None` for a line that continues the one before.
    pub template: Option<(&'a str, Skeleton<'a>)>,
}

/// Gathers the tallies of the lines since the last flush.
#[derive(Default)]
pub struct Collector {
    cells: Vec<LiveCell>,
    /// The places of the cells.
    cells_by_hash: HashTable<usize>,
    /// Those of all cells: a table for each cell would be made anew with each.
    templates: Vec<LiveTemplate>,
    templates_by_hash: HashTable<usize>,
    hasher: FixedState,
    announced: Announced,
    /// The skeletons that were announced: one text for all services that write it.
    skeletons: HashMap<TemplateId, Arc<str>, FixedState>,
    admissions: HashMap<Second, Admission, FixedState>,
    /// Hashes of second and service of those that were not admitted.
    refused: HashSet<u64, FixedState>,
    services_folded: u64,
}

impl Collector {
    /// Counts one line. O(1), and O(parameters) for its numbers.
    pub fn add(&mut self, line: &Line<'_>) {
        let second = line.time.second();
        let service_hash = self.hasher.hash_one((line.environment, line.service));
        let hash = self.hasher.hash_one((second.0, service_hash));
        let Some(place) = self.place(second, line.environment, line.service, hash) else {
            self.refused.insert(hash);
            return self.add_to_others(line, second);
        };
        let Some(cell) = self.cells.get_mut(place) else { return };
        cell.count(line);
        if let Some(host) = line.host.filter(|_| line.template.is_some()) {
            cell.count_host(host);
        }
        if let Some((text, skeleton)) = line.template {
            self.count_template(line, text, &skeleton, place, service_hash);
        }
    }

    /// The place of the cell of a service; `None` where the second has too many for it to stay.
    fn place(&mut self, second: Second, environment: Option<&str>, name: &str, hash: u64) -> Option<usize> {
        let cells = &self.cells;
        let found = self.cells_by_hash.find(hash, |&place| {
            cells.get(place).is_some_and(|cell| {
                cell.second == second
                    && &*cell.service.name == name
                    && cell.service.environment.as_deref() == environment
            })
        });
        if found.is_some() {
            return found.copied();
        }
        let service = match (environment, name) {
            (None, OTHER_SERVICES) => Service::new(None, name),
            _ => self.admissions.entry(second).or_default().admits(environment, name)?,
        };
        let place = self.cells.len();
        self.cells.push(LiveCell::new(second, hash, service));
        let hash_at = |&place: &usize| self.cells.get(place).map_or(0, |cell| cell.hash);
        self.cells_by_hash.insert_unique(hash, place, hash_at);
        Some(place)
    }

    /// Counts a line of a service that does not stay: without its names, as [`fold_services`] would have it.
    fn add_to_others(&mut self, line: &Line<'_>, second: Second) {
        let hash = self.hasher.hash_one((second.0, self.hasher.hash_one((None::<&str>, OTHER_SERVICES))));
        let place = self.place(second, None, OTHER_SERVICES, hash);
        if let Some(cell) = place.and_then(|place| self.cells.get_mut(place)) {
            cell.count(line);
            cell.sums.other_lines += u64::from(line.template.is_some() && !line.late);
        }
    }

    fn count_template(&mut self, line: &Line<'_>, text: &str, skeleton: &Skeleton<'_>, cell: usize, service_hash: u64) {
        let (id, second) = (skeleton.id, line.time.second());
        let hash = self.hasher.hash_one((cell, id));
        let templates = &self.templates;
        let is_same = |&place: &usize| templates.get(place).is_some_and(|live| live.cell == cell && live.id == id);
        let place = match self.templates_by_hash.find(hash, is_same) {
            Some(&place) => place,
            None => {
                let (announce, floor) = self.announced.meet(service_hash, id, second);
                let text = || Arc::clone(self.skeletons.entry(id).or_insert_with(|| Arc::from(skeleton.text())));
                let skeleton = announce.then(text);
                let tally = TemplateTally { skeleton, ..TemplateTally::default() };
                let place = self.templates.len();
                if let Some(cell) = self.cells.get_mut(cell) {
                    cell.template_count += 1;
                }
                self.templates.push(LiveTemplate { cell, id, hash, tally, floor });
                let hash_at = |&place: &usize| self.templates.get(place).map_or(0, |live| live.hash);
                self.templates_by_hash.insert_unique(hash, place, hash_at);
                place
            }
        };
        let Some(live) = self.templates.get_mut(place) else { return };
        live.count(line, text, skeleton);
        if live.floor.is_none_or(|(time, _)| line.time <= time) {
            // The last word of a line that was cut off may be half of one.
            let whole_bytes_max = if line.is_cut { text.len().saturating_sub(1) } else { text.len() };
            let (text, truncated) = beginning(text, whole_bytes_max.min(SAMPLE_BYTES_MAX));
            let order = (line.time, text_hash(text, line.host));
            if live.offer(line, text, truncated, order) {
                self.announced.sampled(service_hash, id, second, order);
            }
        }
    }

    /// Roughly how many entries are held until a flush: cells, templates, and who was refused.
    pub fn entries(&self) -> usize {
        self.cells.len() + self.templates.len() + self.refused.len()
    }

    /// Forgets what was announced; see [`Announced`].
    pub fn forget(&mut self) {
        self.announced.forget();
    }

    /// How many services were folded into one because a second had too many, since the last call.
    pub fn take_services_folded(&mut self) -> u64 {
        std::mem::take(&mut self.services_folded)
    }

    /// Takes everything counted since the last call, in the order of second and service, within the limits. O(n log n).
    pub fn take(&mut self) -> BTreeMap<Second, Sorted<Service, Cell>> {
        self.cells_by_hash.clear();
        self.templates_by_hash.clear();
        self.admissions.clear();
        self.skeletons.clear();
        for live in self.templates.drain(..) {
            if let Some(cell) = self.cells.get_mut(live.cell) {
                cell.put(live.id, live.tally);
            }
        }
        let mut seconds: BTreeMap<Second, Vec<(Service, Cell)>> = BTreeMap::new();
        for cell in self.cells.drain(..) {
            seconds.entry(cell.second).or_default().push(cell.into_cell());
        }
        self.services_folded += self.refused.len() as u64;
        self.refused.clear();
        let sorted = seconds.into_iter().map(|(second, cells)| {
            let mut cells = cells.into_iter().collect();
            self.services_folded += fold_services(&mut cells) as u64;
            (second, cells)
        });
        sorted.collect()
    }
}

fn text_hash(text: &str, host: Option<&str>) -> u64 {
    let hash = xxh3_64(text.as_bytes());
    host.map_or(hash, |host| xxh3_64_with_seed(host.as_bytes(), hash))
}
