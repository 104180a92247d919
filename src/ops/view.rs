//! The live view: what workers last said of themselves. Written once a batch, read by the status line and the admin pages.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dashmap::DashMap;

use super::status::{JudgeView, OpenEpisode, PartitionStatus, Status, UnsuitableService};
use super::undecodable::Undecodable;
use super::uptime_ms;
use crate::decide::rfc3339;
use crate::record::{Partition, Second};
use crate::stage::{Judge, LimitsMet};
use crate::vectorise::wire::Outcomes;

/// A worker that did not go round for this long is stuck, in milliseconds. A transaction is tried for two minutes, and the time-outs of
/// the last attempt add less than two more.
const HEARTBEAT_AGE_MAX_MS: i64 = 300_000;
/// A partition that lags, or of which nobody knows whether it does, and that did not move for this long is said to be stalled, in
/// milliseconds.
const STALLED_AFTER_MS: i64 = 60_000;

/// What the workers last said.
#[derive(Default)]
pub struct View {
    partitions: DashMap<Partition, PartitionView>,
    judges: DashMap<Partition, JudgeView>,
    heartbeats: DashMap<String, Arc<AtomicI64>>,
    lines: AtomicU64,
    lines_cut: AtomicU64,
    services_folded: AtomicU64,
    rate: Mutex<Rate>,
}

/// Lines each second between two looks.
#[derive(Clone, Copy, Default)]
struct Rate {
    looked_at_ms: Option<i64>,
    lines: u64,
    lines_per_second: f64,
}

#[derive(Clone, Copy, Default)]
struct PartitionView {
    lag: Option<i64>,
    next_offset: i64,
    /// When it was last read, or had nothing to read.
    moved_at_ms: Option<i64>,
    undecodable: Undecodable,
}

impl View {
    /// A heartbeat that a worker of this name sets.
    pub fn heartbeat(&self, worker: &str) -> Arc<AtomicI64> {
        Arc::clone(&self.heartbeats.entry(worker.to_owned()).or_insert_with(|| Arc::new(AtomicI64::new(uptime_ms()))))
    }

    /// How far a partition lags; `None` where that is not known now.
    pub fn lag(&self, partition: &Partition, lag: Option<i64>) {
        let mut view = self.partitions.entry(partition.clone()).or_default();
        view.lag = lag;
        if lag == Some(0) && view.moved_at_ms.is_some() {
            // Who has nothing to read need not move.
            view.moved_at_ms = Some(uptime_ms());
        }
        drop(view);
        let labels = [("topic", partition.topic.name().to_owned()), ("partition", partition.number.to_string())];
        metrics::gauge!("eddyline_lag_records", &labels).set(lag.map_or(f64::NAN, |lag| lag as f64));
    }

    /// How far an input partition was read, and what its records were.
    pub fn progress(&self, partition: &Partition, next_offset: i64, outcomes: &Outcomes) {
        self.lines.fetch_add(outcomes.lines + outcomes.continuations, Ordering::Relaxed);
        let mut view = self.partitions.entry(partition.clone()).or_default();
        view.undecodable.count(outcomes.lines + outcomes.continuations, outcomes.rejects, uptime_ms());
        if view.next_offset != next_offset || view.moved_at_ms.is_none() {
            view.next_offset = next_offset;
            view.moved_at_ms = Some(uptime_ms());
        }
    }

    /// What the limits of an observer did.
    pub fn limits(&self, met: LimitsMet) {
        self.lines_cut.fetch_add(met.lines_cut, Ordering::Relaxed);
        self.services_folded.fetch_add(met.services_folded, Ordering::Relaxed);
    }

