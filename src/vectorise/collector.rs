//! Counts lines as they come: the hot half of this module. Nothing here allocates for a line whose service, second and
//! template were seen since the last flush.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashTable};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::announced::{Announced, SampleOrder};
use super::{
    Cell, SAMPLE_BYTES_MAX, SLOTS_PER_TEMPLATE_MAX, Sample, Sketch, SketchKey, TemplateTally, beginning, fold_services,
};
use crate::record::{Level, Offset, Partition, Second, Service, StreamTime, TemplateId, TimeBasis};
use crate::template::{ParameterKind, Skeleton, number};

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

struct LiveTemplate {
    tally: TemplateTally,
    /// What a sample must be below to be worth sending.
    floor: Option<SampleOrder>,
}

struct LiveCell {
    second: Second,
    hash: u64,
    service: Service,
    sums: Cell,
    templates: HashMap<TemplateId, LiveTemplate, FixedState>,
    hosts: HashMap<Arc<str>, u64, FixedState>,
    ranges: Vec<(Partition, Offset, Offset)>,
}

/// Gathers the tallies of the lines since the last flush.
#[derive(Default)]
pub struct Collector {
    cells: HashTable<LiveCell>,
    hasher: FixedState,
    announced: Announced,
    entries: usize,
    services_folded: u64,
}

impl Collector {
    /// Counts one line. O(1), and O(parameters) for its numbers.
    pub fn add(&mut self, line: &Line<'_>) {
        let second = line.time.second();
        let service_hash = self.hasher.hash_one((line.environment, line.service));
        let hash = self.hasher.hash_one((second.0, service_hash));
        let same = |cell: &LiveCell| {
            cell.second == second
                && &*cell.service.name == line.service
                && cell.service.environment.as_deref() == line.environment
        };
        let entry = self.cells.entry(hash, same, |cell| cell.hash);
        let cell = match entry {
            hashbrown::hash_table::Entry::Occupied(found) => found.into_mut(),
            hashbrown::hash_table::Entry::Vacant(place) => {
                self.entries += 1;
                place.insert(LiveCell::new(second, hash, Service::new(line.environment, line.service))).into_mut()
            }
        };
        cell.count(line);
        if let Some((text, skeleton)) = line.template {
            cell.count_template(line, text, &skeleton, service_hash, &mut self.announced, &mut self.entries);
        }
    }

    /// Roughly how many entries a flush would send: cells and templates.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Forgets what was announced; see [`Announced`].
    pub fn forget(&mut self) {
        self.announced.forget();
    }

    /// How many services were folded into one because a second had too many, since the last call.
    pub fn take_services_folded(&mut self) -> u64 {
        std::mem::take(&mut self.services_folded)
    }

    /// Takes everything counted since the last call, in the order of second and service, within the limits.
    pub fn take(&mut self) -> BTreeMap<Second, BTreeMap<Service, Cell>> {
        let mut seconds: BTreeMap<Second, BTreeMap<Service, Cell>> = BTreeMap::new();
        for cell in self.cells.drain() {
            let (second, service) = (cell.second, cell.service.clone());
            seconds.entry(second).or_default().insert(service, cell.into_cell());
        }
        for cells in seconds.values_mut() {
            self.services_folded += fold_services(cells) as u64;
        }
        self.entries = 0;
        seconds
    }
}

impl LiveCell {
    fn new(second: Second, hash: u64, service: Service) -> Self {
        Self {
            second,
            hash,
            service,
            sums: Cell::default(),
            templates: HashMap::default(),
            hosts: HashMap::default(),
            ranges: Vec::new(),
        }
    }

    fn count(&mut self, line: &Line<'_>) {
        match self.ranges.iter_mut().rev().find(|(partition, ..)| partition == line.partition) {
            Some((_, first, last)) => {
                *first = line.offset.min(*first);
                *last = line.offset.max(*last);
            }
            None => self.ranges.push((line.partition.clone(), line.offset, line.offset)),
        }
        if line.template.is_none() {
            self.sums.continuations += 1;
            return;
        }
        match line.basis {
            TimeBasis::Log => {}
            TimeBasis::KafkaCreate => self.sums.by_kafka_time[0] += 1,
            TimeBasis::KafkaAppend => self.sums.by_kafka_time[1] += 1,
        }
        if let Some(host) = line.host {
            match self.hosts.get_mut(host) {
                Some(lines) => *lines += 1,
                None => _ = self.hosts.insert(Arc::from(host), 1),
            }
        }
        if line.late {
            self.sums.late += 1;
        } else if let Some(lines) = self.sums.lines.get_mut(line.level.index()) {
            *lines += 1;
        }
    }

