//! Seconds of all partitions, merged: the part of the judge that makes its input independent of how the lines were divided.
//!
//! A second is closed once every partition that holds others back has promised that nothing before its end follows. Which
//! seconds are closed with which sums depends on the promises alone, never on when they were read; where a line breaks a
//! promise (only a clock can tell that a partition is idle), its sums are counted as late in the next open second, and the
//! result is what a replay of the same tallies gives.
//!
//! A partition that nobody is heard of would hold all others back. It is cut off by a record in the tallies; until it has
//! caught up, the seconds that are closed without it are partial, and its lines for them are late.

mod snapshot;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::record::{Offset, Partition, Second, Service, StreamTime, Topic};
use crate::score::ClosedSecond;
use crate::vectorise::wire::{Cut, Flush, Progress};
use crate::vectorise::{Cell, Sorted, fold_services};

pub(super) use snapshot::{MergerRef, MergerSnapshot};

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
fn merge_cells(sums: &mut Sorted<Service, Cell>, mut cells: Sorted<Service, Cell>) {
    cells.values_mut().for_each(Cell::fold);
    sums.merge(cells, |sum, cell| {
        sum.merge(cell);
        sum.fold();
    });
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
#[derive(Debug, Default)]
pub(super) struct Merger {
    roster: BTreeMap<Topic, u32>,
    reported: BTreeMap<Partition, Reported>,
    open: BTreeMap<Second, Sorted<Service, Cell>>,
    closed: Option<Second>,
    last_filled: Option<Second>,
    folded_services: u64,
    /// The span of seconds of which lines of a partition are missing, of those that are not passed yet.
    partial: BTreeMap<Partition, (Second, Second)>,
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
            let cells = match is_late {
                true => cells.into_iter().map(|(service, cell)| (service, cell.into_late())).collect(),
                false => cells,
            };
            merge_cells(open, cells);
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
        self.partial.retain(|partition, _| roster.contains_key(&partition.topic));
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
            self.add_partial(&partition, since, until);
        }
        (expected != found).then_some(Gap { partition, expected, found })
    }

    fn add_partial(&mut self, partition: &Partition, since: Second, until: Second) {
        let whole = self.partial.entry(partition.clone()).or_insert((since, until));
        *whole = (whole.0.min(since), whole.1.max(until));
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
            self.add_partial(partition, closed, closed.plus(1 + PARTIAL_AFTER_LOSS_SECONDS));
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
        self.partial.retain(|_, (_, until)| next < *until);
        let partial = self.partial.iter().filter(|(_, (since, _))| *since <= next).map(|(partition, _)| partition);
        let missing = partial.chain(&self.cut).cloned().collect();
        Some(ClosedSecond { second: next, cells, missing })
    }
}

#[cfg(test)]
mod tests;
