//! `eddyline detect`: both stages in memory, over files or standard input.

mod source;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use indicatif::ProgressBar;

use super::progress::progress_bar;
use super::writer::{Output, Writer};
use super::{Failure, options};
use crate::config::Config;
use crate::decide::Message;
use crate::record::StreamTime;
use crate::score::Severity;
use crate::stage::Chain;
use source::Source;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Files of logs, plain or JSON lines, also gzip and zstd; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// What to write: a report for people, one event a line, or one Kafka record a line
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Exit with 3 if an event of this severity or above was found
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// A file of configuration, in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set a key of the configuration; may be given again and again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FailOn {
    /// Any event
    Info,
    /// Something unusual
    Warning,
    /// Errors that are new or surge
    Error,
    /// A service that is down
    Critical,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Info => Self::Info,
            FailOn::Warning => Self::Warning,
            FailOn::Error => Self::Error,
            FailOn::Critical => Self::Critical,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let files = if arguments.files.is_empty() { vec!["-".to_owned()] } else { arguments.files.clone() };
    if files.iter().filter(|file| *file == "-").count() > 1 {
        return Err(Failure::Usage(anyhow::anyhow!("standard input (-) can be read once only")));
    }
    let (config, problems) = options::Source::of_file(arguments.config.clone()).load(&[], &arguments.set)?;
    let config = options::valid(config, problems)?;
    let bytes_read = Arc::new(AtomicU64::new(0));
    let mut sources = open_all(&files, &config, &bytes_read)?;
    let progress = progress_over(&files, arguments.output);
    let mut writer = Writer::new(arguments.output, &config, progress.clone());
    let mut chain = Chain::new(config.format, config.lateness_ms).with_budget(config.budget).with_masks(&config.masks);
    for source in &sources {
        chain.open(&source.partition);
    }
    let mut messages = Vec::new();
    while let Some(next) = earliest(&sources) {
        let until = sources.iter().enumerate().filter(|&(i, _)| i != next).map(|(_, source)| source.latest).min();
        let Some(source) = sources.get_mut(next) else { break };
        let at_end = read_on(source, until.flatten(), &mut chain, &mut messages, &mut writer)?;
        progress.set_position(bytes_read.load(Ordering::Relaxed));
        if at_end {
            let source = sources.swap_remove(next);
            chain.close(&source.partition, &mut messages);
            writer.write(&mut messages)?;
        }
    }
    chain.end(&mut messages);
    writer.write(&mut messages)?;
    progress.finish_and_clear();
    writer.end(&chain)?;
    let limit = arguments.fail_on.map(Severity::from);
    Ok(match (limit, writer.worst) {
        (Some(limit), Some(worst)) if worst >= limit => ExitCode::from(3),
        _ => ExitCode::SUCCESS,
    })
}

fn open_all(files: &[String], config: &Config, bytes_read: &Arc<AtomicU64>) -> anyhow::Result<Vec<Source>> {
    let mut sources: Vec<Source> = Vec::with_capacity(files.len());
    for file in files {
        let mut source = Source::open(file, 0, bytes_read)?;
        // Files of one stem are partitions of one topic.
        let same = sources.iter().filter(|other| other.partition.topic == source.partition.topic).count();
        source.partition.number = i32::try_from(same).unwrap_or(i32::MAX);
        if !source.find_first_time(config.format)? {
            anstream::eprintln!(
                "eddyline: no time stamp in the first lines of {}: counting a millisecond a line, so rates and silences mean little",
                source.name
            );
        }
        sources.push(source);
    }
    Ok(sources)
}

/// The source that is furthest behind: files are read together by their times.
fn earliest(sources: &[Source]) -> Option<usize> {
    sources.iter().enumerate().min_by_key(|(_, source)| source.latest).map(|(index, _)| index)
}

/// Reads on in one source until its time has passed `until`. Returns whether it is at its end.
fn read_on(
    source: &mut Source,
    until: Option<StreamTime>,
    chain: &mut Chain,
    messages: &mut Vec<Message>,
    writer: &mut Writer,
) -> anyhow::Result<bool> {
    /// So that the progress bar moves.
    const LINES_AT_ONCE: usize = 10_000;
    let partition = source.partition.clone();
    chain.written_by(source.written_by_ms);
    for _ in 0..LINES_AT_ONCE {
        let Some(record) = source.next()? else { return Ok(true) };
        chain.record(&partition, &record, messages);
        writer.lines += 1;
        if !messages.is_empty() {
            writer.write(messages)?;
        }
        source.latest = chain.observer().latest(&partition).max(source.latest);
        if until.is_some() && source.latest > until {
            break;
        }
    }
    Ok(false)
}

fn progress_over(files: &[String], output: Output) -> ProgressBar {
    let sizes: Option<Vec<u64>> = files.iter().map(|file| Some(std::fs::metadata(file).ok()?.len())).collect();
    match sizes {
        Some(sizes) if output == Output::Text => {
            progress_bar(sizes.iter().sum(), "{wide_bar} {bytes}/{total_bytes} {eta}")
        }
        _ => ProgressBar::hidden(),
    }
}
