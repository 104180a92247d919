//! The whole way, beside a consumer that only reads the same topic.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::lines::{Form, Lines};
use crate::{cpu, min_and_median, topic, unique};

const PARTITIONS: i32 = 8;
/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(300);

/// What one run of `eddyline run` used, in nanoseconds of CPU time a record.
struct Run {
    total: f64,
    /// Of it, by thread: those that observe, the judge, and those of librdkafka.
    observers: f64,
    judge: f64,
    tally_bytes: u64,
}

/// Runs both in turn and prints a table of each form of line.
pub fn measure(brokers: &str, shop: &Lines, records: usize, lines_per_second: i64, rounds: usize) {
    for (name, form) in [("plain", Form::Plain), ("json", Form::Json)] {
        let topic = unique(&format!("bench-{name}"));
        topic::create(brokers, &topic, PARTITIONS);
        let bytes = topic::fill(brokers, &topic, PARTITIONS, shop, form, records, lines_per_second);
        println!(
            "\n{name}: {records} records of {} bytes, {PARTITIONS} partitions, {lines_per_second} lines a second of log time",
            bytes / records
        );
        println!("{:>6} {:>10} {:>10} {:>10} {:>10} {:>8}", "round", "bare", "eddyline", "observers", "judge", "ratio");
        let (mut bare, mut run) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            let reading = read(brokers, &topic, records);
            let one = eddyline(brokers, &topic, records);
            println!(
                "{round:>6} {reading:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>8.2}",
                one.total,
                one.observers,
                one.judge,
                one.total / reading
            );
            bare.push(reading);
            run.push(one);
        }
        let (bare_min, bare_median) = min_and_median(bare);
        let (min, median) = min_and_median(run.iter().map(|run| run.total).collect());
        let tally_bytes = run.iter().map(|run| run.tally_bytes).min().unwrap();
        println!("   min {bare_min:>10.0} {min:>10.0} {:>32.2}", min / bare_min);
        println!("median {bare_median:>10.0} {median:>10.0} {:>32.2}", median / bare_median);
        println!(
            "CPU ns a record; {:.0} lines a CPU-second against {:.0} that are only read; tallies {:.2} % of the lines' bytes",
            1e9 / min,
            1e9 / bare_min,
            tally_bytes as f64 * 100.0 / bytes as f64
        );
    }
}

/// CPU time of the bare consumer: this program once more, in a process of its own.
fn read(brokers: &str, topic: &str, records: usize) -> f64 {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--brokers", brokers, "--consume", topic, &records.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Guard(child);
    // It says that it is done, and lives until its input ends: so its time can be looked up.
    let mut done = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.0.stdout.take().unwrap()), &mut done).unwrap();
    assert_eq!(done, "done\n");
    let used = cpu::of_process(child.0.id());
    drop(child.0.stdin.take());
    per_record(used, records)
}

/// The bare consumer: reads all partitions with the settings of the observer, hands nothing to nobody.
pub fn consume(brokers: &str, topic: &str, records: usize) {
    let consumer: BaseConsumer = topic::client(brokers)
        .set("group.id", unique("bench-bare"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("queued.min.messages", "50000")
        .set("queued.max.messages.kbytes", "65536")
        .set("fetch.wait.max.ms", "50")
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for number in 0..PARTITIONS {
        list.add_partition_offset(topic, number, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut read, mut bytes, started) = (0, 0, Instant::now());
    while read < records {
        assert!(started.elapsed() < LIMIT, "{read} of {records} records after {LIMIT:?}");
        if let Some(message) = consumer.poll(Duration::from_millis(20)) {
            bytes += message.unwrap().payload_len();
            read += 1;
        }
    }
    assert!(std::hint::black_box(bytes) > 0);
    println!("done");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

/// Starts `eddyline run` with a group, and a prefix, of this name.
pub fn start(brokers: &str, topic: &str, name: &str, settings: &[&str]) -> Guard {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    command
        .args(["run", "--brokers", brokers, "--topics", topic])
        .args(["--set", &format!("kafka.group={name}"), "--set", &format!("kafka.prefix={name}.")])
        .args(["--set", "admin.listen=127.0.0.1:0"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    Guard(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// CPU time of `eddyline run` until all records are committed, and the tallies of them judged.
fn eddyline(brokers: &str, topic: &str, records: usize) -> Run {
    let name = unique("bench-run");
    let child = start(brokers, topic, &name, &[]);
    let prefix = format!("{name}.");
    let records_end = i64::try_from(records).unwrap();
    wait("the observers", || topic::end_and_committed(brokers, topic, PARTITIONS, &name).1 >= records_end);
    let tallies = format!("{prefix}tallies");
    let (tally_bytes, last) = read_tallies(brokers, &tallies);
    wait("the judge", || topic::end_and_committed(brokers, &tallies, 1, &format!("{name}-judge")).1 > last);
    let id = child.id();
    let (used, threads) = (cpu::of_process(id), cpu::of_threads(id));
    let of = |name: &str| {
        let threads = threads.iter().filter(|(thread, _)| thread.starts_with(name));
        per_record(threads.map(|(_, used)| *used).sum(), records)
    };
    let run = Run { total: per_record(used, records), observers: of("observer"), judge: of("judge"), tally_bytes };
    child.stop();
    run
}

/// The bytes of the tallies that are there now, and the offset of the last one.
fn read_tallies(brokers: &str, topic: &str) -> (u64, i64) {
    let consumer: BaseConsumer = topic::client(brokers)
        .set("group.id", unique("bench-tallies"))
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let (mut bytes, mut last) = (0, 0);
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => (bytes, last) = (bytes + message.payload_len() as u64, message.offset()),
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return (bytes, last),
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
}

fn per_record(used: Duration, records: usize) -> f64 {
    used.as_nanos() as f64 / records as f64
}

pub fn wait(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < LIMIT, "{what} took longer than {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A process that does not outlive us.
pub struct Guard(Child);

impl Guard {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGTERM, and waits.
    pub fn stop(mut self) {
        let id = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
