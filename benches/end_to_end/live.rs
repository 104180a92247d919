//! Lines that are written as they happen: how long after a line its event can be read, and what snapshots cost.
//!
//! Every second a service that is old enough writes an error that it never wrote before. Each has an environment of its own, so each
//! opens an episode of its own.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::lines::{Form, Lines};
use crate::{cpu, topic, unique, way};

const PARTITIONS: i32 = 8;
/// How far back the services go: more than the five minutes of their warm-up.
const HISTORY_MS: i64 = 400_000;
/// How often a service writes an ordinary line.
const ORDINARY_EVERY_MS: i64 = 2_000;
/// How long lines go on behind the last error, in seconds: a partition without lines is waited for until it counts as idle, which is not what
/// is measured.
const AFTERWARDS_S: i64 = 10;
/// How long the past may take to be judged before the measurement begins.
const SETTLE: Duration = Duration::from_secs(15);
/// How long is waited for the last events at most: where the machine is too slow for the lines they come late, which is not the same as never.
const LINGER_MAX: Duration = Duration::from_secs(180);

/// Prints, for each round, the latency of events and the CPU time of a line, without snapshots and with one every 5 s, in turn.
pub fn measure(brokers: &str, shop: &Lines, lines_per_second: i64, seconds: i64, rounds: usize) {
    println!(
        "\nlive: {lines_per_second} lines a second for {seconds} s, {PARTITIONS} partitions, an error never seen before each second"
    );
    println!(
        "{:>6} {:>12} {:>8} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "round", "snapshots", "events", "of", "p50 ms", "p99 ms", "max ms", "CPU ns/line"
    );
    for round in 1..=rounds {
        for every_s in [0, 5] {
            let (mut took, ns) = run(brokers, shop, lines_per_second, seconds, every_s);
            took.sort_unstable();
            assert!(!took.is_empty(), "no event came");
            let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len() - 1)).unwrap();
            println!(
                "{round:>6} {:>12} {:>8} {seconds:>8} {:>8} {:>8} {:>8} {ns:>12.0}",
                if every_s == 0 { "none".to_owned() } else { format!("every {every_s} s") },
                took.len(),
                at(50),
                at(99),
                at(100)
            );
        }
    }
}

/// The latencies in milliseconds of the events that came, and the CPU time of a line in nanoseconds.
fn run(brokers: &str, shop: &Lines, rate: i64, seconds: i64, every_s: u32) -> (Vec<i64>, f64) {
    let (topic, name) = (unique("bench-live"), unique("bench-live-run"));
    topic::create(brokers, &topic, PARTITIONS);
    topic::create(brokers, &format!("{name}.anomalies"), 1);
    let writer = Writer::new(brokers, &topic);
    let begun_ms = now_ms();
    for time_ms in (begun_ms - HISTORY_MS..begun_ms).step_by(ORDINARY_EVERY_MS as usize) {
        (0..seconds).for_each(|which| writer.ordinary(which, time_ms));
    }
    // Before it starts: a partition that stays empty for ten seconds holds nobody back, and a past that comes behind that is late, so
    // its services would be in their warm-up.
    writer.flush();
    let child = way::start(brokers, &topic, &name, &[&format!("snapshots.every_s={every_s}")]);
    let (is_over, events) = (AtomicBool::new(false), Events::default());
    std::thread::scope(|scope| {
        scope.spawn(|| read(brokers, &format!("{name}.anomalies"), &events, &is_over));
        let (sent, before, after) = writer.live(shop, rate, seconds, || cpu::of_process(child.id()));
        let over = Instant::now();
        while events.lock().unwrap().len() < sent.len() && over.elapsed() < LINGER_MAX {
            std::thread::sleep(Duration::from_millis(100));
        }
        is_over.store(true, Ordering::Relaxed);
        child.stop();
        let events = events.lock().unwrap();
        let took = |(which, sent_ms)| events.get(which).map(|read_ms| read_ms - sent_ms);
        let missing: Vec<&i64> = sent.keys().filter(|which| !events.contains_key(which)).collect();
        if !missing.is_empty() {
            println!("no event of the errors of these seconds: {missing:?}");
        }
        (sent.iter().filter_map(took).collect(), (after - before).as_nanos() as f64 / (rate * seconds) as f64)
    })
}

