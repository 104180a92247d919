//! `eddyline run`: both stages between Kafka and Kafka, until a signal asks to stop.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::Failure;
use super::arenas;
use super::options::Options;
use crate::config::Config;
use crate::ops::{Pages, Stop, View, Warnings, describe_metrics, serve};
use crate::record::Topic;
use crate::stream::Pace;
use crate::stream::kafka::{Client, Topics, Unassigned, connect, prepare_topics, refresh_topics};
use crate::stream::supervise::{History, Supervised, judge, observer};

/// How often the status line is written.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How often is said what limits did, and what holds no logs.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// A stop takes no longer: whatever is cut short then is as after a kill, and service managers kill after 30 s.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How often the number of partitions is looked up.
const ROSTER_EVERY: Duration = Duration::from_secs(30);
/// How often is looked whether every partition belongs to somebody.
const ASSIGNMENT_EVERY: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Where nothing was read yet, begin so far back and publish nothing of that time, as in 6h (start.history)
    #[arg(long, value_name = "SPAN")]
    history: Option<String>,
    /// Write the configuration that is in force, with where each value comes from, and end; secrets are masked
    #[arg(long)]
    print_config: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    arenas::limit();
    let own = [("start.history", arguments.history.as_ref())];
    if arguments.print_config {
        std::io::stdout().write_all(arguments.options.print(&own)?.as_bytes()).context("standard output")?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = arguments.options.configure(&own)?;
    init_logging("info");
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics")?;
    describe_metrics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("control plane")?;
    runtime.block_on(async {
        let client = connect(&config)?;
        let topics = prepare_topics(&config, &client).await?;
        let stop = Stop::default();
        stop_on_signals(&stop)?;
        let instance = Instance::start(&config, topics, stop, Arc::new(View::default()))?;
        instance.tend(&config, client, metrics).await
    })
}

/// Sends what the program says to standard error; `EDDYLINE_LOG` sets how much (info, debug, eddyline::stream=debug, …).
pub(super) fn init_logging(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("EDDYLINE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).try_init().ok();
}

fn stop_on_signals(stop: &Stop) -> Result<(), Failure> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).context("signals")?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if stop.is_requested() {
                    // Asked twice: what is not committed is read again, nothing is lost.
                    std::process::exit(1);
                }
                info!("stopping: committing what was read, leaving the group");
                stop.request();
                end_within(STOP_WITHIN, 0);
            }
        });
    }
    Ok(())
}

/// Ends the process, whatever a client's closing waits for.
fn end_within(limit: Duration, code: i32) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        warn!("not ended in time, a broker may be away: what is not committed is read again");
        std::process::exit(code);
    });
}

/// The workers of one process.
pub(super) struct Instance {
    workers: Vec<JoinHandle<Result<(), String>>>,
    roster: Arc<Mutex<Topics>>,
    unassigned: Arc<Mutex<Unassigned>>,
    stop: Stop,
    view: Arc<View>,
}

impl Instance {
    /// Starts one judge and the observers, each on a thread of its own.
    pub(super) fn start(config: &Config, topics: Topics, stop: Stop, view: Arc<View>) -> Result<Self, Failure> {
        let tallies = Topic::new(&config.kafka.topic("tallies"));
        let tallies_partitions = topics.get(&tallies).copied().unwrap_or(1);
        let unassigned = Arc::new(Mutex::new(Unassigned::new(config, &topics)));
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
        Ok(Self { workers, roster, unassigned, stop, view })
    }

    /// Tends the workers until they end: admin pages, status line, roster.
    async fn tend(self, config: &Config, client: Client, metrics: PrometheusHandle) -> Result<ExitCode, Failure> {
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
        self.view.measure_rate();
        let (config, roster, client) = (config.clone(), Arc::clone(&self.roster), Arc::new(client));
        let mut status = tokio::time::interval_at(tokio::time::Instant::now() + STATUS_EVERY, STATUS_EVERY);
        let mut warnings = Warnings::new(Arc::clone(&self.view));
        let mut warn = tokio::time::interval_at(tokio::time::Instant::now() + WARN_EVERY, WARN_EVERY);
        let mut refresh = tokio::time::interval_at(tokio::time::Instant::now() + ROSTER_EVERY, ROSTER_EVERY);
        let mut assignment = tokio::time::interval_at(tokio::time::Instant::now() + ASSIGNMENT_EVERY, ASSIGNMENT_EVERY);
        let mut look = tokio::time::interval(Duration::from_millis(100));
        // Twice in a row: a clock that leaps makes everybody look stuck once.
        let mut was_stuck = false;
        while !self.workers.iter().any(JoinHandle::is_finished) {
            tokio::select! {
                _ = status.tick() => {
                    let stuck = self.view.stuck();
                    if was_stuck && !stuck.is_empty() {
                        error!(workers = stuck.join(", "),
                            "stuck in a call that does not end: the process ends, to be started again; nothing is lost");
                        break;
                    }
                    was_stuck = !stuck.is_empty();
                    self.view.measure_rate();
                    self.view.measure_partitions();
                    let status = self.view.status();
                    info!("{status}");
                    for stalled in status.partitions.iter().filter(|partition| partition.is_stalled) {
                        warn!(topic = stalled.topic, partition = stalled.partition, lag = ?stalled.lag_records,
                            "assigned and lagging, but without progress");
                    }
                }
                _ = warn.tick() => warnings.say(),
                _ = refresh.tick() => {
                    let (config, roster, client) = (config.clone(), Arc::clone(&roster), Arc::clone(&client));
                    tokio::task::spawn_blocking(move || refresh_topics(&config, &client, &roster));
                }
                _ = assignment.tick() => {
                    let (roster, client, stop) = (Arc::clone(&roster), Arc::clone(&client), self.stop.clone());
                    let unassigned = Arc::clone(&self.unassigned);
                    tokio::task::spawn_blocking(move || {
                        // One that is still at it goes on alone.
                        let Ok(mut unassigned) = unassigned.try_lock() else { return };
                        let topics = roster.lock().unwrap_or_else(PoisonError::into_inner).clone();
                        unassigned.look(&client, &topics, &stop);
                    });
                }
                _ = look.tick() => {}
            }
        }
        if !self.stop.is_requested() {
            // A worker gave up or is stuck; what the others wait for may never come, and from here on nobody listens to signals.
            self.stop.request();
            end_within(STOP_WITHIN, 1);
        }
        self.join()
    }

    /// Waits for all workers.
    pub(super) fn join(mut self) -> Result<ExitCode, Failure> {
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
