//! What can be configured, where it comes from, and what is wrong with it.
//!
//! Every key stands once in [`KEYS`] with its meaning, its default and how it is read; files, `--set` and the reference in
//! the README all go through that table. Unknown keys are errors, and all errors are reported at once.

mod key;
mod load;
mod memory;
mod print;
mod secret;
mod time;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use key::{KEYS, Key};
pub use load::{Layer, Problem, Problems, load};
pub use memory::Shares;
pub use print::print;
pub use secret::Secret;
pub use time::{moment_ms, span_ms};

use sha2::{Digest, Sha256};

use crate::decode::{Format, LINE_BYTES};
use crate::publish::Provenance;
use crate::score::Budget;
use crate::template::Masks;

/// The whole configuration, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `kafka.*`.
    pub kafka: Kafka,
    /// `input.topics`: the topics of logs.
    pub topics: Vec<String>,
    /// `input.format`.
    pub format: Format,
    /// `start.history`: how far back the very first start begins, in milliseconds; `None` reads what is retained and publishes from
    /// the beginning.
    pub history_ms: Option<i64>,
    /// `observe.flush_ms`: how often tallies are sent, in milliseconds; after half of it where a second of log time is over.
    pub flush_ms: u64,
    /// `observe.lateness_ms`: how far a line may be behind the lines before it, in milliseconds.
    pub lateness_ms: i64,
    /// `observe.threads`: worker threads; `None` is one for each core, where there is memory for so many.
    pub threads: Option<usize>,
    /// `templates.masks`.
    pub masks: Masks,
    /// `limits.memory_mib`: what the process may take of memory, in MiB.
    pub memory_mib: u32,
    /// `limits.line_bytes`: how much of a line is looked at.
    pub line_bytes: usize,
    /// `judge.false_findings_per_day`.
    pub budget: Budget,
    /// `snapshots.every_s`: the pause between two snapshots of a judge, in seconds; `None` takes none.
    pub snapshot_every_s: Option<u64>,
    /// `snapshots.directory`: where snapshots are kept; `None` is the snapshots topic.
    pub snapshot_directory: Option<PathBuf>,
    /// `publish.scored`: whether to write `<input>.scored`.
    pub scored: bool,
    /// `admin.listen`: where the admin pages are served.
    pub admin_listen: SocketAddr,
    /// `admin.token`: what `/status` asks for; `None` serves it on the loopback only.
    pub admin_token: Option<Secret>,
}

/// How to reach Kafka and under which names.
#[derive(Clone, Debug, PartialEq)]
pub struct Kafka {
    /// `kafka.brokers`.
    pub brokers: String,
    /// `kafka.group`: the consumer group of the observers; the judges' is `<group>-judge`.
    pub group: String,
    /// `kafka.instance`: the name of this process within the group, stable over restarts.
    pub instance: String,
    /// `kafka.prefix`: what the names of Eddyline's own topics begin with.
    pub prefix: String,
    /// `kafka.properties`: passed on to librdkafka as they are. Any may be a secret, so all are kept as such.
    pub properties: BTreeMap<String, Secret>,
}

impl Kafka {
    /// What a property is set to, where it is.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(Secret::expose)
    }

    /// The name of one of Eddyline's own topics.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kafka: Kafka {
                brokers: String::new(),
                group: "eddyline".to_owned(),
                instance: String::new(),
                prefix: "eddyline.".to_owned(),
                properties: BTreeMap::new(),
            },
            topics: Vec::new(),
            format: Format::Auto,
            history_ms: None,
            flush_ms: 500,
            lateness_ms: 5_000,
            threads: None,
            masks: Masks::default(),
            memory_mib: 512,
            line_bytes: LINE_BYTES,
            budget: Budget::default(),
            snapshot_every_s: Some(30),
            snapshot_directory: None,
            scored: false,
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9_600)),
            admin_token: None,
        }
    }
}

impl Config {
    /// What events say of the configuration: a hash of the keys that change them. Names and addresses of Kafka, threads
    /// and intervals change no event, so they are not in it.
    pub fn provenance(&self) -> Provenance {
        let Self { format, lateness_ms, line_bytes, budget, .. } = self;
        let mut keys = format!(
            "input.format={format:?}\nobserve.lateness_ms={lateness_ms}\nlimits.line_bytes={line_bytes}\n\
             judge.false_findings_per_day={:?}\n",
            budget.false_findings_per_day
        );
        if !self.masks.is_empty() {
            keys.push_str(&format!("templates.masks={:016x}\n", self.masks.identity()));
        }
        let config_hash = digest(&keys);
        Provenance { state_id: digest(&format!("{}\n{config_hash}", env!("CARGO_PKG_VERSION"))), config_hash }
    }

    /// What is wrong where only Eddyline's own topics are read: nothing to connect to.
    pub fn problems_with_brokers(&self) -> Vec<Problem> {
        let is_missing = self.kafka.brokers.is_empty();
        let problem = || Problem::new("kafka.brokers", "is not set", "name the brokers: --brokers HOST:PORT,…");
        is_missing.then(problem).into_iter().collect()
    }

    /// What is wrong only when Kafka is used: nothing to connect to, nothing to read, names that would bite each other.
    pub fn problems_with_kafka(&self) -> Vec<Problem> {
        let mut problems = self.problems_with_brokers();
        if self.topics.is_empty() {
            problems.push(Problem::new("input.topics", "is not set", "name the topics of logs: --topics A,B"));
        }
        problems.extend(self.problem_with_memory());
        for topic in &self.topics {
            if topic.starts_with(&self.kafka.prefix) {
                problems.push(Problem::new(
                    "input.topics",
                    &format!("names {topic}, a topic of Eddyline's own (they begin with {})", self.kafka.prefix),
                    "read topics of logs, or set kafka.prefix",
                ));
            }
        }
        problems
    }
}

/// `sha256:` and the first 16 hex digits.
fn digest(text: &str) -> String {
    let digits: String = Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provenance_tells_configurations_apart_that_judge_otherwise() {
        let usual = Config::default();
        let lax = Config { budget: Budget { false_findings_per_day: 5.0 }, ..usual.clone() };
        let elsewhere = Config { threads: Some(3), flush_ms: 50, ..usual.clone() };
        assert_ne!(usual.provenance(), lax.provenance());
        assert_eq!(usual.provenance(), elsewhere.provenance());
    }
}
