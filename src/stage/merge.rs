//! Seconds of all partitions, merged: the part of the judge that makes its input independent of how the lines were divided.
//!
//! A second is closed once every partition that holds others back has promised that nothing before its end follows. Which
//! seconds are closed with which sums depends on the promises alone, never on when they were read; where a line breaks a
//! promise (only a clock can tell that a partition is idle), its sums are counted as late in the next open second, and the
//! result is what a replay of the same tallies gives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{Partition, Second, Service, StreamTime, Topic};
use crate::score::ClosedSecond;
use crate::vectorise::wire::{Flush, Progress};
use crate::vectorise::{Cell, fold_services};

/// After this many empty seconds in a row nothing is left that time could change: further empty ones are passed over.
pub(super) const EMPTY_SECONDS_MAX: i64 = 7_200;
/// At the end of a file, seconds that are this far beyond every watermark are not judged.
const REMAINING_SECONDS_MAX: i64 = 30 * 86_400;

/// So long after lines were lost the sums are not yet believed to be whole, in seconds: lines are not in the order of their times,
/// and the windows that rates look at reach back.
const PARTIAL_AFTER_LOSS_SECONDS: i64 = 60;

/// A break in the offsets that tallies cover: lines lost, or counted twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tallies of {partition} continue at offset {found} where {expected} was expected: {}", meaning(.expected, .found))]
pub struct Gap {
    /// The partition.
    pub partition: Partition,
    /// The next offset that was not covered.
    pub expected: i64,
    /// Where the tally begins instead.
    pub found: i64,
}

