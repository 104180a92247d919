//! Nothing on the way of a line allocates per line, from the record to the sum that it is added to; and a snapshot takes little more
//! memory than its own size.
//!
//! A binary of its own, since it counts with a global allocator, and a program has only one. Counted is per thread, so the
//! tests do not see each other. What librdkafka allocates for a record is its own affair and not seen here.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "a global allocator is unsafe by its nature (it passes everything on to the system's); a test fails by panicking"
)]

#[path = "../benches/support/lines.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the benches")]
mod lines;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use eddyline::config::Config;
use eddyline::ops::View;
use eddyline::record::{Offset, Partition, Record, Second, Service, TemplateId, TimeBasis, Topic};
use eddyline::stage::Judge;
use eddyline::stream::snapshot::Snapshot;
use eddyline::stream::{Incoming, Observing, Retained, Task, Transaction};
use eddyline::vectorise::wire::Flush;
use eddyline::vectorise::{self, TemplateTally};
use lines::{Form, Lines};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<isize> = const { Cell::new(0) };
    static HELD_BYTES_MAX: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count() {
    // A thread that ends has none any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

fn hold(bytes: isize) {
    let _ = HELD_BYTES.try_with(|held| {
        held.set(held.get() + bytes);
        HELD_BYTES_MAX.set(HELD_BYTES_MAX.get().max(held.get()));
    });
}

// SAFETY: everything is passed on to the system's allocator as it came; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        hold(size as isize - layout.size() as isize);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How often `work` allocated.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// How much `work` held at most beside what was held before, in bytes.
fn bytes_held_at_most<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = HELD_BYTES.get();
    HELD_BYTES_MAX.set(before);
    let result = work();
    (result, usize::try_from(HELD_BYTES_MAX.get() - before).unwrap())
}

/// The observing task of a worker, as `run` drives it, and the records of one partition.
struct Way {
    task: Observing,
    partition: Partition,
    next: i64,
}

impl Way {
    fn new() -> Self {
        let partition = Partition::new(Topic::new("logs"), 0);
        let roster = BTreeMap::from([(partition.topic.clone(), 1)]);
        let roster = Arc::new(move || roster.clone());
        let mut task = Observing::new(&Config::default(), 1, roster, Arc::new(View::default()));
        task.assign(&partition, None, Retained { first: Offset(0), end: Offset(0) });
        Self { task, partition, next: 0 }
    }

    fn read(&mut self, time_ms: i64, value: &[u8]) {
        let timestamp = Some((time_ms, TimeBasis::KafkaCreate));
        let record = Record { offset: Offset(self.next), timestamp, value: Some(value) };
        self.next += 1;
        self.task.record(&self.partition, &Incoming { record, key: None, headers: &Vec::new }, time_ms).unwrap();
        black_box(self.task.is_due(Duration::ZERO, false));
    }

    fn flush(&mut self) {
        let mut transaction = Transaction::default();
        self.task.seal(&mut transaction);
        assert!(!transaction.outputs.is_empty());
    }
}

/// Lines of the recording that all happen in the same second, from a stretch of a few thousand.
fn lines_of_one_second(form: Form, keep: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let shop = Lines::shop();
    let written = (40_000..45_000).map(|index| {
        let mut line = Vec::new();
        shop.write(index, lines::START_MS + 500, form, &mut line);
        line
    });
    let lines: Vec<Vec<u8>> = written.filter(|line| keep(line)).collect();
    assert!(lines.len() > 1_000, "only {} lines", lines.len());
    lines
}

/// Reads lines whose second, services, templates and numbers were all met since the last flush; returns how often that
/// allocated.
fn allocations_when_warm(lines: &[Vec<u8>]) -> u64 {
    let mut way = Way::new();
    for line in lines {
        way.read(lines::START_MS + 500, line);
    }
    way.flush();
    for line in lines {
        way.read(lines::START_MS + 500, line);
    }
    allocations(|| {
        for _ in 0..3 {
            for line in lines {
                way.read(lines::START_MS + 500, line);
            }
        }
    })
}

#[test]
fn plain_lines_allocate_nothing() {
    assert_eq!(allocations_when_warm(&lines_of_one_second(Form::Plain, |_| true)), 0);
}

