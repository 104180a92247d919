//! Partitions that a group gave to no member, though it is at rest.
//!
//! *How it comes to that*: in a cooperative rebalance (KIP-429) a member gives a partition up in one generation, and joins again, so that
//! another one is given it in the next. Where that member is killed between joining and being given its new share, and started again
//! under its static name (KIP-345), the group hands it the share of its former self and starts no new generation. It has
//! nothing to give up, so it does not join again, and nobody reads the partition until somebody comes or goes.
//!
//! *What ends it*: that somebody comes and goes. A consumer without a name joins the group and leaves it; no member has to stop reading for it.
//! Of all instances that see it, that of the first member does so.
//!
//! Groups of KIP-848 are not looked at: there the brokers themselves follow what each member has given up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use tracing::{debug, warn};

use super::consumer::Events;
use super::members::{Member, members_at_rest};
use super::{Client, Role, Topics, client, describe};
use crate::config::Config;
use crate::ops::Stop;
use crate::record::{Partition, Topic};

/// How long the brokers may take to say who has what.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the group may take to let somebody in: as long as its slowest member takes to join again.
const VISIT_MAX: Duration = Duration::from_secs(30);
/// A partition that nobody was given at so many looks in a row is missed. In the midst of a rebalance a group is at rest for a moment, too.
const LOOKS_MIN: u32 = 2;
/// Where a visit does not help, the next one waits for twice as many looks, but for no more than these.
const LOOKS_MAX: u32 = 64;

/// So many looks are left out at most after some that failed: `rd_kafka_list_groups` asks every broker, and while one is away it takes the whole
/// time-out and loses some memory each time (what was found of the others, which rdkafka 0.39 does not free).
const LEFT_OUT_MAX: u32 = 15;

/// Looks at the groups of the observers and of the judges.
pub struct Unassigned {
    config: Config,
    groups: [Group; 2],
    /// How many looks are still to be left out.
    left_out: u32,
    /// How many were to be after the last look: more after each that failed.
    pause: u32,
}

/// A group, and what nobody in it was given.
struct Group {
    role: Role,
    /// The names of our own members.
    ours: Vec<String>,
    /// What it reads, with how many partitions there were at the start.
    topics: Topics,
    missed: Missed,
}

impl Unassigned {
    /// With this configuration; `topics` says how many partitions all topics have.
    pub fn new(config: &Config, topics: &Topics) -> Self {
        let (kafka, threads) = (&config.kafka, config.threads_in_force());
        let some = |names: &[String]| {
            let named = names.iter().map(|name| Topic::new(name));
            named.map(|topic| (topic.clone(), topics.get(&topic).copied().unwrap_or(0))).collect()
        };
        let observers = Group {
            role: Role::observer(kafka, 0),
            ours: (0..threads).map(|thread| Role::observer(kafka, thread).member).collect(),
            topics: some(&config.topics),
            missed: Missed::default(),
        };
        let judge = Role::judge(kafka);
        let judges = Group {
            ours: vec![judge.member.clone()],
            role: judge,
            topics: some(&[kafka.topic("tallies")]),
            missed: Missed::default(),
        };
        Self { config: config.clone(), groups: [observers, judges], left_out: 0, pause: 0 }
    }

    /// Looks at both groups, and has one assign anew where that is needed and it is for us to do. `inputs` says how many
    /// partitions the input topics have by now. Takes milliseconds, or as long as a rebalance.
    pub fn look(&mut self, client: &Client, inputs: &Topics, stop: &Stop) {
        if self.left_out > 0 {
            self.left_out -= 1;
            return;
        }
        let mut has_failed = false;
        for group in &mut self.groups {
            let partitions = group.look(client, inputs);
            has_failed |= partitions.is_err();
            let name = &group.role.group;
            // Where no broker answers, whoever reads says so.
            let partitions =
                partitions.inspect_err(|error| debug!(group = name, reason = describe(error), "asking who reads what"));
            let partitions: Vec<String> = partitions.unwrap_or_default().iter().map(ToString::to_string).collect();
            if partitions.is_empty() {
                continue;
            }
            let partitions = partitions.join(" ");
            warn!(
                group = name,
                partitions, "given to no member of the group: joining it for a moment, so that it assigns anew"
            );
            metrics::counter!("eddyline_reassignments_total").increment(1);
            if let Err(error) = group.visit(&self.config, stop) {
                warn!(group = name, reason = describe(&error), "joining for a moment");
            }
        }
        self.pause = if has_failed { (self.pause * 2 + 1).min(LEFT_OUT_MAX) } else { 0 };
        self.left_out = self.pause;
    }
}

impl Group {
    /// The partitions that it is for us to see given to somebody.
    fn look(&mut self, client: &Client, inputs: &Topics) -> Result<BTreeSet<Partition>, KafkaError> {
        let members = members_at_rest(client, &self.role.group, QUESTION_TIMEOUT)?;
        let mut all = BTreeSet::new();
        for (topic, &known) in &self.topics {
            let count = inputs.get(topic).copied().unwrap_or(known);
            all.extend(
                (0..count).map(|number| Partition::new(topic.clone(), i32::try_from(number).unwrap_or(i32::MAX))),
            );
        }
        let missed = self.missed.look(&members, all);
        Ok(if is_first(&self.ours, &members) { missed } else { BTreeSet::new() })
    }

