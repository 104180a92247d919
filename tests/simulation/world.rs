//! The cluster that is simulated: topics, transactions, groups, and the time. Nothing in it is of Eddyline.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use eddyline::publish::{Destination, OutputRecord};
use eddyline::record::{Offset, Partition, Topic};
use eddyline::stream::{Committed, Tallied};
use eddyline::vectorise::wire::Flush;

use super::group::Group;
use super::input::Input;
use super::random::Random;

/// The broker ends a transaction that is open for longer.
const TRANSACTION_TIMEOUT_MS: i64 = 10_000;
const WALL_START_MS: i64 = 1_800_000_000_000;

/// How often in 10,000 steps something goes wrong.
#[derive(Clone, Copy, Default, Debug)]
pub struct Faults {
    /// A process dies.
    pub crash: u64,
    /// A process stands still while the others go on.
    pub stall: u64,
    /// A transaction has to be aborted.
    pub abort: u64,
    /// A commit was carried out, and its answer is lost.
    pub lost_answer: u64,
    /// A commit is lost before it was carried out.
    pub lost_request: u64,
    /// A commit is said to be carried out, and was not: the next end of a transaction of this producer ends both (seen in Kafka 4.3.1).
    pub lost_end: u64,
    /// A commit is sent twice, and the second copy is read later.
    pub straggler: u64,
    /// In a turn of the scheduler: partitions are shared out anew, a process stops or is replaced while it hangs, the broker
    /// is away, the wall clock jumps, what was read is deleted.
    pub around: u64,
}

pub struct Entry {
    pub visible_from_ms: i64,
    pub timestamp_ms: i64,
    /// `None` is a marker, which nobody reads.
    pub record: Option<OutputRecord>,
    /// The transaction that it was written in.
    transaction: Option<usize>,
}

#[derive(Default)]
pub struct PartitionLog {
    pub entries: Vec<Rc<Entry>>,
    /// What is before it was deleted.
    pub first: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Committed,
    Aborted,
}

struct Written {
    producer: String,
    state: State,
    began_ms: i64,
    partitions: BTreeSet<Partition>,
    offsets: Vec<(Role, Partition, Offset, String)>,
    /// Whether some of it is of a transaction before.
    is_left_open: bool,
}

#[derive(Default)]
struct Producer {
    epoch: u64,
    open: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    Observe,
    Judge,
}

pub struct World {
    pub random: Random,
    pub now_ms: i64,
    pub wall_ahead_ms: i64,
    pub broker_away_until_ms: i64,
    /// A partition of the input that nobody can read, and from when until when.
    pub unreadable: Option<(Partition, std::ops::Range<i64>)>,
    pub logs: BTreeMap<Partition, PartitionLog>,
    pub groups: BTreeMap<Role, Group>,
    pub faults: Faults,
    /// Whether a partition is reported to be at its end although lines will follow.
    pub is_silence_told: bool,
    /// What must never happen, and did.
    pub violations: Vec<String>,
    pub trace: Option<Vec<String>>,
    /// How often what happened, for the summary.
    pub happened: BTreeMap<&'static str, u64>,
    lives: u64,
    /// The partitions of which tallies are committed and offsets are not.
    behind: BTreeSet<Partition>,
    producers: BTreeMap<String, Producer>,
    transactions: Vec<Written>,
}

/// Why a producer may not write: its transaction was ended, or another life of it has begun.
#[derive(Debug)]
pub struct Fenced;

pub fn tallies() -> Partition {
    Partition::new(Topic::new("eddyline.tallies"), 0)
}

pub fn home_of(destination: &Destination) -> Partition {
    match destination {
        Destination::Tallies => tallies(),
        other => Partition::new(Topic::new(&format!("{other:?}")), 0),
    }
}

