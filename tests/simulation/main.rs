//! The real workers on a simulated cluster with a seeded scheduler: processes die at every step, stand still, are replaced while
//! they hang, join and leave; partitions move; transactions are aborted, refused, lost, and carried out with their answer lost;
//! the broker goes away, clocks jump, records are deleted. Whatever happens, the events are those of a run that nobody disturbs.
//!
//! `EDDYLINE_SEED=n cargo test --test simulation whatever` reproduces one seed and prints what happened in it;
//! `EDDYLINE_SEEDS=n` runs so many.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and tells how long it took"
)]

mod check;
mod client;
mod cluster;
mod group;
mod input;
mod mutants;
mod random;
mod run;
mod snapshots;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use check::Verdict;
use mutants::Mutant;
use run::{Asked, Ran, run};

/// How many seeds are run where nobody says otherwise.
const SEEDS: u64 = 2_000;

/// What a number of seeds gave together.
#[derive(Default)]
struct Summary {
    identical: u64,
    replayed: u64,
    events: usize,
    happened: BTreeMap<&'static str, u64>,
    failed: Vec<(u64, String)>,
}

impl Summary {
    fn add(&mut self, seed: u64, ran: Ran) {
        match ran.verdict {
            Ok(Verdict::Identical { events }) => {
                (self.identical, self.events) = (self.identical + 1, self.events + events)
            }
            Ok(Verdict::Replayed { events }) => {
                (self.replayed, self.events) = (self.replayed + 1, self.events + events)
            }
            Err(reason) => self.failed.push((seed, reason)),
        }
        for (what, count) in ran.happened {
            *self.happened.entry(what).or_default() += count;
        }
    }
}

/// Runs these seeds on all cores.
fn run_all(seeds: u64, asked: Asked) -> Summary {
    let (summary, next) = (Mutex::new(Summary::default()), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || summary.lock().unwrap().failed.len() >= 5 {
                return;
            }
            let ran = run(seed, asked);
            summary.lock().unwrap().add(seed, ran);
        }
    };
    on_all_cores(work);
    summary.into_inner().unwrap()
}

fn on_all_cores(work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(&work);
        }
    });
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

fn assert_passed(summary: &Summary) {
    let mut failed = summary.failed.clone();
    failed.sort();
    for (seed, reason) in &failed {
        eprintln!("EDDYLINE_SEED={seed} cargo test --test simulation whatever\n  {reason}");
    }
    assert!(failed.is_empty(), "seeds that failed: {:?}", failed.iter().map(|(seed, _)| seed).collect::<Vec<_>>());
}

#[test]
fn whatever_happens_the_events_are_those_of_an_undisturbed_run() {
    if let Some(seed) = number_from("EDDYLINE_SEED") {
        let ran = run(seed, Asked { is_traced: true, ..Asked::default() });
        ran.trace.iter().for_each(|line| eprintln!("{line}"));
        eprintln!("seed {seed}: {:?}", ran.happened);
        match ran.verdict {
            Ok(verdict) => return eprintln!("{verdict:?}"),
            Err(reason) => panic!("{reason}"),
        }
    }
    let (seeds, began) = (number_from("EDDYLINE_SEEDS").unwrap_or(SEEDS), Instant::now());
    let summary = run_all(seeds, Asked::default());
    eprintln!("{seeds} seeds in {:.0} s, {} events", began.elapsed().as_secs_f64(), summary.events);
    eprintln!("{} identical to undisturbed, {} to a replay", summary.identical, summary.replayed);
    eprintln!("{:?}", summary.happened);
    assert_passed(&summary);
    if seeds >= SEEDS {
        // The simulation does what it is for.
        assert!(summary.identical > seeds / 2, "only {} seeds compared with the undisturbed run", summary.identical);
        assert!(summary.replayed > 0);
        assert!(summary.happened["judges restored from a snapshot"] > seeds / 2);
        assert!(summary.happened["old tallies are deleted"] > seeds / 10);
        assert!(summary.events > usize::try_from(seeds).unwrap());
    }
}

/// Records that retention deletes before they were read are missed, and nothing else: no other is, none is counted twice.
#[test]
fn what_is_deleted_unread_is_missed_and_nothing_else() {
    let summary = run_all(200, Asked { deletes_unread: true, ..Asked::default() });
    assert_passed(&summary);
    assert!(summary.replayed > 0, "nothing was deleted");
}

/// The simulation bites: each bug that is planted on purpose is found within the seeds that are run anyway.
#[test]
fn bugs_planted_on_purpose_are_found() {
    let (missed, unsought) = (Mutex::new(Vec::new()), Mutex::new(Mutant::ALL.to_vec()));
    on_all_cores(|| {
        loop {
            let Some(mutant) = unsought.lock().unwrap().pop() else { return };
            let asked = Asked { mutant: Some(mutant), ..Asked::default() };
            let found = (0..SEEDS).find_map(|seed| run(seed, asked).verdict.err().map(|reason| (seed, reason)));
            match found {
                Some((seed, reason)) => {
                    let reason: String = reason.chars().take(200).collect();
                    eprintln!("{mutant:?}: found with the {}. seed: {reason}", seed + 1);
                }
                None => missed.lock().unwrap().push(mutant),
            }
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
