//! The log of one simulated process: what `KafkaLog` is to Kafka, with something going wrong at any step.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use eddyline::record::{Offset, Partition, Record, TimeBasis};
use eddyline::stream::commit::{Connection, Failure, commit_whole, where_to_go_on};
use eddyline::stream::{
    CommitError, Committed, Incoming, Known, Log, Rebalance, Retained, Taker, Tallied, Transaction,
};

use super::cluster::Cluster;
use super::group::Told;
use super::mutants::Mutant;
use super::world::{Fenced, Role, World, tallies};

/// How often a client looks whether its partitions are at their end.
const STATISTICS_MS: i64 = 1_000;
/// How many records one poll hands out at most.
const POLL_RECORDS_MAX: i64 = 200;

/// The process does not live any more: nothing it does has an effect.
struct Dead;

impl From<Dead> for CommitError {
    fn from(_: Dead) -> Self {
        Self::Broken("killed".to_owned())
    }
}

impl From<Dead> for Failure {
    fn from(_: Dead) -> Self {
        Self::Doubt("killed".to_owned())
    }
}

fn fenced(_: Fenced) -> Failure {
    Failure::Doubt("fenced".to_owned())
}

struct Assigned {
    partition: Partition,
    position: usize,
    is_held: bool,
    read_since: bool,
}

pub struct Client {
    cluster: Rc<Cluster>,
    role: Role,
    name: usize,
    producer: String,
    epoch: u64,
    /// A copy of the request that committed a transaction is still on its way, with this epoch.
    straggler: Option<u64>,
    known: Known,
    member: u64,
    /// The generation of the group that it has heard of.
    generation: u32,
    assigned: Vec<Assigned>,
    /// What was told and is not answered.
    event: Option<Rebalance>,
    is_answering: bool,
    is_lost: bool,
    is_dead: bool,
    looked_at_ms: i64,
}

impl Client {
    /// A process begins a life. `None` where there is no broker to say hello to.
    pub fn join(cluster: &Rc<Cluster>, role: Role, name: usize) -> Option<Self> {
        let mut world = cluster.world.borrow_mut();
        if world.is_broker_away() {
            return None;
        }
        let producer = format!("{role:?}-{name}");
        let (epoch, member, now_ms) = (world.begin_life(&producer), world.new_life(), world.now_ms);
        world.group(role).join(name, member);
        world.say(|| format!("{producer}: life {member}"));
        Some(Self {
            cluster: Rc::clone(cluster),
            role,
            name,
            producer,
            epoch,
            straggler: None,
            known: Known::default(),
            member,
            generation: 0,
            assigned: Vec::new(),
            event: None,
            is_answering: false,
            is_lost: false,
            is_dead: false,
            looked_at_ms: now_ms,
        })
    }

