//! Partitions of ours in which readers of committed records stand still, because brokers hold a transaction open there that has ended.
//!
//! How it comes to that is said in [`super::left_open`]. The producer that wrote there ends it with its next transaction in that partition; one that
//! writes there no more, since its input or its tallies are read elsewhere now, never does. Nobody here would notice, for we go on, and who
//! reads the events would hear nothing: so it is looked for, and told with the command that ends it.
//!
//! Limits: whether the transaction has ended is not asked, but concluded from how long it lasts. Where retention has deleted its beginning, the offset
//! that is told is not that of its beginning, and the command fails.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::gauge;
use tracing::{debug, error};

use super::Role;
use super::open::Readers;
use super::past::PastError;
use super::refusal::tool;
use super::topics::{Topics, wanted};
use crate::config::{Config, Kafka};
use crate::ops::{Stop, uptime};
use crate::record::{Offset, Partition};

/// No transaction of ours is open for so long, also where brokers are slow: they abort it after 10 s. Less than two looks are apart, so that the
/// third one tells.
const OPEN_FOR_MAX: Duration = Duration::from_secs(50);
/// How often the same is told.
const TOLD_EVERY: Duration = Duration::from_secs(600);

/// Looks at all topics of the installation.
pub struct HeldOpen {
    kafka: Kafka,
    topics: Vec<String>,
    readers: Option<Readers>,
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
        let topics = wanted(config, &Topics::new()).into_iter().map(|topic| topic.name).collect();
        Self { kafka: config.kafka.clone(), topics, readers: None, watch: Watch::default() }
    }

    /// Looks once, and tells what is held open. O(partitions), with two questions to the brokers for each; breaks off where a stop is requested.
    pub fn look(&mut self, stop: &Stop) {
        let ends = match self.ends(stop) {
            Ok(ends) => ends,
            Err(error) => return debug!(%error, "asking how far committed records go"),
        };
        let (count, told) = self.watch.look(uptime(), ends);
        gauge!("eddyline_partitions_held_open").set(count as f64);
        for (partition, held) in told {
            let (topic, number) = (partition.topic.name(), partition.number);
            let tool = tool(&self.kafka, "kafka-transactions.sh");
            let command = format!("{tool} abort --topic {topic} --partition {number} --start-offset {}", held.at.0);
            let for_s = uptime().saturating_sub(held.since).as_secs();
            error!(%partition, offset = held.at.0, for_s, %command,
                "a transaction that has ended seems to be held open, so that who reads committed records gets no further; if it stays, let somebody who may run this \
                 command, which aborts it: its records are then missing there");
        }
    }

    /// Of partitions that do not answer nothing is said.
    fn ends(&mut self, stop: &Stop) -> Result<BTreeMap<Partition, Ends>, PastError> {
        let role = Role::judge(&self.kafka);
        let readers = match self.readers.take() {
            Some(readers) => readers,
            None => Readers::open(&self.kafka, &role)?,
        };
        let Readers { committed, all } = self.readers.insert(readers);
        let mut ends = BTreeMap::new();
        for partition in self.topics.iter().filter_map(|topic| committed.partitions(topic).ok()).flatten() {
            if stop.is_requested() {
                break;
            }
            // In this order, so that what is written in between is not taken for held open.
            let (Ok(last), Ok(stable)) = (all.retained(&partition), committed.retained(&partition)) else { continue };
            ends.insert(partition, Ends { stable: stable.to, last: last.to });
        }
        Ok(ends)
    }
}

/// Where readers stand, since when, and when that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    at: Offset,
    since: Duration,
    told: Option<Duration>,
}

/// What was held open at the last look.
#[derive(Default)]
struct Watch(BTreeMap<Partition, Held>);

impl Watch {
    /// How many partitions are held open for longer than a transaction can be, and those that are to be told.
    fn look(&mut self, now: Duration, ends: BTreeMap<Partition, Ends>) -> (usize, Vec<(Partition, Held)>) {
        for (partition, Ends { stable, last }) in ends {
            if stable >= last {
                self.0.remove(&partition);
                continue;
            }
            let new = Held { at: stable, since: now, told: None };
            let held = self.0.entry(partition).or_insert(new);
            if held.at != stable {
                *held = new;
            }
        }
        let (mut count, mut told) = (0, Vec::new());
        for (partition, held) in &mut self.0 {
            if now.saturating_sub(held.since) < OPEN_FOR_MAX {
                continue;
            }
            count += 1;
            if held.told.is_none_or(|told| now.saturating_sub(told) >= TOLD_EVERY) {
                held.told = Some(now);
                told.push((partition.clone(), *held));
            }
        }
        (count, told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Topic;

    /// How many are held open, and of how many that is told.
    fn look(watch: &mut Watch, at_s: u64, stable: i64, last: i64) -> (usize, usize) {
        let partition = Partition::new(Topic::new("events"), 0);
        let ends = BTreeMap::from([(partition, Ends { stable: Offset(stable), last: Offset(last) })]);
        let (count, told) = watch.look(Duration::from_secs(at_s), ends);
        (count, told.len())
    }

    #[test]
    fn what_stands_still_with_records_behind_it_is_held_open_and_told_now_and_then() {
        let mut watch = Watch::default();
        let said: Vec<_> = (0..26).map(|number| look(&mut watch, number * 30, 7, 9)).collect();
        assert_eq!(said[..4], [(0, 0), (0, 0), (1, 1), (1, 0)]);
        assert_eq!(said.iter().map(|(_, told)| told).sum::<usize>(), 2);
        assert_eq!(watch.look(Duration::from_secs(800), BTreeMap::new()), (1, Vec::new()), "it does not answer");
        assert_eq!(look(&mut watch, 810, 15, 15), (0, 0), "it is over");
    }

    #[test]
    fn transactions_that_come_and_go_are_not() {
        let mut watch = Watch::default();
        for number in 0..100_u32 {
            let stable = i64::from(number) * 5;
            assert_eq!(look(&mut watch, u64::from(number) * 30, stable, stable + 3), (0, 0));
        }
        assert!(
            (100..200).all(|number| look(&mut watch, number * 30, 500, 500) == (0, 0)),
            "at its end nothing is open"
        );
    }
}