impl World {
    pub fn new(mut random: Random, input: &Input, is_traced: bool) -> Self {
        let is_silence_told = random.happens(5_000);
        let mut logs = BTreeMap::new();
        for (partition, lines) in &input.partitions {
            let mut schedule = Schedule::new(&mut random, is_silence_told, input.is_orderly);
            let entries = lines.iter().map(|line| {
                Rc::new(Entry {
                    visible_from_ms: schedule.visible_from_ms(line.timestamp_ms, &mut random),
                    timestamp_ms: line.timestamp_ms,
                    record: Some(OutputRecord {
                        destination: Destination::DeadLetters,
                        partition: None,
                        key: None,
                        value: line.value.clone(),
                        headers: Vec::new(),
                        timestamp_ms: None,
                    }),
                    transaction: None,
                })
            });
            logs.insert(partition.clone(), PartitionLog { entries: entries.collect(), first: 0 });
        }
        let groups = BTreeMap::from([
            (Role::Observe, Group::new(input.partitions.keys().cloned().collect())),
            (Role::Judge, Group::new(vec![tallies()])),
        ]);
        Self {
            random,
            now_ms: 0,
            wall_ahead_ms: WALL_START_MS,
            broker_away_until_ms: 0,
            unreadable: None,
            logs,
            groups,
            faults: Faults::default(),
            is_silence_told,
            violations: Vec::new(),
            trace: is_traced.then(Vec::new),
            happened: BTreeMap::new(),
            lives: 0,
            behind: BTreeSet::new(),
            producers: BTreeMap::new(),
            transactions: Vec::new(),
        }
    }

