//! `eddyline replay`: a range of topics of logs through both stages in memory, as `detect` does with files.
//!
//! Nothing is committed, and nothing of Eddyline's own topics is read or written.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use indicatif::ProgressBar;

use super::Failure;
use super::options::{Source, valid};
use super::progress::progress_bar;
use super::writer::{Output, Writer};
use crate::config::{Config, Problem, moment_ms};
use crate::decide::Message;
use crate::evaluate::Totals;
use crate::ops::wall_clock_ms;
use crate::publish::{OutputRecord, compose, records};
use crate::record::Offset;
use crate::stage::Chain;
use crate::stream::kafka::{Flow, Past, PastError, Publisher, Role, Stretch, Together, record_of};

/// So many events are published in one transaction.
const EVENTS_PER_TRANSACTION: usize = 500;
/// The progress bar moves once in so many records.
const RECORDS_PER_MOVE: u64 = 10_000;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The topics of logs (input.topics)
    #[arg(long, value_name = "A,B")]
    topics: Option<String>,
    /// Begin here: an offset of each partition, a moment of the records' timestamps (RFC 3339), or so long ago (6h); default: at the
    /// first record that is retained
    #[arg(long, value_name = "MOMENT|OFFSET")]
    from: Option<String>,
    /// End before this; default: the end as it is now
    #[arg(long, value_name = "MOMENT|OFFSET")]
    to: Option<String>,
    /// Publish the events to this topic, instead of writing them
    #[arg(long, value_name = "TOPIC")]
    publish: Option<String>,
    /// What to write: a report for people, one event a line, or one Kafka record a line
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Set a key of the configuration; may be given again and again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    source: Source,
}

/// A place in a partition.
#[derive(Clone, Copy)]
enum Place {
    Offset(i64),
    Moment(i64),
}

impl Place {
    fn read(option: &str, text: &str, now_ms: i64) -> Result<Self, Failure> {
        if let Some(offset) = text.parse::<i64>().ok().filter(|offset| *offset >= 0) {
            return Ok(Self::Offset(offset));
        }
        let moment = moment_ms(text, now_ms).map(Self::Moment);
        moment.map_err(|expected| Failure::Usage(anyhow!("{option} is an offset, or {expected}")))
    }

