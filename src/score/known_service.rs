//! What is known of one service: its templates, how they were merged, and how well it is suited to be judged by them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decay::Decayed;
use super::known_template::{HALF_LIFE_SECONDS, KnownTemplate};
use super::places::{ByPlace, Place, Places};
use super::sources::Sources;
use super::suitability::{Counts, Suitability, Unsuitable};
use crate::record::{Level, Second, TemplateId};
use crate::template::{Masks, Merge, Merges};
use crate::vectorise::{Cell, TemplateTally};

/// How many kinds of an unsuitable service are remembered that came once; then they are forgotten.
const STRANGERS_MAX: usize = 4_096;
/// A template of one line is dead after this time: a day.
const DEAD_SECONDS: i64 = 86_400;

/// A service, as the models know it: never given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceNumber(pub u32);

/// What a model holds of each template, in bytes.
pub(super) type HeldBytes<'a> = &'a dyn Fn(ServiceNumber, Place) -> usize;

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
    pub(super) lines: Decayed,
    pub(super) places: Places,
    templates: ByPlace<KnownTemplate>,
    merges: Merges,
    suitability: Suitability,
    /// Kinds that were seen once while the service was unsuitable.
    strangers: BTreeSet<TemplateId>,
    pub(super) sources: Sources,
}

impl KnownService {
    pub(super) fn new(number: ServiceNumber, now: Second) -> Self {
        let (lines, merges) = (Decayed::new(now), Merges::default());
        let (places, templates) = (Places::default(), ByPlace::default());
        let suitability = Suitability::new(now);
        let (strangers, sources) = (BTreeSet::new(), Sources::default());
        let (birth, last_seen, trained_lines) = (now, now, 0);
        Self {
            number,
            birth,
            last_seen,
            trained_lines,
            lines,
            places,
            templates,
            merges,
            suitability,
            strangers,
            sources,
        }
    }

    /// Of an unsuitable service, lines of kinds that are not known are no templates any more, but other lines: unless they are errors,
    /// or come in a second second, which a dump's do not. Returns how many kinds these were.
    pub(super) fn coarsen(&mut self, cell: &mut Cell, masks: &Masks) -> u64 {
        if !self.unsuitable().is_some_and(Unsuitable::coarsens) {
            self.strangers.clear();
            return 0;
        }
        let is_known = |(&id, tally): (&TemplateId, &TemplateTally)| {
            let joins = |text: &Arc<str>| self.merges.joins(id, text, masks);
            tally.level() >= Level::Error
                || self.merges.contains(id)
                || self.places.find(id).is_some()
                || tally.skeleton.as_ref().is_some_and(joins)
        };
        let mut strange: Vec<TemplateId> =
            cell.templates.iter().filter(|&template| !is_known(template)).map(|(&id, _)| id).collect();
        strange.retain(|id| {
            if self.strangers.len() >= STRANGERS_MAX {
                self.strangers.clear();
            }
            let is_first = !self.strangers.remove(id);
            if is_first {
                self.strangers.insert(*id);
            }
            is_first
        });
        cell.keep_templates(|id| strange.binary_search(&id).is_err())
    }

    /// Counts a second for the checks of suitability, and makes them where they are due.
    pub(super) fn check(&mut self, cell: &Cell, first_sights: u64, now: Second) {
        // Lines whose templates did not fit are as good as new ones; those of an unsuitable service are among the first sights.
        let unfit = if self.unsuitable().is_some_and(Unsuitable::coarsens) { 0 } else { cell.other_lines };
        self.suitability.count(cell.total() + cell.late, first_sights + unfit, now);
        if let Some(since) = self.suitability.due(now) {
            let counts = self.counts(since, now);
            self.suitability.judge(counts, now);
        }
    }

    /// What the checks of suitability look at. O(templates).
    fn counts(&self, since: Second, now: Second) -> Counts {
        let mut counts = Counts { templates: self.places.len() as u64, ..Counts::default() };
        for known in self.templates.values() {
            let is_rare = known.is_rare(now);
            counts.rare += u64::from(is_rare);
            counts.dead += u64::from(is_rare && now.since(known.birth) > DEAD_SECONDS);
            // Of a service that is new itself everything is.
            counts.new += u64::from(known.birth >= since && self.birth < since);
        }
        counts
    }

    /// Forgets the templates of one line: what a dump left before it was recognised would make the tests of all others stricter. Not
    /// those of this second, which are still to be judged, nor errors.
    pub(super) fn forget_rare(&mut self, now: Second, gone: &mut Vec<(ServiceNumber, Place)>) {
        let is_rest = |known: &KnownTemplate| known.is_rare(now) && known.birth < now && known.level < Level::Error;
        let rare: Vec<TemplateId> = self.templates().filter(|(_, known)| is_rest(known)).map(|(id, _)| id).collect();
        for id in rare {
            self.forget(id, gone);
        }
        self.forget_merges();
    }

    /// Forgets a template. Returns the place that it had.
    fn forget(&mut self, id: TemplateId, gone: &mut Vec<(ServiceNumber, Place)>) -> Option<(Place, KnownTemplate)> {
        let place = self.places.take(id)?;
        gone.push((self.number, place));
        Some((place, self.templates.take(place)?))
    }

    fn forget_merges(&mut self) {
        let places = &self.places;
        self.merges.retain(|id| places.find(id).is_some());
    }

