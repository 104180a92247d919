//! The judging half as a task: tallies in, events out.
//!
//! When it begins, a judge is restored from its newest snapshot, or learns again from the first tally that is retained; then it reads
//! the tallies up to its committed offset with publishing off, for what it would say was said. Then it is where it was, and goes live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::Snapshotter;
use super::log::{Committed, Incoming, Transaction};
use super::task::Task;
use super::unheard::Unheard;
use crate::ops::{JudgeMetrics, View};
use crate::publish::{Destination, OutputRecord, Provenance, compose, records};
use crate::record::{Offset, Partition};
use crate::stage::Judge;
use crate::vectorise::wire::{Cut, Flush, Outcomes};

/// Positions are committed at least this often, also without events.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How often the live view is told, in milliseconds; at the end of the partition it is told anyway.
const SHOW_EVERY_MS: u64 = 500;
/// While there is more to read, outputs are gathered up to this number.
const OUTPUTS_MAX: usize = 1_000;

struct Judged {
    judge: Judge,
    unheard: Unheard,
    live_from: Offset,
    position: Offset,
    committed: Offset,
}

/// The judges of the partitions of the tallies topic that this worker reads.
pub struct Judging {
    provenance: Provenance,
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
            judges: BTreeMap::new(),
            outputs: Vec::new(),
            messages: Vec::new(),
            metrics: JudgeMetrics::default(),
            view,
            shown_at_ms: 0,
            snapshotter,
        }
    }
}

impl Task for Judging {
    const NAME: &'static str = "judge";
    /// What a tally would have changed would be missing in all that follows.
    const SETS_ASIDE: bool = false;

    fn assign(&mut self, partition: &Partition, committed: Option<&Committed>, first: Offset) -> Offset {
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
        self.judges.insert(
            partition.clone(),
            Judged { judge, unheard: Unheard::default(), live_from, position: from, committed: live_from },
        );
        self.view.judge_begins(partition, live_from > from);
        from
    }

    fn revoke(&mut self, partition: &Partition) {
        self.judges.remove(partition);
        self.view.forget_judge(partition);
    }

    fn drop_all(&mut self) {
        self.judges.clear();
        self.outputs.clear();
    }

    fn record(&mut self, partition: &Partition, incoming: &Incoming<'_>, wall_ms: i64) -> Result<(), String> {
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
        for gap in judged.judge.flush(flush, &mut self.messages) {
            error!(%partition, offset = offset.0, "{gap}");
            self.metrics.gap();
        }
        if is_live {
            for message in &self.messages {
                self.metrics.message(message);
                let records =
                    records(&compose(message, &self.provenance)).map_err(|error| format!("event as JSON: {error}"))?;
                self.outputs.extend(records);
            }
        }
        self.messages.clear();
        if is_live {
            self.metrics.cut(&cut_before, judged.judge.cut());
            let cuts = judged.unheard.look(wall_ms, || judged.judge.holding_back());
            if !cuts.is_empty() {
                self.outputs.push(record_of(cuts, partition));
            }
        }
        if wall_ms.abs_diff(self.shown_at_ms) >= SHOW_EVERY_MS {
            self.shown_at_ms = wall_ms;
            self.view.judge(partition, &judged.judge, is_live);
        }
        Ok(())
    }

    fn set_aside(&mut self, _: &Partition, _: &Incoming<'_>, _: &str) {}

    fn at_end(&mut self, partition: &Partition, _wall_ms: i64) {
        if let Some(judged) = self.judges.get(partition) {
            self.view.judge(partition, &judged.judge, true);
        }
    }

    fn ahead(&mut self) -> Vec<Partition> {
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
        for (partition, judged) in &self.judges {
            // Behind the committed offset a snapshot has nothing to shorten, and beyond it nothing is committed.
            if judged.position == judged.committed && judged.position >= judged.live_from {
                snapshotter.offer(partition, &judged.judge, judged.position, is_last);
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
