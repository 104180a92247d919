//! The scheduler: processes of the real workers on the simulated cluster, one step at a time, in an order drawn by lot.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use eddyline::config::Config;
use eddyline::ops::{Stop, View};
use eddyline::record::{Offset, Topic};
use eddyline::stream::{Judging, Observing, Snapshotter, Task, Worker, WorkerError};

use super::client::Client;
use super::group::SESSION_MS;
use super::input::{Input, LATENESS_MS};
use super::mutants::{Bent, Mutant};
use super::random::Random;
use super::snapshots::Store;
use super::world::{Faults, Role, World, tallies};

/// A process: goes round once, or stops as it is asked to.
type Process = Box<dyn FnMut(Wish) -> Result<(), WorkerError>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    GoOn,
    Stop,
}

/// A place for a process, which is started again when it died.
struct Slot {
    role: Role,
    name: usize,
    process: Option<Process>,
    /// Whether the process is in the middle of a step.
    is_running: bool,
    start_at_ms: i64,
    stands_still_until_ms: i64,
    is_wanted: bool,
    /// Earlier processes of the same name, which hung, were replaced, and go on.
    zombies: Vec<Process>,
}

pub struct Cluster {
    pub world: RefCell<World>,
    pub mutant: Option<Mutant>,
    /// The judges' snapshots, where they take any.
    pub store: Option<Store>,
    /// Whether records may be deleted before they were read.
    deletes_unread: bool,
    slots: RefCell<Vec<Slot>>,
    roster: BTreeMap<Topic, u32>,
    depth: Cell<u32>,
}

impl Cluster {
    pub fn new(
        mut random: Random,
        input: &Input,
        mutant: Option<Mutant>,
        deletes_unread: bool,
        is_traced: bool,
    ) -> Self {
        let slot = |role, name, is_wanted| Slot {
            role,
            name,
            process: None,
            is_running: false,
            start_at_ms: 0,
            stands_still_until_ms: 0,
            is_wanted,
            zombies: Vec::new(),
        };
        let slots = vec![
            slot(Role::Observe, 0, true),
            slot(Role::Observe, 1, true),
            slot(Role::Observe, 2, false),
            slot(Role::Judge, 0, true),
            slot(Role::Judge, 1, random.happens(3_000)),
        ];
        let skips = mutant == Some(Mutant::SkipsTalliesBehindASnapshot);
        let store = random.happens(6_000).then(|| Store::new(random.below(u64::MAX), skips));
        Self {
            store,
            world: RefCell::new(World::new(random, input, is_traced)),
            mutant,
            deletes_unread,
            slots: RefCell::new(slots),
            roster: input.roster(),
            depth: Cell::new(0),
        }
    }

    /// Draws what will go wrong how often, for this seed.
    pub fn draw_faults(&self) {
        let mut world = self.world.borrow_mut();
        let random = &mut world.random;
        let faults = Faults {
            crash: *random.one_of(&[0, 1, 3, 6]),
            stall: *random.one_of(&[0, 1, 3, 6]),
            abort: *random.one_of(&[0, 20, 100, 500]),
            lost_answer: *random.one_of(&[0, 50, 300, 1_500]),
            lost_request: *random.one_of(&[0, 50, 300, 1_500]),
            lost_end: *random.one_of(&[0, 50, 300, 1_500]),
            around: *random.one_of(&[0, 10, 30, 100]),
            straggler: *random.one_of(&[0, 50, 300, 1_500]),
        };
        world.faults = faults;
        if world.random.happens(1_500) {
            let input: Vec<_> = world.groups[&Role::Observe].partitions.clone();
            let (which, from_ms) = (world.random.one_of(&input).clone(), world.random.between(0, 20_000));
            let until_ms = from_ms + world.random.between(32_000, 60_000);
            world.unreadable = Some((which, from_ms..until_ms));
            world.count("a partition that nobody can read");
        }
        world.say(|| format!("{faults:?}"));
    }

    /// From now on nothing goes wrong any more, and all that should run does.
    pub fn calm(&self) {
        let mut world = self.world.borrow_mut();
        world.faults = Faults::default();
        world.broker_away_until_ms = 0;
        world.unreadable = None;
        world.say(|| "the faults end".to_owned());
        for slot in self.slots.borrow_mut().iter_mut() {
            slot.stands_still_until_ms = 0;
        }
    }

