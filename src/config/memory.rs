//! How the memory of `eddyline run` is divided.
//!
//! A process is one judge and some observers, and each has a consumer of its own, whose queue librdkafka fills as far as it may.
//! So the budget is divided once, at the start: a fixed part for all that has limits of its own, and the rest in equal parts
//! for the workers.

use super::{Config, Problem};

/// What all that has limits of its own takes at most, in MiB: the models of the judge, what it does not yet judge, a snapshot that is
/// written, the clients' buffers and the program itself.
const FIXED_MIB: u32 = 192;
/// What a worker needs at least, in MiB: below it records of some megabytes are more than its queue.
const WORKER_MIB_MIN: u32 = 12;
/// What a worker is given at most, in MiB: more makes nothing faster.
const WORKER_MIB_MAX: u32 = 128;
/// What a message takes in librdkafka's queue beside its text, in KiB, rounded up.
const QUEUED_MESSAGE_KIB: u32 = 1;
/// What a sum of a flush takes with a long skeleton and a sample, three times over: as it is counted, encoded, and in the
/// producer's queue.
const ENTRY_BYTES: usize = 3 << 10;
/// More sums than this are not held, however much memory there is.
const ENTRIES_MAX: usize = 20_000;
/// Nor more outputs than this, in bytes.
const OUTPUT_BYTES_MAX: usize = 8 << 20;

/// What each worker may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Texts of records that were fetched and not read yet, in KiB.
    pub fetched_kib: u32,
    /// Such records.
    pub fetched_records: u32,
    /// Sums of a flush.
    pub entries: usize,
    /// Outputs of a transaction, in bytes.
    pub output_bytes: usize,
}

impl Shares {
    /// The shares of each worker, given the budget of the process and its observers. A quarter of a worker's part is for the texts
    /// of records in its queue and a quarter for what librdkafka keeps beside them; half is for what was counted and waits for
    /// its commit.
    pub fn of(memory_mib: u32, threads: usize) -> Self {
        let worker_mib = worker_mib(memory_mib, threads).clamp(WORKER_MIB_MIN, WORKER_MIB_MAX);
        let quarter_kib = worker_mib << 8;
        let half_bytes = (worker_mib as usize) << 19;
        Self {
            fetched_kib: quarter_kib,
            fetched_records: quarter_kib / QUEUED_MESSAGE_KIB,
            entries: (half_bytes / ENTRY_BYTES).min(ENTRIES_MAX),
            // Held as they are and again in the producer's queue, beside the sums.
            output_bytes: (half_bytes / 4).min(OUTPUT_BYTES_MAX),
        }
    }
}

/// What is there for each worker, in MiB.
fn worker_mib(memory_mib: u32, threads: usize) -> u32 {
    let workers = u32::try_from(threads).unwrap_or(u32::MAX).saturating_add(1);
    memory_mib.saturating_sub(FIXED_MIB) / workers
}

/// How many observers there is memory for; one in any case.
fn threads_max(memory_mib: u32) -> usize {
    ((memory_mib.saturating_sub(FIXED_MIB) / WORKER_MIB_MIN) as usize).saturating_sub(1).max(1)
}

impl Config {
    /// How many threads observe: as many as are asked for, else one for each core, where there is memory for so many.
    pub fn threads_in_force(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, Into::into);
        self.threads.unwrap_or_else(|| cores().min(threads_max(self.memory_mib)))
    }

    /// What each worker may hold.
    pub fn shares(&self) -> Shares {
        Shares::of(self.memory_mib, self.threads_in_force())
    }

    /// Whether the budget is too small for the threads.
    pub(super) fn problem_with_memory(&self) -> Option<Problem> {
        let threads = self.threads_in_force();
        if worker_mib(self.memory_mib, threads) >= WORKER_MIB_MIN {
            return None;
        }
        let needed_mib = u32::try_from(threads + 1).unwrap_or(u32::MAX).saturating_mul(WORKER_MIB_MIN) + FIXED_MIB;
        let what = format!("is too small for {threads} threads: {} MiB", self.memory_mib);
        Some(Problem::new(
            "limits.memory_mib",
            &what,
            &format!("set it to {needed_mib} or more, or observe.threads to less"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the workers hold at most, in bytes, as the constants have it.
    fn held_bytes(shares: Shares, threads: usize) -> usize {
        let fetched_kib = shares.fetched_kib + shares.fetched_records * QUEUED_MESSAGE_KIB;
        ((fetched_kib as usize * 1024) + shares.entries * ENTRY_BYTES) * (threads + 1)
    }

    #[test]
    fn the_shares_are_within_the_budget_or_it_is_refused() {
        for memory_mib in [128, 192, 256, 512, 4096] {
            for threads in [1, 2, 4, 16, 64, 256] {
                let config = Config { memory_mib, threads: Some(threads), ..Config::default() };
                let held_mib = held_bytes(config.shares(), threads) >> 20;
                let is_within = held_mib + FIXED_MIB as usize <= memory_mib as usize;
                assert_eq!(config.problem_with_memory().is_none(), is_within, "{memory_mib} {threads}: {held_mib}");
            }
        }
    }

    #[test]
    fn what_is_refused_says_what_would_do() {
        let mut config = Config { memory_mib: 256, threads: Some(16), ..Config::default() };
        let problem = config.problem_with_memory().unwrap().to_string();
        assert!(problem.contains("396"), "{problem}");
        config.memory_mib = 396;
        assert_eq!(config.problem_with_memory(), None);
        config.threads = Some(17);
        assert!(config.problem_with_memory().is_some());
    }

    #[test]
    fn unless_they_are_asked_for_there_are_no_more_threads_than_there_is_memory_for() {
        for memory_mib in [216, 512, 4096] {
            let config = Config { memory_mib, ..Config::default() };
            assert_eq!(config.problem_with_memory(), None, "{memory_mib}");
        }
        assert_eq!((threads_max(216), threads_max(512)), (1, 25));
    }
}
