//! The judge's state at an event, computed again from the retained tallies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use rdkafka::Message as _;

use super::published::Published;
use crate::config::Config;
use crate::decide::Message;
use crate::ops::Stop;
use crate::publish::{OutputRecord, compose, records};
use crate::record::{Level, Offset, Partition, Second, Service, TemplateId};
use crate::score::{ClosedSecond, Judgement, Scorer};
use crate::stage::{Judge, Look};
use crate::stream::DirectoryStore;
use crate::stream::kafka::{Flow, Past, Role, TopicStore};
use crate::stream::snapshot::{Snapshot, SnapshotStore};
use crate::vectorise::Cell;
use crate::vectorise::wire::Flush;

/// The judge around the second of an event.
pub(super) struct Moment {
    /// The models before it.
    pub(super) scorer: Scorer,
    pub(super) closed: ClosedSecond,
    /// What was found in it.
    pub(super) judgement: Option<Judgement>,
}

/// Lines of a service in the window, by level and by template.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) by_level: [u64; Level::ALL.len()],
    pub(super) late: u64,
    pub(super) templates: BTreeMap<TemplateId, u64>,
    /// The texts that came with the lines.
    pub(super) texts: BTreeMap<TemplateId, Arc<str>>,
}

impl Seen {
    /// Adds the sums of a second.
    pub(super) fn add(&mut self, cell: &Cell) {
        self.by_level.iter_mut().zip(cell.lines).for_each(|(sum, lines)| *sum += lines);
        self.late += cell.late;
        for (&id, tally) in cell.templates.iter() {
            *self.templates.entry(id).or_default() += tally.total() + tally.late;
            if let Some(text) = &tally.skeleton {
                self.texts.entry(id).or_insert_with(|| Arc::clone(text));
            }
        }
    }
}

/// What was computed again.
pub(super) struct Rebuilt {
    pub(super) partition: Partition,
    /// From which snapshot: its id and offset.
    pub(super) snapshot: Option<(String, i64)>,
    /// What is to be known about where it began.
    pub(super) notes: Vec<String>,
    /// The first and the last offset of the tallies that were read.
    pub(super) read: Option<(i64, i64)>,
    /// The first and last offset of tallies with lines of the event's services in its window.
    pub(super) in_window: Option<(i64, i64)>,
    /// The earliest second of any line.
    pub(super) first_second: Option<Second>,
    pub(super) seen: BTreeMap<Service, Seen>,
    /// Lines of the template in each hour, and the ids that it had before it was merged.
    pub(super) hours: BTreeMap<i64, u64>,
    pub(super) aliases: BTreeSet<TemplateId>,
    /// `None` where the second was not judged: its tallies are gone.
    pub(super) moment: Option<Moment>,
    /// The event as it comes out again.
    pub(super) event: Option<(Message, OutputRecord)>,
}

/// Reads the tallies of a partition until the event comes out, or cannot any more.
pub(super) fn rebuild(
    past: &Past,
    config: &Config,
    partition: &Partition,
    published: &Published,
) -> anyhow::Result<Rebuilt> {
    let mut stretch = past.retained(partition)?;
    let mut rebuilt = Rebuilt::new(partition, published);
    let mut judge = Judge::new();
    if let Some((snapshot, restored)) = before(config, partition, stretch.from, published, &mut rebuilt.notes) {
        (stretch.from, judge) = (Offset(snapshot.manifest.offset), restored);
        rebuilt.snapshot = Some((snapshot.manifest.id, snapshot.manifest.offset));
        rebuilt.first_second = judge.judged_until();
    } else if stretch.from > Offset(0) {
        rebuilt.notes.push(format!("tallies before offset {} were deleted by retention: what the judge had learnt from them is not known any more", stretch.from.0));
    }
    judge = judge.with_budget(config.budget).with_masks(config.masks.clone());
    let (provenance, mut messages) = (config.provenance(), Vec::new());
    let mut failure = None;
    let mut take = |offset: i64, value: &[u8]| -> anyhow::Result<Flow> {
        let flush = Flush::decode_for_judge(value).with_context(|| format!("{partition} offset {offset}"))?;
        rebuilt.note(&flush, offset, published);
        judge.flush_watched(flush, &mut messages, &mut |look| rebuilt.look(look, published));
        for message in messages.drain(..) {
            let event = compose(&message, &provenance);
            if published.value.get("event_id").and_then(|id| id.as_str()) == Some(event.event_id.as_str()) {
                let [record, _] = records(&event).context("event as JSON")?;
                rebuilt.event = Some((message, record));
            }
        }
        let is_over = judge.judged_until().is_some_and(|second| second >= published.second);
        Ok(if is_over { Flow::Break(()) } else { Flow::Continue(()) })
    };
    past.read(&stretch, |message| match take(message.offset(), message.payload().unwrap_or_default()) {
        Ok(flow) => flow,
        Err(error) => {
            failure = Some(error);
            Flow::Break(())
        }
    })?;
    failure.map_or(Ok(rebuilt), Err)
}