    fn count_template(
        &mut self,
        line: &Line<'_>,
        text: &str,
        skeleton: &Skeleton<'_>,
        service: u64,
        announced: &mut Announced,
        entries: &mut usize,
    ) {
        let live = match self.templates.entry(skeleton.id) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                *entries += 1;
                let (announce, floor) = announced.meet(service, skeleton.id, self.second);
                let skeleton = announce.then(|| Arc::from(skeleton.text));
                place.insert(LiveTemplate { tally: TemplateTally { skeleton, ..TemplateTally::default() }, floor })
            }
        };
        live.count(line, text, skeleton);
        if live.floor.is_none_or(|(time, _)| line.time <= time) {
            // The last word of a line that was cut off may be half of one.
            let whole_bytes_max = if line.is_cut { text.len().saturating_sub(1) } else { text.len() };
            let (text, truncated) = beginning(text, whole_bytes_max.min(SAMPLE_BYTES_MAX));
            let order = (line.time, text_hash(text, line.host));
            if live.offer(line, text, truncated, order) {
                announced.sampled(service, skeleton.id, self.second, order);
            }
        }
    }

    fn into_cell(self) -> Cell {
        let mut cell = self.sums;
        cell.templates = self.templates.into_iter().map(|(id, live)| (id, live.tally)).collect();
        cell.hosts = self.hosts.into_iter().collect();
        cell.ranges = self.ranges.into_iter().map(|(partition, first, last)| (partition, (first, last))).collect();
        cell.fold();
        cell
    }
}

impl LiveTemplate {
    fn count(&mut self, line: &Line<'_>, text: &str, skeleton: &Skeleton<'_>) {
        if line.late {
            let others = (self.tally.late > 0).then_some(self.tally.late_level);
            self.tally.late_level = others.map_or(line.level, |level| level.max(line.level));
            self.tally.late += 1;
            return;
        }
        if let Some(lines) = self.tally.lines.get_mut(line.level.index()) {
            *lines += 1;
        }
        for parameter in skeleton.parameters {
            let slot = usize::from(parameter.slot);
            if parameter.kind != ParameterKind::Number || slot >= SLOTS_PER_TEMPLATE_MAX {
                continue;
            }
            let Some(value) = number(parameter.text(text)) else { continue };
            if self.tally.slots.len() <= slot {
                self.tally.slots.resize_with(slot + 1, Sketch::default);
            }
            if let Some(sketch) = self.tally.slots.get_mut(slot) {
                sketch.add(SketchKey::of(value), 1);
            }
        }
    }

    /// Takes the line as sample if it is smaller than what was sent for this minute. Of lines that read alike the one with
    /// the smallest coordinates stands for them.
    fn offer(&mut self, line: &Line<'_>, text: &str, truncated: bool, order: SampleOrder) -> bool {
        let position = (order, line.partition.topic.name(), line.partition.number, line.offset.0);
        let better = match &self.tally.sample {
            Some(kept) => position < ((kept.time, kept.text_hash), &*kept.topic, kept.partition, kept.offset),
            None => self.floor.is_none_or(|floor| order <= floor),
        };
        if better {
            self.floor = Some(order);
            self.tally.sample = Some(Box::new(Sample {
                time: order.0,
                text_hash: order.1,
                topic: line.partition.topic.shared(),
                partition: line.partition.number,
                offset: line.offset.0,
                text: Arc::from(text),
                truncated,
                host: line.host.map(Arc::from),
            }));
        }
        better
    }
}

fn text_hash(text: &str, host: Option<&str>) -> u64 {
    let hash = xxh3_64(text.as_bytes());
    host.map_or(hash, |host| xxh3_64_with_seed(host.as_bytes(), hash))
}
