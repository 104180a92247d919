//! What a transaction costs, through the program's own code.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eddyline::config::{Config, Shares};
use eddyline::ops::{Stop, View};
use eddyline::publish::{Destination, OutputRecord};
use eddyline::record::{Offset, Partition};
use eddyline::stream::kafka::{KafkaLog, Role};
use eddyline::stream::{Log, Rebalance, Transaction};

use crate::{topic, unique};

/// Transactions of each size.
const TRANSACTIONS: usize = 60;
/// The pause before each: as after a wait for lines, so the producer is idle.
const PAUSE: Duration = Duration::from_millis(50);
/// The size of an output, about that of a small tally.
const OUTPUT_BYTES: usize = 200;

/// Prints how long commits of several sizes take, on the wall clock.
pub fn measure(brokers: &str) {
    let mut kafka = Config::default().kafka;
    brokers.clone_into(&mut kafka.brokers);
    kafka.group = unique("bench-commit");
    kafka.instance = "bench".to_owned();
    kafka.prefix = format!("{}.", kafka.group);
    let input = unique("bench-commit-input");
    topic::create(brokers, &input, 1);
    topic::create(brokers, &kafka.topic("tallies"), 1);
    let mut log = KafkaLog::join(
        &kafka,
        Role::observer(&kafka, 0),
        &[&input],
        Shares::of(512, 1),
        Arc::new(View::default()),
        Stop::default(),
    )
    .unwrap();
    let partition = join(&mut log);
    println!("\ncommit: {TRANSACTIONS} transactions of each size, {} ms apart, wall ms", PAUSE.as_millis());
    println!("{:>8} {:>8} {:>8} {:>8}", "outputs", "min", "p50", "p95");
    for outputs in [0, 1, 100] {
        let mut took: Vec<f64> = (0..TRANSACTIONS)
            .map(|_| {
                std::thread::sleep(PAUSE);
                poll(&mut log);
                commit(&mut log, &partition, outputs).as_secs_f64() * 1e3
            })
            .collect();
        took.sort_by(f64::total_cmp);
        let at = |percent: usize| took[took.len() * percent / 100];
        println!("{outputs:>8} {:>8.1} {:>8.1} {:>8.1}", took[0], at(50), at(95));
    }
    log.leave();
}

fn commit(log: &mut KafkaLog, partition: &Partition, outputs: usize) -> Duration {
    let output = OutputRecord {
        destination: Destination::Tallies,
        partition: Some(0),
        key: None,
        value: Some(vec![b'x'; OUTPUT_BYTES]),
        headers: Vec::new(),
        timestamp_ms: None,
    };
    let mut transaction = Transaction { outputs: vec![output; outputs], ..Transaction::default() };
    transaction.offsets.insert(partition.clone(), (Offset(0), "metadata as of a partition's clock".to_owned()));
    let started = Instant::now();
    log.commit(&transaction, false).unwrap();
    started.elapsed()
}

/// Becomes a member of the group and takes the only partition.
fn join(log: &mut KafkaLog) -> Partition {
    loop {
        poll(log);
        match log.rebalance() {
            Some(Rebalance::Assign(partitions)) => {
                let found = log.committed(&partitions).unwrap();
                let positions: Vec<_> =
                    found.into_iter().map(|(partition, _, there)| (partition, there.first)).collect();
                log.assign(&positions).unwrap();
                if let Some(partition) = partitions.into_iter().next() {
                    return partition;
                }
            }
            Some(Rebalance::Revoke { partitions, .. }) => log.unassign(&partitions).unwrap(),
            None => {}
        }
    }
}

fn poll(log: &mut KafkaLog) {
    log.poll(Duration::from_millis(10), &mut |_, _| std::ops::ControlFlow::Continue(())).unwrap();
}
