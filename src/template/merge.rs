//! Merging: templates that differ in one word that varies like a value, such as the name of a user, become one.
//!
//! Each new template is compared with all others at once by *leave one out*: for each of its words, the skeleton with that
//! word as a variable is hashed, and templates that are equal but for it meet at that hash. So do those that are equal but for a word that
//! comes several times (`query (a.example): a.example IN A`), or but for all identifiers at once. They are merged where the
//! cardinality says that the word is a value:
//!
//! * at least five different words, half of whose templates were seen once (new ones keep coming; after Good and Turing), or
//! * at least three, most of which are identifiers (`a.b.example`, `max_open_files`, `web-api-prod`, `shop/web-api`), or
//! * at least three behind a noun such as `user`, `host`, `table` or `task_id`, or
//! * at least five behind `for` or `by`, or alone in brackets, or
//! * at least sixteen, whatever they look like, or
//! * the same skeleton with a variable in that place exists too.
//!
//! So few words that come again and again, such as `Started` and `Paused` or `GET` and `POST`, stay apart; where most words of a
//! place are written in capitals, end as participles do, or name exceptions, they are states, and the five are not enough. The merged template is
//! the skeleton with the variable, and its id the hash of that: content-addressed like all others. A merge is an alias, old id
//! to new id, and is never undone.
//!
//! Source of the idea: exact deletion neighbourhoods (as in spelling correction, SymSpell) and the cardinality test of Brain
//! (Yu et al., TSC 2023), made incremental.
//!
//! # Invariants
//!
//! * The same templates with the same counts in the same order give the same aliases.
//! * What is kept is bounded by [`Merges::retain`] and [`ALIASES_MAX`]; meeting a template costs [`WORDS_MAX`] skeletons.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::masks::Masks;
use super::variant::{Behind, Gap, Look, Variant, WORDS_MAX, mostly, variants};
use crate::record::{Second, TemplateId};

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;

/// From so many different words on they are names, where a noun before or their own look says so.
const NAMES_MIN: usize = 3;
/// From so many different words on they may be values.
const VALUES_MIN: usize = 5;
/// From so many different words on they are values.
const VALUES_CERTAIN: usize = 16;
/// How many aliases are remembered; beyond them those go that were not seen for the longest time.
pub const ALIASES_MAX: usize = 10_000;

/// A template that became part of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The template that is no more.
    pub from: TemplateId,
    /// The one that it is part of now.
    pub into: TemplateId,
    /// The skeleton of that one.
    pub text: Arc<str>,
}

/// A template whose word fills a gap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Filling {
    template: TemplateId,
    look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Alias {
    into: TemplateId,
    last_seen: Second,
}

/// The templates of one source, as far as merging them needs to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Merges {
    /// Lines of each template that is part of no other.
    lines: BTreeMap<TemplateId, u64>,
    /// The only template so far. It is not in its gaps yet: there may be a million sources of one template.
    alone: Option<(TemplateId, Arc<str>)>,
    /// What was seen in each gap, by the hash of the word.
    gaps: BTreeMap<(Gap, u64), Filling>,
    /// Gaps whose words are values.
    merged: BTreeMap<Gap, TemplateId>,
    /// The skeletons of those that others went into and that are part of no other.
    texts: BTreeMap<TemplateId, Arc<str>>,
    aliases: BTreeMap<TemplateId, Alias>,
}

impl Merges {
    /// The template that `id` is part of: itself, where it was not merged. O(merges in a chain).
    pub fn resolve(&self, id: TemplateId) -> TemplateId {
        let mut root = id;
        // A chain is never longer than there are aliases.
        for _ in 0..=self.aliases.len() {
            let Some(alias) = self.aliases.get(&root) else { break };
            root = alias.into;
        }
        root
    }

    /// Whether `id` was met already, be it as a part of another template.
    pub fn contains(&self, id: TemplateId) -> bool {
        self.lines.contains_key(&id) || self.aliases.contains_key(&id)
    }

