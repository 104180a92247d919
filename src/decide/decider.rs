//! The state of deciding: what is open, what is remembered, and the step over one second.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Models;
use super::episode::Episode;
use super::key::{EpisodeId, dedup_key, group_key};
use super::lane::{ByService, Room};
use super::memory::{Memory, Past};
use super::message::{Message, Range, Reason, Recurrence, Status, merged};
use crate::record::{Second, Service};
use crate::score::{ClosedSecond, Finding, Judgement, Severity, Told, Window};

/// How many episodes may be open, and how many notices.
pub const OPEN_MAX: usize = 1_000;
/// How long after its end the span of an episode is told to the models, in seconds: until no window reaches back to it.
const TOLD_S: i64 = 420;
/// How many spans of closed episodes are told.
const TOLD_MAX: usize = 10_000;
/// How long a group takes in further episodes, in seconds.
const GROUP_S: i64 = 86_400;

/// Turns findings into episodes. It is a pure function of the seconds and judgements it was given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decider {
    /// In the order of opening.
    open: Vec<Episode>,
    memory: Memory,
    /// Spans of closed episodes, in the order of closing.
    closed: Vec<(Service, Window)>,
    /// What was read in the last second that had lines.
    last_read: Vec<Range>,
}

impl Decider {
    /// Nothing open, nothing remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides a second: what opens, changes and closes at its end, in the order of opening. Seconds rise; between empty ones
    /// any number may be left out.
    pub fn step(&mut self, closed: &ClosedSecond, mut judgement: Judgement, models: &impl Models) -> Vec<Message> {
        let second = closed.second;
        let read = merged(closed.cells.values().flat_map(|cell| cell.ranges.iter()));
        if !read.is_empty() {
            self.last_read = read;
        }
        for (service, from, into) in &judgement.merged {
            for episode in &mut self.open {
                episode.merge(service, *from, *into);
            }
            self.memory.merge(service, *from, *into);
        }
        self.take_all(in_order(std::mem::take(&mut judgement.findings)));
        self.name_drafts(second);
        for episode in &mut self.open {
            episode.observe(closed, &judgement);
        }
        self.speak(second, models)
    }

    /// The episodes that are open, in the order of opening.
    pub fn open(&self) -> impl Iterator<Item = &Episode> {
        self.open.iter()
    }

    /// The triggers of the episodes that opened before this second and are still open at its end, as if nothing had been said of
    /// them yet: for those who hear of them only now.
    pub fn tell_open_again(&mut self, second: Second, models: &impl Models) -> Vec<Message> {
        let mut messages = Vec::new();
        for episode in self.open.iter_mut().filter(|episode| episode.opened < second) {
            episode.unsay();
            messages.extend(Message::new(episode, Status::Trigger, second, models, &self.last_read));
        }
        messages
    }

    /// The spans of log time that episodes above `info` cover, and those of a while ago: not to be learnt.
    pub fn told(&self) -> Told {
        let mut told = Told::default();
        for (service, span) in &self.closed {
            told.add(service, *span);
        }
        for episode in self.open.iter().filter(|episode| !episode.is_notice) {
            for (service, span) in episode.spans() {
                told.add(&service, span);
            }
        }
        told
    }

    /// Takes in the findings of a second, notices last. O(symptoms of what is open) and for each problem O(episodes), for each notice
    /// O(episodes of its service).
    fn take_all(&mut self, mut problems: Vec<Finding>) {
        let notices = problems.split_off(problems.partition_point(|finding| finding.severity != Severity::Info));
        if !problems.is_empty() {
            let mut room = Room::of(&self.open, false);
            problems.into_iter().for_each(|finding| self.take(finding, &mut room));
        }
        if !notices.is_empty() {
            let (mut room, mut places) = (Room::of(&self.open, true), ByService::of(&self.open));
            notices.into_iter().for_each(|finding| self.take_notice(finding, &mut room, &mut places));
        }
    }

    /// A finding of a problem goes to the episode of its feature, else to one that is young, else it opens its own.
    fn take(&mut self, finding: Finding, room: &mut Room) {
        let feature = &finding.feature;
        let domain = feature.service.environment.clone();
        let problems = || self.open.iter().enumerate().rev().filter(|(_, e)| !e.is_notice && e.environment == domain);
        let holder = || problems().find(|(_, episode)| episode.holds(feature));
        let young = || problems().filter(|(_, episode)| episode.is_young(finding.second));
        let near = || young().find(|(_, episode)| episode.concerns(&feature.service));
        let place = holder().or_else(near).or_else(|| young().next()).map(|(place, _)| place);
        self.put(place, finding, room);
    }

    /// A notice adds to a problem that is known by its feature or began in its service a short while ago; else it goes to the
    /// open notice of its service, else it opens one.
    fn take_notice(&mut self, finding: Finding, room: &mut Room, places: &mut ByService) {
        let feature = &finding.feature;
        let began = |e: &Episode| e.concerns(&feature.service) && e.is_recent(finding.second);
        let same = |e: &Episode| e.holds(feature) || if e.is_notice { e.concerns(&feature.service) } else { began(e) };
        let service = feature.service.clone();
        let in_lane = |place: usize, lane| self.open.get(place).is_some_and(|e| e.is_notice == lane && same(e));
        let of_lane = |lane| places.last_first(&service).find(|&place| in_lane(place, lane));
        let place = of_lane(false).or_else(|| of_lane(true));
        if self.put(place, finding, room) {
            places.add(&service, self.open.len() - 1);
        }
    }

