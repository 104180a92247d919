//! Seconds of all partitions, merged: the part of the judge that makes its input independent of how the lines were divided.
//!
//! A second is closed once every partition that holds others back has promised that nothing before its end follows. Which
//! seconds are closed with which sums depends on the promises alone, never on when they were read; where a line breaks a
//! promise (only a clock can tell that a partition is idle), its sums are counted as late in the next open second, and the
//! result is what a replay of the same tallies gives.
//!
//! A partition that nobody is heard of would hold all others back. It is cut off by a record in the tallies; until it has
//! caught up, the seconds that are closed without it are partial, and its lines for them are late.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::record::{Offset, Partition, Second, Service, StreamTime, Topic};
use crate::score::ClosedSecond;
use crate::vectorise::wire::{Cut, Flush, Progress};
use crate::vectorise::{Cell, Walk, fold_services};

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
        "records were counted twice, or the topic was made anew"
    }
}

/// Adds the cells of services, each of which stays within its limits.
fn merge_cells(sums: &mut BTreeMap<Service, Cell>, cells: BTreeMap<Service, Cell>) {
    let mut known = Walk::along(sums.iter_mut());
    let mut news = Vec::new();
    for (service, mut cell) in cells {
        match known.find(&service) {
            Some(sum) => {
                sum.merge(cell);
                sum.fold();
            }
            None => {
                cell.fold();
                news.push((service, cell));
            }
        }
    }
    sums.append(&mut news.into_iter().collect());
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
    /// Partitions that hold nobody back although they have not come as far as the others.
    cut: BTreeSet<Partition>,
}

