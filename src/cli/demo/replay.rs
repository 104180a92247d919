//! Sends the recording through Kafka, with its own times, many times as fast.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::Deserialize;

const RECORDING: &[u8] = include_bytes!("shop.jsonl.zst");

#[derive(Deserialize)]
struct Line {
    ts: f64,
}

/// Sends every line of the recording to `topic`, without keys. Returns how many there were.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century fit")]
pub(super) fn produce(brokers: &str, topic: &str, speed: f64) -> anyhow::Result<u64> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.codec", "zstd")
        // The mock cluster hands out one batch for each request: few large ones are read faster.
        .set("linger.ms", "50")
        .set("batch.num.messages", "10000")
        .create()?;
    let recording = BufReader::new(zstd::stream::read::Decoder::new(RECORDING)?);
    let (mut lines, mut begun, started) = (0, None, Instant::now());
    for line in recording.lines() {
        let line = line.context("the recording")?;
        let Line { ts } = serde_json::from_str(&line).context("the recording")?;
        let begun = *begun.get_or_insert(ts);
        let due = Duration::from_secs_f64((ts - begun).max(0.0) / speed);
        if let Some(early) = due.checked_sub(started.elapsed()) {
            producer.poll(early);
        }
        let mut record = BaseRecord::<(), str>::to(topic).payload(&line).timestamp((ts * 1_000.0) as i64);
        while let Err((error, unsent)) = producer.send(record) {
            match error {
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => producer.poll(Duration::from_millis(10)),
                error => return Err(error.into()),
            }
            record = unsent;
        }
        lines += 1;
    }
    producer.flush(Duration::from_secs(10))?;
    Ok(lines)
}
