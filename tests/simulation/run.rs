//! One seed, from its input to its verdict.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use eddyline::record::{Offset, Partition, StreamTime};
use eddyline::vectorise::wire::Flush;

use super::check::{self, Verdict};
use super::cluster::Cluster;
use super::input::Input;
use super::mutants::Mutant;
use super::random::Random;
use super::snapshots::Store;
use super::world::{Role, tallies};

/// How long after the end of the faults everything has to be judged, in simulated time.
const CALM_MS_MAX: i64 = 120_000;

/// What is asked of a run.
#[derive(Clone, Copy, Default)]
pub struct Asked {
    pub mutant: Option<Mutant>,
    /// Records may be deleted before they were read.
    pub deletes_unread: bool,
    pub is_traced: bool,
}

/// What came out of a seed.
pub struct Ran {
    pub verdict: Result<Verdict, String>,
    pub happened: BTreeMap<&'static str, u64>,
    pub trace: Vec<String>,
}

/// Simulates one seed and checks it. The same seed gives the same run.
pub fn run(seed: u64, asked: Asked) -> Ran {
    let mut random = Random::new(seed);
    let input = Input::new(&mut random);
    let cluster = Rc::new(Cluster::new(random, &input, asked.mutant, asked.deletes_unread, asked.is_traced));
    let verdict = catch_unwind(AssertUnwindSafe(|| simulate(&cluster, &input, asked)));
    let verdict = verdict.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!(
            "panic: {}",
            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
        ))
    });
    let (happened, trace) = {
        let mut world = cluster.world.borrow_mut();
        (std::mem::take(&mut world.happened), world.trace.take().unwrap_or_default())
    };
    cluster.end();
    Ran { verdict, happened, trace }
}

fn simulate(cluster: &Rc<Cluster>, input: &Input, asked: Asked) -> Result<Verdict, String> {
    cluster.draw_faults();
    let faults_end_ms = {
        let mut world = cluster.world.borrow_mut();
        let last = world.logs.values().flat_map(|log| &log.entries).map(|entry| entry.visible_from_ms).max();
        let readable_ms = world.unreadable.as_ref().map_or(0, |(_, when)| when.end);
        last.unwrap_or(0).max(readable_ms) + world.random.between(0, 5_000)
    };
    let (mut calm_since_ms, mut progress) = (None, Watch::default());
    loop {
        cluster.turn();
        let now_ms = cluster.world.borrow().now_ms;
        if let Some(violation) = cluster.world.borrow().violations.first() {
            return Err(violation.clone());
        }
        if calm_since_ms.is_none() && now_ms >= faults_end_ms {
            cluster.calm();
            calm_since_ms = Some(now_ms);
        }
        let Some(calm_since_ms) = calm_since_ms else { continue };
        if progress.all_is_judged(cluster, input) {
            let (snapshots, restored) = cluster.store.as_ref().map(Store::look).unwrap_or_default();
            cluster.world.borrow_mut().happened.insert("judges restored from a snapshot", restored);
            return check::check(&cluster.world.borrow(), input, &snapshots, asked.deletes_unread);
        }
        if now_ms > calm_since_ms + CALM_MS_MAX {
            return Err(format!("{} s after the last fault not all is judged: {progress:?}", CALM_MS_MAX / 1_000));
        }
    }
}

/// Looks on while everything is read and judged.
#[derive(Default, Debug)]
struct Watch {
    seen: usize,
    reported: BTreeMap<Partition, (Option<StreamTime>, bool)>,
    /// When the judge has committed this, all is judged.
    goal: Option<usize>,
}

impl Watch {
    fn all_is_judged(&mut self, cluster: &Cluster, input: &Input) -> bool {
        let world = cluster.world.borrow();
        let committed = |role, partition: &Partition| {
            let committed = world.groups.get(&role).and_then(|group| group.committed.get(partition));
            committed.map_or(0, |committed| usize::try_from(committed.offset.0).unwrap())
        };
        if let Some(goal) = self.goal {
            return committed(Role::Judge, &tallies()) >= goal;
        }
        if input.partitions.iter().any(|(partition, lines)| committed(Role::Observe, partition) < lines.len()) {
            return false;
        }
        while let Some((offset, entry)) = world.next(&tallies(), self.seen, false) {
            self.seen = offset + 1;
            let value = entry.record.as_ref().and_then(|record| record.value.as_deref()).unwrap_or_default();
            for progress in Flush::decode(value).unwrap().progress {
                self.reported.insert(progress.partition, (progress.complete_until, progress.idle));
            }
        }
        let until = StreamTime(input.judged_until_ms + 1_000);
        let is_through = |partition| {
            self.reported.get(partition).is_some_and(|&(complete_until, idle)| idle || complete_until >= Some(until))
        };
        if input.partitions.keys().all(is_through) {
            self.goal = Some(self.seen);
        }
        false
    }
}

/// An offset as an index.
pub fn index(offset: Offset) -> usize {
    usize::try_from(offset.0).unwrap()
}
