use std::collections::VecDeque;

use super::*;
use crate::record::{Record, Topic};
use crate::stream::log::{Committed, Retained};

fn partition() -> Partition {
    Partition::new(Topic::new("logs"), 0)
}

/// One partition of ten records, read one at a time, and what was committed of it.
struct TenRecords {
    rebalances: VecDeque<Rebalance>,
    position: i64,
    committed: Option<Committed>,
    /// A rebalance that is learnt of in the call that hands this record out.
    with_record: Option<(i64, Rebalance)>,
    rewound: Vec<Vec<(Partition, Offset)>>,
}

impl Log for TenRecords {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn poll(&mut self, _: Duration, each: &mut crate::stream::Taker<'_>) -> Result<usize, CommitError> {
        for offset in self.position..10 {
            let record = Record { offset: Offset(offset), timestamp: None, value: None };
            self.position = offset + 1;
            if let Some((_, rebalance)) = self.with_record.take_if(|(record, _)| *record == offset) {
                self.rebalances.push_back(rebalance);
            }
            if each(&partition(), &Incoming { record, key: None, headers: &Vec::new }).is_break() {
                break;
            }
        }
        Ok(1)
    }

    fn rebalance(&mut self) -> Option<Rebalance> {
        self.rebalances.pop_front()
    }

    fn committed(&mut self, _: &[Partition]) -> Result<Vec<(Partition, Option<Committed>, Retained)>, CommitError> {
        Ok(vec![(partition(), self.committed.clone(), Retained { first: Offset(0), end: Offset(10) })])
    }

    fn assign(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError> {
        positions.iter().for_each(|(_, from)| self.position = from.0);
        Ok(())
    }

    fn rewind(&mut self, positions: &[(Partition, Offset)]) -> Result<(), CommitError> {
        self.rewound.push(positions.to_vec());
        self.assign(positions)
    }

    fn unassign(&mut self, _: &[Partition]) -> Result<(), CommitError> {
        Ok(())
    }

    fn at_end(&mut self) -> Vec<Partition> {
        Vec::new()
    }

    fn hold(&mut self, _: &[Partition]) -> Result<(), CommitError> {
        Ok(())
    }

    fn commit(&mut self, transaction: &Transaction, _: bool) -> Result<(), CommitError> {
        for (offset, metadata) in transaction.offsets.values() {
            self.committed = Some(Committed { offset: *offset, metadata: metadata.clone() });
        }
        Ok(())
    }

    fn leave(&mut self) {}
}

/// Panics on the records 4 and 5. Remembers what it took since the last commit, and what was committed.
#[derive(Default)]
struct Shaky<const SETS_ASIDE: bool> {
    taken: Vec<i64>,
    aside: Vec<(i64, String)>,
    committed: Vec<i64>,
    committed_aside: Vec<(i64, String)>,
}

impl<const SETS_ASIDE: bool> Task for Shaky<SETS_ASIDE> {
    const NAME: &'static str = "shaky";
    const SETS_ASIDE: bool = SETS_ASIDE;

    fn assign(&mut self, _: &Partition, committed: Option<&Committed>, there: Retained) -> Offset {
        committed.map_or(there.first, |committed| committed.offset)
    }

    fn revoke(&mut self, _: &Partition) {}

    fn drop_all(&mut self) {
        self.taken.clear();
        self.aside.clear();
    }

    fn record(&mut self, _: &Partition, incoming: &Incoming<'_>, _: i64) -> Result<(), String> {
        let offset = incoming.record.offset.0;
        self.taken.push(offset);
        if (4..6).contains(&offset) {
            std::panic::resume_unwind(Box::new(format!("number {offset}")));
        }
        Ok(())
    }

    fn set_aside(&mut self, _: &Partition, incoming: &Incoming<'_>, panic: &str) {
        self.aside.push((incoming.record.offset.0, panic.to_owned()));
    }

    fn at_end(&mut self, _: &Partition, _: i64) {}

    fn ahead(&mut self, _: i64) -> Vec<Partition> {
        Vec::new()
    }

    fn is_full(&self) -> bool {
        !self.aside.is_empty()
    }

    fn is_due(&self, _: Duration, _: bool) -> bool {
        true
    }

    fn committed(&mut self, _: bool) {}

    fn seal(&mut self, transaction: &mut Transaction) {
        let last = self.taken.iter().copied().chain(self.aside.iter().map(|(offset, _)| *offset)).max();
        if let Some(last) = last {
            transaction.offsets.insert(partition(), (Offset(last + 1), String::new()));
        }
        self.committed.append(&mut self.taken);
        self.committed_aside.append(&mut self.aside);
    }
}

fn worker<const SETS_ASIDE: bool>() -> Worker<TenRecords, Shaky<SETS_ASIDE>> {
    let rebalances = VecDeque::from([Rebalance::Assign(vec![partition()])]);
    let log = TenRecords { rebalances, position: 0, committed: None, with_record: None, rewound: Vec::new() };
    Worker::new(log, Shaky::default(), Stop::default(), Arc::new(AtomicI64::new(0)))
}

#[test]
fn records_that_panic_are_set_aside_and_all_others_count_once() {
    let mut worker = worker::<true>();
    for _ in 0..8 {
        worker.round().unwrap();
    }
    assert_eq!(worker.task.committed, [0, 1, 2, 3, 6, 7, 8, 9]);
    assert_eq!(worker.task.committed_aside, [(4, "number 4".to_owned()), (5, "number 5".to_owned())]);
    assert_eq!(worker.log.committed.unwrap().offset, Offset(10));
}

#[test]
fn where_nothing_can_be_set_aside_the_worker_ends_and_names_the_record() {
    let mut worker = worker::<false>();
    let ended = worker.round();
    assert!(
        matches!(&ended, Err(WorkerError::Permanent(why)) if why.contains("logs[0] offset 4: panic: number 4")),
        "{ended:?}"
    );
    assert_eq!(worker.log.committed, None, "what was half taken is not committed");
}

#[test]
fn a_partition_that_is_revoked_together_with_a_record_that_panics_is_not_read_again() {
    let mut worker = worker::<true>();
    worker.log.with_record = Some((4, Rebalance::Revoke { partitions: vec![partition()], lost: false }));
    worker.round().unwrap();
    assert_eq!(worker.log.rewound, Vec::<Vec<_>>::new());
    assert_eq!(worker.log.committed, None, "what was half taken is not committed");
    worker.log.rebalances.push_back(Rebalance::Assign(vec![partition()]));
    for _ in 0..8 {
        worker.round().unwrap();
    }
    assert_eq!(worker.task.committed, [0, 1, 2, 3, 6, 7, 8, 9]);
    assert_eq!(worker.log.committed.unwrap().offset, Offset(10));
}
