//! `eddyline demo`: the ordinary `run`, on a recording with faults, with nothing installed.
//!
//! The broker is librdkafka's mock cluster inside this process: real connections on loopback, consumer groups, no disk.
//! It fakes transactions, so what the demo shows of detection is real and what it shows of exactly-once is not, and its
//! output says so.

mod faults;
mod replay;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Failure;
use super::report::{Report, Shown};
use super::run::{Instance, init_logging};
use crate::config::Config;
use crate::ops::{Stop, View};
use crate::record::Topic;
use crate::stream::kafka::Topics;
use faults::Scores;

/// The topic of logs. It has many partitions because the mock cluster keeps at most 5 MiB of each.
const INPUT: (&str, u32) = ("shop", 8);
/// How many times faster than it was the recording is replayed.
const SPEED: f64 = 45.0;
/// How long the judge may take after the last line. Log time then moves on with the wall clock, so this also bounds the wait.
const END_WAIT: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> Result<ExitCode, Failure> {
    init_logging("warn");
    let cluster = MockCluster::new(1).context("starting the embedded broker")?;
    let brokers = cluster.bootstrap_servers();
    let topics = create_topics(&cluster)?;
    let config = configure(&brokers);
    introduce(&brokers);
    let (stop, view) = (Stop::default(), Arc::new(View::default()));
    let instance = Instance::start(&config, topics, stop.clone(), Arc::clone(&view))?;
    let replay = std::thread::Builder::new().name("replay".to_owned()).spawn({
        let brokers = brokers.clone();
        move || replay::produce(&brokers, INPUT.0, SPEED)
    });
    let replay = replay.context("starting a thread")?;
    let mut scores = Scores::new()?;
    watch(&config, &view, &mut scores, || replay.is_finished())?;
    let lines = replay.join().map_err(|_| anyhow::anyhow!("the replay ended by a fault of the program"))??;
    stop.request();
    instance.join()?;
    conclude(lines, &scores);
    Ok(ExitCode::SUCCESS)
}

fn configure(brokers: &str) -> Config {
    let mut config = Config::default();
    config.kafka.brokers = brokers.to_owned();
    config.kafka.instance = "demo".to_owned();
    config.topics = vec![INPUT.0.to_owned()];
    config.threads = Some(2);
    config.snapshot_every_s = None;
    config
}

/// The mock cluster does not answer requests to create topics; it is asked directly.
fn create_topics(cluster: &MockCluster<'_, DefaultProducerContext>) -> Result<Topics, Failure> {
    let ours =
        ["tallies", "anomalies", "episodes", "templates", "deadletters"].map(|name| (format!("eddyline.{name}"), 1));
    let mut topics = Topics::new();
    for (name, partitions) in ours.into_iter().chain([(INPUT.0.to_owned(), INPUT.1)]) {
        cluster.create_topic(&name, i32::try_from(partitions)?, 1).with_context(|| format!("creating {name}"))?;
        topics.insert(Topic::new(&name), partitions);
    }
    Ok(topics)
}

fn introduce(brokers: &str) {
    anstream::println!(
        "A web shop was recorded for 35 minutes: nginx, PostgreSQL, Redis, sshd, gunicorn, an API and a worker.\n\
         12 faults were injected. The recording now goes through a Kafka broker in this process ({brokers}),\n\
         {SPEED:.0} times as fast as it was, and Eddyline reads it as it would read your logs: no labels, no rules, no tuning.\n\
         (This broker only fakes transactions: see README.md for what holds on a real one.)\n"
    );
}

/// Shows events as they come, until the replay is over and judged.
fn watch(config: &Config, view: &View, scores: &mut Scores, is_over: impl Fn() -> bool) -> Result<(), Failure> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.kafka.brokers)
        .set("group.id", "eddyline-demo-watch")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&config.kafka.topic("anomalies"), 0, Offset::Beginning)?;
    consumer.assign(&list)?;
    let mut report = Report::default();
    let mut over_since: Option<Instant> = None;
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let event: Shown = serde_json::from_slice(message.payload().unwrap_or_default())
                    .context("an event that cannot be read")?;
                anstream::print!("{}", report.event(&event));
                scores.add(&event);
            }
            Some(Err(error)) => tracing::debug!(%error, "watching"),
            None if over_since.is_some_and(|since| since.elapsed() > END_WAIT || scores.is_judged(&view.status())) => {
                return Ok(());
            }
            None => {}
        }
        if over_since.is_none() && is_over() {
            over_since = Some(Instant::now());
        }
    }
}

fn conclude(lines: u64, scores: &Scores) {
    anstream::println!(
        "\n{lines} lines read. Compared with the list of injected faults, which nothing above knew of:\n\n{scores}"
    );
    anstream::println!(
        "Your own logs next. From files:\n  eddyline detect /var/log/*.log\nFrom Kafka:\n  \
         eddyline run --brokers localhost:9092 --topics YOUR_TOPIC\n  \
         kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic eddyline.anomalies --isolation-level read_committed"
    );
}
