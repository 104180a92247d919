//! Going live: a first start may begin in the past, and nothing is published for the time before.
//!
//! The moment is a record of the tallies, so that the judge stays a pure function of them. The one that was written first counts,
//! and only if nothing was judged before it: who is live stays so. It is of the wall clock, which the stamps of lines may be hours
//! behind; so where all partitions have come to their ends of that time, all that is complete by then is the past. Until then
//! messages are composed and counted, not published. At the first second behind the moment every episode that is still open is told as a trigger, for someone has to know that it is
//! on. One that has ended by then is never told, and no resolve without its trigger.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::merge::Merger;
use crate::decide::{Decider, EpisodeId, Message, Models, Status};
use crate::record::{Offset, Partition, Second, StreamTime, Topic};
use crate::score::Severity;

/// What would have been published before going live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Episodes that opened, by the severity at which they did, in rising order.
    opened: [u64; 4],
}

impl Withheld {
    /// How many times somebody would have been paged: all above a notice.
    pub fn pages(&self) -> u64 {
        let [_, pages @ ..] = self.opened;
        pages.iter().sum()
    }

    /// How many episodes of this severity there were.
    pub fn of(&self, severity: Severity) -> u64 {
        self.opened.get(severity as usize).copied().unwrap_or(0)
    }

    /// An episode opened at this severity.
    fn open(&mut self, severity: Severity) {
        if let Some(place) = self.opened.get_mut(severity as usize) {
            *place += 1;
        }
    }
}

/// Where a judge stands on its way to going live.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct GoingLive {
    /// From which moment on messages are published.
    from: Option<StreamTime>,
    /// Whether that moment is passed.
    is_passed: bool,
    /// Where the partitions that began in the past ended then: topic, number, offset. Empty once all have come there.
    ends: Vec<(String, i32, i64)>,
    withheld: Withheld,
}

impl GoingLive {
    /// Takes the moment that a flush brings, and where partitions end.
    pub(super) fn announce(
        &mut self,
        from: Option<StreamTime>,
        ends: &BTreeMap<Partition, Offset>,
        judged_until: Option<Second>,
    ) {
        if self.from.is_none() && judged_until.is_none() {
            self.from = from;
        }
        if self.pending().is_some() {
            let ends = ends.iter().map(|(partition, end)| (partition.topic.name().to_owned(), partition.number, end.0));
            self.ends.extend(ends);
        }
    }

    /// Looks whether all partitions have come to their ends. Before all have reported nobody knows, for each may have a history.
    pub(super) fn catch_up(&mut self, merger: &Merger) {
        let has_read = |(topic, number, end): &(String, i32, i64)| {
            merger.has_read(&Partition::new(Topic::new(topic), *number), Offset(*end))
        };
        if self.ends.is_empty() || !self.ends.iter().all(has_read) {
            return;
        }
        if let Some(complete_until) = merger.complete_until() {
            self.ends.clear();
            self.from = self.from.map(|from| from.min(complete_until));
        }
    }

    /// The moment, while it is not passed.
    pub(super) fn pending(&self) -> Option<StreamTime> {
        self.from.filter(|_| !self.is_passed)
    }

    /// What was withheld, once the moment is passed.
    pub(super) fn withheld(&self) -> Option<Withheld> {
        self.is_passed.then_some(self.withheld)
    }

    /// What is published of a second's messages.
    pub(super) fn filter(
        &mut self,
        second: Second,
        messages: Vec<Message>,
        decider: &mut Decider,
        models: &impl Models,
    ) -> Vec<Message> {
        let Some(from) = self.pending() else { return messages };
        let is_trigger = |message: &Message| message.status == Status::Trigger;
        if second.end() <= from {
            messages
                .iter()
                .filter(|message| is_trigger(message))
                .for_each(|message| self.withheld.open(message.severity));
            return Vec::new();
        }
        self.is_passed = true;
        // What opens in this second tells itself; a trigger of an episode that was open before stands for all said of it.
        let mut published = decider.tell_open_again(second, models);
        let opened: BTreeSet<EpisodeId> =
            messages.iter().filter(|m| is_trigger(m)).map(|message| message.episode).collect();
        published.extend(messages.into_iter().filter(|message| opened.contains(&message.episode)));
        published
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Format;
    use crate::record::{Record, TimeBasis};
    use crate::stage::{Judge, Observer};
    use crate::vectorise::wire::Flush;

    const START: i64 = 1_795_420_800;
    const SECONDS: i64 = 2_000;

    fn lines(second: i64) -> Vec<&'static str> {
        let mut lines = vec!["INFO web served a page", "INFO web served a page"];
        match second {
            400..410 => lines.push("ERROR the disk is full"),
            900..1_500 => lines.push("ERROR the door is open"),
            1_700..1_710 => lines.push("ERROR the cat is out"),
            _ => {}
        }
        lines
    }