/// The newest snapshot that lies before the event's window and is not older than the tallies.
fn before(
    config: &Config,
    partition: &Partition,
    first: Offset,
    published: &Published,
    notes: &mut Vec<String>,
) -> Option<(Snapshot, Judge)> {
    let mut store: Box<dyn SnapshotStore> = match &config.snapshot_directory {
        Some(directory) => Box::new(DirectoryStore::open(directory, &config.kafka.prefix).ok()?),
        None => Box::new(TopicStore::new(&config.kafka, &Role::judge(&config.kafka), Stop::default())),
    };
    let limit = published.window.start.min(published.second);
    let mut not_beyond = Offset(i64::MAX);
    loop {
        let snapshot = match store.newest(partition.number, not_beyond) {
            Ok(snapshot) => snapshot.filter(|snapshot| snapshot.manifest.offset >= first.0)?,
            Err(reason) => {
                notes.push(format!("snapshots cannot be read: {reason}"));
                return None;
            }
        };
        if snapshot.manifest.judged_until.is_some_and(|until| Second(until) < limit) {
            let restored = snapshot.state().map_err(|reason| reason.to_string());
            let restored = restored.and_then(|state| Judge::restore(&state).map_err(|reason| reason.to_string()));
            match restored {
                Ok(judge) => return Some((snapshot, judge)),
                Err(reason) => notes.push(reason),
            }
        }
        not_beyond = Offset(snapshot.manifest.offset.saturating_sub(1));
    }
}

impl Rebuilt {
    fn new(partition: &Partition, published: &Published) -> Self {
        let id = published.template.as_deref().and_then(|id| u64::from_str_radix(id.strip_prefix('t')?, 16).ok());
        Self {
            partition: partition.clone(),
            snapshot: None,
            notes: Vec::new(),
            read: None,
            in_window: None,
            first_second: None,
            seen: BTreeMap::new(),
            hours: BTreeMap::new(),
            aliases: id.map(TemplateId).into_iter().collect(),
            moment: None,
            event: None,
        }
    }

    /// Notes where a flush stands.
    fn note(&mut self, flush: &Flush, offset: i64, published: &Published) {
        self.read = Some((self.read.map_or(offset, |(first, _)| first), offset));
        self.first_second = self.first_second.into_iter().chain(flush.cells.keys().next().copied()).min();
        let mut within = flush.cells.range(published.window.start..published.window.end.max(published.second.plus(1)));
        if within.any(|(_, cells)| cells.keys().any(|service| published.concerns(service))) {
            self.in_window = Some((self.in_window.map_or(offset, |(first, _)| first), offset));
        }
    }

    /// Looks on while seconds are judged.
    fn look(&mut self, look: Look<'_>, published: &Published) {
        match look {
            // One flush may complete seconds behind the event, too.
            Look::Before(closed, _) if closed.second > published.second => {}
            Look::Before(closed, scorer) => {
                for (service, cell) in closed.cells.iter().filter(|(service, _)| published.concerns(service)) {
                    self.count(closed.second, service, cell, published);
                }
                if closed.second == published.second {
                    let (scorer, closed) = (scorer.clone(), closed.clone());
                    self.moment = Some(Moment { scorer, closed, judgement: None });
                }
            }
            Look::Judged(judgement) => {
                for (service, from, into) in &judgement.merged {
                    if published.concerns(service) && (self.aliases.contains(into) || self.aliases.contains(from)) {
                        self.aliases.extend([*from, *into]);
                    }
                }
                if let Some(moment) = self.moment.as_mut().filter(|moment| moment.judgement.is_none()) {
                    moment.judgement = Some(judgement.clone());
                }
            }
        }
    }

    fn count(&mut self, second: Second, service: &Service, cell: &Cell, published: &Published) {
        let of_it = cell.templates.iter().filter(|(id, _)| self.aliases.contains(id));
        let lines: u64 = of_it.map(|(_, tally)| tally.total() + tally.late).sum();
        if lines > 0 {
            *self.hours.entry(second.0.div_euclid(3_600)).or_default() += lines;
        }
        if second < published.window.start || second > published.second {
            return;
        }
        self.seen.entry(service.clone()).or_default().add(cell);
    }
}