    pub fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", self.now_ms as f64 / 1_000.0, what()));
        }
    }

    pub fn count(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    pub fn group(&mut self, role: Role) -> &mut Group {
        self.groups.get_mut(&role).unwrap()
    }

    pub fn new_life(&mut self) -> u64 {
        self.lives += 1;
        self.lives
    }

    /// Whether a partition cannot be read: its leader is away, or its observer is stuck.
    pub fn is_unreadable(&self, partition: &Partition) -> bool {
        self.unreadable.as_ref().is_some_and(|(which, when)| which == partition && when.contains(&self.now_ms))
    }

    pub fn is_broker_away(&self) -> bool {
        self.now_ms < self.broker_away_until_ms
    }

    /// Time passes, and what only time brings about happens.
    pub fn pass(&mut self, milliseconds: i64) {
        self.now_ms += milliseconds;
        if self.is_broker_away() {
            // One that is away puts nobody out, and gives all their time when it is back.
            for member in self.groups.values_mut().flat_map(|group| group.members.values_mut()) {
                member.away_since_ms = member.away_since_ms.map(|_| self.now_ms);
            }
            return;
        }
        let now_ms = self.now_ms;
        let overdue = self.producers.values().filter_map(|producer| producer.open);
        let overdue: Vec<usize> =
            overdue.filter(|&number| now_ms - self.transactions[number].began_ms > TRANSACTION_TIMEOUT_MS).collect();
        for number in overdue {
            let name = self.transactions[number].producer.clone();
            self.say(|| format!("broker: transaction of {name} timed out"));
            self.count("transactions timed out");
            self.end(number, false);
            self.producers.get_mut(&name).unwrap().epoch += 1;
        }
        for role in [Role::Observe, Role::Judge] {
            for name in self.group(role).expire(now_ms) {
                self.say(|| format!("broker: {role:?} {name} is put out of its group"));
                self.count("members put out");
            }
            let group = self.groups.get_mut(&role).unwrap();
            if group.rebalance(&mut self.random) {
                let generation = group.generation;
                self.say(|| format!("broker: generation {generation} of {role:?}"));
                self.count("rebalances");
            }
        }
    }

    /// A producer begins a life: what an earlier one left open is ended.
    pub fn begin_life(&mut self, name: &str) -> u64 {
        let open = self.producers.get(name).and_then(|producer| producer.open);
        if let Some(number) = open {
            self.end(number, false);
        }
        let producer = self.producers.entry(name.to_owned()).or_default();
        producer.epoch += 1;
        producer.epoch
    }

    /// The open transaction of a producer, begun if there is none.
    fn transaction(&mut self, name: &str, epoch: u64) -> Result<usize, Fenced> {
        let (number, now_ms) = (self.transactions.len(), self.now_ms);
        let producer = self.producers.get_mut(name).filter(|producer| producer.epoch == epoch).ok_or(Fenced)?;
        if let Some(open) = producer.open {
            return Ok(open);
        }
        producer.open = Some(number);
        self.transactions.push(Written {
            producer: name.to_owned(),
            state: State::Open,
            began_ms: now_ms,
            partitions: BTreeSet::new(),
            offsets: Vec::new(),
            is_left_open: false,
        });
        Ok(number)
    }

    pub fn write(&mut self, name: &str, epoch: u64, output: &OutputRecord) -> Result<(), Fenced> {
        let number = self.transaction(name, epoch)?;
        let home = home_of(&output.destination);
        self.transactions[number].partitions.insert(home.clone());
        self.append(home, Some(output.clone()), Some(number));
        Ok(())
    }

    /// Without a transaction, as only a planted bug does.
    pub fn write_at_once(&mut self, output: &OutputRecord) {
        self.append(home_of(&output.destination), Some(output.clone()), None);
    }

    fn append(&mut self, home: Partition, record: Option<OutputRecord>, transaction: Option<usize>) {
        let (visible_from_ms, timestamp_ms) = (self.now_ms, self.wall_ahead_ms + self.now_ms);
        let entry = Entry { visible_from_ms, timestamp_ms, record, transaction };
        self.logs.entry(home).or_default().entries.push(Rc::new(entry));
    }

    pub fn add_offsets(
        &mut self,
        name: &str,
        epoch: u64,
        role: Role,
        offsets: impl Iterator<Item = (Partition, Offset, String)>,
    ) -> Result<(), Fenced> {
        let number = self.transaction(name, epoch)?;
        let added = offsets.map(|(partition, offset, metadata)| (role, partition, offset, metadata));
        self.transactions[number].offsets.extend(added);
        Ok(())
    }

    pub fn end_open(&mut self, name: &str, epoch: u64, commits: bool) -> Result<(), Fenced> {
        let producer = self.producers.get(name).filter(|producer| producer.epoch == epoch).ok_or(Fenced)?;
        if let Some(number) = producer.open {
            self.end(number, commits);
        }
        Ok(())
    }

    /// The end of the open transaction is lost, so that the next end of this producer is its end, too; or only that of its offsets, where it
    /// does reach topics. That does not happen several times in a row: nobody writes while there is no leader.
    pub fn lose_end(&mut self, name: &str, epoch: u64, reaches_topics: bool) -> Result<(), Fenced> {
        let mut number = self.transaction(name, epoch)?;
        let is_first =
            self.transactions[number].offsets.iter().all(|(_, partition, ..)| !self.behind.contains(partition));
        if reaches_topics && is_first && !self.transactions[number].is_left_open {
            let offsets = std::mem::take(&mut self.transactions[number].offsets);
            self.behind.extend(offsets.iter().map(|(_, partition, ..)| partition.clone()));
            self.end(number, true);
            number = self.transaction(name, epoch)?;
            self.transactions[number].offsets = offsets;
            self.count("ends that reach topics only");
        }
        self.transactions[number].is_left_open = true;
        Ok(())
    }

    fn end(&mut self, number: usize, commits: bool) {
        let written = &mut self.transactions[number];
        written.state = if commits { State::Committed } else { State::Aborted };
        let (name, offsets) = (written.producer.clone(), std::mem::take(&mut written.offsets));
        for home in written.partitions.clone() {
            self.append(home, None, None);
        }
        self.producers.get_mut(&name).unwrap().open = None;
        if commits {
            for (role, partition, offset, metadata) in offsets {
                self.commit_offset(role, &partition, offset, &metadata);
            }
        }
    }

    pub fn commit_offset(&mut self, role: Role, partition: &Partition, offset: Offset, metadata: &str) {
        self.behind.remove(partition);
        if let Some(violation) = self.group(role).commit(partition, offset, metadata) {
            self.violations.push(format!("the committed offset of {violation}"));
        }
    }

    /// Whether an open transaction may still change what is committed for a partition.
    pub fn is_unstable(&self, role: Role, partition: &Partition) -> bool {
        let open = self.producers.values().filter_map(|producer| producer.open);
        open.flat_map(|number| &self.transactions[number].offsets).any(|(of, p, ..)| *of == role && p == partition)
    }

    /// The first record at or behind `position` that a reader of what is committed may see, with its offset.
    pub fn next(&self, partition: &Partition, position: usize, reads_uncommitted: bool) -> Option<(usize, Rc<Entry>)> {
        let log = self.logs.get(partition)?;
        for (offset, entry) in log.entries.iter().enumerate().skip(position.max(log.first)) {
            if entry.visible_from_ms > self.now_ms {
                return None;
            }
            let state = entry.transaction.map_or(State::Committed, |number| self.transactions[number].state);
            match state {
                State::Open if !reads_uncommitted => return None,
                State::Aborted if !reads_uncommitted => {}
                _ if entry.record.is_none() => {}
                _ => return Some((offset, Rc::clone(entry))),
            }
        }
        None
    }

    /// Whether all transactions have ended that wrote before this offset of a partition.
    pub fn is_decided_until(&self, partition: &Partition, end: usize) -> bool {
        let entries = self.logs.get(partition).into_iter().flat_map(|log| log.entries.iter().take(end));
        entries.filter_map(|entry| entry.transaction).all(|number| self.transactions[number].state != State::Open)
    }

    /// What the last tallies say of these partitions that a reader may see.
    pub fn last_tallied(&self, partitions: &[Partition], reads_uncommitted: bool) -> BTreeMap<Partition, Tallied> {
        let (mut last, mut position) = (BTreeMap::new(), 0);
        while let Some((offset, entry)) = self.next(&tallies(), position, reads_uncommitted) {
            let value = entry.record.as_ref().and_then(|record| record.value.as_deref()).unwrap_or_default();
            for progress in Flush::decode(value).unwrap().progress {
                let until = Committed { offset: progress.to, metadata: progress.clock };
                last.insert(progress.partition, Tallied { from: progress.from, until });
            }
            position = offset + 1;
        }
        last.retain(|partition, _| partitions.contains(partition));
        last
    }

    /// What was committed to a topic, with the offsets.
    pub fn committed_records(&self, partition: &Partition) -> Vec<(usize, OutputRecord)> {
        let Some(log) = self.logs.get(partition) else { return Vec::new() };
        let is_committed =
            |entry: &Entry| entry.transaction.is_none_or(|number| self.transactions[number].state == State::Committed);
        let entries = log.entries.iter().enumerate().filter(|(_, entry)| is_committed(entry));
        entries.filter_map(|(offset, entry)| Some((offset, entry.record.clone()?))).collect()
    }
}