    /// What the limits did so far, here and in the judges that are here.
    pub(super) fn limits_met(&self) -> [(&'static str, u64); 4] {
        let judges = |count: fn(&JudgeView) -> u64| self.judges.iter().map(|judge| count(judge.value())).sum();
        [
            ("lines are longer than limits.line_bytes and were cut off", self.lines_cut.load(Ordering::Relaxed)),
            (
                "a second of a flush has too many services, which were counted as one",
                self.services_folded.load(Ordering::Relaxed),
            ),
            (
                "a second has too many services, or too many new ones come, which were judged as one",
                judges(|judge| judge.services_folded),
            ),
            ("there are too many services or templates, and some were forgotten", judges(|judge| judge.forgotten)),
        ]
    }

    /// A partition is not read here any more.
    pub fn forget_partition(&self, partition: &Partition) {
        self.lag(partition, Some(0));
        self.partitions.remove(partition);
    }

    /// A judge begins, first by learning from the retained tallies if `restoring`.
    pub fn judge_begins(&self, partition: &Partition, restoring: bool) {
        self.judges.insert(partition.clone(), JudgeView { is_live: !restoring, ..JudgeView::default() });
    }

    /// What a judge says of itself.
    pub fn judge(&self, partition: &Partition, judge: &Judge, is_live: bool) {
        let (partitions_known, partitions_reporting) = judge.reporting();
        let models = judge.scorer().status();
        let open_episodes = judge.open_episodes().map(|episode| OpenEpisode {
            dedup_key: episode.dedup_key.to_string(),
            severity: episode.severity.word(),
            started_at: rfc3339(episode.started.start()),
            services: episode.services().iter().map(|(service, _)| service.to_string()).collect(),
        });
        let unsuitable = judge.scorer().catalogue().unsuitable().iter();
        let unsuitable = unsuitable
            .map(|(service, reason)| UnsuitableService { service: service.to_string(), reason: reason.code() });
        let view = JudgeView {
            is_live,
            judged_until: judge.judged_until().map(|second: Second| rfc3339(second.end())),
            services: models.services,
            templates: models.templates,
            services_folded: judge.folded_services(),
            forgotten: models.forgotten,
            services_warming_up: models.warming_up,
            warm_up_left_seconds: models.warm_up_left_seconds,
            services_unsuitable: unsuitable.collect(),
            partitions_known,
            partitions_reporting,
            partitions_cut: judge.cut().iter().map(ToString::to_string).collect(),
            open_seconds: judge.open_seconds(),
            open_episodes: open_episodes.collect(),
        };
        metrics::gauge!("eddyline_services").set(view.services as f64);
        metrics::gauge!("eddyline_templates").set(view.templates as f64);
        metrics::gauge!("eddyline_judge_services_folded").set(view.services_folded as f64);
        metrics::gauge!("eddyline_forgotten").set(view.forgotten as f64);
        metrics::gauge!("eddyline_open_episodes").set(view.open_episodes.len() as f64);
        metrics::gauge!("eddyline_partitions_cut").set(view.partitions_cut.len() as f64);
        metrics::gauge!("eddyline_services_unsuitable").set(view.services_unsuitable.len() as f64);
        metrics::gauge!("eddyline_open_seconds").set(view.open_seconds as f64);
        self.judges.insert(partition.clone(), view);
    }

    /// A judge is at work elsewhere now.
    pub fn forget_judge(&self, partition: &Partition) {
        self.judges.remove(partition);
        self.forget_partition(partition);
        for gauge in [
            "services",
            "services_unsuitable",
            "templates",
            "judge_services_folded",
            "forgotten",
            "open_episodes",
            "open_seconds",
            "partitions_cut",
        ] {
            metrics::gauge!(format!("eddyline_{gauge}")).set(0.0);
        }
    }

    /// The workers that did not go round for too long.
    pub fn stuck(&self) -> Vec<String> {
        let now_ms = uptime_ms();
        let mut stuck: Vec<String> = self
            .heartbeats
            .iter()
            .filter(|entry| now_ms - entry.value().load(Ordering::Relaxed) > HEARTBEAT_AGE_MAX_MS)
            .map(|entry| entry.key().clone())
            .collect();
        stuck.sort();
        stuck
    }

    /// Whether there is work here, and every judge here is live.
    pub fn is_ready(&self) -> bool {
        !self.partitions.is_empty() && self.judges.iter().all(|judge| judge.is_live)
    }

    /// The partitions of which nearly everything goes to the dead letters, and how much of late.
    pub fn undecodable(&self) -> Vec<(Partition, u64)> {
        let now_ms = uptime_ms();
        let undecodable = self.partitions.iter().filter(|entry| entry.value().undecodable.is_exceeded(now_ms));
        let mut undecodable: Vec<(Partition, u64)> =
            undecodable.map(|entry| (entry.key().clone(), entry.value().undecodable.rejects())).collect();
        undecodable.sort();
        undecodable
    }

    /// The partitions that lag and did not move for too long, although they are read here.
    pub fn stalled(&self) -> Vec<Partition> {
        let now_ms = uptime_ms();
        let stalled = self.partitions.iter().filter(|entry| entry.value().is_stalled(now_ms));
        let mut stalled: Vec<Partition> = stalled.map(|entry| entry.key().clone()).collect();
        stalled.sort();
        stalled
    }

    /// Sets the metrics of partitions with which something is wrong. They say it when nothing happens, so nobody but a clock can.
    pub fn measure_partitions(&self) {
        metrics::gauge!("eddyline_partitions_stalled").set(self.stalled().len() as f64);
        metrics::gauge!("eddyline_partitions_undecodable").set(self.undecodable().len() as f64);
    }

    /// Everything at once.
    pub fn status(&self) -> Status {
        let now_ms = uptime_ms();
        let mut partitions: Vec<PartitionStatus> =
            self.partitions.iter().map(|entry| entry.value().status(entry.key(), now_ms)).collect();
        partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        let mut judges: Vec<(Partition, JudgeView)> =
            self.judges.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
        judges.sort_by(|a, b| a.0.cmp(&b.0));
        let lag_records = partitions.iter().map(|partition| partition.lag_records).sum::<Option<i64>>();
        let lines_total = self.lines.load(Ordering::Relaxed);
        Status {
            lag_records: lag_records.filter(|_| !partitions.is_empty()),
            lines_per_second: lock(&self.rate).lines_per_second,
            lines_total,
            lines_cut: self.lines_cut.load(Ordering::Relaxed),
            services_folded: self.services_folded.load(Ordering::Relaxed),
            partitions,
            judges: judges.into_iter().map(|(_, judge)| judge).collect(),
        }
    }

    /// Measures the rate of lines since the last call.
    pub fn measure_rate(&self) {
        let (now_ms, lines) = (uptime_ms(), self.lines.load(Ordering::Relaxed));
        let mut rate = lock(&self.rate);
        let lines_per_second = match rate.looked_at_ms {
            None => 0.0,
            Some(looked_ms) if looked_ms < now_ms => {
                (lines - rate.lines) as f64 * 1_000.0 / (now_ms - looked_ms) as f64
            }
            Some(_) => rate.lines_per_second,
        };
        *rate = Rate { looked_at_ms: Some(now_ms), lines, lines_per_second };
    }
}

/// A poisoned lock guards plain data here, which is as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl PartitionView {
    /// Whether there may be something to read, and none of it was for too long.
    fn is_stalled(&self, now_ms: i64) -> bool {
        self.lag != Some(0) && self.moved_at_ms.is_some_and(|moved_ms| now_ms - moved_ms > STALLED_AFTER_MS)
    }