#[test]
fn json_without_escapes_allocates_nothing() {
    assert_eq!(allocations_when_warm(&lines_of_one_second(Form::Json, |line| !line.contains(&b'\\'))), 0);
}

/// `serde_json` builds a string with escapes in a buffer of its own, which grows a few times: an allocation or two a
/// line, and no more.
#[test]
fn json_with_escapes_allocates_only_for_the_escapes() {
    let lines = lines_of_one_second(Form::Json, |line| line.contains(&b'\\'));
    let allocations = allocations_when_warm(&lines);
    assert!(allocations > 0, "no longer so: then say 0 in the other test too");
    assert!(allocations <= 6 * 3 * lines.len() as u64, "{allocations} for 3 times {} lines", lines.len());
}

/// What a second and a flush cost has nothing to do with how many lines there are: with ten times as many in each second,
/// hardly more is allocated.
#[test]
fn seconds_and_flushes_allocate_and_lines_do_not() {
    let shop = Lines::shop();
    let of_rate = |lines_per_second: usize| {
        let mut way = Way::new();
        let mut line = Vec::with_capacity(1 << 16);
        let mut pass = |way: &mut Way, seconds: std::ops::Range<i64>| {
            let mut counted = 0;
            for second in seconds {
                let time_ms = lines::START_MS + second * 1_000;
                for index in 0..lines_per_second {
                    line.clear();
                    // The same thousand lines in every second.
                    shop.write(40_000 + index % 1_000, time_ms, Form::Plain, &mut line);
                    counted += allocations(|| way.read(time_ms, &line));
                }
                counted += allocations(|| way.flush());
            }
            counted
        };
        pass(&mut way, 0..5);
        pass(&mut way, 5..15)
    };
    let (thousand, ten_thousand) = (of_rate(1_000), of_rate(10_000));
    assert!(thousand > 0);
    assert!(ten_thousand < thousand + thousand / 10, "{thousand} for 1,000 lines a second, {ten_thousand} for 10,000");
}

/// Tallies of a partition that reads on while another one says nothing: none of its seconds can be closed.
#[test]
fn a_snapshot_takes_no_more_memory_than_its_size() {
    let (logs, web) = (Topic::new("logs"), Service::new(None, "web"));
    let mut judge = Judge::new();
    for second in 0..200_u64 {
        let templates = (0..500_u64).map(|n| {
            let skeleton = format!("the {n}th of the second {second} has begun to be slow for <*> of them");
            (
                TemplateId(second * 500 + n),
                TemplateTally { skeleton: Some(skeleton.into()), ..TemplateTally::default() },
            )
        });
        let cell = vectorise::Cell { templates: templates.collect(), ..Default::default() };
        let cells = BTreeMap::from([(Second(second as i64), [(web.clone(), cell)].into_iter().collect())]);
        judge.flush(Flush { roster: BTreeMap::from([(logs.clone(), 2)]), cells, ..Flush::default() }, &mut Vec::new());
    }
    let (snapshot, held) = bytes_held_at_most(|| judge.snapshot().unwrap());
    assert!(snapshot.byte_count() > 5_000_000, "{}", snapshot.byte_count());
    let size = snapshot.byte_count();
    assert!((size..size + (1 << 20)).contains(&held), "{held} bytes for a snapshot of {size}");
    let restored = Judge::restore(&snapshot.concat()).unwrap();
    assert_eq!(restored.open_seconds(), 200);
    // Its pieces go as what is compressed of them grows.
    let (written, held) = bytes_held_at_most(|| Snapshot::new(snapshot, 0, Offset(0), None, "", None).unwrap());
    assert!(written.compressed.len() < size / 4 && held < size / 4, "{held} bytes to compress {size}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(bytes_held_at_most(|| drop(black_box(vec![0_u8; 1_000]))).1, 1_000);
    assert_eq!(allocations(|| drop(black_box(vec![1_u8]))), 1);
    assert_eq!(allocations(|| drop(black_box(String::new()))), 0);
    let mut grown = Vec::with_capacity(1);
    assert_eq!(allocations(|| grown.extend_from_slice(&[1_u8, 2, 3])), 1);
}
