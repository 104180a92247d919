//! The metrics: their names, what they mean, and the handles through which workers record them, a batch at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use metrics::{Counter, Unit, counter, describe_counter, describe_gauge, describe_histogram};

use tracing::{info, warn};

use super::View;
use crate::decide::{Message, Status};
use crate::record::{Partition, Service};
use crate::score::{Severity, Unsuitable};
use crate::stage::LimitsMet;
use crate::vectorise::wire::Flush;

/// Says what each metric means; once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!("eddyline_records_total", Unit::Count, "Records read, by what became of them");
    describe_counter!("eddyline_lines_late_total", Unit::Count, "Lines that came too late for their second");
    describe_counter!(
        "eddyline_lines_clamped_total",
        Unit::Count,
        "Lines whose time was ahead of their record's timestamp"
    );
    describe_counter!("eddyline_lines_cut_total", Unit::Count, "Lines of which only limits.line_bytes were looked at");
    describe_counter!(
        "eddyline_services_folded_total",
        Unit::Count,
        "Services counted as one because a second of a flush had too many"
    );
    describe_counter!("eddyline_tally_bytes_total", Unit::Bytes, "Bytes of tallies sent, before compression");
    describe_counter!(
        "eddyline_tally_gaps_total",
        Unit::Count,
        "Breaks in the offsets that tallies cover: none in health"
    );
    describe_counter!(
        "eddyline_cuts_total",
        Unit::Count,
        "Times an input partition was cut off because nobody read it"
    );
    describe_gauge!(
        "eddyline_partitions_stalled",
        Unit::Count,
        "Partitions read here that lag and did not move for a minute"
    );
    describe_gauge!("eddyline_services_unsuitable", Unit::Count, "Services whose templates say little");
    describe_gauge!(
        "eddyline_partitions_undecodable",
        Unit::Count,
        "Partitions read here of which nearly everything goes to the dead letters"
    );
    describe_gauge!(
        "eddyline_partitions_held_open",
        Unit::Count,
        "Partitions of our topics in which brokers hold a transaction open that has ended, so that readers stand still: the same on every instance"
    );
    describe_gauge!("eddyline_partitions_cut", Unit::Count, "Input partitions that are cut off");
    describe_counter!("eddyline_panics_total", Unit::Count, "Records that made a stage panic, by stage: a bug");
    describe_counter!("eddyline_events_total", Unit::Count, "Events published, by status and severity");
    describe_counter!("eddyline_snapshots_total", Unit::Count, "Snapshots of judges, by result");
    describe_gauge!("eddyline_snapshot_bytes", Unit::Bytes, "Size of the last snapshot, compressed");
    describe_histogram!(
        "eddyline_snapshot_serialise_seconds",
        Unit::Seconds,
        "How long the judge was held up by a snapshot"
    );
    describe_histogram!(
        "eddyline_snapshot_write_seconds",
        Unit::Seconds,
        "How long a snapshot took to compress and write"
    );
    describe_counter!(
        "eddyline_reassignments_total",
        Unit::Count,
        "Times a group was made to assign anew, because a partition was given to no member"
    );
    describe_counter!("eddyline_restarts_total", Unit::Count, "Times a worker had to connect anew");
    describe_gauge!("eddyline_lag_records", Unit::Count, "Records that wait to be read, by topic and partition");
    describe_gauge!("eddyline_services", Unit::Count, "Services known");
    describe_gauge!("eddyline_templates", Unit::Count, "Templates known");
    describe_gauge!(
        "eddyline_judge_services_folded",
        Unit::Count,
        "Services that the judge counted as one because a second had too many, or too many new ones came, ever"
    );
    describe_gauge!(
        "eddyline_forgotten",
        Unit::Count,
        "Services and templates that the judge forgot because of limits, ever"
    );
    describe_gauge!("eddyline_open_episodes", Unit::Count, "Episodes open");
    describe_gauge!("eddyline_open_seconds", Unit::Count, "Seconds of log time that wait for a partition that lags");
    describe_histogram!("eddyline_commit_seconds", Unit::Seconds, "How long a transaction took, by stage");
}

