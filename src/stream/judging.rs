//! The judging half as a task: tallies in, events out.
//!
//! When it begins, a judge is restored from its newest snapshot, or learns again from the first tally that is retained; then it reads
//! the tallies up to its committed offset with publishing off, for what it would say was said. Then it is where it was, and goes live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::Snapshotter;
use super::log::{Committed, Incoming, Retained, Transaction};
use super::task::Task;
use super::unheard::Unheard;
use crate::decide::rfc3339;
use crate::ops::{JudgeMetrics, View};
use crate::publish::{Destination, OutputRecord, Provenance, compose, records, template};
use crate::record::{Offset, Partition};
use crate::score::{Budget, Severity};
use crate::stage::{Judge, Look};
use crate::template::Masks;
use crate::vectorise::wire::{Cut, Flush, Outcomes};

/// Positions are committed at least this often, also without events. More than a second: where each second has events, nothing is
/// committed in between, which the next second would have to wait for.
const COMMIT_EVERY: Duration = Duration::from_secs(2);
/// How often the live view is told, in milliseconds; at the end of the partition it is told anyway.
const SHOW_EVERY_MS: u64 = 500;
/// While there is more to read, outputs are gathered up to this number.
const OUTPUTS_MAX: usize = 1_000;

/// How often it is said how far a first start in the past has come, in milliseconds.
const HISTORY_EVERY_MS: u64 = 5_000;

struct Judged {
    judge: Judge,
    unheard: Unheard,
    /// Wall time at which it was said how far a first start in the past has come.
    history_said_at_ms: i64,
    live_from: Offset,
    position: Offset,
    committed: Offset,
}

impl Judged {
    /// Says how far a first start in the past has come, and at its end what was not published.
    fn say_history(&mut self, partition: &Partition, was_live: bool, now_ms: i64) {
        if let Some(withheld) = self.judge.withheld().filter(|_| !was_live) {
            info!(%partition,
                "going live: of the time before it would have paged {} times ({} critical, {} error, {} warning), with {} notices",
                withheld.pages(), withheld.of(Severity::Critical), withheld.of(Severity::Error),
                withheld.of(Severity::Warning), withheld.of(Severity::Info));
        }
        let Some(live_from) = self.judge.goes_live_at() else { return };
        if now_ms.abs_diff(self.history_said_at_ms) < HISTORY_EVERY_MS {
            return;
        }
        self.history_said_at_ms = now_ms;
        match self.judge.judged_until() {
            Some(second) => info!(%partition, judged_until = rfc3339(second.end()), goes_live_at = rfc3339(live_from),
                to_go_s = live_from.second().since(second), "learning from the past, publishing nothing"),
            None => info!(%partition, goes_live_at = rfc3339(live_from), "waiting for all partitions to report"),
        }
    }
}

/// The judges of the partitions of the tallies topic that this worker reads.
pub struct Judging {
    provenance: Provenance,
    budget: Budget,
    masks: Masks,
    judges: BTreeMap<Partition, Judged>,
    outputs: Vec<OutputRecord>,
    messages: Vec<crate::decide::Message>,
    metrics: JudgeMetrics,
    view: Arc<View>,
    shown_at_ms: i64,
    snapshotter: Option<Snapshotter>,
}

impl Judging {
    /// Judges whose events say this of where they come from.
    pub fn new(provenance: Provenance, view: Arc<View>, snapshotter: Option<Snapshotter>) -> Self {
        Self {
            provenance,
            budget: Budget::default(),
            masks: Masks::default(),
            judges: BTreeMap::new(),
            outputs: Vec::new(),
            messages: Vec::new(),
            metrics: JudgeMetrics::default(),
            view,
            shown_at_ms: 0,
            snapshotter,
        }
    }

    /// The same, with this budget.
    pub fn with_budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// The same, for tallies of observers with these masks.
    pub fn with_masks(self, masks: Masks) -> Self {
        Self { masks, ..self }
    }
}

impl Task for Judging {
    const NAME: &'static str = "judge";
    /// What a tally would have changed would be missing in all that follows.
    const SETS_ASIDE: bool = false;

    fn assign(
        &mut self,
        partition: &Partition,
        committed: Option<&Committed>,
        Retained { first, .. }: Retained,
    ) -> Offset {
        let live_from = committed.map_or(first, |committed| committed.offset);
        let restored = committed.and_then(|committed| self.snapshotter.as_mut()?.restore(partition, committed.offset));
        let (judge, from) = restored.unwrap_or_else(|| (Judge::new(), first));
        if from < first {
            error!(%partition, snapshot = from.0, first = first.0, "tallies were deleted by retention behind the last snapshot");
        }
        let from = from.max(first);
        if live_from > from {
            info!(%partition, from = from.0, to = live_from.0, "reading the tallies again, publishing nothing");
        }
        let judge = judge.with_budget(self.budget).with_masks(self.masks.clone());
        self.judges.insert(
            partition.clone(),
            Judged {
                judge,
                unheard: Unheard::default(),
                history_said_at_ms: 0,
                live_from,
                position: from,
                committed: live_from,
            },
        );
        self.view.judge_begins(partition, live_from > from);
        from
    }