    /// Adds a finding to the episode at `place`; where there is none it opens one, and returns whether it did. Where too many are open, the
    /// domain with the most makes way: its oldest closes, or, where the finding is of that domain itself, it is counted in the youngest. So a
    /// flood in one domain takes nothing from the others.
    fn put(&mut self, place: Option<usize>, finding: Finding, room: &mut Room) -> bool {
        if let Some(episode) = place.and_then(|place| self.open.get_mut(place)) {
            episode.take(finding);
            return false;
        }
        let (domain, is_notice) = (&finding.feature.service.environment, finding.severity == Severity::Info);
        if room.open >= OPEN_MAX {
            let most = room.most();
            let mut lane = self.open.iter_mut().filter(|e| e.is_notice == is_notice && !e.is_closing());
            if room.count(domain) == most {
                let youngest = lane.rfind(|episode| episode.environment == *domain);
                youngest.into_iter().for_each(Episode::suppress);
                return false;
            }
            if let Some(oldest) = lane.find(|episode| room.count(&episode.environment) == most) {
                oldest.close(Reason::Expired);
                room.closes(&oldest.environment);
            }
        }
        room.opens(domain);
        self.open.push(Episode::draft(finding));
        true
    }

    /// Gives the episodes that this second opened their names. One whose name is open already is a part of that episode; an
    /// open notice makes way for a problem.
    fn name_drafts(&mut self, second: Second) {
        let first = self.open.iter().position(Episode::is_draft).unwrap_or(self.open.len());
        for mut draft in self.open.split_off(first) {
            let Some(key) = self.key_of(&draft) else { continue };
            match self.open.iter_mut().find(|episode| episode.dedup_key == key && !episode.is_closing()) {
                Some(twin) if draft.is_notice || !twin.is_notice => {
                    twin.join(draft);
                    continue;
                }
                Some(notice) => notice.close(Reason::Superseded),
                None => {}
            }
            let id = EpisodeId::of(&key, second.end());
            let past = self.memory.get(&draft.environment, &key).filter(|_| !draft.is_notice);
            let past = past.map(|past| {
                let (count, last_started, last_id) = (past.episodes, past.started, past.id);
                (Recurrence { count, last_started, last_id }, past.ended.max(past.started.plus(1)))
            });
            let group = self.group_of(&draft, id, second);
            draft.name(id, key, group, past);
            self.open.push(draft);
        }
    }

    /// The dedup key of a draft: that of the remembered problem it resembles most, unless that is open; else its own.
    fn key_of(&self, draft: &Episode) -> Option<Arc<str>> {
        let resembling = self.memory.resembling(&draft.environment, &draft.features());
        let is_open = |key: &Arc<str>| self.open.iter().any(|e| !e.is_notice && e.dedup_key == *key);
        if let Some(key) = resembling.filter(|key| !draft.is_notice && !is_open(key)) {
            return Some(key);
        }
        let lead = &draft.symptoms().first()?.finding.feature;
        Some(Arc::from(dedup_key(&lead.service, lead.subject)))
    }

    /// The group that a draft joins: that of the earliest open problem of its domain, if that began within a day; else its own.
    fn group_of(&self, draft: &Episode, id: EpisodeId, second: Second) -> (Arc<str>, Second) {
        let earliest = self.open.iter().find(|e| !e.is_notice && e.environment == draft.environment);
        match earliest.filter(|episode| second.since(episode.group_began) < GROUP_S) {
            Some(episode) => (Arc::clone(&episode.group_key), episode.group_began),
            None => (Arc::from(group_key(draft.environment.as_deref(), id)), second),
        }
    }

    /// The messages at the end of a second. Episodes that close are remembered.
    fn speak(&mut self, second: Second, models: &impl Models) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut still_open = Vec::with_capacity(self.open.len());
        for mut episode in std::mem::take(&mut self.open) {
            let mut say = |episode: &mut Episode, status| {
                messages.extend(Message::new(episode, status, second, models, &self.last_read));
            };
            if episode.is_draft() {
                say(&mut episode, Status::Trigger);
            }
            if let Some(reason) = episode.closes(second) {
                say(&mut episode, Status::Resolve { reason });
                self.remember(episode);
                continue;
            }
            if let Some(changed) = episode.updates(second) {
                say(&mut episode, Status::Update { changed });
            }
            still_open.push(episode);
        }
        self.open = still_open;
        self.closed.retain(|(_, span)| second.since(span.end) <= TOLD_S);
        messages
    }

    /// What stays of an episode that closed.
    fn remember(&mut self, episode: Episode) {
        if episode.is_notice {
            return;
        }
        self.closed.extend(episode.spans());
        let excess = self.closed.len().saturating_sub(TOLD_MAX);
        self.closed.drain(..excess);
        let past = Past {
            features: episode.features().into_iter().cloned().collect(),
            episodes: 1,
            started: episode.started,
            ended: episode.ended(),
            id: episode.id,
        };
        self.memory.remember(&episode.environment, &episode.dedup_key, past);
    }
}

/// Problems before notices, the gravest and strongest first, so that a notice finds the problem it belongs to.
fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        let order = b.severity.cmp(&a.severity).then(b.surprise.total_cmp(&a.surprise));
        order.then_with(|| a.feature.cmp(&b.feature)).then(a.detector.cmp(&b.detector))
    });
    findings
}
