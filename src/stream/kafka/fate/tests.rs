//! Tests of how transactions end of which the end was lost.

use super::super::open::Open;
use super::super::past::Stretch;
use super::*;
use crate::record::Topic;

fn input(number: i32) -> Partition {
    Partition::new(Topic::new("logs"), number)
}

fn told(from: i64, until: i64) -> Tallied {
    Tallied { from: Offset(from), until: Committed { offset: Offset(until), metadata: format!("clock {until}") } }
}

/// What is open there, and covers these ranges of the input.
fn open(destination: Destination, covers: &[(i32, i64, i64)]) -> Left {
    let partition = Partition::new(Topic::new("ours"), 0);
    let stretch = Stretch { partition, from: Offset(0), to: Offset(9) };
    let covers = covers.iter().map(|&(number, from, until)| (input(number), told(from, until))).collect();
    Left { open: Open { destination, stretch }, covers, last: Offset(8) }
}

fn tallies(covers: &[(i32, i64, i64)]) -> Left {
    open(Destination::Tallies, covers)
}

fn copy(number: i32, offset: i64) -> Left {
    open(Destination::Scored(Topic::new("logs")), &[(number, offset, offset + 1)])
}

/// How many are committed, and how many aborted.
fn fate(lost: Vec<(Left, bool)>, reached: &[(i32, i64)]) -> (usize, usize) {
    let reached = reached.iter().map(|&(number, offset)| (input(number), Offset(offset))).collect();
    let Fate { committed, aborted } = Fate::of(lost, reached);
    (committed.len(), aborted.len())
}

#[test]
fn what_nothing_reaches_is_aborted() {
    assert_eq!(fate(vec![(tallies(&[(0, 5, 9)]), false), (copy(0, 8), false)], &[(0, 5)]), (0, 2));
    assert_eq!(fate(vec![(tallies(&[]), false)], &[(0, 5)]), (0, 1), "it was not written to its end");
}

#[test]
fn what_was_committed_anywhere_is_committed_everywhere() {
    let lost = || vec![(tallies(&[(0, 5, 9), (1, 2, 4)]), false), (copy(0, 8), false), (copy(1, 3), false)];
    assert_eq!(fate(lost(), &[(0, 5), (1, 2)]), (0, 3));
    assert_eq!(fate(lost(), &[(0, 5), (1, 4)]), (3, 0), "copies of one of its partitions");
}

#[test]
fn what_was_read_again_is_aborted() {
    assert_eq!(fate(vec![(tallies(&[(0, 5, 9)]), true), (copy(0, 8), true)], &[(0, 30)]), (0, 2));
}

#[test]
fn the_group_is_given_the_offsets_that_it_has_not_and_is_never_set_back() {
    let committed = vec![tallies(&[(0, 5, 9), (1, 2, 4)]), copy(2, 7)];
    let fate = Fate { committed, aborted: Vec::new() };
    let counted = BTreeMap::from([(input(2), told(3, 8)), (input(3), told(1, 2))]);
    let left = |is_open, at: &[(i32, i64)]| {
        let group =
            Group { committed: at.iter().map(|&(number, offset)| (input(number), Offset(offset))).collect(), is_open };
        let until = fate.offsets_left(&group, &counted);
        until.into_iter().map(|(partition, until)| (partition.number, until.offset.0)).collect::<Vec<_>>()
    };
    assert_eq!(left(true, &[(0, 5), (1, 6), (2, 7), (3, 40)]), [(0, 9), (2, 8)]);
    assert_eq!(
        left(false, &[(0, 5), (1, 4), (2, 7), (3, 1)]),
        [(0, 9)],
        "nothing is open: what was counted is the worker's to look at"
    );
    assert_eq!(left(true, &[]), [(0, 9), (1, 4), (2, 8), (3, 2)], "nothing was ever committed");
}
