//! What is counted of a service in a second, and of each of its templates, while its lines come.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::announced::SampleOrder;
use super::collector::Line;
use super::{Cell, SLOTS_PER_TEMPLATE_MAX, Sample, Sketch, SketchKey, TemplateTally};
use crate::record::{Offset, Partition, Second, Service, TemplateId, TimeBasis};
use crate::template::{ParameterKind, Skeleton, number};

/// A template of a cell.
pub(super) struct LiveTemplate {
    /// The place of the cell.
    pub(super) cell: usize,
    pub(super) id: TemplateId,
    pub(super) hash: u64,
    pub(super) tally: TemplateTally,
    /// What a sample must be below to be worth sending.
    pub(super) floor: Option<SampleOrder>,
}

/// A service in a second.
pub(super) struct LiveCell {
    pub(super) second: Second,
    pub(super) hash: u64,
    pub(super) service: Service,
    pub(super) sums: Cell,
    /// How many templates it has; they are put into it when all lines are counted.
    pub(super) template_count: usize,
    templates: Vec<(TemplateId, TemplateTally)>,
    hosts: HashMap<Arc<str>, u64, FixedState>,
    ranges: Vec<(Partition, (Offset, Offset))>,
}

impl LiveCell {
    pub(super) fn new(second: Second, hash: u64, service: Service) -> Self {
        Self {
            second,
            hash,
            service,
            sums: Cell::default(),
            template_count: 0,
            templates: Vec::new(),
            hosts: HashMap::default(),
            // Nearly always of one partition.
            ranges: Vec::with_capacity(1),
        }
    }

    /// Counts a line, but for its names.
    pub(super) fn count(&mut self, line: &Line<'_>) {
        match self.ranges.iter_mut().rev().find(|(partition, _)| partition == line.partition) {
            Some((_, (first, last))) => {
                *first = line.offset.min(*first);
                *last = line.offset.max(*last);
            }
            None => self.ranges.push((line.partition.clone(), (line.offset, line.offset))),
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
        if line.late {
            self.sums.late += 1;
        } else if let Some(lines) = self.sums.lines.get_mut(line.level.index()) {
            *lines += 1;
        }
    }

    pub(super) fn count_host(&mut self, host: &str) {
        match self.hosts.get_mut(host) {
            Some(lines) => *lines += 1,
            None => _ = self.hosts.insert(Arc::from(host), 1),
        }
    }

    pub(super) fn put(&mut self, id: TemplateId, tally: TemplateTally) {
        if self.templates.is_empty() {
            self.templates.reserve_exact(self.template_count);
        }
        self.templates.push((id, tally));
    }

    pub(super) fn into_cell(self) -> (Service, Cell) {
        let mut cell = self.sums;
        cell.templates = self.templates.into_iter().collect();
        cell.hosts = self.hosts.into_iter().collect();
        cell.ranges = self.ranges.into_iter().collect();
        cell.fold();
        (self.service, cell)
    }
}

impl LiveTemplate {
    pub(super) fn count(&mut self, line: &Line<'_>, text: &str, skeleton: &Skeleton<'_>) {
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
                if self.tally.slots.is_empty() {
                    // Many a template comes once in a second, and its sketches are as many as it has numbers.
                    self.tally.slots.reserve_exact(skeleton.parameters.len().min(SLOTS_PER_TEMPLATE_MAX).max(slot + 1));
                }
                self.tally.slots.resize_with(slot + 1, Sketch::default);
            }
            if let Some(sketch) = self.tally.slots.get_mut(slot) {
                sketch.add(SketchKey::of(value), 1);
            }
        }
    }

    /// Takes the line as sample if it is smaller than what was sent for this minute. Of lines that read alike the one with
    /// the smallest coordinates stands for them.
    pub(super) fn offer(&mut self, line: &Line<'_>, text: &str, truncated: bool, order: SampleOrder) -> bool {
        let position = (order, line.partition.topic.name(), line.partition.number, line.offset.0);
        let better = match &self.tally.sample {
            Some(kept) => position < ((kept.time, kept.text_hash), &*kept.topic, kept.partition, kept.offset),
            None => self.floor.is_none_or(|floor| order <= floor),
        };
        if better {
            self.floor = Some(order);
            self.tally.sample = Some(Arc::new(Sample {
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