/// What an observer counts.
pub struct ObserverMetrics {
    lines: Counter,
    continuations: Counter,
    rejects: Counter,
    empty: Counter,
    late: Counter,
    clamped: Counter,
    cut: Counter,
    folded: Counter,
    again: Counter,
    bytes: Counter,
}

impl Default for ObserverMetrics {
    fn default() -> Self {
        let outcome = |name: &'static str| counter!("eddyline_records_total", "outcome" => name);
        Self {
            lines: outcome("line"),
            continuations: outcome("continuation"),
            rejects: outcome("dead_letter"),
            empty: outcome("empty"),
            late: counter!("eddyline_lines_late_total"),
            clamped: counter!("eddyline_lines_clamped_total"),
            cut: counter!("eddyline_lines_cut_total"),
            folded: counter!("eddyline_services_folded_total"),
            again: outcome("passed_over"),
            bytes: counter!("eddyline_tally_bytes_total"),
        }
    }
}

impl ObserverMetrics {
    /// Records what a flush says, and what limits did to what is in it.
    pub fn flushed(&self, flush: &Flush, limits: LimitsMet, view: &Arc<View>) {
        self.cut.increment(limits.lines_cut);
        self.folded.increment(limits.services_folded);
        view.limits(limits);
        for progress in &flush.progress {
            let outcomes = &progress.outcomes;
            self.lines.increment(outcomes.lines);
            self.continuations.increment(outcomes.continuations);
            self.rejects.increment(outcomes.rejects);
            self.empty.increment(outcomes.empty);
            self.late.increment(outcomes.late);
            self.clamped.increment(outcomes.clamped);
            view.progress(&progress.partition, progress.to.0, outcomes);
        }
    }

    /// A record that was counted already, or is of a partition that was lost.
    pub fn passed_over(&self) {
        self.again.increment(1);
    }

    /// Records the size of a tally.
    pub fn tally_bytes(&self, bytes: usize) {
        self.bytes.increment(bytes as u64);
    }
}

/// What a judge counts.
pub struct JudgeMetrics {
    gaps: Counter,
    cuts: Counter,
    events: BTreeMap<(&'static str, Severity), Counter>,
}

impl Default for JudgeMetrics {
    fn default() -> Self {
        Self {
            gaps: counter!("eddyline_tally_gaps_total"),
            cuts: counter!("eddyline_cuts_total"),
            events: BTreeMap::new(),
        }
    }
}

impl JudgeMetrics {
    /// A break in the offsets that tallies cover.
    pub fn gap(&self) {
        self.gaps.increment(1);
    }

    /// Which partitions were cut off before a tally was read, and which are behind it.
    pub fn cut(&self, before: &BTreeSet<Partition>, now: &BTreeSet<Partition>) {
        for partition in now.difference(before) {
            self.cuts.increment(1);
            warn!(%partition, "cut off: until it has caught up, its lines are late, and rates and silences of who may write there are not judged");
        }
        for partition in before.difference(now) {
            info!(%partition, "has caught up, and is waited for again");
        }
    }

    /// Which services were unsuitable before a tally was judged, and which are behind it.
    pub fn unsuitable(&self, before: &BTreeMap<Service, Unsuitable>, now: &BTreeMap<Service, Unsuitable>) {
        for (service, reason) in now.iter().filter(|&(service, reason)| before.get(service) != Some(reason)) {
            let coarsens = if reason.coarsens() { "; new ones are counted together" } else { "" };
            warn!(%service, reason = reason.code(), "its templates say little: {}{coarsens}", reason.reason());
        }
        for service in before.keys().filter(|service| !now.contains_key(*service)) {
            info!(%service, "its templates are of use again");
        }
    }

    /// An event.
    pub fn message(&mut self, message: &Message) {
        let status = match message.status {
            Status::Trigger => "trigger",
            Status::Update { .. } => "update",
            Status::Resolve { .. } => "resolve",
        };
        let severity = message.severity;
        self.events
            .entry((status, severity))
            .or_insert_with(|| counter!("eddyline_events_total", "status" => status, "severity" => severity.word()))
            .increment(1);
    }
}
