//! `eddyline run`: both stages between Kafka and Kafka, until a signal asks to stop.

mod instance;
mod tend;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::Failure;
use super::arenas;
use super::options::Options;
use crate::ops::{Stop, View, describe_metrics};
use crate::stream::kafka::{connect, prepare_topics};
pub(super) use instance::Instance;

/// A stop takes no longer: whatever is cut short then is as after a kill, and service managers kill after 30 s.
const STOP_WITHIN: Duration = Duration::from_secs(20);

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
