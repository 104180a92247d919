//! Partitions of ours in which readers of committed records stand still, because brokers hold a transaction open there that has ended.
//!
//! How it comes to that is said in [`super::left_open`]. The producer that wrote there ends it with its next transaction in that partition; one that
//! writes there no more, since its input or its tallies are read elsewhere now, never does. Nobody here would notice, for we go on, and who
//! reads the events would hear nothing: so it is looked for, and told with the command that ends it.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::gauge;
use tracing::{debug, error};

use super::Role;
use super::past::{Past, PastError};
use super::producer::TRANSACTION_TIMEOUT;
use super::refusal::tool;
use crate::config::{Config, Kafka};
use crate::ops::uptime;
use crate::record::{Offset, Partition};

/// No transaction is open for so long: brokers look only now and then whether the time of one is over.
const OPEN_FOR_MAX: Duration = TRANSACTION_TIMEOUT.saturating_mul(3);

/// Looks at the topics that this instance writes.
pub struct HeldOpen {
    kafka: Kafka,
    topics: Vec<String>,
    watch: Watch,
}

/// How far readers of committed records get in a partition, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    stable: Offset,
    last: Offset,
}

impl HeldOpen {
    /// With this configuration.
    pub fn new(config: &Config) -> Self {
        let ours =
            ["anomalies", "episodes", "templates", "tallies", "deadletters"].map(|name| config.kafka.topic(name));
        let scored = config.topics.iter().filter(|_| config.scored).map(|topic| format!("{topic}.scored"));
        Self { kafka: config.kafka.clone(), topics: ours.into_iter().chain(scored).collect(), watch: Watch::default() }
    }

    /// Looks once, and tells what is held open. O(partitions), with two questions to the brokers for each.
    pub fn look(&mut self) {
        let ends = match self.ends() {
            Ok(ends) => ends,
            // Where no broker answers, whoever reads and writes says so.
            Err(error) => return debug!(%error, "asking how far committed records go"),
        };
        let held = self.watch.look(uptime(), ends);
        gauge!("eddyline_partitions_held_open").set(held.len() as f64);
        for (partition, Held { at, since }) in held {
            let (topic, number) = (partition.topic.name(), partition.number);
            let tool = tool(&self.kafka, "kafka-transactions.sh");
            let command = format!("{tool} abort --topic {topic} --partition {number} --start-offset {}", at.0);
            let for_s = uptime().saturating_sub(since).as_secs();
            error!(%partition, offset = at.0, for_s, %command,
                "a transaction that has ended is held open, so that who reads committed records gets no further; if it stays, this command ends it");
        }
    }

    fn ends(&self) -> Result<BTreeMap<Partition, Ends>, PastError> {
        let role = Role::judge(&self.kafka);
        let (committed, all) = (Past::open(&self.kafka, &role)?, Past::open_to_all(&self.kafka, &role)?);
        let mut ends = BTreeMap::new();
        for topic in &self.topics {
            for partition in committed.partitions(topic)? {
                // In this order, so that what is written in between is not taken for held open.
                let last = all.retained(&partition)?.to;
                let stable = committed.retained(&partition)?.to;
                ends.insert(partition, Ends { stable, last });
            }
        }
        Ok(ends)
    }
}

/// Where readers stand, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    at: Offset,
    since: Duration,
}

/// What was held open at the last look.
#[derive(Default)]
struct Watch(BTreeMap<Partition, Held>);

impl Watch {
    /// What is held open for longer than a transaction can be.
    fn look(&mut self, now: Duration, ends: BTreeMap<Partition, Ends>) -> Vec<(Partition, Held)> {
        let held = ends.into_iter().filter(|(_, ends)| ends.stable < ends.last).map(|(partition, ends)| {
            let before = self.0.get(&partition).filter(|held| held.at == ends.stable);
            let held = before.copied().unwrap_or(Held { at: ends.stable, since: now });
            (partition, held)
        });
        self.0 = held.collect();
        let is_over = |held: &Held| now.saturating_sub(held.since) >= OPEN_FOR_MAX;
        self.0.iter().filter(|(_, held)| is_over(held)).map(|(partition, held)| (partition.clone(), *held)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Topic;

    fn look(watch: &mut Watch, at_s: u64, stable: i64, last: i64) -> Option<(i64, u64)> {
        let partition = Partition::new(Topic::new("events"), 0);
        let ends = BTreeMap::from([(partition, Ends { stable: Offset(stable), last: Offset(last) })]);
        let held = watch.look(Duration::from_secs(at_s), ends);
        held.first().map(|(_, held)| (held.at.0, held.since.as_secs()))
    }

    #[test]
    fn what_stands_still_with_records_behind_it_is_held_open() {
        let mut watch = Watch::default();
        let said: Vec<_> =
            (0..6).map(|look_number| look(&mut watch, look_number * 10, 7, 9 + look_number as i64)).collect();
        assert_eq!(said, [None, None, None, Some((7, 0)), Some((7, 0)), Some((7, 0))]);
        assert_eq!(look(&mut watch, 60, 15, 15), None, "it is over");
    }

    #[test]
    fn transactions_that_come_and_go_are_not() {
        let mut watch = Watch::default();
        assert!(
            (0..100).all(|number| look(&mut watch, number * 10, number as i64 * 5, number as i64 * 5 + 3).is_none())
        );
        assert!(
            (100..200).all(|number| look(&mut watch, number * 10, 500, 500).is_none()),
            "at its end nothing is open"
        );
    }
}
