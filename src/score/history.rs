//! The last ten minutes of each service: how many lines, from where, on which host. What events need to say where to read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::known_service::ServiceNumber;
use super::sight::{Active, Known};
use super::{Window, WindowFacts};
use crate::record::{Offset, Partition, Second, TimeBasis, Topic};
use crate::vectorise::Sorted;

/// Seconds that are remembered.
const KEPT_SECONDS: i64 = 600;
/// Seconds that share their offsets and hosts.
const BLOCK_SECONDS: i64 = BLOCK_LENGTH as i64;
const BLOCK_LENGTH: usize = 10;
/// Partitions and hosts that one block names at most.
const NAMES_PER_BLOCK_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Block {
    start: Second,
    lines: [u64; BLOCK_LENGTH],
    /// Number of the partition, first and last offset.
    ranges: Vec<(u32, i64, i64)>,
    hosts: Vec<(Arc<str>, u64)>,
    /// Lines by what their time rests on.
    bases: [u64; 3],
}

/// The recent past of all services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    blocks: Sorted<ServiceNumber, VecDeque<Block>>,
    /// Names of partitions by their number, and numbers by name.
    partitions: Vec<(Arc<str>, i32)>,
    numbers: BTreeMap<(Arc<str>, i32), u32>,
}

impl History {
    /// Adds a second.
    pub(super) fn add(&mut self, now: Second, known: &Known<'_>) {
        known.gone.take_from(&mut self.blocks);
        for active in &known.active {
            self.add_service(now, active);
        }
        // A service that stopped gives its memory back.
        if now.0.rem_euclid(KEPT_SECONDS) == 0 {
            self.blocks.retain(|_, blocks| blocks.back().is_some_and(|last| now.since(last.start) <= KEPT_SECONDS));
        }
    }

    fn add_service(&mut self, now: Second, active: &Active<'_>) {
        let start = Second(now.0.div_euclid(BLOCK_SECONDS) * BLOCK_SECONDS);
        // Many a service writes once: a block is large.
        let blocks = self.blocks.get_or_insert_with(active.known.number, || VecDeque::with_capacity(1));
        let Some(blocks) = blocks else { return };
        while blocks.front().is_some_and(|first| now.since(first.start) > KEPT_SECONDS) {
            blocks.pop_front();
        }
        if blocks.back().is_none_or(|last| last.start != start) {
            let lines = [0; BLOCK_LENGTH];
            blocks.push_back(Block { start, lines, ranges: Vec::new(), hosts: Vec::new(), bases: [0; 3] });
        }
        let Some(block) = blocks.back_mut() else { return };
        let cell = active.cell;
        let place = usize::try_from(now.since(start)).ok().and_then(|second| block.lines.get_mut(second));
        if let Some(lines) = place {
            *lines += cell.total();
        }
        let [create, append] = cell.by_kafka_time;
        let own = (cell.total() + cell.late).saturating_sub(create + append);
        for (sum, lines) in block.bases.iter_mut().zip([own, create, append]) {
            *sum += lines;
        }
        for (host, &lines) in cell.hosts.iter() {
            if let Some((_, sum)) = block.hosts.iter_mut().find(|(name, _)| name == host) {
                *sum += lines;
            } else if block.hosts.len() < NAMES_PER_BLOCK_MAX {
                block.hosts.push((Arc::clone(host), lines));
            }
        }
        for (partition, &(first, last)) in cell.ranges.iter() {
            let name = (partition.topic.shared(), partition.number);
            let number = *self.numbers.entry(name).or_insert_with_key(|name| {
                self.partitions.push(name.clone());
                u32::try_from(self.partitions.len() - 1).unwrap_or(u32::MAX)
            });
            if let Some((_, from, to)) = block.ranges.iter_mut().find(|(known, ..)| *known == number) {
                (*from, *to) = ((*from).min(first.0), (*to).max(last.0));
            } else if block.ranges.len() < NAMES_PER_BLOCK_MAX {
                block.ranges.push((number, first.0, last.0));
            }
        }
    }

    /// What is known of a service's lines in a window; what is older than ten minutes is not.
    pub(super) fn facts(&self, service: ServiceNumber, window: Window, trained_lines: u64) -> WindowFacts {
        let mut facts =
            WindowFacts { lines: 0, ranges: BTreeMap::new(), host: None, time_basis: TimeBasis::Log, trained_lines };
        let mut hosts: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
        let mut bases = [0_u64; 3];
        let within = |block: &&Block| block.start < window.end && block.start.plus(BLOCK_SECONDS) > window.start;
        for block in self.blocks.get(&service).into_iter().flatten().filter(within) {
            for (second, lines) in (block.start.0..).zip(block.lines) {
                if (window.start.0..window.end.0).contains(&second) {
                    facts.lines += lines;
                }
            }
            for (host, lines) in &block.hosts {
                *hosts.entry(host).or_default() += lines;
            }
            for (sum, lines) in bases.iter_mut().zip(block.bases) {
                *sum += lines;
            }
            for &(number, first, last) in &block.ranges {
                let name = usize::try_from(number).ok().and_then(|number| self.partitions.get(number));
                let Some((topic, number)) = name else { continue };
                let range = facts.ranges.entry(Partition::new(Topic::new(topic), *number));
                let range = range.or_insert((Offset(first), Offset(last)));
                *range = (range.0.min(Offset(first)), range.1.max(Offset(last)));
            }
        }
        let main = hosts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)));
        facts.host = main.map(|(host, _)| Arc::clone(host));
        let [log, create, append] = bases;
        facts.time_basis = match (create + append) * 2 > log + create + append {
            false => TimeBasis::Log,
            true if create >= append => TimeBasis::KafkaCreate,
            true => TimeBasis::KafkaAppend,
        };
        facts
    }
}
