//! How large the tallies are against the lines that they are of. In memory: bytes need no Kafka.

use std::collections::BTreeMap;

use eddyline::decode::Format;
use eddyline::record::{Offset, Partition, Record, TimeBasis, Topic};
use eddyline::stage::Observer;

use crate::lines::{Form, Lines, time_ms};

const LATENESS_MS: i64 = 5_000;
const FLUSH_MS: i64 = 500;

/// Prints the share at several rates.
pub fn measure(shop: &Lines) {
    println!("\ntallies against lines, a flush every {FLUSH_MS} ms, uncompressed bytes");
    println!(
        "{:>6} {:>11} {:>14} {:>10} {:>10} {:>9}",
        "form", "partitions", "lines/s each", "bytes/line", "tally/line", "share %"
    );
    for (form, name) in [(Form::Plain, "plain"), (Form::Json, "json")] {
        for (partitions, lines_per_second) in [(1, 10_000), (8, 10_000), (1, 1_000), (1, 100), (8, 10), (1, 10), (1, 1)]
        {
            let (bytes, tally_bytes, lines) = share(shop, form, partitions, lines_per_second);
            println!(
                "{name:>6} {partitions:>11} {lines_per_second:>14} {:>10.0} {:>10.1} {:>9.1}",
                bytes / lines,
                tally_bytes / lines,
                tally_bytes * 100.0 / bytes
            );
        }
    }
}

/// Bytes of the lines, bytes of their tallies, and how many lines; after a first pass over the recording that is not counted,
/// in which every skeleton is met.
fn share(shop: &Lines, form: Form, partitions: i32, lines_per_second: i64) -> (f64, f64, f64) {
    let topic = Topic::new("logs");
    let all: Vec<Partition> = (0..partitions).map(|number| Partition::new(topic.clone(), number)).collect();
    let roster = BTreeMap::from([(topic, all.len() as u32)]);
    let mut observer = Observer::new(Format::Auto, LATENESS_MS);
    for partition in &all {
        observer.assign(partition.clone(), Offset(0), None);
    }
    let rate = lines_per_second * i64::from(partitions);
    // Seconds count, not lines, where a flush is of a few lines; lines count where it is of many.
    let counted = if rate > 1_000 { 600_000 } else { 100_000 };
    let (mut bytes, mut tally_bytes, mut line) = (0, 0, Vec::new());
    let mut flush_at_ms = time_ms(0, rate) + FLUSH_MS;
    for index in 0..shop.len() + counted {
        let time_ms = time_ms(index, rate);
        line.clear();
        shop.write(index, time_ms, form, &mut line);
        let is_counted = index >= shop.len();
        bytes += if is_counted { line.len() } else { 0 };
        let record = Record {
            offset: Offset(i64::try_from(index / all.len()).unwrap()),
            timestamp: Some((time_ms, TimeBasis::KafkaCreate)),
            value: Some(&line),
        };
        observer.record(&all[index % all.len()], &record, time_ms);
        if time_ms >= flush_at_ms {
            flush_at_ms = time_ms + FLUSH_MS;
            let size = observer.flush(roster.clone()).encode().len();
            tally_bytes += if is_counted { size } else { 0 };
        }
    }
    (bytes as f64, tally_bytes as f64, counted as f64)
}