    /// Why its templates say little, if they do.
    pub fn unsuitable(&self) -> Option<Unsuitable> {
        self.suitability.verdict()
    }

    /// Meets the new templates of a second, in the order of their ids, and lets the counts follow the merges. Returns these, and of
    /// each what became of what was known of the template that is no more.
    pub(super) fn fold(&mut self, cell: &mut Cell, now: Second, masks: &Masks) -> Vec<(Merge, Option<Absorbed>)> {
        let (mut news, mut parts) = (Vec::new(), Vec::new());
        let mut from = 0;
        for (&id, tally) in cell.templates.iter() {
            let place = self.places.seek(&mut from, id);
            let mut known = place.and_then(|place| self.templates.get_mut(place));
            if known.as_ref().is_some_and(|known| known.is_settled) {
                continue;
            }
            let lines = tally.total() + tally.late;
            match (self.merges.count(id, lines, now), &tally.skeleton) {
                (Some((root, count)), _) if root == id => {
                    if let Some(known) = known.as_mut().filter(|_| count > 1) {
                        known.is_settled = true;
                    }
                }
                (Some(_), _) => parts.push(id),
                (None, Some(text)) => news.push((id, Arc::clone(text), lines)),
                (None, None) => {}
            }
        }
        if !news.is_empty() {
            // What is new may make any of them a part of another one.
            parts = cell.templates.keys().copied().collect();
        }
        let mut merges = Vec::new();
        for (id, text, lines) in news {
            merges.extend(self.merges.meet(id, text, lines, now, masks));
        }
        for id in parts {
            let into = self.merges.resolve(id);
            if into != id {
                let merge = merges.iter().rev().find(|merge| merge.into == into);
                cell.rename_template(id, into, merge.map(|merge| Arc::clone(&merge.text)));
            }
        }
        let mut absorbed = Vec::with_capacity(merges.len());
        for merge in merges {
            let of_it = self.absorb(&merge, now);
            absorbed.push((merge, of_it));
        }
        absorbed
    }

    /// `None` where nothing was known of the template that is no more.
    fn absorb(&mut self, merge: &Merge, now: Second) -> Option<Absorbed> {
        let from = self.places.take(merge.from)?;
        let known = self.templates.take(from)?;
        let (into, was_told) = (self.places.give(merge.into), known.told.is_some());
        let whole = self.templates.get_or_insert_with(into, || KnownTemplate::new(now))?;
        whole.absorb(known, &merge.text, now);
        Some(Absorbed { from, into, was_told })
    }

    /// How templates of it were merged: the old id, and that of the template it is part of now.
    pub fn aliases(&self) -> impl Iterator<Item = (TemplateId, TemplateId)> {
        self.merges.aliases()
    }

    /// A template of it.
    pub fn template(&self, id: TemplateId) -> Option<&KnownTemplate> {
        self.template_at(self.places.find(id)?)
    }

    pub(super) fn template_at(&self, place: Place) -> Option<&KnownTemplate> {
        self.templates.get(place)
    }

    /// All templates of it, in the order of their ids.
    fn templates(&self) -> impl Iterator<Item = (TemplateId, &KnownTemplate)> {
        self.places.iter().filter_map(|(id, place)| Some((id, self.templates.get(place)?)))
    }

    /// How many templates of it are known.
    pub fn template_count(&self) -> usize {
        self.places.len()
    }

    /// What its templates take, in bytes, about. O(templates).
    pub(super) fn template_bytes(&self, held: HeldBytes<'_>) -> usize {
        let places = self.places.iter().filter_map(|(_, place)| Some((place, self.templates.get(place)?)));
        places.map(|(place, known)| known.size_bytes() + held(self.number, place)).sum()
    }

    pub(super) fn meet(&mut self, cell: &Cell, now: Second) {
        self.last_seen = now;
        self.trained_lines += cell.total();
        self.lines.add((cell.total() + cell.late) as f64, now, HALF_LIFE_SECONDS);
        let mut from = 0;
        for (&id, tally) in cell.templates.iter() {
            let place = self.places.seek(&mut from, id).unwrap_or_else(|| self.places.give(id));
            if let Some(known) = self.templates.get_or_insert_with(place, || KnownTemplate::new(now)) {
                known.meet(tally, now);
            }
        }
    }

    /// Forgets templates until so many bytes are free: those with the fewest lines, of which recent ones count more. O(n log n).
    pub(super) fn shrink(
        &mut self,
        mut excess_bytes: usize,
        now: Second,
        held: HeldBytes<'_>,
        gone: &mut Vec<(ServiceNumber, Place)>,
    ) {
        let mut by_value: Vec<(f64, Second, TemplateId)> =
            self.templates().map(|(id, known)| (known.lines.at(now, HALF_LIFE_SECONDS), known.last_seen, id)).collect();
        by_value.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (_, _, id) in by_value {
            if excess_bytes == 0 {
                break;
            }
            let freed = self.forget(id, gone).map_or(0, |(place, known)| known.size_bytes() + held(self.number, place));
            excess_bytes = excess_bytes.saturating_sub(freed);
        }
        self.forget_merges();
    }
}

/// What was known of a template is a part of what is known of another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Absorbed {
    /// The place that it had.
    pub(super) from: Place,
    /// That of the other one.
    pub(super) into: Place,
    /// Whether others were told of it.
    pub(super) was_told: bool,
}