    fn within(self, past: &Past, stretch: &Stretch) -> Result<Offset, PastError> {
        match self {
            Self::Offset(offset) => Ok(Offset(offset).clamp(stretch.from, stretch.to)),
            Self::Moment(moment_ms) => past.offset_at(stretch, moment_ms),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let topics = [("input.topics", arguments.topics.as_ref())];
    let (config, mut problems) = arguments.source.load(&topics, &arguments.set)?;
    problems.extend(config.problems_with_kafka());
    problems.extend(arguments.publish.as_deref().and_then(|topic| own_or_input(topic, &config)));
    let config = valid(config, problems)?;
    let now_ms = wall_clock_ms();
    let place =
        |option, text: &Option<String>| text.as_deref().map(|text| Place::read(option, text, now_ms)).transpose();
    let (from, to) = (place("--from", &arguments.from)?, place("--to", &arguments.to)?);
    let role = Role {
        group: format!("{}-replay", config.kafka.group),
        member: config.kafka.instance.clone(),
        reads_anew: false,
    };
    let past = Past::open(&config.kafka, &role)?;
    let mut stretches = Vec::new();
    for topic in &config.topics {
        for partition in past.partitions(topic)? {
            let retained = past.retained(&partition)?;
            let from = from.map_or(Ok(retained.from), |place| place.within(&past, &retained))?;
            let to = to.map_or(Ok(retained.to), |place| place.within(&past, &retained))?;
            stretches.push(Stretch { partition, from, to });
        }
    }
    let records = stretches.iter().map(Stretch::length).sum();
    let progress = progress_bar(records, "{wide_bar} {pos}/{len} records {eta}");
    let mut sink = Sink::open(arguments, &config, &past, &role, progress)?;
    let mut chain = Chain::new(config.format, config.lateness_ms).with_budget(config.budget).with_masks(&config.masks);
    stretches.iter().for_each(|stretch| chain.open(&stretch.partition));
    let mut messages = Vec::new();
    let mut failure = None;
    past.read_together(&stretches, |together| {
        match together {
            Together::Record(partition, message) => {
                chain.record(partition, &record_of(message), &mut messages);
                sink.count();
            }
            Together::End(partition) => chain.close(partition, &mut messages),
        }
        failure = sink.take(&mut messages).err();
        if failure.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
    })?;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    chain.end(&mut messages);
    sink.take(&mut messages)?;
    sink.end(&chain)?;
    Ok(ExitCode::SUCCESS)
}

/// What is replayed must not mix with what is live, nor be read as logs.
fn own_or_input(topic: &str, config: &Config) -> Option<Problem> {
    let is_taken = topic.starts_with(&config.kafka.prefix) || config.topics.iter().any(|input| input == topic);
    let advice = "publish to a topic of its own";
    is_taken.then(|| Problem::new(&format!("--publish {topic}"), "is a topic of Eddyline's own or an input", advice))
}

/// Where events go: to standard output, or to a topic.
struct Sink {
    writer: Writer,
    publisher: Option<Publisher>,
    config: Config,
    waiting: Vec<OutputRecord>,
    published: u64,
    opened: Totals,
    progress: ProgressBar,
}

impl Sink {
    fn open(
        arguments: &Arguments,
        config: &Config,
        past: &Past,
        role: &Role,
        progress: ProgressBar,
    ) -> Result<Self, Failure> {
        let publisher = match &arguments.publish {
            Some(topic) => {
                past.partitions(topic)?;
                Some(Publisher::begin(&config.kafka, role, topic).with_context(|| format!("--publish {topic}"))?)
            }
            None => None,
        };
        Ok(Self {
            writer: Writer::new(arguments.output, config, progress.clone()),
            publisher,
            config: config.clone(),
            waiting: Vec::new(),
            published: 0,
            opened: Totals::default(),
            progress,
        })
    }

    /// One more record was read.
    fn count(&mut self) {
        self.writer.lines += 1;
        if self.writer.lines.is_multiple_of(RECORDS_PER_MOVE) {
            self.progress.set_position(self.writer.lines);
        }
    }

    fn take(&mut self, messages: &mut Vec<Message>) -> anyhow::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        if self.publisher.is_none() {
            return self.writer.write(messages);
        }
        for message in messages.drain(..) {
            if message.status == crate::decide::Status::Trigger {
                self.opened.add(message.severity);
            }
            let [event, _] = records(&compose(&message, &self.config.provenance())).context("event as JSON")?;
            self.waiting.push(event);
        }
        if self.waiting.len() >= EVENTS_PER_TRANSACTION { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> anyhow::Result<()> {
        if let Some(publisher) = self.publisher.as_ref().filter(|_| !self.waiting.is_empty()) {
            publisher.publish(&self.waiting).map_err(|reason| anyhow!("publishing to {reason}"))?;
            self.published += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(())
    }

    fn end(mut self, chain: &Chain) -> anyhow::Result<()> {
        self.send()?;
        self.progress.finish_and_clear();
        if self.publisher.is_some() {
            let (lines, published, opened) = (self.writer.lines, self.published, self.opened);
            anstream::eprintln!("{lines} records read, {published} events published: {opened}");
            return Ok(());
        }
        self.writer.end(chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_offset_or_a_moment() {
        let read = |text| Place::read("--from", text, 3_600_000).ok();
        assert!(matches!(read("17"), Some(Place::Offset(17))));
        assert!(matches!(read("1h"), Some(Place::Moment(0))));
        assert!(matches!(read("1970-01-01T00:00:02Z"), Some(Place::Moment(2_000))));
        assert!(read("-5").is_none() && read("soon").is_none());
    }
}
