//! Lines per CPU-second from Kafka to Kafka, beside a consumer that only reads; the cost of a commit; the size of the tallies.
//!
//!     cargo bench --bench end_to_end -- [--brokers HOST:PORT] [--rounds 5] [--records 1000000] [--rate 3000] [--only way|commit|size|live|resume]
//!     cargo bench --bench end_to_end -- --only live --rounds 2 --rate 20000 [--seconds 60]
//!
//! Without brokers a Kafka of the tests is started (`tests/kafka/kafka`). See `benches/README.md` for what is measured how.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench fails by panicking, talks to whoever reads its output, and measures by the clock"
)]

#[path = "../../tests/it/support/broker.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod broker;
mod commit;
mod cpu;
#[path = "../support/lines.rs"]
#[allow(dead_code, reason = "shared with other benches and tests")]
mod lines;
mod live;
mod resume;
mod size;
mod topic;
mod way;

use std::path::{Path, PathBuf};

use clap::Parser;

#[derive(Parser)]
struct Arguments {
    /// A broker to use instead of one that is started
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// How often each side is run, in turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Records of each input topic
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Lines a second of log time, over all partitions
    #[arg(long, default_value_t = 3_000)]
    rate: i64,
    /// Seconds of each run of the live lines
    #[arg(long, default_value_t = 60)]
    seconds: i64,
    /// Only one; those that go by the clock, live and resume, run only if asked for
    #[arg(long)]
    only: Option<Part>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the bare consumer: topic, and how many records to read
    #[arg(long, hide = true, num_args = 2)]
    consume: Option<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Way,
    Commit,
    Size,
    Live,
    Resume,
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(consume) = &arguments.consume {
        way::consume(arguments.brokers.as_deref().unwrap(), &consume[0], consume[1].parse().unwrap());
        return;
    }
    let shop = lines::Lines::shop();
    let wants = |part| arguments.only.is_none_or(|only| only == part);
    if wants(Part::Size) {
        size::measure(&shop);
    }
    if arguments.only != Some(Part::Size) {
        let brokers = arguments.brokers.clone().unwrap_or_else(|| broker::shared().to_owned());
        if wants(Part::Commit) {
            commit::measure(&brokers);
        }
        if wants(Part::Way) {
            way::measure(&brokers, &shop, arguments.records, arguments.rate, arguments.rounds);
        }
        if arguments.only == Some(Part::Live) {
            live::measure(&brokers, &shop, arguments.rate, arguments.seconds, arguments.rounds);
        }
        if arguments.only == Some(Part::Resume) {
            resume::measure(&brokers, &shop, arguments.rounds);
        }
    }
}

/// A path within the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A name that no earlier run against the same Kafka has used.
fn unique(stem: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let started = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    format!("{stem}-{started}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The smallest, and the one in the middle.
fn min_and_median(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2])
}
