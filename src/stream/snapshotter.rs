//! Takes snapshots of judges beside their work, and brings judges back from them.
//!
//! The judge's thread only serialises its state; hashing, compression and writing are done by a thread of this module, so that no
//! event waits for a snapshot. While one is being written no other is taken, but for a last one before partitions are given up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tracing::{debug, error, info, warn};

use super::snapshot::{Snapshot, SnapshotError, SnapshotStore};
use crate::record::{Offset, Partition, Second};
use crate::stage::{Judge, Pieces};

/// How long is waited for a writer that is behind when partitions are given up, for which the whole group waits.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(3);
/// The pause before it is looked again whether the writer is free.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// A store that two threads use in turn.
type Store = Arc<Mutex<Box<dyn SnapshotStore>>>;

/// A state on its way to the store.
struct Job {
    partition: i32,
    offset: Offset,
    judged_until: Option<Second>,
    state: Pieces,
    /// The snapshot that the judge was restored from, if none was taken since.
    restored: Option<String>,
    config_hash: String,
}

/// Snapshots of the judges of one worker.
pub struct Snapshotter {
    every: Duration,
    config_hash: String,
    store: Store,
    jobs: Option<SyncSender<Job>>,
    /// Jobs that the writer was given and has not done.
    in_hand: Arc<AtomicUsize>,
    writer: Option<JoinHandle<()>>,
    taken: BTreeMap<Partition, Taken>,
}

/// The last snapshot of a judge.
struct Taken {
    at: Instant,
    offset: Offset,
    /// The snapshot that the judge was restored from, until the first one is taken.
    restored: Option<String>,
}

impl Snapshotter {
    /// Snapshots every so often into this store.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(store: Box<dyn SnapshotStore>, every: Duration, config_hash: &str) -> std::io::Result<Self> {
        let store: Store = Arc::new(Mutex::new(store));
        let (jobs, received) = sync_channel(1);
        let in_hand = Arc::new(AtomicUsize::new(0));
        let writer = std::thread::Builder::new().name("snapshots".to_owned()).spawn({
            let (store, in_hand) = (Arc::clone(&store), Arc::clone(&in_hand));
            move || write_all(&received, &store, &in_hand)
        })?;
        Ok(Self {
            every,
            config_hash: config_hash.to_owned(),
            store,
            jobs: Some(jobs),
            in_hand,
            writer: Some(writer),
            taken: BTreeMap::new(),
        })
    }

    /// The judge of the newest snapshot that is not beyond what was committed, and the offset of the tallies from which it
    /// has to go on. `None` where there is none that can be read: the judge then learns again from the tallies.
    pub fn restore(&mut self, partition: &Partition, committed: Offset) -> Option<(Judge, Offset)> {
        let started = Instant::now();
        let newest = lock(&self.store).newest(partition.number, committed);
        let mut snapshot = match newest {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => return None,
            Err(reason) => {
                error!(%partition, "{reason}; the state is learnt again from the tallies");
                return None;
            }
        };
        let judge = snapshot.state().and_then(|state| {
            // The state is large, and becomes a judge.
            snapshot.compressed = Vec::new();
            Judge::restore(&state).map_err(|reason| SnapshotError::Store(format!("{}: {reason}", snapshot.manifest.id)))
        });
        let judge = match judge {
            Ok(judge) => judge,
            Err(reason) => {
                warn!(%partition, "{reason}");
                return None;
            }
        };
        let offset = Offset(snapshot.manifest.offset);
        info!(%partition, id = snapshot.manifest.id, offset = offset.0, bytes = snapshot.manifest.bytes.0,
            millis = started.elapsed().as_millis(), "restored");
        let restored = Some(snapshot.manifest.id);
        self.taken.insert(partition.clone(), Taken { at: Instant::now(), offset, restored });
        Some((judge, offset))
    }

    /// Until when a writer that is behind is waited for, by those that are about to give up partitions.
    pub fn last_chance() -> Instant {
        Instant::now() + HANDED_OVER_WITHIN
    }

    /// Right after a commit: takes a snapshot if it is time, or if it is the last chance, which is over at that moment.
    pub fn offer(&mut self, partition: &Partition, judge: &Judge, offset: Offset, last_chance: Option<Instant>) {
        let taken = self.taken.entry(partition.clone()).or_insert_with(|| Taken {
            at: Instant::now(),
            offset: Offset(-1),
            restored: None,
        });
        let is_due = last_chance.is_some() || taken.at.elapsed() >= self.every;
        let is_writing = self.in_hand.load(Ordering::Relaxed) > 0;
        if !is_due || taken.offset == offset || (is_writing && last_chance.is_none()) {
            return;
        }
        let Some(jobs) = &self.jobs else { return };
        let started = Instant::now();
        let state = match judge.snapshot() {
            Ok(state) => state,
            Err(reason) => {
                error!(%partition, "{reason}");
                return;
            }
        };
        histogram!("eddyline_snapshot_serialise_seconds").record(started.elapsed());
        let job = Job {
            partition: partition.number,
            offset,
            judged_until: judge.judged_until(),
            state,
            restored: taken.restored.clone(),
            config_hash: self.config_hash.clone(),
        };
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        taken.at = Instant::now();
        if hand_over(jobs, job, last_chance.unwrap_or(started)) {
            taken.offset = offset;
            taken.restored = None;
        } else {
            self.in_hand.fetch_sub(1, Ordering::Relaxed);
            warn!(%partition, offset = offset.0, "no snapshot, for the writer is behind or has ended: whoever comes next begins with an older one");
        }
    }
}