    /// One turn: some time passes, and somebody goes on. Also in the middle of the turn of another one, who stands still.
    pub fn turn(self: &Rc<Self>) {
        let index = {
            let mut world = self.world.borrow_mut();
            let milliseconds = world.random.between(1, 50);
            world.pass(milliseconds);
            usize::try_from(world.random.below(self.slots.borrow().len() as u64)).unwrap()
        };
        if self.depth.get() == 0 {
            self.something_around();
        }
        if self.depth.get() < 3 {
            self.depth.set(self.depth.get() + 1);
            self.turn_of(index);
            self.depth.set(self.depth.get() - 1);
        }
    }

    fn turn_of(self: &Rc<Self>, index: usize) {
        let now_ms = self.world.borrow().now_ms;
        let (role, name, taken, is_wanted, may_start) = {
            let mut slots = self.slots.borrow_mut();
            let slot = &mut slots[index];
            if slot.is_running || now_ms < slot.stands_still_until_ms {
                return;
            }
            let zombie = if now_ms % 3 == 0 { slot.zombies.pop() } else { None };
            let is_zombie = zombie.is_some();
            let taken = zombie.or_else(|| slot.process.take()).map(|process| (process, is_zombie));
            slot.is_running = taken.is_some();
            (slot.role, slot.name, taken, slot.is_wanted, now_ms >= slot.start_at_ms)
        };
        // A zombie is no sign of life of who took its place.
        if matches!(taken, Some((_, false))) {
            self.wake(role, name);
        }
        let Some((mut process, is_zombie)) = taken else {
            if is_wanted && may_start {
                let started = self.start(role, name);
                self.slots.borrow_mut()[index].process = started;
            }
            return;
        };
        let wish = if is_wanted || is_zombie { Wish::GoOn } else { Wish::Stop };
        let ended = process(wish);
        let is_over = ended.is_err() || wish == Wish::Stop;
        if let Err(WorkerError::Permanent(reason)) = &ended {
            self.world.borrow_mut().violations.push(format!("{role:?} {name} gave up: {reason}"));
        }
        if is_over {
            drop(process);
            let mut world = self.world.borrow_mut();
            world.say(|| format!("{role:?}-{name}: ended, {ended:?}"));
            let pause_ms = if world.random.happens(2_000) { SESSION_MS + 3_000 } else { 800 };
            let start_at_ms = world.now_ms + world.random.between(50, pause_ms);
            let slot = &mut self.slots.borrow_mut()[index];
            slot.is_running = false;
            if !is_zombie {
                slot.start_at_ms = start_at_ms;
                // Whoever was asked to stop is wanted again later.
                slot.is_wanted = slot.is_wanted || slot.role == Role::Judge || slot.name < 2;
            }
            return;
        }
        let slot = &mut self.slots.borrow_mut()[index];
        slot.is_running = false;
        if is_zombie {
            slot.zombies.push(process);
        } else {
            slot.process = Some(process);
        }
    }

    /// A process that stood still is heard of again, if it is not too late.
    fn wake(&self, role: Role, name: usize) {
        let is_up = self.slots.borrow().iter().any(|slot| (slot.role, slot.name) == (role, name) && slot.is_running);
        if let Some(member) = self.world.borrow_mut().group(role).members.get_mut(&name).filter(|_| is_up) {
            member.away_since_ms = None;
        }
    }

    fn start(self: &Rc<Self>, role: Role, name: usize) -> Option<Process> {
        let config = Config { flush_ms: 700, lateness_ms: LATENESS_MS, ..Config::default() };
        let view = Arc::new(View::default());
        let client = Client::join(self, role, name)?;
        Some(match role {
            Role::Observe => {
                let roster = self.roster.clone();
                process(
                    client,
                    Bent::new(Observing::new(&config, 1, Arc::new(move || roster.clone()), view), self.mutant, None),
                )
            }
            Role::Judge => {
                let provenance = config.provenance();
                // Only those are taken that are asked for as the last of their life, and those are not left to chance.
                let snapshotter = self.store.clone().map(|store| {
                    Snapshotter::start(Box::new(store), Duration::from_secs(3_600), &provenance.config_hash).unwrap()
                });
                let judging = Judging::new(provenance, view, snapshotter);
                process(client, Bent::new(judging, self.mutant, self.store.clone()))
            }
        })
    }