    fn world(&self) -> std::cell::RefMut<'_, World> {
        self.cluster.world.borrow_mut()
    }

    fn has(&self, mutant: Mutant) -> bool {
        self.cluster.mutant == Some(mutant)
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.world().say(|| format!("{}: {}", self.producer, what()));
    }

    /// Before each step: the process may die, or stand still while the others go on. `weight` is how often the step is
    /// chosen, compared with an ordinary one.
    fn step(&mut self, what: &'static str, weight: u64) -> Result<(), Dead> {
        if self.is_dead {
            return Err(Dead);
        }
        let (crashes, stalls) = {
            let mut world = self.world();
            let faults = world.faults;
            (world.random.happens(faults.crash * weight), world.random.happens(faults.stall * weight))
        };
        if crashes {
            self.say(|| format!("KILLED before {what}"));
            self.world().count("kills");
            self.is_dead = true;
            return Err(Dead);
        }
        if stalls {
            self.stall(what);
        }
        Ok(())
    }

    /// A SIGSTOP, for a moment or for longer than the session.
    fn stall(&mut self, what: &'static str) {
        let (name, role, id) = (self.name, self.role, self.member);
        let (turns, pause_ms) = {
            let mut world = self.world();
            world.count("stalls");
            let pause_ms = if world.random.happens(3_000) { world.random.between(6_500, 14_000) } else { 0 };
            let now_ms = world.now_ms;
            if let Some(member) = world.group(role).member(name, id) {
                member.away_since_ms = Some(now_ms);
            }
            (world.random.between(1, 30), pause_ms)
        };
        self.say(|| format!("stands still before {what}"));
        for _ in 0..turns {
            self.cluster.turn();
            self.world().pass(pause_ms / turns);
        }
        if let Some(member) = self.world().group(role).member(name, id) {
            member.away_since_ms = None;
        }
        self.say(|| "goes on".to_owned());
    }

    /// What the client's own thread learns from the group when it is polled. Returns whether a rebalance is due.
    fn listen(&mut self) -> Result<bool, CommitError> {
        let (role, name, id) = (self.role, self.name, self.member);
        if self.world().is_broker_away() {
            return Ok(self.event.is_some());
        }
        let replaced = self.world().group(role).members.get(&name).is_some_and(|member| member.id != id);
        if replaced {
            self.is_lost = true;
            return Err(CommitError::Fenced("another process has this name".to_owned()));
        }
        if self.world().group(role).member(name, id).is_none() {
            self.is_lost = true;
        }
        if self.event.is_some() || self.is_answering {
            return Ok(self.event.is_some());
        }
        if self.is_lost {
            if !self.assigned.is_empty() {
                let partitions = self.assigned.iter().map(|assigned| assigned.partition.clone()).collect();
                self.event = Some(Rebalance::Revoke { partitions, lost: true });
                return Ok(true);
            }
            let mut world = self.world();
            let id = world.new_life();
            world.group(role).join(name, id);
            drop(world);
            (self.member, self.is_lost) = (id, false);
            self.say(|| format!("joins again as member {id}"));
        }
        let mut world = self.world();
        let group = world.group(role);
        let generation = group.generation;
        let told = group.tell(name);
        drop(world);
        let is_news = self.generation != generation;
        self.generation = generation;
        self.event = match told {
            Told::Revoke(partitions) => Some(Rebalance::Revoke { partitions, lost: false }),
            Told::Assign(partitions) => Some(Rebalance::Assign(partitions)),
            Told::Nothing if is_news => Some(Rebalance::Assign(Vec::new())),
            Told::Nothing => None,
        };
        Ok(self.event.is_some())
    }

    fn committed_of(&self, partition: &Partition) -> Result<Option<Committed>, CommitError> {
        let mut world = self.world();
        if world.is_broker_away() {
            return Err(CommitError::Broken("broker away".to_owned()));
        }
        if world.is_unstable(self.role, partition) {
            return Err(CommitError::Broken("offsets are not stable".to_owned()));
        }
        Ok(world.group(self.role).committed.get(partition).cloned())
    }

    /// Whether something goes wrong that happens so often in 10,000 times.
    fn fails(&self, often: impl Fn(&World) -> u64, what: &'static str) -> bool {
        let mut world = self.world();
        let often = often(&world);
        let fails = world.random.happens(often);
        if fails {
            world.count(what);
            world.say(|| format!("{}: FAULT {what}", self.producer));
        }
        fails
    }

    /// A call to a broker that is away waits for a while.
    fn reach(&self) -> Result<(), Failure> {
        let mut world = self.world();
        if world.is_broker_away() {
            world.pass(5_000);
            if world.is_broker_away() {
                return Err(Failure::Doubt("broker away".to_owned()));
            }
        }
        Ok(())
    }

    fn send_outputs(&mut self, transaction: &Transaction) -> Result<(), Failure> {
        for output in &transaction.outputs {
            self.step("an output", 5)?;
            self.reach()?;
            let mut world = self.world();
            if self.has(Mutant::PublishesBeforeTheCommit) {
                world.write_at_once(output);
            } else {
                world.write(&self.producer, self.epoch, output).map_err(fenced)?;
            }
            drop(world);
            self.meet_straggler();
            if self.fails(|world| world.faults.abort, "outputs that are not delivered") {
                return Err(Failure::Abort("not delivered".to_owned()));
            }
        }
        Ok(())
    }

    fn send_offsets(&mut self, transaction: &Transaction) -> Result<(), Failure> {
        self.step("the offsets", 20)?;
        self.reach()?;
        let mut world = self.world();
        let group = world.group(self.role);
        let generation = group.generation;
        if group.member(self.name, self.member).is_none() {
            return Err(Failure::NotAMember("UNKNOWN_MEMBER_ID".to_owned()));
        }
        if self.generation != generation {
            return Err(Failure::Abort("ILLEGAL_GENERATION".to_owned()));
        }
        let offsets = transaction.offsets.iter().map(|(p, (offset, metadata))| (p.clone(), *offset, metadata.clone()));
        if self.has(Mutant::CommitsOffsetsBeforeOutputs) {
            for (partition, offset, metadata) in offsets {
                world.commit_offset(self.role, &partition, offset, &metadata);
            }
            return Ok(());
        }
        world.add_offsets(&self.producer, self.epoch, self.role, offsets).map_err(fenced)
    }

    /// The copy of an earlier request is read in the middle of a transaction.
    fn meet_straggler(&mut self) {
        let arrives = self.straggler.is_some() && self.world().random.happens(3_000);
        if let Some(epoch) = self.straggler.take_if(|_| arrives) {
            let ended = self.world().end_open(&self.producer, epoch, true);
            self.say(|| format!("a commit of epoch {epoch} is read once more: {ended:?}"));
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.step("the end of the transaction", 20)?;
        self.reach()?;
        if self.fails(|world| world.faults.abort, "commits that are refused") {
            return Err(Failure::Abort("refused".to_owned()));
        }
        if self.fails(|world| world.faults.lost_request, "commits that are lost") {
            return Err(Failure::Doubt("no answer".to_owned()));
        }
        if self.fails(|world| world.faults.lost_end, "ends that the broker loses") {
            // What a judge published and lost the offsets of would be there twice: see `left_open`.
            let reaches_topics = self.role == Role::Observe && self.world().random.happens(5_000);
            return self.world().lose_end(&self.producer, self.epoch, reaches_topics).map_err(fenced);
        }
        self.world().end_open(&self.producer, self.epoch, true).map_err(fenced)?;
        if self.fails(|world| world.faults.straggler, "commits that are sent twice") {
            self.straggler = Some(self.epoch);
        }
        if self.fails(|world| world.faults.lost_answer, "answers that are lost") {
            return Err(Failure::Doubt("no answer".to_owned()));
        }
        Ok(self.step("the answer", 20)?)
    }
}

