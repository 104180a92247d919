//! Two accounts of the same span of log time, episode by episode.

use std::collections::BTreeSet;

use serde::Serialize;

use super::episode::{Episode, Episodes};

/// How one episode differs between two accounts, A and B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "difference", content = "what")]
pub enum Difference {
    /// It does not.
    Same,
    /// Only A has it.
    OnlyInA,
    /// Only B has it.
    OnlyInB,
    /// Both have it, and it differs in this: `severity`, `times`, `summary`, `messages` (how many there are of what status), or, of
    /// events that are compared byte for byte, `details`.
    Changed(Vec<&'static str>),
}

/// An episode in either account, or in both.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// In A.
    pub a: Option<Episode>,
    /// In B.
    pub b: Option<Episode>,
    /// How they differ.
    pub difference: Difference,
}

/// Compares two accounts. Episodes of one id belong together; of the others those of one dedup key whose evidence overlaps. The
/// pairs come in the order of their first evidence. `by_bytes` compares events byte for byte, else by what a person who is paged
/// notices.
pub fn compare(a: Episodes, b: Episodes, by_bytes: bool) -> Vec<Pair> {
    let (left, mut right): (Vec<Episode>, Vec<Episode>) = (a.into_episodes().collect(), b.into_episodes().collect());
    let id = |episode: &Episode| episode.first().map(|said| said.episode_id.clone());
    let key = |episode: &Episode| episode.first().map(|said| said.dedup_key.clone());
    let in_both: BTreeSet<_> = right.iter().map(id).collect();
    let (named, others): (Vec<Episode>, Vec<Episode>) =
        left.into_iter().partition(|episode| in_both.contains(&id(episode)));
    let mut pairs = Vec::new();
    // Who has the same id is not to be had by a namesake.
    for (episodes, is_same_id) in [(named, true), (others, false)] {
        for episode in episodes {
            let place = right.iter().position(|other| match is_same_id {
                true => id(other) == id(&episode),
                false => key(other) == key(&episode) && episode.overlaps(other),
            });
            pairs.push(pair(Some(episode), place.map(|place| right.remove(place)), by_bytes));
        }
    }
    pairs.extend(right.into_iter().map(|episode| pair(None, Some(episode), by_bytes)));
    let order = |pair: &Pair| {
        let one = pair.a.as_ref().or(pair.b.as_ref());
        one.and_then(|episode| Some((episode.started_at().to_owned(), episode.first()?.episode_id.clone())))
    };
    pairs.sort_by_cached_key(order);
    pairs
}

fn pair(a: Option<Episode>, b: Option<Episode>, by_bytes: bool) -> Pair {
    let difference = match (&a, &b) {
        (Some(a), Some(b)) => changed(a, b, by_bytes),
        (Some(_), None) => Difference::OnlyInA,
        (None, _) => Difference::OnlyInB,
    };
    Pair { a, b, difference }
}

fn changed(a: &Episode, b: &Episode, by_bytes: bool) -> Difference {
    let severity = |episode: &Episode| episode.last().map(|said| said.severity);
    let summary = |episode: &Episode| episode.first().map(|said| said.summary.clone());
    let times = |episode: &Episode| {
        let opened = episode.first().map(|said| said.time.clone());
        let closed = episode.last().map(|said| (said.ended_at.clone(), said.resolve_reason.clone()));
        (episode.started_at().to_owned(), opened, closed)
    };
    let statuses = |episode: &Episode| episode.messages.iter().map(|said| said.status.clone()).collect::<Vec<_>>();
    let bytes = |episode: &Episode| episode.messages.iter().map(|said| said.bytes.clone()).collect::<Vec<_>>();
    let mut what = Vec::new();
    if severity(a) != severity(b) {
        what.push("severity");
    }
    if times(a) != times(b) {
        what.push("times");
    }
    if summary(a) != summary(b) {
        what.push("summary");
    }
    if by_bytes && statuses(a) != statuses(b) {
        what.push("messages");
    }
    if by_bytes && what.is_empty() && bytes(a) != bytes(b) {
        what.push("details");
    }
    if what.is_empty() { Difference::Same } else { Difference::Changed(what) }
}