    /// What an observer sends, each second, the first of it with a moment of going live.
    fn flushes(live_from: Option<i64>) -> Vec<Flush> {
        let (topic, mut offset) = (Topic::new("web"), 0);
        let partition = Partition::new(topic.clone(), 0);
        let mut observer = Observer::new(Format::Auto, 5_000);
        observer.assign(partition.clone(), Offset(0), None);
        let mut flushes: Vec<Flush> = (0..SECONDS)
            .map(|second| {
                for line in lines(second) {
                    let timestamp = Some(((START + second) * 1_000, TimeBasis::KafkaCreate));
                    let value = Some(line.as_bytes());
                    observer.record(&partition, &Record { offset: Offset(offset), timestamp, value }, 0);
                    offset += 1;
                }
                observer.flush(BTreeMap::from([(topic.clone(), 1)]))
            })
            .collect();
        let live_from = live_from.map(|second| Second(START + second).start());
        flushes[0].live_from = live_from;
        // What another observer that began later says is too late.
        flushes[600].live_from = live_from.map(|_| Second(START + SECONDS).start());
        flushes
    }

    fn judged(flushes: Vec<Flush>, restart_at: Option<usize>) -> (Vec<Message>, Judge) {
        let (mut judge, mut messages) = (Judge::new(), Vec::new());
        for (number, flush) in flushes.into_iter().enumerate() {
            if Some(number) == restart_at {
                judge = Judge::restore(&judge.snapshot().unwrap().concat()).unwrap();
            }
            judge.flush(flush, &mut messages);
        }
        (messages, judge)
    }

    /// Those of episodes that opened before, or from then on.
    fn of(messages: &[Message], before: bool, second: i64) -> Vec<Message> {
        messages.iter().filter(|message| (message.opened < Second(START + second)) == before).cloned().collect()
    }

    fn said(messages: &[Message]) -> Vec<(EpisodeId, bool, u32)> {
        let resolves = |message: &Message| matches!(message.status, Status::Resolve { .. });
        messages.iter().map(|message| (message.episode, resolves(message), message.sequence)).collect()
    }

    const LIVE: i64 = 1_000;

    #[test]
    fn nothing_before_is_published_what_is_open_is_told_and_what_follows_is_the_same() {
        let (all, _) = judged(flushes(None), None);
        let (published, judge) = judged(flushes(Some(LIVE)), None);
        assert!(published.iter().all(|message| message.time > Second(START + LIVE).start()));
        assert_eq!(of(&published, false, LIVE), of(&all, false, LIVE));
        assert!(!of(&all, false, LIVE).is_empty());
        let open = of(&published, true, LIVE);
        assert_eq!(said(&open), [(open[0].episode, false, 0), (open[0].episode, true, 1)]);
        assert_eq!((open[0].status.clone(), open[0].time), (Status::Trigger, Second(START + LIVE + 1).start()));
        let withheld = judge.withheld().unwrap();
        let opened = all.iter().filter(|message| {
            message.status == Status::Trigger && !message.is_notice && message.opened < Second(START + LIVE)
        });
        assert_eq!(withheld.pages(), opened.count() as u64);
        assert_eq!(withheld.pages(), 2);
    }

    #[test]
    fn a_restart_at_any_time_changes_nothing() {
        let flushes = flushes(Some(LIVE));
        let (expected, _) = judged(flushes.clone(), None);
        for restart_at in [1, 405, 605, 950, 1_005, 1_006, 1_007, 1_008, 1_400] {
            let (published, judge) = judged(flushes.clone(), Some(restart_at));
            assert_eq!(published, expected, "{restart_at}");
            assert_eq!(judge.withheld().unwrap().pages(), 2);
        }
    }

    /// Lines of the morning of somebody whose clock has another zone: log time is hours behind the moment.
    #[test]
    fn where_the_history_is_read_to_its_end_what_follows_is_live_whatever_the_stamps_say() {
        let mut all = flushes(None);
        all[0].live_from = Some(Second(START + LIVE + 5 * 3_600).start());
        assert_eq!(judged(all.clone(), None).0, [], "nobody says where it ends");
        let partition = all[0].progress[0].partition.clone();
        let end = all[usize::try_from(LIVE).unwrap()].progress[0].to;
        all[0].history_ends = BTreeMap::from([(partition, end)]);
        let (expected, _) = judged(all.clone(), None);
        assert_eq!(of(&expected, false, LIVE), of(&judged(flushes(None), None).0, false, LIVE));
        assert!(!of(&expected, false, LIVE).is_empty() && !of(&expected, true, LIVE).is_empty());
        // What is complete at the end lies the lateness and some lines before it, and nothing of that is published.
        assert!(expected.iter().all(|message| message.time > Second(START + LIVE - 10).start()));
        for restart_at in [1, 950, 1_000, 1_001, 1_002, 1_400] {
            assert_eq!(judged(all.clone(), Some(restart_at)).0, expected, "{restart_at}");
        }
    }

    #[test]
    fn a_moment_that_comes_when_something_was_judged_silences_nobody() {
        let mut late = flushes(None);
        late[50].live_from = Some(Second(START + LIVE).start());
        assert_eq!(judged(late, None).0, judged(flushes(None), None).0);
    }
}
