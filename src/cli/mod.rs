//! The command line: one file a command.
//!
//! Exit codes: 0 done, 1 it failed, 2 the command line or the configuration is wrong, 3 `detect --fail-on` found something.
//! Standard output is for results, standard error for everything that is said on the way.

#[expect(unsafe_code, reason = "one setting of the C library's allocator; see the module")]
mod arenas;
mod backtest;
mod check;
mod demo;
mod detect;
mod explain;
mod lines;
mod options;
mod progress;
mod replay;
mod report;
mod run;
mod templates;
mod writer;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Log anomaly detection between two Kafka topics: few, explained events that open and close.
#[derive(Parser)]
#[command(name = "eddyline", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read topics of logs and publish anomaly events, exactly once.
    Run(run::Arguments),
    /// Look whether the configuration, the brokers, the rights and the records are as they have to be
    Check(check::Arguments),
    /// Read files of logs and write the anomalies found in them
    Detect(detect::Arguments),
    /// Judge the retained tallies again: against what was published, or with another configuration
    Backtest(backtest::Arguments),
    /// Watch it work on a recording of a web shop with faults; needs no Kafka
    Demo(demo::Arguments),
    /// Say why an event was published: what was seen, what was expected, and whether the same comes out again
    Explain(explain::Arguments),
    /// Read a range of topics of logs again and write, or publish elsewhere, the anomalies found in it
    Replay(replay::Arguments),
    /// List the kinds of lines in files of logs, or say for each line which one it is
    Templates(templates::Arguments),
}

/// A failure with its exit code.
pub(crate) enum Failure {
    /// The command line or the configuration is wrong.
    Usage(anyhow::Error),
    /// It was tried and failed.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Detect(arguments) => detect::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Templates(arguments) => templates::run(&arguments),
    };
    let (code, error) = match result {
        Ok(code) => return code,
        Err(Failure::Usage(error)) => (2, error),
        Err(Failure::Failed(error)) => (1, error),
    };
    anstream::eprintln!("eddyline: {error:#}");
    ExitCode::from(code)
}
