//! How long after a `kill -9` everything is read and judged again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::lines::Lines;
use crate::{topic, unique, way};

const PARTITIONS: i32 = 8;
/// Lines a second in the background.
const RATE: i64 = 1_000;
/// How long instances get to share the work.
const SETTLE: Duration = Duration::from_secs(12);

/// Prints how long it takes until every partition's lines of after the kill are committed as tallies, and until tallies of after the
/// kill are judged.
pub fn measure(brokers: &str, shop: &Lines, rounds: usize) {
    println!(
        "\nresume: {RATE} lines a second, {PARTITIONS} partitions, seconds from the kill to a commit of what came after it"
    );
    println!("{:>6} {:>26} {:>16} {:>8}", "round", "after the kill", "all partitions", "judge");
    for round in 1..=rounds {
        for (what, restarts) in [("the same starts again", true), ("another one takes over", false)] {
            let (tallies, judge) = run(brokers, shop, restarts);
            println!("{round:>6} {what:>26} {:>16.1} {:>8.1}", tallies.as_secs_f64(), judge.as_secs_f64());
        }
    }
}

fn run(brokers: &str, shop: &Lines, restarts: bool) -> (Duration, Duration) {
    let (topic, name) = (unique("bench-resume"), unique("bench-resume-run"));
    topic::create(brokers, &topic, PARTITIONS);
    let start = |instance: &str| {
        way::start(brokers, &topic, &name, &[&format!("kafka.instance={instance}"), "observe.threads=2"])
    };
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| topic::write_live(brokers, &topic, PARTITIONS, shop, RATE, &is_over));
        let victim = start("a");
        std::thread::sleep(SETTLE);
        // The judge is the first one's, and half of the partitions.
        let _other = (!restarts).then(|| start("b"));
        std::thread::sleep(SETTLE);
        let tallies = format!("{name}.tallies");
        let killed = Instant::now();
        drop(victim);
        let of_lines = topic::ends(brokers, &topic, PARTITIONS);
        let _again = restarts.then(|| start("a"));
        // What was in flight at the kill may still be committed: only what came later counts.
        let lines = || topic::committed(brokers, &topic, PARTITIONS, &name);
        way::wait("the observers", || lines().iter().zip(&of_lines).all(|(committed, end)| committed > end));
        let took = killed.elapsed();
        let of_tallies = topic::ends(brokers, &tallies, 1);
        let judged = || topic::committed(brokers, &tallies, 1, &format!("{name}-judge"));
        way::wait("the judge", || judged().iter().zip(&of_tallies).all(|(committed, end)| committed >= end));
        is_over.store(true, Ordering::Relaxed);
        (took, killed.elapsed())
    })
}
