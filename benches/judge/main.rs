//! How fast the judge is with many services, and what its snapshots cost: `cargo bench --bench judge`. See `benches/README.md`.
//!
//! Times are CPU time of the process: on a machine that others use too, wall time says nothing.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "a bench fails by panicking and talks to whoever reads its output"
)]

mod traffic;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

use cpu_time::ProcessTime;
use eddyline::decide::Message;
use eddyline::publish::{Provenance, compose};
use eddyline::record::Offset;
use eddyline::stage::Judge;
use eddyline::stream::snapshot::Snapshot;
use eddyline::vectorise::wire::Flush;

use traffic::Traffic;

/// Seconds of log time that are judged before the clock runs: models warm up.
const WARM_UP_SECONDS: usize = 600;
const MONTH_SECONDS: f64 = 30.0 * 86_400.0;
/// A snapshot is taken every so often.
const SNAPSHOT_EVERY_SECONDS: f64 = 30.0;

struct Options {
    services: usize,
    templates: usize,
    seconds: usize,
    /// Where the events go, to compare them with those of another version.
    events: Option<String>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self { services: 300, templates: 20, seconds: 3_600, events: None };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_else(|| panic!("{name}: a value is missing"));
            match name.as_str() {
                "--services" => options.services = value.parse().unwrap(),
                "--templates" => options.templates = value.parse().unwrap(),
                "--seconds" => options.seconds = value.parse().unwrap(),
                "--events" => options.events = Some(value),
                _ => panic!("{name}: --services, --templates, --seconds or --events"),
            }
        }
        options
    }
}

fn main() {
    let options = Options::read();
    let mut traffic = Traffic::new(options.services, options.templates);
    let mut next = |seconds: usize| -> Vec<Vec<u8>> { (0..2 * seconds).map(|_| traffic.next_flush()).collect() };
    let (mut judge, mut messages) = (Judge::new(), Vec::new());
    judge_all(&mut judge, &next(WARM_UP_SECONDS), &mut messages);
    let flushes = next(options.seconds);
    let bytes: usize = flushes.iter().map(Vec::len).sum();
    println!(
        "{} services, {} templates, {} s of log time, {} bytes of tallies a second",
        options.services,
        judge.scorer().catalogue().template_count(),
        options.seconds,
        bytes / options.seconds,
    );

    let decode =
        clocked(|| flushes.iter().map(|bytes| Flush::decode_for_judge(bytes).unwrap().cells.len()).sum::<usize>()).0;
    let whole = clocked(|| judge_all(&mut judge, &flushes, &mut messages)).0;
    let each = |time: Duration| time.as_secs_f64() / options.seconds as f64;
    println!(
        "a second of log time: {:.0} µs, of it {:.0} µs to read the tallies; 30 days: {:.1} min",
        each(whole) * 1e6,
        each(decode) * 1e6,
        each(whole) * MONTH_SECONDS / 60.0,
    );
    println!("{} messages", messages.len());
    snapshots(&judge, each(whole));
    if let Some(file) = &options.events {
        write_events(file, &messages);
    }
}

fn judge_all(judge: &mut Judge, flushes: &[Vec<u8>], messages: &mut Vec<Message>) {
    for bytes in flushes {
        let gaps = judge.flush(Flush::decode_for_judge(bytes).unwrap(), messages);
        assert!(gaps.is_empty(), "{gaps:?}");
    }
}

/// What a snapshot costs, and how long a judge takes to come back from one.
fn snapshots(judge: &Judge, second: f64) {
    let (serialise, state) = clocked(|| judge.snapshot().unwrap());
    let copy = state.clone();
    let (write, snapshot) = clocked(|| Snapshot::new(copy, 0, Offset(0), None, "", None).unwrap());
    let (read, read_back) = clocked(|| snapshot.state().unwrap());
    let (restore, restored) = clocked(|| Judge::restore(&read_back).unwrap());
    assert_eq!(restored.snapshot().unwrap(), state, "a state comes back as it was");
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "state: {:.1} MB, compressed {:.1} MB; on the judge's thread {:.0} ms, beside it {:.0} ms; loaded in {:.0} ms",
        state.byte_count() as f64 / 1e6,
        snapshot.compressed.len() as f64 / 1e6,
        millis(serialise),
        millis(write),
        millis(read + restore),
    );
    println!(
        "replay: {:.0} times the live rate; live, a snapshot every {SNAPSHOT_EVERY_SECONDS} s takes {:.2} % of the judge's thread",
        1.0 / second,
        serialise.as_secs_f64() / SNAPSHOT_EVERY_SECONDS * 100.0,
    );
}

fn write_events(file: &str, messages: &[Message]) {
    let mut file = BufWriter::new(File::create(file).unwrap());
    for message in messages {
        serde_json::to_writer(&mut file, &compose(message, &Provenance::default())).unwrap();
        file.write_all(b"\n").unwrap();
    }
}

fn clocked<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = ProcessTime::now();
    let result = run();
    (start.elapsed(), result)
}