impl Log for Client {
    fn now(&self) -> Duration {
        Duration::from_millis(self.world().now_ms.unsigned_abs())
    }

    fn poll(&mut self, _: Duration, each: &mut Taker<'_>) -> Result<usize, CommitError> {
        self.step("a poll", 1)?;
        if self.listen()? || self.world().is_broker_away() {
            return Ok(0);
        }
        let most = self.world().random.between(1, POLL_RECORDS_MAX);
        let uncommitted = self.has(Mutant::ReadsUncommitted);
        let mut count = 0;
        let mut readable: Vec<usize> =
            (0..self.assigned.len()).filter(|&index| !self.assigned[index].is_held).collect();
        for _ in 0..most {
            if readable.is_empty() {
                break;
            }
            let index = *self.world().random.one_of(&readable);
            let Assigned { partition, position, .. } = &self.assigned[index];
            // As a consumer that knows no other place to go on.
            if self.world().logs.get(partition).is_some_and(|log| *position < log.first) {
                return Err(CommitError::Broken(format!("{partition}: offset {position} was deleted")));
            }
            let is_unreadable = self.world().is_unreadable(partition);
            let next = self.world().next(partition, *position, uncommitted).filter(|_| !is_unreadable);
            let Some((offset, record, entry)) =
                next.as_ref().and_then(|(offset, entry)| Some((*offset, entry.record.as_ref()?, entry)))
            else {
                readable.retain(|&other| other != index);
                continue;
            };
            let timestamp = Some((entry.timestamp_ms, TimeBasis::KafkaCreate));
            let kafka_offset = Offset(i64::try_from(offset).unwrap());
            let incoming = Incoming {
                record: Record { offset: kafka_offset, timestamp, value: record.value.as_deref() },
                key: record.key.as_deref(),
                headers: &Vec::new,
            };
            let flow = each(partition, &incoming);
            (self.assigned[index].position, self.assigned[index].read_since) = (offset + 1, true);
            count += 1;
            if flow.is_break() {
                break;
            }
        }
        Ok(count)
    }