/// Gives the writer a job, and waits for it until then at most. Returns whether it took it.
fn hand_over(jobs: &SyncSender<Job>, mut job: Job, until: Instant) -> bool {
    loop {
        match jobs.try_send(job) {
            Ok(()) => return true,
            Err(TrySendError::Full(back)) if Instant::now() < until => job = back,
            Err(_) => return false,
        }
        std::thread::sleep(LOOK_AGAIN_AFTER);
    }
}

impl Drop for Snapshotter {
    /// Waits until what was taken is written: a clean stop leaves its snapshot.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            error!("the thread that writes snapshots ended by a fault of the program");
        }
    }
}

fn write_all(jobs: &Receiver<Job>, store: &Store, in_hand: &AtomicUsize) {
    let mut written_last: BTreeMap<i32, String> = BTreeMap::new();
    while let Ok(job) = jobs.recv() {
        let started = Instant::now();
        let Job { partition, offset, judged_until, state, restored, config_hash } = job;
        let parent = restored.or_else(|| written_last.get(&partition).cloned());
        let snapshot = Snapshot::new(state, partition, offset, judged_until, &config_hash, parent);
        let written = snapshot.and_then(|snapshot| lock(store).save(&snapshot).map(|()| snapshot));
        match written {
            Ok(snapshot) => {
                counter!("eddyline_snapshots_total", "result" => "written").increment(1);
                gauge!("eddyline_snapshot_bytes").set(snapshot.manifest.bytes.1 as f64);
                histogram!("eddyline_snapshot_write_seconds").record(started.elapsed());
                debug!(id = snapshot.manifest.id, offset = offset.0, bytes = snapshot.manifest.bytes.1, "snapshot");
                written_last.insert(partition, snapshot.manifest.id);
            }
            Err(reason) => {
                counter!("eddyline_snapshots_total", "result" => "failed").increment(1);
                warn!(offset = offset.0, "{reason}; the next one is tried in its turn");
            }
        }
        in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A poisoned lock guards a store whose snapshots are whole or not there.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Topic;
    use crate::stream::DirectoryStore;
    use crate::stream::snapshot::{Manifest, state_version};

    fn partition() -> Partition {
        Partition::new(Topic::new("eddyline.tallies"), 0)
    }

    fn start(directory: &std::path::Path) -> Snapshotter {
        let store = DirectoryStore::open(directory, "").unwrap();
        Snapshotter::start(Box::new(store), Duration::from_secs(3_600), "sha256:0").unwrap()
    }

    fn newest(directory: &std::path::Path) -> Manifest {
        let mut store = DirectoryStore::open(directory, "").unwrap();
        store.newest(0, Offset(i64::MAX)).unwrap().unwrap().manifest
    }

    #[test]
    fn a_clean_stop_leaves_a_snapshot_with_its_lineage() {
        let directory = tempfile::tempdir().unwrap();
        let mut snapshotter = start(directory.path());
        assert!(snapshotter.restore(&partition(), Offset(9)).is_none());
        snapshotter.offer(&partition(), &Judge::new(), Offset(5), None);
        snapshotter.offer(&partition(), &Judge::new(), Offset(5), Some(Snapshotter::last_chance()));
        drop(snapshotter);
        let first = newest(directory.path());
        assert_eq!((first.offset, first.parent, first.version), (5, None, state_version()));

        let mut snapshotter = start(directory.path());
        assert_eq!(snapshotter.restore(&partition(), Offset(9)).unwrap().1, Offset(5));
        snapshotter.offer(&partition(), &Judge::new(), Offset(5), Some(Snapshotter::last_chance()));
        snapshotter.offer(&partition(), &Judge::new(), Offset(8), Some(Snapshotter::last_chance()));
        drop(snapshotter);
        let second = newest(directory.path());
        assert_eq!((second.offset, second.parent), (8, Some(first.id)));
    }

    #[test]
    fn nothing_beyond_the_commit_is_restored() {
        let directory = tempfile::tempdir().unwrap();
        let mut snapshotter = start(directory.path());
        snapshotter.offer(&partition(), &Judge::new(), Offset(5), Some(Snapshotter::last_chance()));
        drop(snapshotter);
        assert!(start(directory.path()).restore(&partition(), Offset(4)).is_none());
    }

    /// A store that nobody comes back from before the other end is dropped.
    struct Stuck(Mutex<Receiver<()>>);

    impl SnapshotStore for Stuck {
        fn save(&mut self, _: &Snapshot) -> Result<(), SnapshotError> {
            self.0.lock().unwrap().recv().ok();
            Ok(())
        }

        fn newest(&mut self, _: i32, _: Offset) -> Result<Option<Snapshot>, SnapshotError> {
            Ok(None)
        }
    }

    #[test]
    fn a_store_that_hangs_holds_up_no_rebalance() {
        let (release, held) = std::sync::mpsc::channel();
        let store = Box::new(Stuck(Mutex::new(held)));
        let mut snapshotter = Snapshotter::start(store, Duration::ZERO, "sha256:0").unwrap();
        let partitions = [0, 1, 2, 3].map(|number| Partition::new(Topic::new("eddyline.tallies"), number));
        let last_chance = Some(Snapshotter::last_chance());
        for partition in &partitions {
            snapshotter.offer(partition, &Judge::new(), Offset(5), last_chance);
        }
        // It comes here although the store is stuck.
        drop(release);
        let handed_over = partitions.iter().filter(|&partition| snapshotter.taken[partition].offset == Offset(5));
        assert_eq!(handed_over.count(), 2, "one is being written and one waits");
    }

    #[test]
    fn while_one_is_written_no_other_is_taken() {
        let (release, held) = std::sync::mpsc::channel();
        let store = Box::new(Stuck(Mutex::new(held)));
        let mut snapshotter = Snapshotter::start(store, Duration::ZERO, "sha256:0").unwrap();
        let other = Partition::new(Topic::new("eddyline.tallies"), 1);
        snapshotter.offer(&partition(), &Judge::new(), Offset(5), None);
        snapshotter.offer(&other, &Judge::new(), Offset(5), None);
        assert_eq!((snapshotter.taken[&partition()].offset, snapshotter.taken[&other].offset), (Offset(5), Offset(-1)));
        drop(release);
        while snapshotter.taken[&other].offset != Offset(6) {
            snapshotter.offer(&other, &Judge::new(), Offset(6), None);
            std::thread::sleep(LOOK_AGAIN_AFTER);
        }
    }
}