impl Merger {
    /// Adds what an observer saw. Returns the breaks in the offsets it covers; none in a healthy log.
    pub(super) fn add(&mut self, flush: Flush) -> Vec<Gap> {
        self.take_roster(flush.roster);
        for (second, cells) in flush.cells {
            let is_late = self.closed.is_some_and(|closed| second <= closed);
            let second = if is_late { self.closed.unwrap_or(second).plus(1) } else { second };
            let open = self.open.entry(second).or_default();
            let cells =
                cells.into_iter().map(|(service, cell)| (service, if is_late { cell.into_late() } else { cell }));
            merge_cells(open, cells.collect());
            self.folded_services += fold_services(open) as u64;
        }
        for cut in flush.cuts {
            self.cut_off(cut);
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
        self.cut.retain(|partition| roster.contains_key(&partition.topic));
        self.roster = roster;
    }

    fn report(&mut self, progress: Progress) -> Option<Gap> {
        let (partition, found) = (progress.partition.clone(), progress.from.0);
        let Some(reported) = self.reported.get_mut(&partition) else {
            let Progress { to, complete_until, idle, .. } = progress;
            let reported = Reported { next: to.0, complete_until, idle, lost_since: None };
            self.rejoin(&partition, &reported);
            self.reported.insert(partition, reported);
            return None;
        };
        let expected = reported.next;
        let partial = reported.take(&progress);
        let reported = reported.clone();
        self.rejoin(&partition, &reported);
        if let Some((since, until)) = partial {
            self.add_partial(since, until);
        }
        (expected != found).then_some(Gap { partition, expected, found })
    }

    fn add_partial(&mut self, since: Second, until: Second) {
        let whole = self.partial.unwrap_or((since, until));
        self.partial = Some((whole.0.min(since), whole.1.max(until)));
    }

    /// A cut takes effect, unless the partition was heard of while it was on its way.
    fn cut_off(&mut self, cut: Cut) {
        let reached = self.reported.get(&cut.partition).and_then(|reported| reported.complete_until);
        if reached == cut.complete_until {
            self.cut.insert(cut.partition);
        }
    }

    /// A partition that was cut off and has come as far as what is closed is like the others again.
    fn rejoin(&mut self, partition: &Partition, reported: &Reported) {
        let closed = self.closed;
        let has_caught_up =
            reported.complete_until.is_some_and(|until| closed.is_none_or(|closed| until.second() > closed));
        if (has_caught_up || reported.idle)
            && self.cut.remove(partition)
            && let Some(closed) = closed
        {
            self.add_partial(closed, closed.plus(1 + PARTIAL_AFTER_LOSS_SECONDS));
        }
    }

    /// The partitions that are cut off.
    pub(super) fn cut(&self) -> &BTreeSet<Partition> {
        &self.cut
    }

    /// The partitions that hold back a second which another one has passed, as cuts that would end this. Of those that are
    /// behind only the furthest behind: who is ahead of it may wait for it, and says nothing meanwhile.
    pub(super) fn holding_back(&self) -> Vec<Cut> {
        let is_cut = |partition: &Partition| self.cut.contains(partition);
        let unreported = self.roster.iter().flat_map(|(topic, &partitions)| {
            (0..partitions).filter_map(|number| Some(Partition::new(topic.clone(), i32::try_from(number).ok()?)))
        });
        let unreported = unreported.filter(|partition| !self.reported.contains_key(partition)).map(|p| (p, None));
        let busy = self.reported.iter().filter(|(_, reported)| !reported.idle);
        let busy = busy.map(|(partition, reported)| (partition.clone(), reported.complete_until));
        let holding: Vec<_> = unreported.chain(busy).filter(|(partition, _)| !is_cut(partition)).collect();
        let second = |until: Option<StreamTime>| until.map(StreamTime::second);
        let furthest = self.reported.iter().filter(|(p, _)| !is_cut(p)).map(|(_, r)| second(r.complete_until)).max();
        let Some(last) = holding.iter().map(|&(_, until)| second(until)).min() else { return Vec::new() };
        if furthest.is_none_or(|furthest| furthest <= last) {
            return Vec::new();
        }
        let last = holding.into_iter().filter(|&(_, until)| second(until) == last);
        last.map(|(partition, complete_until)| Cut { partition, complete_until }).collect()
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

    /// Whether a partition was read up to an offset, or has nothing more to read: the last offsets may be those of markers.
    pub(super) fn has_read(&self, partition: &Partition, until: Offset) -> bool {
        self.reported.get(partition).is_some_and(|reported| reported.next >= until.0 || reported.idle)
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

    /// Every partition that there is has reported, and those that are neither idle nor cut off have promised up to here; when there
    /// is none of those, the furthest promise counts.
    pub(super) fn complete_until(&self) -> Option<StreamTime> {
        let is_known = |topic: &Topic, number: u32| {
            i32::try_from(number).is_ok_and(|number| {
                let partition = Partition::new(topic.clone(), number);
                self.reported.contains_key(&partition) || self.cut.contains(&partition)
            })
        };
        let all_reported =
            self.roster.iter().all(|(topic, &partitions)| (0..partitions).all(|number| is_known(topic, number)));
        if !all_reported || self.reported.is_empty() {
            return None;
        }
        let busy = self.reported.iter().filter(|(partition, r)| !r.idle && !self.cut.contains(*partition));
        let mut busy = busy.map(|(_, reported)| reported.complete_until).peekable();
        if busy.peek().is_none() {
            return self.reported.values().filter_map(|reported| reported.complete_until).max();
        }
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
        let is_partial =
            !self.cut.is_empty() || self.partial.is_some_and(|(since, until)| (since..until).contains(&next));
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
    cut: Vec<(String, i32)>,
}

impl Merger {
    pub(super) fn snapshot(&self) -> MergerSnapshot {
        let open = Flush { roster: self.roster.clone(), cells: self.open.clone(), ..Flush::default() };
        let reported = self.reported.iter();
        MergerSnapshot {
            open: open.encode(),
            reported: reported.map(|(p, reported)| (p.topic.name().to_owned(), p.number, reported.clone())).collect(),
            closed: self.closed,
            last_filled: self.last_filled,
            folded_services: self.folded_services,
            partial: self.partial,
            cut: self.cut.iter().map(|partition| (partition.topic.name().to_owned(), partition.number)).collect(),
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
            cut: snapshot.cut.iter().map(|(topic, number)| Partition::new(Topic::new(topic), *number)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn cut(number: i32, until_s: Option<i64>) -> Flush {
        let partition = Partition::new(Topic::new("logs"), number);
        let complete_until = until_s.map(|second| Second(second).start());
        Flush { cuts: vec![Cut { partition, complete_until }], ..Flush::default() }
    }

    #[test]
    fn a_partition_that_is_cut_off_holds_nobody_back_until_it_has_caught_up() {
        let mut merger = Merger::default();
        merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false), (1, 0, 0, Some(12), false)], 2));
        assert_eq!(closed(&mut merger).last(), Some(&(11, 0, 0)));
        let cuts = merger.holding_back();
        assert_eq!(cuts, cut(1, Some(12)).cuts);
        merger.add(Flush { cuts, ..Flush::default() });
        assert_eq!(closed(&mut merger).last(), Some(&(29, 0, 0)));
        assert_eq!(merger.holding_back(), [], "nobody is left who is behind");
        // What it brings for seconds that are closed is late, and it does not hold back the next ones.
        merger.add(flush(&[(20, 5)], &[(1, 0, 5, Some(21), false), (0, 1, 1, Some(32), false)], 2));
        assert_eq!(closed(&mut merger), [(30, 0, 5), (31, 0, 0)]);
        merger.add(flush(&[], &[(1, 5, 5, Some(34), false), (0, 1, 1, Some(40), false)], 2));
        assert!(merger.cut().is_empty());
        assert_eq!(closed(&mut merger).last(), Some(&(33, 0, 0)), "it has caught up and is waited for again");
    }

    #[test]
    fn seconds_without_a_partition_that_is_cut_off_are_partial_and_so_are_those_behind_them() {
        let mut merger = Merger::default();
        merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false), (1, 0, 0, Some(12), false)], 2));
        while merger.next_closed().is_some_and(|second| !second.is_partial) {}
        merger.add(cut(1, Some(12)));
        assert!(merger.next_closed().is_some_and(|second| second.is_partial));
        merger.add(flush(&[(200, 1)], &[(1, 0, 5, Some(300), false), (0, 1, 2, Some(300), false)], 2));
        let seconds: Vec<_> = std::iter::from_fn(|| merger.next_closed()).collect();
        let whole = seconds.iter().find(|second| !second.is_partial).unwrap().second.0;
        assert!((12 + PARTIAL_AFTER_LOSS_SECONDS..100).contains(&whole), "{whole}");
    }

    #[test]
    fn a_partition_that_never_reported_can_be_cut_off_and_one_that_was_heard_of_meanwhile_is_not() {
        let mut merger = Merger::default();
        merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false)], 2));
        assert_eq!((closed(&mut merger), merger.holding_back()), (vec![], cut(1, None).cuts));
        merger.add(flush(&[], &[(1, 0, 1, Some(15), false)], 2));
        merger.add(cut(1, None));
        assert_eq!(closed(&mut merger).last(), Some(&(14, 0, 0)), "it was heard of");
        merger.add(flush(&[], &[(0, 1, 1, Some(50), false)], 3));
        merger.add(cut(2, None));
        merger.add(cut(1, Some(15)));
        assert_eq!(closed(&mut merger).last(), Some(&(49, 0, 0)));
        let restored = Merger::restore(merger.snapshot()).unwrap();
        assert_eq!(restored.cut(), merger.cut());
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