fn meaning(expected: &i64, found: &i64) -> &'static str {
    if found > expected {
        "the records between were not counted (deleted by retention before they were read?)"
    } else {
        "records were counted twice"
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reported {
    next: i64,
    complete_until: Option<StreamTime>,
    idle: bool,
    /// Up to where it was complete when records of it were lost, until its time has moved on from there.
    lost_since: Option<StreamTime>,
}

impl Reported {
    /// Takes a report in. Returns the span of log time in which lines are missing, once it is known.
    fn take(&mut self, progress: &Progress) -> Option<(Second, Second)> {
        let was_complete_until = self.complete_until;
        if progress.from.0 > self.next && self.lost_since.is_none() {
            self.lost_since = was_complete_until;
        }
        self.next = progress.to.0;
        self.complete_until = was_complete_until.max(progress.complete_until);
        self.idle = progress.idle;
        let (since, until) = (self.lost_since?, self.complete_until?);
        if until <= since {
            return None;
        }
        self.lost_since = None;
        Some((since.second(), until.second().plus(PARTIAL_AFTER_LOSS_SECONDS)))
    }
}

/// Merges the flushes of all observers.
#[derive(Default)]
pub(super) struct Merger {
    roster: BTreeMap<Topic, u32>,
    reported: BTreeMap<Partition, Reported>,
    open: BTreeMap<Second, BTreeMap<Service, Cell>>,
    closed: Option<Second>,
    last_filled: Option<Second>,
    folded_services: u64,
    /// The span of seconds of which lines were lost.
    partial: Option<(Second, Second)>,
}

impl Merger {
    /// Adds what an observer saw. Returns the breaks in the offsets it covers; none in a healthy log.
    pub(super) fn add(&mut self, flush: Flush) -> Vec<Gap> {
        self.take_roster(flush.roster);
        for (second, cells) in flush.cells {
            let is_late = self.closed.is_some_and(|closed| second <= closed);
            let second = if is_late { self.closed.unwrap_or(second).plus(1) } else { second };
            let open = self.open.entry(second).or_default();
            for (service, cell) in cells {
                let cell = if is_late { cell.into_late() } else { cell };
                let sums = open.entry(service).or_default();
                sums.merge(cell);
                sums.fold();
            }
            self.folded_services += fold_services(open) as u64;
        }
        flush.progress.into_iter().filter_map(|progress| self.report(progress)).collect()
    }

    /// The topics are those of the latest roster: one that is not read any more holds nobody back. Partitions are only ever
    /// added, and some observers know of a new one earlier than others.
    fn take_roster(&mut self, mut roster: BTreeMap<Topic, u32>) {
        if roster.is_empty() {
            return;
        }
        for (topic, partitions) in &mut roster {
            *partitions = self.roster.get(topic).copied().unwrap_or(0).max(*partitions);
        }
        self.reported.retain(|partition, _| roster.contains_key(&partition.topic));
        self.roster = roster;
    }

    fn report(&mut self, progress: Progress) -> Option<Gap> {
        let (partition, found) = (progress.partition.clone(), progress.from.0);
        let Some(reported) = self.reported.get_mut(&partition) else {
            let Progress { to, complete_until, idle, .. } = progress;
            self.reported.insert(partition, Reported { next: to.0, complete_until, idle, lost_since: None });
            return None;
        };
        let expected = reported.next;
        if let Some((since, until)) = reported.take(&progress) {
            let whole = self.partial.unwrap_or((since, until));
            self.partial = Some((whole.0.min(since), whole.1.max(until)));
        }
        (expected != found).then_some(Gap { partition, expected, found })
    }

    /// The next second that is complete, in turn; `None` where there is none.
    pub(super) fn next_closed(&mut self) -> Option<ClosedSecond> {
        let until = self.complete_until()?;
        self.close_before(until.second())
    }

    /// The next open second, whatever was promised: for the end of a file. What stands beyond anything that the partitions
    /// came near is no time of a line but a wrong stamp, and is left.
    pub(super) fn next_remaining(&mut self) -> Option<ClosedSecond> {
        let furthest = self.reported.values().filter_map(|reported| reported.complete_until).max();
        let limit = furthest.map_or(Second(i64::MAX), |time| time.second().plus(REMAINING_SECONDS_MAX));
        let last = *self.open.range(..=limit).next_back()?.0;
        self.close_before(last.plus(1))
    }

    /// How many partitions are known and how many of them have reported.
    pub(super) fn reporting(&self) -> (usize, usize) {
        (self.roster.values().map(|&partitions| partitions as usize).sum(), self.reported.len())
    }

    /// The last second that was closed.
    pub(super) fn closed(&self) -> Option<Second> {
        self.closed
    }

    /// How many seconds wait to be closed.
    pub(super) fn open_seconds(&self) -> usize {
        self.open.len()
    }

    /// How many services were folded into one because a second had too many.
    pub(super) fn folded_services(&self) -> u64 {
        self.folded_services
    }

    /// Every partition that there is has reported, and those that are not idle have promised up to here; when all are
    /// idle, the furthest promise counts.
    fn complete_until(&self) -> Option<StreamTime> {
        let is_known = |topic: &Topic, number: u32| {
            i32::try_from(number).is_ok_and(|number| self.reported.contains_key(&Partition::new(topic.clone(), number)))
        };
        let all_reported =
            self.roster.iter().all(|(topic, &partitions)| (0..partitions).all(|number| is_known(topic, number)));
        if !all_reported || self.reported.is_empty() {
            return None;
        }
        if self.reported.values().all(|reported| reported.idle) {
            return self.reported.values().filter_map(|reported| reported.complete_until).max();
        }
        let mut busy = self.reported.values().filter(|reported| !reported.idle).map(|reported| reported.complete_until);
        busy.try_fold(StreamTime(i64::MAX), |earliest, promised| Some(earliest.min(promised?)))
    }

    fn close_before(&mut self, end: Second) -> Option<ClosedSecond> {
        let first_filled = self.open.keys().next().copied();
        let next = match (self.closed, self.last_filled) {
            (Some(closed), Some(last)) if closed.since(last) < EMPTY_SECONDS_MAX => closed.plus(1),
            // Nothing was seen yet, or nothing is left that time could change.
            _ => first_filled?,
        };
        if next >= end {
            return None;
        }
        self.closed = Some(next);
        let cells = self.open.remove(&next).unwrap_or_default();
        if !cells.is_empty() {
            self.last_filled = Some(next);
        }
        let is_partial = self.partial.is_some_and(|(since, until)| (since..until).contains(&next));
        Some(ClosedSecond { second: next, cells, is_partial })
    }
}

/// The state of a merger as it is kept: the open seconds in their wire form.
#[derive(Serialize, Deserialize)]
pub(super) struct MergerSnapshot {
    open: Vec<u8>,
    reported: Vec<(String, i32, Reported)>,
    closed: Option<Second>,
    last_filled: Option<Second>,
    folded_services: u64,
    partial: Option<(Second, Second)>,
}

impl Merger {
    pub(super) fn snapshot(&self) -> MergerSnapshot {
        let open = Flush { roster: self.roster.clone(), cells: self.open.clone(), progress: Vec::new() };
        let reported = self.reported.iter();
        MergerSnapshot {
            open: open.encode(),
            reported: reported.map(|(p, reported)| (p.topic.name().to_owned(), p.number, reported.clone())).collect(),
            closed: self.closed,
            last_filled: self.last_filled,
            folded_services: self.folded_services,
            partial: self.partial,
        }
    }

    pub(super) fn restore(snapshot: MergerSnapshot) -> Result<Self, crate::vectorise::wire::WireError> {
        let open = Flush::decode(&snapshot.open)?;
        let reported = snapshot.reported.into_iter();
        Ok(Self {
            roster: open.roster,
            reported: reported.map(|(topic, number, r)| (Partition::new(Topic::new(&topic), number), r)).collect(),
            open: open.cells,
            closed: snapshot.closed,
            last_filled: snapshot.last_filled,
            folded_services: snapshot.folded_services,
            partial: snapshot.partial,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Offset;
    use crate::vectorise::wire::Outcomes;

    fn flush(cells: &[(i64, u64)], progress: &[(i32, i64, i64, Option<i64>, bool)], partitions: u32) -> Flush {
        let topic = Topic::new("logs");
        let mut flush = Flush { roster: BTreeMap::from([(topic.clone(), partitions)]), ..Flush::default() };
        for &(second, lines) in cells {
            let cell = Cell { lines: [0, 0, lines, 0, 0, 0], ..Cell::default() };
            flush.cells.entry(Second(second)).or_default().insert(Service::new(None, "web"), cell);
        }
        for &(number, from, to, until_s, idle) in progress {
            flush.progress.push(Progress {
                partition: Partition::new(topic.clone(), number),
                from: Offset(from),
                to: Offset(to),
                complete_until: until_s.map(|second| Second(second).start()),
                idle,
                outcomes: Outcomes::default(),
            });
        }
        flush
    }

    fn closed(merger: &mut Merger) -> Vec<(i64, u64, u64)> {
        let mut closed = Vec::new();
        while let Some(second) = merger.next_closed() {
            let cells = second.cells.values();
            let sums = cells.fold((0, 0), |(total, late), cell| (total + cell.total(), late + cell.late));
            closed.push((second.second.0, sums.0, sums.1));
        }
        closed
    }

    #[test]
    fn a_second_is_closed_when_every_partition_has_passed_it() {
        let mut merger = Merger::default();
        merger.add(flush(&[(10, 1), (11, 1)], &[(0, 0, 2, Some(20), false)], 2));
        assert_eq!(closed(&mut merger), [], "one partition has not reported");
        merger.add(flush(&[(10, 2)], &[(1, 0, 2, Some(11), false)], 2));
        assert_eq!(closed(&mut merger), [(10, 3, 0)]);
        merger.add(flush(&[], &[(1, 2, 2, Some(13), false)], 2));
        assert_eq!(closed(&mut merger), [(11, 1, 0), (12, 0, 0)]);
    }

    #[test]
    fn an_idle_partition_holds_nobody_back_and_its_old_lines_count_as_late() {
        let mut merger = Merger::default();
        merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false), (1, 0, 0, None, true)], 2));
        assert_eq!(closed(&mut merger).last(), Some(&(29, 0, 0)));
        merger.add(flush(&[(12, 5)], &[(1, 0, 5, Some(12), false)], 2));
        merger.add(flush(&[], &[(0, 1, 1, Some(40), false), (1, 5, 5, Some(40), false)], 2));
        assert_eq!(closed(&mut merger).first(), Some(&(30, 0, 5)));
    }

    #[test]
    fn loss_and_repetition_show() {
        let mut merger = Merger::default();
        assert_eq!(merger.add(flush(&[], &[(0, 7, 9, None, false)], 1)), []);
        let gap = merger.add(flush(&[], &[(0, 12, 13, None, false)], 1)).pop().unwrap();
        assert!(gap.to_string().contains("not counted"), "{gap}");
        let twice = merger.add(flush(&[], &[(0, 10, 14, None, false)], 1)).pop().unwrap();
        assert!(twice.to_string().contains("counted twice"), "{twice}");
    }

    #[test]
    fn seconds_of_which_records_were_lost_are_partial() {
        let mut merger = Merger::default();
        merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(12), false), (1, 0, 1, Some(30), false)], 2));
        while merger.next_closed().is_some() {}
        merger.add(flush(&[(29, 1)], &[(0, 7, 8, Some(12), false)], 2));
        assert_eq!(merger.partial, None, "how far the loss reaches is not known yet");
        merger.add(flush(&[], &[(0, 8, 9, Some(31), false), (1, 1, 2, Some(200), false)], 2));
        merger.add(flush(&[], &[(0, 9, 10, Some(200), false)], 2));
        let partial: Vec<i64> = std::iter::from_fn(|| merger.next_closed())
            .filter(|second| second.is_partial)
            .map(|second| second.second.0)
            .collect();
        assert_eq!((partial.first(), partial.last(), partial.len()), (Some(&12), Some(&90), 79));
    }

    #[test]
    fn a_topic_that_is_not_read_any_more_holds_nobody_back() {
        let mut merger = Merger::default();
        merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(12), false)], 1));
        let mut other = flush(&[], &[], 1);
        other.roster = BTreeMap::from([(Topic::new("other"), 1)]);
        let partition = Partition::new(Topic::new("other"), 0);
        let outcomes = Outcomes::default();
        let complete_until = Some(Second(20).start());
        other.progress.push(Progress {
            partition,
            from: Offset(0),
            to: Offset(0),
            complete_until,
            idle: false,
            outcomes,
        });
        merger.add(other);
        assert_eq!(closed(&mut merger).last(), Some(&(19, 0, 0)));
    }

    #[test]
    fn a_jump_of_log_time_is_not_walked_second_by_second() {
        let mut merger = Merger::default();
        let later = 10_000_000_000;
        merger.add(flush(&[(10, 1), (later, 1)], &[(0, 0, 2, Some(later + 1), false)], 1));
        let closed = closed(&mut merger);
        assert_eq!(closed.len() as i64, EMPTY_SECONDS_MAX + 2);
        assert_eq!(closed.last(), Some(&(later, 1, 0)));
    }
}