    /// Counts lines of a template. Returns what it is part of, itself or another one, and the lines of that; `None` where it was not
    /// met. From the second line on it makes no difference to merging how many there are.
    pub fn count(&mut self, id: TemplateId, lines: u64, now: Second) -> Option<(TemplateId, u64)> {
        // Most are part of no other: one search for these.
        if let Some(count) = self.lines.get_mut(&id) {
            *count = count.saturating_add(lines);
            return Some((id, *count));
        }
        let alias = self.aliases.get_mut(&id)?;
        alias.last_seen = alias.last_seen.max(now);
        let root = self.resolve(id);
        let count = self.lines.get_mut(&root).map(|count| {
            *count = count.saturating_add(lines);
            *count
        });
        Some((root, count.unwrap_or_default()))
    }

    /// All aliases, old id to the template that it is part of now.
    pub fn aliases(&self) -> impl Iterator<Item = (TemplateId, TemplateId)> {
        self.aliases.keys().map(|&from| (from, self.resolve(from)))
    }

    /// Meets a template for the first time, with the lines it has so far and the masks its skeleton was made with. Returns what is merged because of it, in order: a
    /// template may go into one that then goes into a third.
    pub fn meet(
        &mut self,
        id: TemplateId,
        text: impl Into<Arc<str>>,
        lines: u64,
        now: Second,
        masks: &Masks,
    ) -> Vec<Merge> {
        let mut merges = Vec::new();
        if self.contains(id) {
            return merges;
        }
        let mut template = (id, text.into());
        let is_alone = self.lines.is_empty();
        self.lines.insert(id, lines);
        if is_alone {
            self.alone = Some(template);
            return merges;
        }
        if let Some((first, text)) = self.alone.take() {
            variants(&text, masks).iter().for_each(|variant| self.fill(variant, first));
        }
        // Each round leaves one template less, so that there are no more rounds than words.
        for _ in 0..WORDS_MAX {
            let Some((gap, text)) = self.values_at(template.0, &template.1, masks) else { break };
            template = self.merge(gap, &text, now, &mut merges);
        }
        // What this one has as a variable, others that were met before it may have as a word. They may be part of one by now that has more
        // variables than this one, into which it went above.
        for gap in self.gaps_without(id) {
            self.merge(gap, &template.1, now, &mut merges);
        }
        self.forget_aliases();
        merges
    }

    /// Whether a template that was not met would be merged into one that was met: its word fills a place of values.
    pub fn joins(&self, id: TemplateId, text: &str, masks: &Masks) -> bool {
        let joins = |variant: &Variant| self.is_merged(variant.gap, id) || self.has_variable(variant, id);
        variants(text, masks).iter().any(joins)
    }

    /// Enters a template into its gaps, up to the first of which the words are values.
    fn values_at(&mut self, id: TemplateId, text: &str, masks: &Masks) -> Option<(Gap, Arc<str>)> {
        let variants = variants(text, masks);
        let known = variants.iter().find(|variant| self.is_merged(variant.gap, id));
        if let Some(variant) = known {
            self.fill(variant, id);
            return Some((variant.gap, Arc::clone(&variant.text)));
        }
        for variant in &variants {
            self.fill(variant, id);
            let is_value = self.has_variable(variant, id) || self.are_values(variant);
            if is_value {
                return Some((variant.gap, Arc::clone(&variant.text)));
            }
        }
        None
    }

    fn fill(&mut self, variant: &Variant, template: TemplateId) {
        let filling = Filling { template, look: variant.look };
        self.gaps.insert((variant.gap, variant.word), filling);
    }

    fn looks(&self, gap: Gap) -> Vec<Look> {
        self.fillings(gap).map(|(_, filling)| filling.look).collect()
    }

    fn fillings(&self, gap: Gap) -> impl Iterator<Item = (u64, Filling)> {
        self.gaps.range((gap, 0)..=(gap, u64::MAX)).map(|(&(_, word), &filling)| (word, filling))
    }

    /// The gaps of other templates that are this one but for a variable, where they have a word.
    fn gaps_without(&self, without: TemplateId) -> Vec<Gap> {
        let bounds = (Gap { without, position: 0 }, 0)..=(Gap { without, position: u8::MAX }, u64::MAX);
        let mut gaps: Vec<Gap> = self.gaps.range(bounds).map(|(&(gap, _), _)| gap).collect();
        gaps.dedup();
        gaps.retain(|&gap| !mostly(Look::State, &self.looks(gap)));
        gaps
    }

