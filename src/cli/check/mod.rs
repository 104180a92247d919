//! `eddyline check`: what is wrong, before `run` finds it out.
//!
//! One line a check: `ok`, `warning` or `error`, what was looked at, what was found, and below it what to do. With `--online` it
//! asks the brokers too. It only looks: nothing is created, joined or committed.

mod sample;

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;
use serde_json::json;

use super::Failure;
use super::options::Options;
use crate::config::Config;
use crate::record::Topic;
use crate::stream::kafka::connect;
use crate::stream::kafka::inspect::{Check, Verdict, inspect};
use crate::stream::kafka::sample::newest_records;
use sample::Sample;

/// About how many of the newest records of a topic are decoded.
const SAMPLE_RECORDS: u32 = 200;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Ask the brokers too: who answers, topics, rights, and a sample of the newest records as they are decoded
    #[arg(long)]
    online: bool,
    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut report = Report { output: arguments.output, checks: Vec::new(), samples: Vec::new() };
    let (config, problems) = arguments.options.read(&[])?;
    if problems.is_empty() {
        let topics = config.topics.join(", ");
        report.tell(Check::ok("configuration", format!("reads {topics} at {}", config.kafka.brokers)));
        if arguments.online {
            online(&config, &mut report)?;
        }
    } else {
        for problem in problems {
            report.tell(Check::error("configuration", problem.to_string(), ""));
        }
    }
    match report.end(arguments.online) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ if report.count(Verdict::Error) > 0 => Ok(ExitCode::FAILURE),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn online(config: &Config, report: &mut Report) -> Result<(), Failure> {
    let client = match connect(config) {
        Ok(client) => client,
        Err(error) => {
            report.tell(Check::error("brokers", error.to_string(), ""));
            return Ok(());
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("control plane")?;
    let found = runtime.block_on(inspect(config, &client, &mut |check| report.tell(check)));
    for name in &config.topics {
        let Some(&partitions) = found.as_ref().and_then(|found| found.get(&Topic::new(name))) else { continue };
        let mut sample = Sample::new(name, config.format);
        let read = newest_records(&config.kafka, name, partitions, SAMPLE_RECORDS, &mut |record, has_key| {
            sample.take(record, has_key);
        });
        match read {
            Ok(()) => sample.checks().into_iter().for_each(|check| report.tell(check)),
            Err(reason) => report.tell(Check::error(&format!("records {name}"), reason, "")),
        }
        report.show(sample);
    }
    Ok(())
}

/// What was found so far; text is written at once, for some checks take their time.
struct Report {
    output: Output,
    checks: Vec<Check>,
    samples: Vec<Sample>,
}

impl Report {
    fn tell(&mut self, check: Check) {
        if self.output == Output::Text {
            let (word, colour) = match check.verdict {
                Verdict::Ok => ("ok", AnsiColor::Green),
                Verdict::Warning => ("warning", AnsiColor::Yellow),
                Verdict::Error => ("error", AnsiColor::Red),
            };
            let style = Style::new().fg_color(Some(colour.into())).bold();
            let mut found = check.found.lines();
            let mut text = format!("{style}{word:<8}{style:#}{:<28} {}\n", check.of, found.next().unwrap_or_default());
            for line in found.chain(check.advice.lines()) {
                text.push_str(&format!("        {}\n", line.trim_start()));
            }
            // A reader that has enough is noticed at the end.
            let _ = anstream::stdout().write_all(text.as_bytes());
        }
        self.checks.push(check);
    }

    fn show(&mut self, sample: Sample) {
        if self.output == Output::Text {
            for example in sample.examples() {
                let _ = writeln!(anstream::stdout(), "        | {example}");
            }
        }
        self.samples.push(sample);
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    fn end(&self, is_online: bool) -> io::Result<()> {
        let (errors, warnings) = (self.count(Verdict::Error), self.count(Verdict::Warning));
        let mut out = anstream::stdout();
        if self.output == Output::Json {
            let whole = json!({
                "errors": errors, "warnings": warnings, "checks": self.checks, "samples": self.samples
            });
            return writeln!(out, "{whole:#}");
        }
        let next = match (errors, is_online) {
            (0, true) => "`eddyline run` can start",
            (0, false) => "--online asks the brokers too",
            _ => "`eddyline run` would not work as it is",
        };
        let count = |count, of| format!("{count} {of}{}", if count == 1 { "" } else { "s" });
        writeln!(out, "\n{}, {}: {next}", count(errors, "error"), count(warnings, "warning"))
    }
}