struct Writer<'a> {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: &'a str,
}

impl<'a> Writer<'a> {
    fn new(brokers: &str, topic: &'a str) -> Self {
        let mut config = topic::client(brokers);
        config
            .set("linger.ms", "5")
            .set("queue.buffering.max.kbytes", "1048576")
            .set("queue.buffering.max.messages", "4000000");
        Self { producer: config.create().unwrap(), topic }
    }

    fn send(&self, partition: i64, time_ms: i64, line: &[u8]) {
        let partition = i32::try_from(partition).unwrap() % PARTITIONS;
        let record = BaseRecord::<(), [u8]>::to(self.topic).payload(line).partition(partition).timestamp(time_ms);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    fn flush(&self) {
        self.producer.flush(Duration::from_secs(60)).unwrap();
    }

    fn ordinary(&self, which: i64, time_ms: i64) {
        self.of_service(which, time_ms, "info", "all is well");
    }

    fn of_service(&self, which: i64, time_ms: i64, level: &str, message: &str) {
        let (seconds, rest) = (time_ms / 1_000, time_ms % 1_000);
        let line = format!(
            r#"{{"ts": {seconds}.{rest:03}, "service": "marker-{which}", "environment": "env-{which}", "level": "{level}", "message": "{message}"}}"#
        );
        self.send(which, time_ms, line.as_bytes());
    }

    /// Writes at this rate, in steps of ten milliseconds. Returns when each error was written, and the CPU time once
    /// the past was judged, and when the last one was written.
    fn live(
        &self,
        shop: &Lines,
        rate: i64,
        seconds: i64,
        used: impl Fn() -> Duration,
    ) -> (BTreeMap<i64, i64>, Duration, Duration) {
        let (settle_s, started) = (SETTLE.as_secs() as i64, Instant::now());
        let (mut sent, mut line, mut index) = (BTreeMap::new(), Vec::new(), 0_usize);
        let (mut before, mut after) = (None, None);
        for step in 0..(settle_s + seconds + AFTERWARDS_S) * 100 {
            std::thread::sleep(Duration::from_millis(step as u64 * 10).saturating_sub(started.elapsed()));
            let time_ms = now_ms();
            for _ in 0..rate / 100 {
                line.clear();
                shop.write(index, time_ms, Form::Json, &mut line);
                self.send(index as i64, time_ms, &line);
                index += 1;
            }
            if step % (ORDINARY_EVERY_MS / 10) == 0 {
                (0..seconds).for_each(|which| self.ordinary(which, time_ms));
            }
            let which = step / 100 - settle_s;
            if which == seconds {
                after.get_or_insert_with(&used);
            } else if (0..seconds).contains(&which) {
                before.get_or_insert_with(&used);
                // Not always at the same place of the second.
                if step % 100 == which * 37 % 100 {
                    self.of_service(which, time_ms, "error", &words(which));
                    sent.insert(which, time_ms);
                }
            }
        }
        self.flush();
        (sent, before.unwrap(), after.unwrap())
    }
}

/// Words that no other number has.
fn words(number: i64) -> String {
    let letter = |value: i64| char::from(b'a' + u8::try_from(value.rem_euclid(20)).unwrap());
    let word = |salt: i64| {
        (1..7).map(|place| letter((number + 3) * (salt * 7 + place * 11) + salt * place)).collect::<String>()
    };
    (1..6).map(word).collect::<Vec<_>>().join(" ")
}

/// When the first event of severity error of each of the services came.
type Events = Mutex<BTreeMap<i64, i64>>;

fn read(brokers: &str, topic: &str, events: &Events, is_over: &AtomicBool) {
    let consumer: BaseConsumer = topic::client(brokers)
        .set("group.id", unique("bench-events"))
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "50")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    while !is_over.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else { continue };
        let event: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let key = event["dedup_key"].as_str().unwrap();
        let number =
            key.strip_prefix("env-").and_then(|rest| rest.split('/').next()).and_then(|number| number.parse().ok());
        if let (Some(number), "error") = (number, event["severity"].as_str().unwrap()) {
            events.lock().unwrap().entry(number).or_insert_with(now_ms);
        }
    }
}

fn now_ms() -> i64 {
    i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}
