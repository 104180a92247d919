//! Where the judges of a simulated cluster keep their snapshots: in memory, and not always in a good state.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use eddyline::record::Offset;
use eddyline::stream::snapshot::{Snapshot, SnapshotError, SnapshotStore};

use super::random::Random;

/// How many are kept.
const KEPT: usize = 2;

struct Kept {
    random: Random,
    snapshots: Vec<Snapshot>,
    /// Offsets at which a snapshot came in, kept or refused.
    came_in: BTreeSet<i64>,
    refuses: bool,
    restored: u64,
    /// Whether tallies were deleted, so that nothing can be learnt without a snapshot.
    is_relied_on: bool,
    /// A planted bug: the state is said to be of a later offset.
    skips: bool,
}

/// One store, shared by all judges.
#[derive(Clone)]
pub struct Store(Arc<(Mutex<Kept>, Condvar)>);

impl Store {
    pub fn new(seed: u64, skips: bool) -> Self {
        let (random, snapshots, came_in) = (Random::new(seed), Vec::new(), BTreeSet::new());
        let kept = Kept { random, snapshots, came_in, refuses: false, restored: 0, is_relied_on: false, skips };
        Self(Arc::new((Mutex::new(kept), Condvar::new())))
    }

    /// Whether a snapshot is to be taken after this commit; if so, whether the store will refuse it is drawn too.
    pub fn is_due(&self, is_last: bool) -> bool {
        let mut kept = self.0.0.lock().unwrap();
        kept.refuses = kept.random.happens(1_000);
        kept.random.happens(1_000) || is_last
    }

    /// Waits until the snapshot of this offset has come in: a thread brings it, and a simulation waits for no thread by chance.
    pub fn wait_for(&self, offset: Offset) {
        let (kept, changed) = &*self.0;
        let missing = |kept: &mut Kept| !kept.came_in.contains(&offset.0);
        let waited = changed.wait_timeout_while(kept.lock().unwrap(), Duration::from_secs(20), missing).unwrap();
        assert!(!waited.1.timed_out(), "no snapshot of the tallies' offset {} came in", offset.0);
    }

    /// Tallies before this offset are in every snapshot that is kept: they may be deleted, if from now on no snapshot is lost.
    pub fn rely_on(&self) -> Option<i64> {
        let mut kept = self.0.0.lock().unwrap();
        kept.is_relied_on |= !kept.snapshots.is_empty();
        kept.snapshots.first().map(|snapshot| snapshot.manifest.offset)
    }

    /// What is kept, and how often a judge was restored.
    pub fn look(&self) -> (Vec<Snapshot>, u64) {
        let kept = self.0.0.lock().unwrap();
        (kept.snapshots.clone(), kept.restored)
    }
}

impl SnapshotStore for Store {
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let (kept, changed) = &*self.0;
        let mut kept = kept.lock().unwrap();
        kept.came_in.insert(snapshot.manifest.offset);
        changed.notify_all();
        if kept.refuses {
            return Err(SnapshotError::Store("full".to_owned()));
        }
        kept.snapshots.push(snapshot.clone());
        kept.snapshots.sort_by_key(|snapshot| snapshot.manifest.offset);
        if kept.snapshots.len() > KEPT {
            kept.snapshots.remove(0);
        }
        Ok(())
    }

    fn newest(&mut self, _: i32, not_beyond: Offset) -> Result<Option<Snapshot>, SnapshotError> {
        let mut kept = self.0.0.lock().unwrap();
        let newest = kept.snapshots.iter().rfind(|snapshot| snapshot.manifest.offset <= not_beyond.0).cloned();
        let luck = if kept.is_relied_on { 9 } else { kept.random.below(10) };
        match luck {
            0 => return Err(SnapshotError::Store("away".to_owned())),
            1 => {
                return Ok(newest.map(|mut damaged| {
                    damaged.compressed.truncate(9);
                    damaged
                }));
            }
            2 => {
                return Ok(newest.map(|mut other| {
                    other.manifest.version.push_str("-other");
                    other
                }));
            }
            _ => kept.restored += u64::from(newest.is_some()),
        }
        let skips = if kept.skips { 4 } else { 0 };
        Ok(newest.map(|mut snapshot| {
            snapshot.manifest.offset = (snapshot.manifest.offset + skips).min(not_beyond.0);
            snapshot
        }))
    }
}
