//! The settings of the two clients, each with its reason.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::producer::TRANSACTION_TIMEOUT;
use crate::config::{Kafka, Shares};

/// Who a client is: a stage and a thread of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The consumer group.
    pub group: String,
    /// The member's name within the group, stable over restarts.
    pub member: String,
    /// Whether a topic that ends before what was read of it is read from its beginning: logs were not seen, but what tallies say was
    /// published.
    pub reads_anew: bool,
}

/// The header of a record that says the transactional id of who wrote it.
pub(super) const PRODUCER: &str = "eddyline-producer";

impl Role {
    /// The observer on this thread.
    pub fn observer(kafka: &Kafka, thread: usize) -> Self {
        Self { group: kafka.group.clone(), member: format!("{}-{thread}", kafka.instance), reads_anew: true }
    }

    /// The judge.
    pub fn judge(kafka: &Kafka) -> Self {
        Self { group: format!("{}-judge", kafka.group), member: kafka.instance.clone(), reads_anew: false }
    }

    /// The name of its transactional producer: the same after a restart, so that the successor ends its forerunner's transaction
    /// instead of waiting for it.
    pub(super) fn transactional_id(&self) -> String {
        format!("{}-{}", self.group, self.member)
    }
}

/// Enough to keep a thread busy: more waiting records make nothing faster.
const FETCHED_RECORDS_MAX: u32 = 50_000;

fn common(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &kafka.brokers)
        .set("client.id", "eddyline")
        // Topics are created on purpose, or not at all.
        .set("allow.auto.create.topics", "false")
        // A broker that comes back is used at once, not after ten seconds.
        .set("reconnect.backoff.max.ms", "1000");
    config
}

/// The user's properties win over our defaults. Some are only known to one kind of client, which librdkafka says in a log
/// line only, so all are given to both.
fn with_properties(mut config: ClientConfig, kafka: &Kafka) -> ClientConfig {
    for (property, value) in &kafka.properties {
        config.set(property, value.expose());
    }
    config
}

/// A client that only looks: metadata, creation of topics.
pub(super) fn admin(kafka: &Kafka) -> ClientConfig {
    with_properties(common(kafka), kafka)
}

/// What every reader has in common.
fn reading(kafka: &Kafka, role: &Role) -> ClientConfig {
    let mut config = common(kafka);
    config
        .set("group.id", &role.group)
        // Offsets are committed in the transaction of what came out of them, never by the consumer.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // A position is always given. Where it is not there (retention overtook us, or the topic was made anew) reading ends, and
        // whoever connects anew looks up what there is, and says so.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed");
    config
}

/// The consumer of a group member.
pub(super) fn consumer(kafka: &Kafka, role: &Role, shares: Shares) -> ClientConfig {
    let mut config = reading(kafka, role);
    config
        // Both are limits of the one queue that all partitions share: nothing is fetched while it is above either. An answer may go
        // beyond them by its whole size, and that is of compressed bytes, so it is kept small; a batch that is larger than its
        // limits comes all the same.
        .set("queued.min.messages", shares.fetched_records.min(FETCHED_RECORDS_MAX).to_string())
        .set("queued.max.messages.kbytes", shares.fetched_kib.to_string())
        .set("fetch.max.bytes", (shares.fetched_kib << 6).max(1 << 20).to_string())
        .set("fetch.message.max.bytes", (shares.fetched_kib << 4).max(64 << 10).to_string())
        .set("fetch.wait.max.ms", "50")
        .set("fetch.queue.backoff.ms", "10")
        // Where a partition ends and how far it lags comes with the statistics.
        .set("statistics.interval.ms", "1000");
    if kafka.property("group.protocol") != Some("consumer") {
        // A restart within the session time-out moves no partition. (With the protocol of KIP-848 a static member that was
        // killed blocks its own return until the broker's time-out.)
        config
            .set("group.instance.id", &role.member)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000");
    }
    with_properties(config, kafka)
}

/// A consumer outside of any group, which reads a topic to its end.
pub(super) fn reader(kafka: &Kafka, role: &Role) -> ClientConfig {
    let mut config = reading(kafka, role);
    config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
    with_properties(config, kafka)
}

/// The same, of stretches that may be long: it fetches ahead, but no more of each partition than this.
pub(super) fn past(kafka: &Kafka, role: &Role) -> ClientConfig {
    let mut config = reading(kafka, role);
    config
        .set("enable.partition.eof", "true")
        .set("queued.min.messages", "10000")
        .set("queued.max.messages.kbytes", "8192")
        .set("fetch.wait.max.ms", "50")
        .set("fetch.queue.backoff.ms", "10");
    with_properties(config, kafka)
}

/// The transactional producer of a group member.
pub(super) fn producer(kafka: &Kafka, role: &Role) -> ClientConfig {
    let mut config = common(kafka);
    config
        .set("transactional.id", role.transactional_id())
        .set("transaction.timeout.ms", TRANSACTION_TIMEOUT.as_millis().to_string())
        .set("linger.ms", "5")
        .set("compression.codec", "lz4")
        .set("batch.num.messages", "10000")
        // Above one record of the largest size; what is in it at most is what a worker gathers for one transaction.
        .set("queue.buffering.max.kbytes", "65536")
        // Else the first request of a transaction waits for 100 ms when it meets the end of the one before.
        .set("retry.backoff.ms", "10")
        // The broker's topics decide how large a record may be, not the client.
        .set("message.max.bytes", "33554432");
    let mut config = with_properties(config, kafka);
    // Whether a connection broke is told by these messages only (see `deliveries`).
    let debug = kafka.property("debug").map_or_else(|| "broker".to_owned(), |given| format!("broker,{given}"));
    config.set("debug", debug).set_log_level(RDKafkaLogLevel::Debug);
    config
}

/// Says the same error of librdkafka once in a while only: while a broker is away it comes many times a second.
#[derive(Default)]
pub(super) struct Complaints {
    said: Mutex<Vec<(RDKafkaErrorCode, Instant)>>,
}

impl Complaints {
    const EVERY: Duration = Duration::from_secs(10);

    /// Says an error of this client, unless it was said just now.
    pub(super) fn say(&self, client: &str, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|(_, at)| at.elapsed() < Self::EVERY);
        if said.iter().any(|(said, _)| *said == code) {
            return;
        }
        said.push((code, Instant::now()));
        tracing::warn!(client, reason, "{}", describe(error));
    }
}

/// An error of Kafka in one line, without the names of Rust's types.
pub fn describe(error: &KafkaError) -> String {
    match (error.rdkafka_error_code(), error) {
        (Some(code), _) => format!("{code}"),
        // The error's own text has the value in it, which may be a password under a name with a typing error.
        (None, KafkaError::ClientConfig(_, what, property, _)) => format!("{property}: {what}"),
        (None, KafkaError::ClientCreation(what)) => what.clone(),
        (None, error) => error.to_string(),
    }
}