    fn status(&self, partition: &Partition, now_ms: i64) -> PartitionStatus {
        PartitionStatus {
            topic: partition.topic.name().to_owned(),
            partition: partition.number,
            next_offset: self.next_offset,
            lag_records: self.lag,
            is_stalled: self.is_stalled(now_ms),
            is_undecodable: self.undecodable.is_exceeded(now_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lags_and_does_not_move_for_a_minute_is_stalled() {
        let mut view =
            PartitionView { lag: Some(3), next_offset: 7, moved_at_ms: Some(1_000), ..PartitionView::default() };
        assert!(!view.is_stalled(1_000 + STALLED_AFTER_MS));
        assert!(view.is_stalled(1_001 + STALLED_AFTER_MS));
        view.lag = Some(0);
        assert!(!view.is_stalled(1_001 + STALLED_AFTER_MS), "there is nothing to read");
        view.lag = None;
        assert!(view.is_stalled(1_001 + STALLED_AFTER_MS), "nobody knows whether there is something to read");
    }

    #[test]
    fn a_lag_that_is_not_known_is_not_said_to_be_0() {
        let (view, logs) = (View::default(), crate::record::Topic::new("logs"));
        let [first, second] = [0, 1].map(|number| Partition::new(logs.clone(), number));
        assert_eq!(view.status().lag_records, None);
        view.lag(&first, Some(3));
        view.lag(&second, Some(4));
        assert_eq!(view.status().lag_records, Some(7));
        view.lag(&second, None);
        assert_eq!(view.status().lag_records, None);
        assert!(view.status().to_string().starts_with("lag unknown, "));
    }

    #[test]
    fn who_waits_at_the_end_for_long_is_not_stalled_when_a_record_comes() {
        let (view, partition) = (View::default(), Partition::new(crate::record::Topic::new("logs"), 0));
        view.progress(&partition, 7, &Outcomes::default());
        if let Some(mut entry) = view.partitions.get_mut(&partition) {
            entry.moved_at_ms = Some(uptime_ms() - STALLED_AFTER_MS - 1_000);
        }
        view.lag(&partition, Some(0));
        view.lag(&partition, Some(1));
        assert!(view.stalled().is_empty());
    }

    #[test]
    fn a_stalled_partition_is_named_and_the_metric_says_so_without_being_asked() {
        let (view, partition) = (View::default(), Partition::new(crate::record::Topic::new("logs"), 0));
        view.lag(&partition, Some(3));
        view.progress(&partition, 7, &Outcomes::default());
        assert!(view.stalled().is_empty() && view.is_ready());
        if let Some(mut entry) = view.partitions.get_mut(&partition) {
            entry.moved_at_ms = Some(uptime_ms() - STALLED_AFTER_MS - 1_000);
        }
        assert_eq!(view.stalled(), [partition]);
        assert!(measured(&view).contains("eddyline_partitions_stalled 1"));
    }

    /// What the metrics say after one tick of the clock.
    fn measured(view: &View) -> String {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || view.measure_partitions());
        recorder.handle().render()
    }

    #[test]
    fn a_partition_of_something_else_than_logs_is_named() {
        let (view, topic) = (View::default(), crate::record::Topic::new("logs"));
        let (binary, good) = (Partition::new(topic.clone(), 0), Partition::new(topic, 1));
        view.progress(&binary, 500, &Outcomes { rejects: 500, ..Outcomes::default() });
        view.progress(&good, 1_000, &Outcomes { lines: 900, rejects: 100, ..Outcomes::default() });
        assert_eq!(view.undecodable(), [(binary, 500)]);
        assert_eq!(view.status().partitions.iter().map(|p| p.is_undecodable).collect::<Vec<_>>(), [true, false]);
        assert!(measured(&view).contains("eddyline_partitions_undecodable 1"));
    }
}
