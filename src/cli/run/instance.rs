//! The workers of one process: threads that are started together and waited for.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use tracing::{error, info};

use crate::cli::Failure;
use crate::config::Config;
use crate::ops::{Stop, View};
use crate::record::Topic;
use crate::stream::Pace;
use crate::stream::kafka::{HeldOpen, Topics, Unassigned};
use crate::stream::supervise::{History, Supervised, judge, observer};

/// The workers of one process.
pub(in crate::cli) struct Instance {
    pub(super) workers: Vec<JoinHandle<Result<(), String>>>,
    pub(super) roster: Arc<Mutex<Topics>>,
    pub(super) unassigned: Arc<Mutex<Unassigned>>,
    pub(super) held_open: Arc<Mutex<HeldOpen>>,
    pub(super) stop: Stop,
    pub(super) view: Arc<View>,
}

impl Instance {
    /// Starts one judge and the observers, each on a thread of its own.
    pub(in crate::cli) fn start(config: &Config, topics: Topics, stop: Stop, view: Arc<View>) -> Result<Self, Failure> {
        let tallies = Topic::new(&config.kafka.topic("tallies"));
        let tallies_partitions = topics.get(&tallies).copied().unwrap_or(1);
        let unassigned = Arc::new(Mutex::new(Unassigned::new(config, &topics)));
        let held_open = Arc::new(Mutex::new(HeldOpen::new(config)));
        let inputs: Topics =
            topics.into_iter().filter(|(topic, _)| config.topics.iter().any(|name| name == topic.name())).collect();
        let threads = config.threads_in_force();
        info!(brokers = %config.kafka.brokers, instance = %config.kafka.instance, topics = %config.topics.join(","), threads, "starting");
        let roster = Arc::new(Mutex::new(inputs));
        let shared = Supervised {
            config: config.clone(),
            stop: stop.clone(),
            view: Arc::clone(&view),
            pace: Pace::default(),
            history: config.history_ms.map(History::of),
        };
        let mut workers = vec![spawn("judge".to_owned(), {
            let shared = shared.clone();
            move || judge(&shared)
        })?];
        for thread in 0..threads {
            let (shared, roster) = (shared.clone(), Arc::clone(&roster));
            workers.push(spawn(format!("observer-{thread}"), move || {
                observer(&shared, thread, tallies_partitions, &roster)
            })?);
        }
        Ok(Self { workers, roster, unassigned, held_open, stop, view })
    }

    /// Waits for all workers.
    pub(in crate::cli) fn join(mut self) -> Result<ExitCode, Failure> {
        let mut failures = Vec::new();
        // Who gave up is heard first: the others may not end in time.
        self.workers.sort_by_key(|worker| !worker.is_finished());
        for worker in self.workers {
            let name = worker.thread().name().unwrap_or("worker").to_owned();
            match worker.join() {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => {
                    error!(worker = name, reason, "gave up");
                    failures.push(format!("{name}: {reason}"));
                }
                Err(_) => failures.push(format!("{name}: ended by a fault of the program (see above)")),
            }
        }
        if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(anyhow!(failures.join("\n")).into()) }
    }
}

fn spawn(
    name: String,
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<JoinHandle<Result<(), String>>, Failure> {
    Ok(std::thread::Builder::new().name(name).spawn(work).context("starting a thread")?)
}
