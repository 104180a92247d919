//! What is done to the instances, the network and the broker.

use std::time::{Duration, Instant};

use crate::support::Random;
use crate::support::broker::Broker;
use crate::support::process::{Instance, Setup};
use crate::support::proxy::{Api, Network, Side};

/// Who is destroyed.
pub const NAMES: [&str; 3] = ["a", "b", "c"];
/// Longer than a session (6 s).
const FROZEN: Duration = Duration::from_secs(9);
/// How long a message to be caught is waited for.
const CATCH_WITHIN: Duration = Duration::from_secs(5);
/// After what stops everybody there is peace for so long: two in a row would make ten seconds without a line, behind which a
/// partition holds nobody back and its lines are late, as they should be (invariant 2 in `src/README.md`).
const PEACE: Duration = Duration::from_secs(4);

/// One fault.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// SIGKILL at any moment.
    Kill,
    /// SIGKILL while this message is on its way.
    KillAt(Api, Side),
    /// This message gets lost and its connection breaks; nobody is killed.
    Lose(Api, Side),
    /// SIGTERM.
    Stop,
    /// SIGSTOP for longer than the session, while other faults go on.
    Freeze,
    /// All connections break.
    Cut,
    /// No connection breaks, but nothing passes.
    Hold,
    /// Each message takes longer.
    Slow,
    /// SIGKILL for the broker.
    KillBroker,
    /// SIGSTOP for the broker.
    PauseBroker,
}

/// Twenty faults; which of the first ten and which of the second ten come in which order is up to the seed.
const DECK: [Fault; 20] = [
    Fault::KillAt(Api::EndTransaction, Side::Answer),
    Fault::Kill,
    Fault::Lose(Api::EndTransaction, Side::Answer),
    Fault::KillAt(Api::Produce, Side::Request),
    Fault::Freeze,
    Fault::Stop,
    Fault::KillAt(Api::CommitOffsets, Side::Answer),
    Fault::Hold,
    Fault::KillBroker,
    Fault::Kill,
    Fault::KillAt(Api::EndTransaction, Side::Request),
    Fault::Lose(Api::EndTransaction, Side::Answer),
    Fault::KillAt(Api::Produce, Side::Answer),
    Fault::Kill,
    Fault::Slow,
    Fault::Lose(Api::CommitOffsets, Side::Answer),
    Fault::KillAt(Api::EndTransaction, Side::Answer),
    Fault::Cut,
    Fault::PauseBroker,
    Fault::Lose(Api::Produce, Side::Answer),
];

impl Fault {
    /// Whether somebody is killed.
    fn is_kill(self) -> bool {
        matches!(self, Self::Kill | Self::KillAt(..) | Self::KillBroker)
    }
}

/// As many faults as asked for, in the order of this seed.
pub fn faults(count: usize, are_kills: bool, random: &mut Random) -> Vec<Fault> {
    let mut faults = Vec::new();
    while faults.len() < count {
        for half in DECK.chunks(DECK.len() / 2) {
            let mut half: Vec<Fault> = half.iter().copied().filter(|fault| !are_kills || fault.is_kill()).collect();
            while !half.is_empty() {
                faults.push(half.swap_remove(index_below(half.len(), random)));
            }
        }
    }
    faults.truncate(count);
    faults
}

/// What the faults happen to.
pub struct Victims<'a> {
    pub setup: &'a Setup,
    pub broker: &'a Broker,
    pub network: &'a Network,
    pub random: Random,
    instances: Vec<Instance>,
    frozen: [Option<Instant>; NAMES.len()],
}

impl<'a> Victims<'a> {
    /// Starts the instances.
    pub fn start(setup: &'a Setup, broker: &'a Broker, network: &'a Network, random: Random) -> Self {
        let instances: Vec<Instance> = NAMES.iter().map(|name| setup.start(name)).collect();
        for instance in &instances {
            instance.wait_until_ready();
        }
        Self { setup, broker, network, random, instances, frozen: [None; NAMES.len()] }
    }

