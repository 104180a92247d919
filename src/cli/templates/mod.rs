//! `eddyline templates`: the kinds of lines in files, or the template of every line.

mod census;
mod write;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Context;
use clap::ValueEnum;

use super::{Failure, lines};
use crate::template::Masks;
use census::Census;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Files of logs, plain or JSON lines, also gzip and zstd; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// How to write them [default: table, with --assign csv]
    #[arg(long, value_enum)]
    output: Option<Output>,
    /// Write the template of every line instead: a row for each, in order. Reads the files twice
    #[arg(long)]
    assign: bool,
    /// What varies in lines, as in ORDER=ord-[0-9]{6}; may be given again and again (templates.masks)
    #[arg(long, value_name = "NAME=PATTERN")]
    mask: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns for people
    Table,
    /// One JSON object a line
    Json,
    /// With a header; of lines: `LineId,EventId,EventTemplate`
    Csv,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let files = if arguments.files.is_empty() { vec!["-".to_owned()] } else { arguments.files.clone() };
    if arguments.assign && files.iter().any(|file| file == "-") {
        return Err(Failure::Usage(anyhow::anyhow!(
            "--assign reads its files twice, so they cannot be standard input"
        )));
    }
    let mut census = Census::new(masks(&arguments.mask)?);
    each_line(&files, |line| {
        census.meet(line);
        Ok(())
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match arguments.assign {
        true => assign(&files, &mut census, arguments.output.unwrap_or(Output::Csv), &mut out),
        false => catalogue(&census, arguments.output.unwrap_or(Output::Table), &mut out),
    };
    match written.and_then(|()| Ok(out.flush()?)) {
        // Whoever reads has enough: `| head`.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        written => Ok(written.map(|()| ExitCode::SUCCESS)?),
    }
}

fn masks(arguments: &[String]) -> Result<Masks, Failure> {
    let pair = |argument: &'_ String| {
        let pair = argument.split_once('=').map(|(name, pattern)| (name.to_owned(), pattern.to_owned()));
        pair.with_context(|| format!("--mask {argument} is not written as NAME=PATTERN"))
    };
    let pairs = arguments.iter().map(pair).collect::<anyhow::Result<Vec<_>>>().map_err(Failure::Usage)?;
    let masks = Masks::new(pairs.iter().map(|(name, pattern)| (name.as_str(), pattern.as_str())));
    masks.map_err(|error| Failure::Usage(error.into()))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn each_line(files: &[String], mut take: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut line = Vec::new();
    for file in files {
        let mut reader = lines::open(file, &Arc::new(AtomicU64::new(0)))?;
        loop {
            line.clear();
            if !lines::read_line(&mut reader, &mut line).with_context(|| format!("cannot read {file}"))? {
                break;
            }
            take(&line)?;
        }
    }
    Ok(())
}

fn catalogue(census: &Census, output: Output, out: &mut impl Write) -> anyhow::Result<()> {
    let entries = census.entries();
    match output {
        Output::Table => {
            let width = if io::stdout().is_terminal() { Some(write::TABLE_TEXT_CHARS) } else { None };
            write::table(&entries, width, out)?;
            anstream::eprintln!("{}", census.summary(entries.len()));
        }
        Output::Json => write::json(&entries, out)?,
        Output::Csv => write::csv(&entries, out)?,
    }
    if let Some(unsuitable) = census.unsuitable() {
        anstream::eprintln!("these lines are hardly log messages: {}", unsuitable.reason());
    }
    Ok(())
}

fn assign(files: &[String], census: &mut Census, output: Output, out: &mut impl Write) -> anyhow::Result<()> {
    let shown = census.shown();
    write::begin_rows(output, out)?;
    let mut number = 0_u64;
    each_line(files, |line| {
        number += 1;
        let (id, text) = census.assign(line, &shown);
        write::row(output, number, &id, &text, out)
    })
}