/// When the lines of a partition come in: a backlog at first, then as time goes by, with delays.
struct Schedule {
    is_orderly: bool,
    backlog_until_ms: Option<i64>,
    backlog_ms: i64,
    speed: i64,
    delay_ms: i64,
    last_ms: i64,
}

impl Schedule {
    fn new(random: &mut Random, is_silence_told: bool, is_orderly: bool) -> Self {
        Self {
            is_orderly,
            backlog_until_ms: None,
            backlog_ms: random.between(250, 390) * 1_000,
            // With the wall clock's speed promises mean something; without them the log may run ahead.
            speed: match (is_silence_told, is_orderly) {
                (true, true) => 1,
                (true, false) => random.between(1, 2),
                (false, _) => random.between(3, 12),
            },
            delay_ms: random.between(0, if is_orderly { 300 } else { 3_000 }),
            last_ms: 0,
        }
    }

    fn visible_from_ms(&mut self, timestamp_ms: i64, random: &mut Random) -> i64 {
        let until_ms = *self.backlog_until_ms.get_or_insert(timestamp_ms + self.backlog_ms);
        if !self.is_orderly && random.happens(30) {
            self.delay_ms = random.between(0, 8_000);
        }
        let due_ms = ((timestamp_ms - until_ms) / self.speed + self.delay_ms).max(0);
        self.last_ms = if timestamp_ms < until_ms { 0 } else { self.last_ms.max(due_ms) };
        self.last_ms
    }
}