    /// Lets a fault happen. Returns what exactly it was.
    pub fn suffer(&mut self, fault: Fault) -> String {
        let said = match fault {
            Fault::Kill => {
                let which = self.any();
                self.kill(which);
                format!("kill -9 {}", NAMES[which])
            }
            Fault::KillAt(api, side) => self.catch(api, side, true),
            Fault::Lose(api, side) => self.catch(api, side, false),
            Fault::Stop => {
                let which = self.any();
                // Who does not listen yet is ended by the system, with nothing begun.
                let listens = self.instances[which].log().contains("starting");
                let ended = self.instances[which].stop();
                assert!(ended.success() || !listens, "{} failed when it was asked to stop: {ended}", NAMES[which]);
                self.instances[which] = self.setup.start(NAMES[which]);
                format!("SIGTERM {}", NAMES[which])
            }
            Fault::Freeze => {
                let which = self.any();
                self.instances[which].pause();
                self.frozen[which] = Some(Instant::now());
                format!("SIGSTOP {} for {FROZEN:?}", NAMES[which])
            }
            Fault::Cut => {
                self.network.cut();
                "all connections cut".to_owned()
            }
            Fault::Hold => {
                self.for_some_seconds("nothing passes the network", |victims, time| victims.network.hold(time))
            }
            Fault::Slow => self.for_some_seconds("150 ms for each message", |victims, time| {
                victims.network.slow(Duration::from_millis(150), time);
            }),
            Fault::KillBroker => self.for_some_seconds("broker killed", |victims, time| {
                victims.broker.kill();
                std::thread::sleep(time);
                victims.broker.again();
            }),
            Fault::PauseBroker => self.for_some_seconds("broker paused", |victims, time| {
                victims.broker.pause();
                std::thread::sleep(time);
                victims.broker.resume();
            }),
        };
        self.thaw(FROZEN);
        let pause = self.random.time_below(Duration::from_secs(3));
        std::thread::sleep(pause);
        for (instance, name) in self.instances.iter_mut().zip(NAMES) {
            if !instance.is_running() {
                // Who starts while the broker is away says so and ends, for whoever manages services to start it again.
                let is_told = instance.log().contains("no broker of kafka.brokers");
                assert!(is_told, "{name} ended by itself after: {said}");
                *instance = self.setup.start(name);
            }
        }
        said
    }

    /// The end of all faults: who is frozen goes on.
    pub fn recover(&mut self) {
        self.thaw(Duration::ZERO);
    }

    /// Ends all.
    pub fn stop(mut self) {
        for (instance, name) in self.instances.iter_mut().zip(NAMES) {
            assert!(instance.stop().success(), "{name} failed when it was asked to stop");
        }
    }

    fn for_some_seconds(&mut self, what: &str, fault: impl FnOnce(&Self, Duration)) -> String {
        let time = Duration::from_secs(2) + self.random.time_below(Duration::from_secs(4));
        fault(self, time);
        std::thread::sleep(PEACE);
        format!("{what} for {time:?}")
    }

    /// Somebody who is not frozen.
    fn any(&mut self) -> usize {
        let awake: Vec<usize> = (0..NAMES.len()).filter(|&which| self.frozen[which].is_none()).collect();
        awake[index_below(awake.len(), &mut self.random)]
    }

    fn kill(&mut self, which: usize) {
        self.instances[which].kill();
        self.frozen[which] = None;
        let pause = self.random.time_below(Duration::from_millis(500));
        std::thread::sleep(pause);
        self.instances[which] = self.setup.start(NAMES[which]);
    }

    fn thaw(&mut self, frozen_for: Duration) {
        for (instance, frozen) in self.instances.iter().zip(&mut self.frozen) {
            if frozen.is_some_and(|since| since.elapsed() >= frozen_for) {
                instance.resume();
                *frozen = None;
            }
        }
    }

    /// Catches a message of an observer's or the judge's transactions, and kills who sent it, or not.
    fn catch(&mut self, api: Api, side: Side, kills: bool) -> String {
        let judges = format!("{}-", self.setup.judges());
        let whose = if self.random.below(2) == 0 { judges.clone() } else { format!("{}-", self.setup.group) };
        let Some(caught) = self.network.catch(api, side, whose.as_bytes(), CATCH_WITHIN) else {
            let which = self.any();
            self.kill(which);
            return format!("no {api:?} within {CATCH_WITHIN:?}: kill -9 {}", NAMES[which]);
        };
        let contains = |part: &str| caught.request.windows(part.len()).any(|bytes| bytes == part.as_bytes());
        let sender =
            |name: &str| contains(&format!("{judges}{name}")) || contains(&format!("{}-{name}-", self.setup.group));
        let which = NAMES.iter().position(|name| sender(name)).expect("a request of one of the instances");
        let role = if contains(&judges) { "judge" } else { "observer" };
        if kills {
            self.instances[which].kill();
            drop(caught);
            self.kill(which);
        }
        let what = if kills { "kill -9 at" } else { "lost" };
        format!("{what} the {side:?} of {api:?} of {}'s {role}", NAMES[which])
    }
}

fn index_below(bound: usize, random: &mut Random) -> usize {
    usize::try_from(random.below(u64::try_from(bound).unwrap())).unwrap()
}