    fn revoke(&mut self, partition: &Partition) {
        self.judges.remove(partition);
        self.view.forget_judge(partition);
    }

    fn drop_all(&mut self) {
        self.judges.keys().for_each(|partition| self.view.forget_judge(partition));
        self.judges.clear();
        self.outputs.clear();
    }

    fn record(&mut self, partition: &Partition, incoming: &Incoming<'_>, now_ms: i64) -> Result<(), String> {
        let Some(judged) = self.judges.get_mut(partition) else { return Ok(()) };
        let offset = incoming.record.offset;
        // What a client hands out again, after a pause or a rebalance, is judged already.
        if offset < judged.position {
            return Ok(());
        }
        let flush = match incoming.record.value.map(Flush::decode_for_judge) {
            Some(Ok(flush)) => flush,
            Some(Err(reason)) => {
                return Err(format!(
                    "{partition} offset {}: {reason}; it was written by a version that this one cannot read, or by something else: \
                     upgrade, or set another kafka.prefix",
                    offset.0
                ));
            }
            None => return Ok(()),
        };
        let is_live = offset >= judged.live_from;
        if is_live && judged.position < judged.live_from {
            info!(%partition, "live");
        }
        judged.position = offset.next();
        flush.progress.iter().for_each(|progress| judged.unheard.heard(&progress.partition));
        let cut_before = judged.judge.cut().clone();
        let unsuitable_before = judged.judge.scorer().catalogue().unsuitable().clone();
        let was_live = judged.judge.withheld().is_some();
        let mut lookups = Vec::new();
        let mut look = |look: Look<'_>| {
            if let (Look::Judged(judgement), true) = (look, is_live) {
                lookups.extend(judgement.lookups.iter().map(template));
            }
        };
        for gap in judged.judge.flush_watched(flush, &mut self.messages, &mut look) {
            error!(%partition, offset = offset.0, "{gap}");
            self.metrics.gap();
        }
        if is_live {
            judged.say_history(partition, was_live, now_ms);
            for message in &self.messages {
                self.metrics.message(message);
                let records =
                    records(&compose(message, &self.provenance)).map_err(|error| format!("event as JSON: {error}"))?;
                self.outputs.extend(records);
            }
        }
        self.messages.clear();
        for lookup in lookups {
            self.outputs.push(lookup.map_err(|error| format!("template as JSON: {error}"))?);
        }
        if is_live {
            self.metrics.cut(&cut_before, judged.judge.cut());
            self.metrics.unsuitable(&unsuitable_before, judged.judge.scorer().catalogue().unsuitable());
            let cuts = judged.unheard.look(now_ms, || judged.judge.holding_back());
            if !cuts.is_empty() {
                self.outputs.push(record_of(cuts, partition));
            }
        }
        if now_ms.abs_diff(self.shown_at_ms) >= SHOW_EVERY_MS {
            self.shown_at_ms = now_ms;
            self.view.judge(partition, &judged.judge, is_live);
        }
        Ok(())
    }

    fn set_aside(&mut self, _: &Partition, _: &Incoming<'_>, _: &str) {}

    fn at_end(&mut self, partition: &Partition, _now_ms: i64) {
        if let Some(judged) = self.judges.get(partition) {
            self.view.judge(partition, &judged.judge, judged.position >= judged.live_from);
        }
    }

    fn ahead(&mut self, _: i64) -> Vec<Partition> {
        Vec::new()
    }

    fn is_full(&self) -> bool {
        self.outputs.len() >= OUTPUTS_MAX
    }

    fn is_due(&self, since_commit: Duration, caught_up: bool) -> bool {
        let has_outputs = !self.outputs.is_empty();
        (has_outputs && (caught_up || self.is_full()))
            || (since_commit >= COMMIT_EVERY
                && (has_outputs || self.judges.values().any(|judged| judged.position > judged.committed)))
    }

    fn committed(&mut self, is_last: bool) {
        let Some(snapshotter) = &mut self.snapshotter else { return };
        let last_chance = is_last.then(Snapshotter::last_chance);
        for (partition, judged) in &self.judges {
            // Behind the committed offset a snapshot has nothing to shorten, and beyond it nothing is committed.
            if judged.position == judged.committed && judged.position >= judged.live_from {
                snapshotter.offer(partition, &judged.judge, judged.position, last_chance);
            }
        }
    }

    fn seal(&mut self, transaction: &mut Transaction) {
        transaction.outputs.append(&mut self.outputs);
        for (partition, judged) in &mut self.judges {
            if judged.position > judged.committed {
                judged.committed = judged.position;
                self.view.progress(partition, judged.position.0, &Outcomes::default());
                transaction.offsets.insert(partition.clone(), (judged.position, String::new()));
            }
        }
    }
}

/// The record of the tallies that cuts partitions off, once it is read.
fn record_of(cuts: Vec<Cut>, tallies: &Partition) -> OutputRecord {
    for cut in &cuts {
        warn!(partition = %cut.partition, "nobody reads it, and it holds the others back: it is cut off");
    }
    OutputRecord {
        destination: Destination::Tallies,
        partition: Some(tallies.number),
        key: None,
        value: Some(Flush { cuts, ..Flush::default() }.encode()),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}
