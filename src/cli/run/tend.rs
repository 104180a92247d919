//! What goes on beside the workers until one of them ends: admin pages, the status line, a look at the cluster now and then, and a look at
//! whether it still makes sense to go on.

use std::process::ExitCode;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::{Instant, Interval, interval, interval_at};
use tracing::{error, info, warn};

use super::instance::Instance;
use super::{STOP_WITHIN, end_within};
use crate::cli::Failure;
use crate::config::Config;
use crate::ops::{Pages, SetBack, Warnings, serve, uptime_ms, wall_clock_ms};
use crate::stream::kafka::{Client, refresh_topics};

/// How often the status line is written.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How often is said what limits did, and what holds no logs.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// How often the number of partitions is looked up.
const ROSTER_EVERY: Duration = Duration::from_secs(30);
/// How often is looked whether every partition belongs to somebody.
const ASSIGNMENT_EVERY: Duration = Duration::from_secs(5);
/// How often is looked whether readers of what is written stand still.
const HELD_OPEN_EVERY: Duration = Duration::from_secs(30);
/// How often is looked whether a worker has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Instance {
    /// Tends the workers until they end.
    pub(super) async fn tend(
        self,
        config: &Config,
        client: Client,
        metrics: PrometheusHandle,
    ) -> Result<ExitCode, Failure> {
        let pages = Pages::new(Arc::clone(&self.view), metrics, self.stop.clone(), config.admin_token.clone());
        let address = serve(config.admin_listen, pages)
            .await
            .with_context(|| format!("admin.listen = \"{}\"", config.admin_listen));
        let address = match address {
            Ok(address) => address,
            Err(error) => {
                self.stop.request();
                self.join()?;
                return Err(error.into());
            }
        };
        info!(%address, "admin pages");
        let has_to_end = self.watch(config, Arc::new(client)).await;
        if let Some(reason) = &has_to_end {
            error!("{reason}: the process ends, to be started again; nothing is lost");
        }
        if !self.stop.is_requested() {
            // A worker gave up or is stuck; what the others wait for may never come, and from here on nobody listens to signals.
            self.stop.request();
            end_within(STOP_WITHIN, 1);
        }
        let code = self.join()?;
        has_to_end.map_or(Ok(code), |reason| Err(anyhow!(reason).into()))
    }

    /// Does what is due, until a worker has ended. Why the process has to end, where that is not the reason.
    async fn watch(&self, config: &Config, client: Arc<Client>) -> Option<String> {
        self.view.measure_rate();
        let mut warnings = Warnings::new(Arc::clone(&self.view));
        let [mut status, mut warn] = [STATUS_EVERY, WARN_EVERY].map(every);
        let [mut refresh, mut assignment, mut held_open] = [ROSTER_EVERY, ASSIGNMENT_EVERY, HELD_OPEN_EVERY].map(every);
        let mut look = interval(LOOK_EVERY);
        // Twice in a row: a process that was frozen looks stuck once.
        let mut was_stuck = false;
        let mut set_back = SetBack::new(wall_clock_ms(), uptime_ms());
        while !self.workers.iter().any(JoinHandle::is_finished) {
            tokio::select! {
                _ = status.tick() => {
                    let stuck = self.view.stuck();
                    if was_stuck && !stuck.is_empty() {
                        return Some(format!("{}: stuck in a call that does not end", stuck.join(", ")));
                    }
                    was_stuck = !stuck.is_empty();
                    self.say_status();
                }
                _ = warn.tick() => warnings.say(),
                _ = refresh.tick() => {
                    let (config, roster, client) = (config.clone(), Arc::clone(&self.roster), Arc::clone(&client));
                    tokio::task::spawn_blocking(move || refresh_topics(&config, &client, &roster));
                }
                _ = assignment.tick() => self.look_at_groups(&client),
                _ = held_open.tick() => self.look_at_ends(),
                _ = look.tick() => {
                    if let Some(by) = set_back.look(wall_clock_ms(), uptime_ms()) {
                        return Some(format!(
                            "the wall clock was set back by {} s, and Kafka's client, which waits by it, would stand still for as long",
                            by.as_secs()
                        ));
                    }
                }
            }
        }
        None
    }

    fn say_status(&self) {
        self.view.measure_rate();
        self.view.measure_partitions();
        let status = self.view.status();
        info!("{status}");
        for stalled in status.partitions.iter().filter(|partition| partition.is_stalled) {
            warn!(topic = stalled.topic, partition = stalled.partition, lag = ?stalled.lag_records,
                "assigned and lagging, but without progress");
        }
    }

    /// Looks in the background whether every partition belongs to somebody.
    fn look_at_groups(&self, client: &Arc<Client>) {
        let (roster, client, stop) = (Arc::clone(&self.roster), Arc::clone(client), self.stop.clone());
        let unassigned = Arc::clone(&self.unassigned);
        tokio::task::spawn_blocking(move || {
            // One that is still at it goes on alone.
            let Ok(mut unassigned) = unassigned.try_lock() else { return };
            let topics = roster.lock().unwrap_or_else(PoisonError::into_inner).clone();
            unassigned.look(&client, &topics, &stop);
        });
    }

    /// Looks in the background whether readers of what is written stand still.
    fn look_at_ends(&self) {
        let (held_open, stop) = (Arc::clone(&self.held_open), self.stop.clone());
        tokio::task::spawn_blocking(move || {
            if let Ok(mut held_open) = held_open.try_lock() {
                held_open.look(&stop);
            }
        });
    }
}

/// Not at once, but then so often.
fn every(period: Duration) -> Interval {
    interval_at(Instant::now() + period, period)
}