    fn rebalance(&mut self) -> Option<Rebalance> {
        let event = self.event.take()?;
        self.say(|| format!("{event:?}"));
        self.is_answering = true;
        let (role, name, id) = (self.role, self.name, self.member);
        Some(match event {
            Rebalance::Assign(partitions) => Rebalance::Assign(partitions),
            Rebalance::Revoke { partitions, lost } => {
                if let Some(member) = self.world().group(role).member(name, id) {
                    member.is_revoking = true;
                }
                Rebalance::Revoke { partitions, lost: lost || self.is_lost }
            }
        })
    }

    fn committed(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>, Retained)>, CommitError> {
        let mut found = Vec::new();
        for (partition, committed) in where_to_go_on(self, partitions)? {
            let offset = |offset: usize| Offset(i64::try_from(offset).unwrap());
            let there = self.world().logs.get(&partition).map_or((0, 0), |log| (log.first, log.entries.len()));
            found.push((partition, committed, Retained { first: offset(there.0), end: offset(there.1) }));
        }
        Ok(found)
    }

    fn assign(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError> {
        self.step("an assignment", 5)?;
        for (partition, from) in positions {
            let position = usize::try_from(from.0).unwrap();
            self.say(|| format!("reads {partition} from {position}"));
            let partition = partition.clone();
            self.assigned.push(Assigned { partition, position, is_held: false, read_since: true });
        }
        self.is_answering = false;
        Ok(())
    }

    fn rewind(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError> {
        self.step("reading again", 5)?;
        for (partition, from) in positions {
            self.say(|| format!("reads {partition} again from {}", from.0));
            for assigned in self.assigned.iter_mut().filter(|assigned| assigned.partition == *partition) {
                (assigned.position, assigned.is_held) = (usize::try_from(from.0).unwrap(), false);
                assigned.read_since = true;
            }
        }
        self.world().count("records that panic");
        Ok(())
    }

    fn unassign(&mut self, partitions: &[Partition]) -> Result<(), CommitError> {
        self.step("giving up partitions", 5)?;
        self.assigned.retain(|assigned| !partitions.contains(&assigned.partition));
        self.is_answering = false;
        let (role, name, id) = (self.role, self.name, self.member);
        if let Some(member) = self.world().group(role).member(name, id) {
            member.is_revoking = false;
            member.owned.retain(|partition| !partitions.contains(partition));
        }
        Ok(())
    }

    fn at_end(&mut self) -> Vec<Partition> {
        let world = self.cluster.world.borrow();
        if self.is_dead || world.is_broker_away() || world.now_ms - self.looked_at_ms < STATISTICS_MS {
            return Vec::new();
        }
        self.looked_at_ms = world.now_ms;
        let mut at_end = Vec::new();
        for assigned in &mut self.assigned {
            let nothing_follows =
                world.logs.get(&assigned.partition).is_none_or(|log| log.entries.len() == assigned.position);
            let nothing_now = world.next(&assigned.partition, assigned.position, false).is_none();
            let is_told = world.is_silence_told || self.role == Role::Judge;
            let is_readable = !world.is_unreadable(&assigned.partition);
            if is_readable && !assigned.is_held && !assigned.read_since && (nothing_follows || (nothing_now && is_told))
            {
                at_end.push(assigned.partition.clone());
            }
            assigned.read_since = false;
        }
        at_end
    }

    fn hold(&mut self, partitions: &[Partition]) -> Result<(), CommitError> {
        for assigned in &mut self.assigned {
            assigned.is_held = partitions.contains(&assigned.partition);
        }
        Ok(())
    }

    fn commit(&mut self, transaction: &Transaction, in_rebalance: bool) -> Result<(), CommitError> {
        if in_rebalance && self.has(Mutant::SkipsTheCommitOfARevocation) {
            return Ok(());
        }
        let committed = commit_whole(self, transaction, in_rebalance);
        self.say(|| {
            let offsets = transaction.offsets.iter();
            let offsets: Vec<String> =
                offsets.map(|(partition, (offset, _))| format!("{partition}={}", offset.0)).collect();
            format!("commit of {} outputs, {}: {committed:?}", transaction.outputs.len(), offsets.join(" "))
        });
        committed
    }

    fn leave(&mut self) {
        if !self.is_dead && !self.world().is_broker_away() {
            self.say(|| "leaves the group".to_owned());
            self.world().group(self.role).leave(self.name, self.member);
        }
    }
}

impl Connection for Client {
    fn is_assigned(&self, partition: &Partition) -> bool {
        self.has(Mutant::CommitsForeignOffsets) || self.assigned.iter().any(|assigned| assigned.partition == *partition)
    }

    fn send(&mut self, transaction: &Transaction) -> Result<(), Failure> {
        self.step("a transaction", 10)?;
        if self.has(Mutant::CommitsOffsetsBeforeOutputs) {
            self.send_offsets(transaction)?;
            self.send_outputs(transaction)?;
        } else {
            self.send_outputs(transaction)?;
            self.send_offsets(transaction)?;
        }
        self.end()
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.step("an abort", 20)?;
        self.reach()?;
        self.world().end_open(&self.producer, self.epoch, false).map_err(fenced)
    }

    fn may_have_stragglers(&self) -> bool {
        self.straggler == Some(self.epoch) && !self.has(Mutant::KeepsItsEpoch)
    }

    fn renew(&mut self) -> Result<(), CommitError> {
        self.step("a new producer", 20)?;
        self.reach().map_err(|failure| CommitError::Broken(format!("{failure:?}")))?;
        let epoch = self.world().begin_life(&self.producer);
        self.epoch = epoch;
        self.say(|| format!("has a new producer, epoch {epoch}"));
        Ok(())
    }

    fn known(&mut self) -> &mut Known {
        &mut self.known
    }

    fn committed_offsets(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, CommitError> {
        self.step("asking for offsets", 10)?;
        if self.has(Mutant::ResendsWithoutAsking) && !self.is_answering {
            let known = |partition: &Partition| (partition.clone(), self.known.get(partition).cloned().flatten());
            return Ok(partitions.iter().map(known).collect());
        }
        let found = partitions.iter().map(|partition| Ok((partition.clone(), self.committed_of(partition)?)));
        let found: Vec<_> = found.collect::<Result<_, CommitError>>()?;
        if self.has(Mutant::TakesWhatItIsToldForKnown) {
            self.known.extend(found.iter().cloned());
        }
        Ok(found)
    }

    fn last_written(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError> {
        self.step("reading tallies", 10)?;
        let is_asked = self.role == Role::Observe && !self.has(Mutant::BelievesTheGroupAlone);
        Ok(if is_asked { self.world().last_tallied(partitions, true) } else { BTreeMap::new() })
    }

    fn last_committed(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError> {
        let end = self.world().logs.get(&tallies()).map_or(0, |log| log.entries.len());
        for _ in 0..200 {
            if self.world().is_decided_until(&tallies(), end) {
                break;
            }
            self.world().pass(100);
        }
        Ok(self.world().last_tallied(partitions, false))
    }

    fn assignment_lost(&self) -> bool {
        self.is_lost
    }

    fn poll_paused(&mut self) -> Result<bool, CommitError> {
        self.step("a poll while paused", 5)?;
        self.listen()
    }

    fn is_stopping(&self) -> bool {
        false
    }

    fn wait(&mut self, duration: Duration) {
        self.world().pass(i64::try_from(duration.as_millis()).unwrap());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Neither a death nor a plain close of a static member tells the group.
        let (role, name, id) = (self.role, self.name, self.member);
        let mut world = self.cluster.world.borrow_mut();
        let now_ms = world.now_ms;
        if let Some(member) = world.group(role).member(name, id) {
            member.away_since_ms.get_or_insert(now_ms);
            member.is_revoking = false;
        }
    }
}
