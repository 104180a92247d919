//! `eddyline backtest`: the retained tallies through the judge again, against what was published or against another configuration.
//!
//! No raw line is read: the judge is a pure function of the tallies.

mod account;
mod ahead;
mod show;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

use super::Failure;
use super::options::{Source, valid};
use crate::config::{Config, Problem, moment_ms};
use crate::decide::rfc3339;
use crate::evaluate::{Model, Said, compare};
use crate::ops::wall_clock_ms;
use crate::record::{Offset, StreamTime};
use crate::stream::kafka::{Past, Role, Stretch};
use account::{judge, published};
use show::Shown;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Compare from this moment of log time on (RFC 3339, or so long ago: 30d, 6h); what is before only teaches
    #[arg(long, value_name = "MOMENT")]
    since: String,
    /// Compare until this moment of log time
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// Judge a second time with this key set to this value, and compare with that instead of with what was published; keys of
    /// `kafka.` say where to read. May be given again and again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What to write: a table for people, or one JSON object for each episode and one for the totals
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A readable table
    Text,
    /// One JSON object an episode, then the totals
    Json,
}

/// The span of log time that is compared, as events write moments: such texts are ordered as the times are.
struct Span {
    since: String,
    until: Option<String>,
}

impl Span {
    fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let now_ms = wall_clock_ms();
        let moment = |option: &str, text: &str| {
            let moment = moment_ms(text, now_ms).map_err(|expected| anyhow::anyhow!("{option} {expected}"));
            moment.map(|moment| rfc3339(StreamTime(moment))).map_err(Failure::Usage)
        };
        let until = arguments.until.as_deref().map(|until| moment("--until", until)).transpose()?;
        Ok(Self { since: moment("--since", &arguments.since)?, until })
    }

    fn holds(&self, said: &Said) -> bool {
        said.time >= self.since && self.until.as_ref().is_none_or(|until| said.time < *until)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (where_to_read, to_try): (Vec<String>, Vec<String>) =
        arguments.set.iter().cloned().partition(|assignment| assignment.trim_start().starts_with("kafka."));
    let (config, mut problems) = arguments.source.load(&[], &where_to_read)?;
    problems.extend(config.problems_with_brokers());
    let all: Vec<String> = where_to_read.into_iter().chain(to_try.iter().cloned()).collect();
    let (other, of_other) = arguments.source.load(&[], &all)?;
    problems.extend(of_other.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>());
    problems.extend(to_try.iter().filter_map(|assignment| changes_nothing(assignment)));
    let config = valid(config, problems)?;
    let mut span = Span::new(arguments)?;
    let past = Past::open(&config.kafka, &Role::judge(&config.kafka))?;
    let shown = if to_try.is_empty() {
        against_published(&past, &config, &mut span)?
    } else {
        let judged = judge([&config, &other], &tallies(&past, &config)?, span.until.as_deref())?;
        let [a, b] = judged.episodes(|said| span.holds(said));
        let (totals, pairs) = ([a.totals(), b.totals()], compare(a, b, false));
        let names = ["the present configuration".to_owned(), format!("with {}", to_try.join(" "))];
        Shown { names, totals, pairs, by_bytes: false, reasons: Vec::new() }
    };
    show::write(&shown, &span, arguments.output).context("standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The tallies hold what was observed: only what the judge does with it can be tried.
fn changes_nothing(assignment: &str) -> Option<Problem> {
    let key = assignment.split('=').next().unwrap_or_default().trim();
    let advice = "the tallies are as they were observed: keys of judge. can be tried";
    (!key.starts_with("judge.")).then(|| Problem::new(&format!("--set {key}"), "changes nothing here", advice))
}

/// All tallies that are there now.
fn tallies(past: &Past, config: &Config) -> Result<Vec<Stretch>, Failure> {
    let partitions = past.partitions(&config.kafka.topic("tallies"))?;
    Ok(partitions.iter().map(|partition| past.retained(partition)).collect::<Result<_, _>>()?)
}

/// A is what was published, B what is computed again from the tallies that the live judge has judged.
fn against_published(past: &Past, config: &Config, span: &mut Span) -> Result<Shown, Failure> {
    let mut stretches = tallies(past, config)?;
    let mut reasons = Vec::new();
    for stretch in &mut stretches {
        if let Some(committed) = past.committed(&stretch.partition)?.filter(|committed| *committed < stretch.to) {
            reasons.push(format!(
                "the live judge has judged {} until offset {} of {}: what comes later is not compared",
                stretch.partition, committed.0, stretch.to.0
            ));
            stretch.to = committed;
        }
    }
    let judged = judge([config], &stretches, span.until.as_deref())?;
    let (from, until) = (judged.from, judged.until);
    // Beyond this, no more is known here of what the live judge judged in the meantime.
    let until = until.map(|until| rfc3339(StreamTime(until.0.saturating_add(1))));
    span.until = [span.until.take(), until].into_iter().flatten().min();
    for stretch in stretches.iter().filter(|stretch| stretch.from > Offset(0)) {
        let learns_from =
            from.map_or_else(String::new, |from| format!(", so it learns from {} on", rfc3339(from.start())));
        reasons.push(format!(
            "tallies of {} before offset {} were deleted by retention, and the judge cannot learn from them{learns_from}; the live one did",
            stretch.partition, stretch.from.0
        ));
    }
    let [computed] = judged.episodes(|said| span.holds(said));
    let (live, deleted) = published(past, &config.kafka.topic("anomalies"), |said| span.holds(said))?;
    reasons.extend(deleted);
    let mut models: BTreeMap<&Model, usize> = BTreeMap::new();
    live.messages().for_each(|said| *models.entry(&said.model).or_default() += 1);
    let present = Model { config_hash: config.provenance().config_hash, version: env!("CARGO_PKG_VERSION").to_owned() };
    reasons.extend(models.iter().filter(|(model, _)| **model != &present).map(|(model, count)| {
        format!(
            "{count} of the published events are of configuration {} and version {}; here it is {} and {}",
            model.config_hash, model.version, present.config_hash, present.version
        )
    }));
    let (totals, names) =
        ([live.totals(), computed.totals()], ["as published".to_owned(), "computed again".to_owned()]);
    Ok(Shown { names, totals, pairs: compare(live, computed, true), by_bytes: true, reasons })
}