#[cfg(test)]
mod tests {
    use super::super::episode::{Model, Said, Totals};
    use super::*;
    use crate::score::Severity;

    fn said(id: &str, key: &str, started: u32, ended: Option<u32>) -> Said {
        let time = |minute: u32| format!("2026-11-23T08:{minute:02}:00.000Z");
        let model = Model { config_hash: "sha256:0".to_owned(), version: "0.1.0".to_owned() };
        let status = if ended.is_some() { "resolve" } else { "trigger" };
        Said {
            event_id: format!("{id}/{}", u32::from(ended.is_some())),
            episode_id: id.to_owned(),
            dedup_key: key.to_owned(),
            sequence: u32::from(ended.is_some()),
            status: status.to_owned(),
            severity: Severity::Warning,
            summary: format!("{key} {status}"),
            time: time(ended.unwrap_or(started)),
            started_at: time(started),
            ended_at: ended.map(time),
            resolve_reason: ended.map(|_| "recovered".to_owned()),
            model,
            bytes: vec![7],
        }
    }

    fn account(all: &[Said]) -> Episodes {
        let mut episodes = Episodes::default();
        // The order in which partitions are read is any, and a message may be read again.
        for said in all.iter().rev().chain(all) {
            episodes.add(said.clone());
        }
        episodes
    }

    fn whole(id: &str, key: &str, started: u32, ended: u32) -> [Said; 2] {
        [said(id, key, started, None), said(id, key, started, Some(ended))]
    }

    #[test]
    fn an_account_is_the_same_as_itself() {
        let a = account(&[whole("1", "x", 5, 9), whole("2", "y", 1, 2)].concat());
        let pairs = compare(a.clone(), a.clone(), true);
        assert_eq!(pairs.iter().map(|pair| &pair.difference).collect::<Vec<_>>(), [&Difference::Same; 2]);
        assert_eq!(pairs[0].a.as_ref().unwrap().started_at(), "2026-11-23T08:01:00.000Z", "in the order of time");
        assert_eq!(a.totals(), Totals { pages: 2, warning: 2, ..Totals::default() });
    }

    #[test]
    fn an_episode_that_opens_a_little_later_is_the_same_problem() {
        let a = account(&[whole("1", "x", 5, 9), whole("2", "x", 20, 21)].concat());
        let b = account(&[whole("3", "x", 6, 9), whole("4", "x", 30, 31)].concat());
        let found: Vec<Difference> = compare(a, b, false).into_iter().map(|pair| pair.difference).collect();
        assert_eq!(found, [Difference::Changed(vec!["times"]), Difference::OnlyInA, Difference::OnlyInB]);
    }

    #[test]
    fn a_namesake_takes_no_one_from_its_own_id() {
        let a = account(&[said("0", "x", 5, None), said("1", "x", 6, None)]);
        let b = account(&[said("1", "x", 6, None)]);
        let found: Vec<Difference> = compare(a, b, true).into_iter().map(|pair| pair.difference).collect();
        assert_eq!(found, [Difference::OnlyInA, Difference::Same]);
    }

    #[test]
    fn severity_summary_and_bytes_show() {
        let a = said("1", "x", 5, None);
        let graver = Said { severity: Severity::Critical, summary: "other".to_owned(), ..a.clone() };
        let other_bytes = Said { bytes: vec![8], ..a.clone() };
        let difference = |b: &Said, by_bytes| {
            compare(account(std::slice::from_ref(&a)), account(std::slice::from_ref(b)), by_bytes).remove(0).difference
        };
        assert_eq!(difference(&graver, false), Difference::Changed(vec!["severity", "summary"]));
        assert_eq!(difference(&other_bytes, false), Difference::Same);
        assert_eq!(difference(&other_bytes, true), Difference::Changed(vec!["details"]));
    }
}