    /// Whether the words of a gap are known to be values.
    fn is_merged(&self, gap: Gap, id: TemplateId) -> bool {
        self.merged.contains_key(&gap) && self.resolve(gap.without) != id
    }

    /// Whether the skeleton with a variable in place of the word exists, and the word is no state.
    fn has_variable(&self, variant: &Variant, id: TemplateId) -> bool {
        let without = variant.gap.without;
        variant.look != Look::State && self.contains(without) && self.resolve(without) != id
    }

    fn are_values(&self, variant: &Variant) -> bool {
        let fillings: Vec<Filling> = self.fillings(variant.gap).map(|(_, filling)| filling).collect();
        let mut roots: Vec<TemplateId> = fillings.iter().map(|filling| self.resolve(filling.template)).collect();
        roots.sort_unstable();
        roots.dedup();
        let looks = self.looks(variant.gap);
        let (are_identifiers, are_states) = (mostly(Look::Identifier, &looks), mostly(Look::State, &looks));
        if roots.len() < if variant.behind == Behind::Noun || are_identifiers { NAMES_MIN } else { VALUES_MIN } {
            return false;
        }
        let once = roots.iter().filter(|root| self.lines.get(root).is_none_or(|&lines| lines <= 1)).count();
        let is_open = once * 2 >= roots.len() && !are_states;
        let are_names = variant.behind != Behind::Other && !are_states;
        roots.len() >= VALUES_CERTAIN || is_open || are_names || are_identifiers
    }

    /// Makes one template of all that fill a gap, of which this is the skeleton. Returns that one: it may be part of another by now.
    fn merge(&mut self, gap: Gap, text: &Arc<str>, now: Second, merges: &mut Vec<Merge>) -> (TemplateId, Arc<str>) {
        let into = self.resolve(gap.without);
        let text = Arc::clone(self.texts.entry(into).or_insert_with(|| Arc::clone(text)));
        self.lines.entry(into).or_default();
        self.merged.insert(gap, into);
        let fillings: Vec<(u64, Filling)> = self.fillings(gap).collect();
        for (word, filling) in fillings {
            self.gaps.remove(&(gap, word));
            let from = self.resolve(filling.template);
            if from == into {
                continue;
            }
            let lines = self.lines.remove(&from).unwrap_or_default();
            let count = self.lines.entry(into).or_default();
            *count = count.saturating_add(lines);
            self.aliases.insert(from, Alias { into, last_seen: now });
            self.texts.remove(&from);
            merges.push(Merge { from, into, text: Arc::clone(&text) });
        }
        (into, text)
    }

    /// Keeps what belongs to templates that are still known. O(all that is kept).
    pub fn retain(&mut self, mut is_known: impl FnMut(TemplateId) -> bool) {
        self.lines.retain(|&id, _| is_known(id));
        self.alone.take_if(|(id, _)| !self.lines.contains_key(id));
        let gone: Vec<TemplateId> =
            self.aliases.keys().copied().filter(|&id| !self.lines.contains_key(&self.resolve(id))).collect();
        for id in gone {
            self.aliases.remove(&id);
        }
        let mut merged = std::mem::take(&mut self.merged);
        // What a gap was merged into may be part of another one by now.
        merged.retain(|_, into| self.lines.contains_key(&self.resolve(*into)));
        self.merged = merged;
        let lines = &self.lines;
        self.texts.retain(|id, _| lines.contains_key(id));
        self.gaps.retain(|_, filling| lines.contains_key(&filling.template));
    }

    /// Forgets a tenth of the aliases where there are too many: those that only point to others that are alive, longest unseen
    /// first. Who returns is merged again at once, as the gap is remembered.
    fn forget_aliases(&mut self) {
        if self.aliases.len() <= ALIASES_MAX {
            return;
        }
        let mut by_age: Vec<(Second, TemplateId)> =
            self.aliases.iter().map(|(&id, alias)| (alias.last_seen, id)).collect();
        by_age.sort_unstable();
        let targets: std::collections::BTreeSet<TemplateId> = self.aliases.values().map(|alias| alias.into).collect();
        let leaves = by_age.into_iter().filter(|(_, id)| !targets.contains(id));
        for (_, id) in leaves.take(ALIASES_MAX / 10) {
            self.aliases.remove(&id);
        }
    }
}