    /// Joins under no name, and leaves as soon as there is a new generation.
    fn visit(&self, config: &Config, stop: &Stop) -> Result<(), KafkaError> {
        let mut settings = client::consumer(&config.kafka, &self.role, config.shares());
        settings.remove("group.instance.id");
        let consumer: BaseConsumer<Events> = settings.create_with_context(Events::default())?;
        let topics: Vec<&str> = self.topics.keys().map(Topic::name).collect();
        consumer.subscribe(&topics)?;
        let began = Instant::now();
        while !consumer.context().has_rebalances() && began.elapsed() < VISIT_MAX && !stop.is_requested() {
            // Nothing is assigned, so nothing is read; it is how the client is driven.
            drop(consumer.poll(Duration::from_millis(50)));
        }
        consumer.context().close(&consumer);
        Ok(())
    }
}

/// What nobody was given, look after look.
#[derive(Debug)]
struct Missed {
    partitions: BTreeSet<Partition>,
    /// At how many looks in a row, and how many it takes.
    looks: u32,
    patience: u32,
}

impl Default for Missed {
    fn default() -> Self {
        Self { partitions: BTreeSet::new(), looks: 0, patience: LOOKS_MIN }
    }
}

impl Missed {
    /// Those of all partitions that were given to nobody for long enough. A group without members has none to give them to.
    fn look(&mut self, members: &[Member], all: BTreeSet<Partition>) -> BTreeSet<Partition> {
        let mut missing = all;
        for given in members.iter().flat_map(|member| &member.partitions) {
            missing.remove(given);
        }
        if members.is_empty() || missing.is_empty() {
            *self = Self::default();
            return BTreeSet::new();
        }
        self.partitions.retain(|partition| missing.contains(partition));
        if self.partitions.is_empty() {
            *self = Self { partitions: missing, ..Self::default() };
        }
        self.looks += 1;
        if self.looks < self.patience {
            return BTreeSet::new();
        }
        self.looks = 0;
        self.patience = (self.patience * 2).min(LOOKS_MAX);
        self.partitions.clone()
    }
}

/// Whether the first of the members, by name, is one of ours.
fn is_first(ours: &[String], members: &[Member]) -> bool {
    let first = members.iter().map(|member| &member.name).min();
    first.is_some_and(|name| ours.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, partitions: &[i32]) -> Member {
        let partitions = partitions.iter().map(|&number| Partition::new(Topic::new("logs"), number)).collect();
        Member { name: name.to_owned(), partitions }
    }

    fn missed(missed: &mut Missed, members: &[Member]) -> Vec<i32> {
        let all = (0..4).map(|number| Partition::new(Topic::new("logs"), number)).collect();
        missed.look(members, all).into_iter().map(|partition| partition.number).collect()
    }

    #[test]
    fn what_nobody_was_given_twice_in_a_row_is_missed_and_then_less_and_less_often() {
        let (mut looks, members) = (Missed::default(), [member("a-0", &[0, 1]), member("a-1", &[2])]);
        let said: Vec<usize> = (1..64).filter(|_| !missed(&mut looks, &members).is_empty()).collect();
        assert_eq!(said, [2, 6, 14, 30, 62]);
    }

    #[test]
    fn what_is_given_in_between_is_not_missed() {
        let mut looks = Missed::default();
        let (some, all) = (member("a-0", &[0, 1, 2]), member("a-0", &[0, 1, 2, 3]));
        for _ in 0..5 {
            assert!(missed(&mut looks, std::slice::from_ref(&some)).is_empty());
            assert!(missed(&mut looks, std::slice::from_ref(&all)).is_empty());
        }
        // Another one each time: partitions are on their way.
        for number in [0, 1, 2, 3, 0, 1] {
            let others: Vec<i32> = (0..4).filter(|other| *other != number).collect();
            assert!(missed(&mut looks, &[member("a-0", &others)]).is_empty());
        }
        assert_eq!(missed(&mut looks, &[member("a-0", &[0, 2])]), [1], "the one that stays");
    }

    #[test]
    fn a_group_that_is_not_at_rest_misses_nothing() {
        let mut looks = Missed::default();
        assert!((0..10).all(|_| missed(&mut looks, &[]).is_empty()));
    }

    #[test]
    fn one_instance_is_the_first() {
        let members = [member("eddyline", &[]), member("b-0", &[]), member("a-10", &[]), member("a-b-0", &[])];
        let ours = |name: &str| [format!("{name}-0"), format!("{name}-10")];
        assert!(is_first(&ours("a"), &members));
        assert!(!is_first(&ours("b"), &members));
        assert!(!is_first(&ours("a-b"), &members));
        assert!(!is_first(&ours("a"), &[member("a-b-0", &[])]), "another instance, whose name begins so");
        assert!(!is_first(&ours("a"), &[]));
    }
}
