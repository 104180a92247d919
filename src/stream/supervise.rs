//! Keeps a worker alive: connects it, runs it, connects it anew.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::kafka::{KafkaLog, Role, TopicStore};
use super::snapshot::SnapshotStore;
use super::{DirectoryStore, Judging, Observing, Pace, Snapshotter, Task, Worker, WorkerError};
use crate::config::Config;
use crate::ops::{Stop, View, uptime_ms, wall_clock_ms};
use crate::record::{StreamTime, Topic};

/// The pause before connecting anew, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// A worker that ran for this long was well.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// So many times in so long a worker is put out by somebody of its name before it gives up. A broker that was away does that too,
/// but not again and again. Two that write nothing but how far they are put each other out every 22 s.
const FENCINGS_MAX: usize = 5;
const FENCINGS_WITHIN: Duration = Duration::from_secs(180);

/// What all workers of a process share.
#[derive(Clone)]
pub struct Supervised {
    /// The configuration.
    pub config: Config,
    /// The request to stop.
    pub stop: Stop,
    /// The live view.
    pub view: Arc<View>,
    /// The pace of the observers.
    pub pace: Pace,
    /// Where partitions begin of which nothing is committed yet; `None` is at the first record that is retained.
    pub history: Option<History>,
}

/// A first start in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Records with this timestamp or a later one are read.
    pub begin: StreamTime,
    /// From this moment on events are published.
    pub live_from: StreamTime,
}

impl History {
    /// So far back from now on, in milliseconds.
    pub fn of(history_ms: i64) -> Self {
        let now_ms = wall_clock_ms();
        Self { begin: StreamTime(now_ms.saturating_sub(history_ms)), live_from: StreamTime(now_ms) }
    }
}

/// Runs an observer on this thread until it is asked to stop.
///
/// # Errors
/// Where trying again cannot help.
pub fn observer(
    shared: &Supervised,
    thread: usize,
    tallies_partitions: u32,
    roster: &Arc<Mutex<BTreeMap<Topic, u32>>>,
) -> Result<(), String> {
    let config = &shared.config;
    let role = Role::observer(&config.kafka, thread);
    let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
    let tallies_partitions = i32::try_from(tallies_partitions).unwrap_or(1);
    let begin = shared.history.map(|history| history.begin);
    supervise(shared, &role, &topics, begin, |is_again| {
        let roster = Arc::clone(roster);
        let known = Arc::new(move || roster.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Observing::new(config, tallies_partitions, known, Arc::clone(&shared.view))
            .at_pace(thread, shared.pace.clone())
            .live_from(shared.history.map(|history| history.live_from))
            .after_an_outage(is_again)
    })
}

/// Runs a judge on this thread until it is asked to stop.
///
/// # Errors
/// Where trying again cannot help.
pub fn judge(shared: &Supervised) -> Result<(), String> {
    let role = Role::judge(&shared.config.kafka);
    let tallies = shared.config.kafka.topic("tallies");
    supervise(shared, &role, &[&tallies], None, |_| {
        let provenance = shared.config.provenance();
        let snapshotter = snapshotter(shared, &role, &provenance.config_hash);
        let judging = Judging::new(provenance, Arc::clone(&shared.view), snapshotter);
        judging.with_budget(shared.config.budget).with_masks(shared.config.masks.clone())
    })
}

/// Where the judge keeps its snapshots; `None` where it takes none, or cannot: it then works as well, and restarts slower.
fn snapshotter(shared: &Supervised, role: &Role, config_hash: &str) -> Option<Snapshotter> {
    let (config, every_s) = (&shared.config, shared.config.snapshot_every_s?);
    let store: Result<Box<dyn SnapshotStore>, _> = match &config.snapshot_directory {
        Some(directory) => DirectoryStore::open(directory, &config.kafka.prefix).map(|store| Box::new(store) as _),
        None => Ok(Box::new(TopicStore::new(&config.kafka, role, shared.stop.clone()))),
    };
    let started = store.map_err(|reason| reason.to_string()).and_then(|store| {
        Snapshotter::start(store, Duration::from_secs(every_s), config_hash).map_err(|e| e.to_string())
    });
    started.inspect_err(|reason| error!("no snapshots are taken: {reason}")).ok()
}

/// `make_task` is told whether an earlier one broke.
fn supervise<T: Task>(
    shared: &Supervised,
    role: &Role,
    topics: &[&str],
    begin: Option<StreamTime>,
    make_task: impl Fn(bool) -> T,
) -> Result<(), String> {
    let heartbeat = shared.view.heartbeat(&format!("{}/{}", role.group, role.member));
    let (mut pause, mut is_again) = (PAUSES.0, false);
    let mut fencings = Fencings::default();
    while !shared.stop.is_requested() {
        let started = Instant::now();
        heartbeat.store(uptime_ms(), Ordering::Relaxed);
        let (config, view, stop) = (&shared.config, Arc::clone(&shared.view), shared.stop.clone());
        let log = KafkaLog::join(&config.kafka, role.clone(), topics, config.shares(), view, stop);
        let ended = match log {
            Ok(log) => {
                Worker::new(log.beginning_at(begin), make_task(is_again), shared.stop.clone(), Arc::clone(&heartbeat))
                    .run()
            }
            Err(error) => Err(WorkerError::from(error)),
        };
        match ended {
            Ok(()) => return Ok(()),
            Err(WorkerError::Permanent(reason)) => return Err(reason),
            Err(error @ (WorkerError::Broken(_) | WorkerError::Fenced(_))) => {
                metrics::counter!("eddyline_restarts_total").increment(1);
                if started.elapsed() >= WELL_AFTER {
                    pause = PAUSES.0;
                }
                // By a namesake, now and then by a broker that was away.
                if matches!(error, WorkerError::Fenced(_)) {
                    if fencings.are_too_many(Instant::now()) {
                        return Err(namesake(&shared.config.kafka.instance));
                    }
                    error!(member = role.member, "fenced: does another process run with the same kafka.instance?");
                }
                if shared.stop.is_requested() {
                    warn!(reason = %error, "stopped without the last commit: it is read again");
                    return Ok(());
                }
                is_again = true;
                warn!(reason = %error, pause_ms = pause.as_millis(), "connecting anew");
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
    Ok(())
}

/// When a worker was put out by somebody of its name. Two that put each other out would go on for ever; which of them gives up, or
/// whether both do, is left to chance.
#[derive(Default)]
struct Fencings(Vec<Instant>);

impl Fencings {
    /// Once more. Whether that is too often.
    fn are_too_many(&mut self, now: Instant) -> bool {
        self.0.retain(|&at| now.duration_since(at) < FENCINGS_WITHIN);
        self.0.push(now);
        self.0.len() >= FENCINGS_MAX
    }
}

fn namesake(instance: &str) -> String {
    format!(
        "fenced {FENCINGS_MAX} times within {} s: another process of this group runs with kafka.instance = \"{instance}\", and this one \
         gives up; give each process a name of its own",
        FENCINGS_WITHIN.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_fenced_again_and_again_gives_up_and_who_is_fenced_now_and_then_does_not() {
        let (mut fencings, now) = (Fencings::default(), Instant::now());
        let each = FENCINGS_WITHIN / 5;
        assert!((0..20).all(|count| !fencings.are_too_many(now + (FENCINGS_WITHIN / 4) * count)));
        let mut fencings = Fencings::default();
        let said: Vec<bool> = (0..5).map(|count| fencings.are_too_many(now + each * count)).collect();
        assert_eq!(said, [false, false, false, false, true]);
    }
}
