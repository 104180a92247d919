//! What each stage costs per line, in CPU time: `cargo bench --bench stages`. See `benches/README.md`.
//!
//! Criterion's clock is replaced by the CPU time of the process: on a machine that others use too, wall time says nothing.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a bench fails by panicking and talks to whoever reads its output"
)]

mod cpu;
mod input;
#[path = "../support/lines.rs"]
#[allow(dead_code, reason = "shared with other benches and tests")]
mod lines;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use eddyline::decode::{Decoder, Format};
use eddyline::record::{Offset, Partition, Topic};
use eddyline::stage::{Chain, Judge, Observer};
use eddyline::template::Skeletoniser;
use eddyline::vectorise::wire::Flush;

use cpu::ProcessCpu;
use input::Input;
use lines::{Form, Lines};

const LATENESS_MS: i64 = 5_000;
/// Lines of one iteration of the stages that know no time.
const LINES: usize = 20_000;
/// A busy rate of log time, lines a second: as the end-to-end bench.
const RATE: i64 = 3_000;
/// Flushes are made every half second of log time.
const FLUSH_MS: i64 = 500;

type Bench = Criterion<ProcessCpu>;

fn main() {
    let mut criterion = Criterion::default().with_measurement(ProcessCpu).configure_from_args();
    let shop = Lines::shop();
    let mut inputs = vec![
        Input::at_rate("shop-plain", &shop, Form::Plain, LINES, RATE),
        Input::at_rate("shop-json", &shop, Form::Json, LINES, RATE),
    ];
    inputs.extend(input::loghub(RATE));
    for input in &inputs {
        floor(&mut criterion, input);
        decode(&mut criterion, input);
        template(&mut criterion, input);
        tally(&mut criterion, input);
    }
    let busy = Input::at_rate("shop-3000-a-second", &shop, Form::Json, 1_200_000, RATE);
    wire(&mut criterion, &busy);
    judge(&mut criterion, &busy);
    drop(busy);
    let own = Input::at_own_rate("shop-89-a-second", &shop);
    judge(&mut criterion, &own);
    chain(&mut criterion, &own);
    criterion.final_summary();
}

/// What the other stages are held against: every line is split at its blanks, and every token hashed.
fn floor(criterion: &mut Bench, input: &Input) {
    let mut group = criterion.benchmark_group("floor");
    group.throughput(Throughput::Elements(input.len() as u64));
    group.bench_function(input.name.as_str(), |bencher| {
        bencher.iter(|| {
            for record in input.records() {
                let tokens = record.value.unwrap_or_default().split(|byte| *byte == b' ');
                black_box(tokens.fold(0, |hash, token| hash ^ xxhash_rust::xxh3::xxh3_64(token)));
            }
        });
    });
}

/// The bytes of a record become a line.
fn decode(criterion: &mut Bench, input: &Input) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(input.len() as u64));
    group.bench_function(input.name.as_str(), |bencher| {
        let mut decoder = Decoder::new(Format::Auto);
        bencher.iter(|| {
            for record in input.records() {
                black_box(decoder.decode(&record).is_ok());
            }
        });
    });
}

/// A line becomes its template. The lines are decoded beforehand.
fn template(criterion: &mut Bench, input: &Input) {
    let messages = input.messages();
    let mut group = criterion.benchmark_group("template");
    group.throughput(Throughput::Elements(messages.len() as u64));
    group.bench_function(input.name.as_str(), |bencher| {
        let mut skeletoniser = Skeletoniser::new();
        bencher.iter(|| {
            for message in &messages {
                black_box(skeletoniser.skeletonise(message).id);
            }
        });
    });
}

/// The whole of the observing stage: decode, template, vectorise, and a flush every half second of log time.
fn tally(criterion: &mut Bench, input: &Input) {
    let mut group = criterion.benchmark_group("tally");
    group.throughput(Throughput::Elements(input.len() as u64));
    group.bench_function(input.name.as_str(), |bencher| {
        bencher.iter(|| {
            flushes(input, |flush| {
                black_box(flush.cells.len());
            });
        });
    });
}

/// Tallies become bytes, and bytes tallies; per line of input.
fn wire(criterion: &mut Bench, input: &Input) {
    let mut made = Vec::new();
    flushes(input, |flush| made.push(flush));
    let encoded: Vec<Vec<u8>> = made.iter().map(Flush::encode).collect();
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Elements(input.len() as u64)).sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function(format!("encode/{}", input.name), |bencher| {
        bencher.iter(|| made.iter().map(|flush| flush.encode().len()).sum::<usize>());
    });
    group.bench_function(format!("decode/{}", input.name), |bencher| {
        bencher.iter(|| encoded.iter().map(|bytes| Flush::decode(bytes).unwrap().cells.len()).sum::<usize>());
    });
}

/// The judging stage on tallies that were made beforehand; per line of input, from its first line on, so warm-up included.
fn judge(criterion: &mut Bench, input: &Input) {
    let mut made = Vec::new();
    flushes(input, |flush| made.push(flush));
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(input.len() as u64)).sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function(input.name.as_str(), |bencher| {
        bencher.iter_batched(
            || made.clone(),
            |flushes| {
                let (mut judge, mut messages) = (Judge::new(), Vec::new());
                for flush in flushes {
                    judge.flush(flush, &mut messages);
                }
                judge.end_of_input(&mut messages);
                (judge, messages)
            },
            BatchSize::PerIteration,
        );
    });
}

/// Both stages in memory, as `detect` runs them.
fn chain(criterion: &mut Bench, input: &Input) {
    let partition = partition();
    let mut group = criterion.benchmark_group("chain");
    group.throughput(Throughput::Elements(input.len() as u64)).sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function(input.name.as_str(), |bencher| {
        bencher.iter(|| {
            let (mut chain, mut messages) = (Chain::new(Format::Auto, LATENESS_MS), Vec::new());
            chain.open(&partition);
            for record in input.records() {
                chain.record(&partition, &record, &mut messages);
            }
            chain.close(&partition, &mut messages);
            chain.end(&mut messages);
            messages.len()
        });
    });
}

fn partition() -> Partition {
    Partition::new(Topic::new("logs"), 0)
}

/// Observes an input and hands out a flush for every half second of log time.
fn flushes(input: &Input, mut each: impl FnMut(Flush)) {
    let partition = partition();
    let roster = BTreeMap::from([(partition.topic.clone(), 1)]);
    let mut observer = Observer::new(Format::Auto, LATENESS_MS);
    observer.assign(partition.clone(), Offset(0), None);
    let mut flush_at_ms = None;
    for record in input.records() {
        black_box(observer.record(&partition, &record, 0));
        let time_ms = record.timestamp.unwrap().0;
        if time_ms >= *flush_at_ms.get_or_insert(time_ms + FLUSH_MS) {
            flush_at_ms = Some(time_ms + FLUSH_MS);
            each(observer.flush(roster.clone()));
        }
    }
    observer.end_of_input(&partition);
    each(observer.flush(roster));
}
