//! `eddyline explain`: why an event was published, weeks later.
//!
//! The judge is a pure function of the tallies, so its state at any event can be computed again while they are retained.

mod published;
mod rebuild;
mod show;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use super::Failure;
use super::options::{Source, valid};
use crate::decide::rfc3339;
use crate::stream::kafka::{Past, Role};
use published::Published;
use rebuild::{Rebuilt, rebuild};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The event's `event_id`
    #[arg(value_name = "EVENT_ID")]
    event_id: String,
    /// Set a key of the configuration; may be given again and again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (config, mut problems) = arguments.source.load(&[], &arguments.set)?;
    problems.extend(config.problems_with_brokers());
    let config = valid(config, problems)?;
    let past = Past::open(&config.kafka, &Role::judge(&config.kafka))?;
    let topic = config.kafka.topic("anomalies");
    let Some(published) = Published::find(&past, &topic, &arguments.event_id)? else {
        return Err(anyhow!(
            "there is no event {} in {topic}: it was never published there, or retention deleted it",
            arguments.event_id
        )
        .into());
    };
    // Of which partition of the tallies its domain is, only its events tell.
    let mut rebuilt: Option<Rebuilt> = None;
    for partition in past.partitions(&config.kafka.topic("tallies"))? {
        let found = rebuild(&past, &config, &partition, &published)?;
        let is_it = found.event.is_some();
        if is_it || rebuilt.as_ref().is_none_or(|known| known.moment.is_none()) {
            rebuilt = Some(found);
        }
        if is_it {
            break;
        }
    }
    let rebuilt = rebuilt.context("there are no tallies")?;
    let text = show::explanation(&published, &rebuilt, &config);
    anstream::stdout().write_all(text.as_bytes()).context("standard output")?;
    if rebuilt.moment.is_none() {
        let kept = match rebuilt.first_second {
            Some(second) => format!("those that are retained begin at {}", rfc3339(second.start())),
            None => "none are retained".to_owned(),
        };
        return Err(
            anyhow!("the tallies of {} are gone, so it cannot be computed again: {kept}", published.time).into()
        );
    }
    if rebuilt.event.is_none() {
        return Err(anyhow!(
            "computed again from the tallies that are retained, no such event comes out; see the reasons above"
        )
        .into());
    }
    Ok(ExitCode::SUCCESS)
}
