//! What a process has used of the processors.

use std::time::Duration;

/// The kernel counts in ticks of ten milliseconds: `USER_HZ` is 100 on every architecture of Linux.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of all threads of a process, ended ones included, to ten milliseconds.
pub fn of_process(id: u32) -> Duration {
    of_stat(&std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap()).1
}

/// CPU time of the threads that run now, by name.
pub fn of_threads(id: u32) -> Vec<(String, Duration)> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let mut threads: Vec<_> =
        threads.flatten().flat_map(|thread| std::fs::read_to_string(thread.path().join("stat"))).collect();
    threads.sort();
    threads.iter().map(|stat| of_stat(stat)).collect()
}

/// Name, and time in user mode and in the kernel. Source: `proc_pid_stat(5)`, fields 2, 14 and 15.
fn of_stat(stat: &str) -> (String, Duration) {
    let (before, after) = stat.rsplit_once(") ").unwrap();
    let name = before.split_once('(').unwrap().1.to_owned();
    let ticks: u32 = after.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    (name, TICK * ticks)
}