    /// What goes wrong outside of the processes.
    fn something_around(&self) {
        let mut world = self.world.borrow_mut();
        let around = world.faults.around;
        if !world.random.happens(around) {
            return;
        }
        let mut slots = self.slots.borrow_mut();
        let index = usize::try_from(world.random.below(slots.len() as u64)).unwrap();
        let (slot, now_ms) = (&mut slots[index], world.now_ms);
        let what = match world.random.below(9) {
            0 => {
                world.group(slot.role).needs_rebalance = true;
                "partitions are shared out anew"
            }
            1 if slot.process.is_some() => {
                slot.stands_still_until_ms = now_ms + world.random.between(500, 12_000);
                let member = world.group(slot.role).members.get_mut(&slot.name);
                member.into_iter().for_each(|member| member.away_since_ms = Some(now_ms));
                "a process is frozen"
            }
            2 if slot.process.is_some() => {
                slot.is_wanted = false;
                "a process is stopped"
            }
            3 if slot.process.is_some() => {
                slot.zombies.extend(slot.process.take());
                // Also where it had been asked to stop: who takes its place was not.
                slot.is_wanted = true;
                slot.start_at_ms = now_ms + 100;
                "a process hangs and is replaced"
            }
            4 => {
                world.broker_away_until_ms = now_ms + world.random.between(500, 15_000);
                "the broker is away"
            }
            5 => {
                world.wall_ahead_ms += *world.random.one_of(&[-3_600_000, -2_000, 2_000, 3_600_000]);
                "the wall clock jumps"
            }
            6 => match self.store.as_ref().filter(|_| world.random.happens(5_000)).and_then(Store::rely_on) {
                Some(offset) => {
                    let tallies = world.logs.get_mut(&tallies());
                    tallies.into_iter().for_each(|log| log.first = log.first.max(usize::try_from(offset).unwrap()));
                    "old tallies are deleted"
                }
                None => {
                    self.delete(&mut world);
                    "old records are deleted"
                }
            },
            7 => {
                slots[2].is_wanted = !slots[2].is_wanted;
                "one more observer, or one less"
            }
            8 => {
                let group = world.group(slot.role);
                group.needs_rebalance |= group.members.remove(&slot.name).is_some();
                "a member that lives is put out"
            }
            _ => return,
        };
        world.count(what);
        world.say(|| format!("around ({index}): {what}"));
    }

    /// Retention: what was read, and where that is asked for some of what was not, while nobody reads it.
    fn delete(&self, world: &mut World) {
        let group = &world.groups[&Role::Observe];
        let is_read = |partition| group.members.values().any(|member| member.owned.contains(partition));
        let committed: Vec<_> = group
            .partitions
            .iter()
            .map(|partition| {
                let read = group.committed.get(partition).map_or(Offset(0), |committed| committed.offset);
                (partition.clone(), usize::try_from(read.0).unwrap(), is_read(partition))
            })
            .collect();
        for (partition, read, is_read) in committed {
            let beyond = if self.deletes_unread && !is_read { world.random.between(0, 30) } else { 0 };
            let next_end = world.logs[&partition].entries.len().saturating_sub(20).max(read);
            let first = (read + usize::try_from(beyond).unwrap()).min(next_end);
            if let Some(log) = world.logs.get_mut(&partition) {
                log.first = log.first.max(first);
            }
        }
    }

    /// Ends everything: the processes and the cluster hold each other.
    pub fn end(&self) {
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        drop(slots);
    }
}

fn process<T: Task + 'static>(client: Client, task: T) -> Process {
    let stop = Stop::default();
    let mut worker = Worker::new(client, task, stop.clone(), Arc::new(AtomicI64::new(0)));
    Box::new(move |wish| match wish {
        Wish::GoOn => worker.round(),
        Wish::Stop => {
            stop.request();
            worker.run()
        }
    })
}
