//! The rules of the contract over random findings.

use proptest::prelude::*;

use super::*;

/// A random second: how long after the one before, what was found, which templates came, what was adopted.
type RandomSecond = (i64, Vec<(u8, u8, u8, u8, u8)>, Vec<(u8, u8)>, bool);

const SERVICES: [&str; 5] = ["api", "db", "web", "mq", "cron"];

pub(crate) fn random_seconds(count: usize) -> impl Strategy<Value = Vec<RandomSecond>> {
    let gap = prop_oneof![20 => 1..3_i64, 5 => 3..60_i64, 1 => 60..2_000_i64, 1 => 7_000..200_000_i64];
    let found = proptest::collection::vec((0..2_u8, 0..5_u8, 0..8_u8, 0..8_u8, 0..60_u8), 0..3);
    let lines = proptest::collection::vec((0..5_u8, 0..6_u8), 0..4);
    proptest::collection::vec((gap, found, lines, proptest::bool::weighted(0.1)), 1..count)
}

/// The findings and sums of random seconds.
pub(crate) fn scenario(seconds: &[RandomSecond]) -> Vec<(ClosedSecond, Judgement)> {
    let mut at = 0;
    let mut steps = Vec::new();
    for (gap, found, lines, adopts) in seconds {
        at += gap;
        let mut findings = Vec::new();
        for &(environment, service, subject, kind, surprise) in found {
            let (subject, kind) = match (subject, kind) {
                (0, _) => (Subject::Volume, [Kind::RateSpike, Kind::RateDrop, Kind::Silence][usize::from(kind % 3)]),
                (1, _) => (Subject::Level(Level::Error), Kind::RateSpike),
                (2, _) => (Subject::Heartbeat(TemplateId(u64::from(kind % 3))), Kind::Silence),
                (3, _) => (Subject::Mix(u64::from(kind)), Kind::ClusterOutlier),
                (id, 0..3) => (template(u64::from(id)), Kind::NewTemplate),
                (id, _) => (template(u64::from(id)), Kind::RateSpike),
            };
            let severity = match (kind, surprise % 4) {
                (Kind::ClusterOutlier, _) | (Kind::NewTemplate, 0) => Severity::Info,
                (Kind::Silence, 1) => Severity::Critical,
                (_, 2) => Severity::Error,
                _ => Severity::Warning,
            };
            let mut one = finding(at, SERVICES[usize::from(service)], subject, kind, severity);
            one.feature.service.environment = (environment == 0).then(|| Arc::from("prod"));
            one.surprise = f64::from(surprise) * 6.0;
            one.threshold = f64::from(surprise.min(8));
            one.window.start = one.window.start.plus(-i64::from(surprise) * 5);
            one.onset = if kind == Kind::Silence { one.window.start } else { one.onset };
            findings.push(one);
        }
        let adopted = findings.iter().filter(|_| *adopts).map(|f| f.feature.clone()).collect();
        let lines: Vec<(&str, u64)> = lines.iter().map(|&(s, id)| (SERVICES[usize::from(s)], u64::from(id))).collect();
        steps.push((second(at, &lines), Judgement { findings, adopted, ..Judgement::default() }));
    }
    steps
}

/// All that is said over a scenario, and over the day after it.
pub(crate) fn said(decider: &mut Decider, steps: &[(ClosedSecond, Judgement)]) -> Vec<Message> {
    let mut messages = Vec::new();
    for (closed, judgement) in steps {
        messages.extend(decider.step(closed, judgement.clone(), &Known));
    }
    messages
}

/// The rules of the contract over the messages of one episode.
fn check(messages: &[Message]) -> Result<(), TestCaseError> {
    let mut latest: BTreeMap<EpisodeId, &Message> = BTreeMap::new();
    let mut updated: BTreeMap<EpisodeId, StreamTime> = BTreeMap::new();
    let mut keys: BTreeMap<&str, EpisodeId> = BTreeMap::new();
    for message in messages {
        prop_assert!(message.started.start() <= message.time && message.ended.start() <= message.time);
        prop_assert!(message.started <= message.ended);
        prop_assert!(message.window.start <= message.window.end && message.window.end.start() <= message.time);
        prop_assert!(!message.services.is_empty() && message.services.len() <= SERVICES_MAX);
        prop_assert_eq!(&message.services[0].0, &message.lead.finding.feature.service.name);
        if let Some(past) = &message.recurrence {
            prop_assert!(past.last_started < message.started);
        }
        let Some(last) = latest.insert(message.episode, message) else {
            prop_assert_eq!(&message.status, &Status::Trigger);
            prop_assert_eq!(message.sequence, 0);
            prop_assert_eq!(message.episode, EpisodeId::of(&message.dedup_key, message.time));
            prop_assert_eq!(
                keys.insert(&message.dedup_key, message.episode),
                None,
                "another open episode has this key"
            );
            continue;
        };
        let services = |m: &Message| m.services.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
        prop_assert!(!matches!(last.status, Status::Resolve { .. }), "nothing is said after the resolve");
        prop_assert_eq!(message.sequence, last.sequence + 1);
        prop_assert_eq!((&message.dedup_key, &message.group_key), (&last.dedup_key, &last.group_key));
        prop_assert!(message.time >= last.time && message.started <= last.started);
        prop_assert!(message.severity >= last.severity && message.surprise >= last.surprise);
        prop_assert!(services(message).is_superset(&services(last)));
        prop_assert!(message.lines >= last.lines && message.suppressed >= last.suppressed);
        prop_assert_eq!((message.kind, &message.recurrence), (last.kind, &last.recurrence));
        match &message.status {
            Status::Trigger => prop_assert!(false, "a second trigger"),
            Status::Update { changed } => {
                prop_assert_eq!(changed.contains(&Change::Severity), message.severity != last.severity);
                prop_assert_eq!(changed.contains(&Change::Services), services(message) != services(last));
                prop_assert!(!changed.is_empty());
                if let Some(before) = updated.insert(message.episode, message.time) {
                    prop_assert!(message.time.0 - before.0 >= 300_000);
                }
            }
            Status::Resolve { .. } => {
                prop_assert_eq!(keys.remove(message.dedup_key.as_ref()), Some(message.episode));
            }
        }
    }
    prop_assert!(keys.is_empty(), "everything closes");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_findings_make_lawful_episodes(seconds in random_seconds(150)) {
        let mut steps = scenario(&seconds);
        let end = steps.last().map_or(0, |(closed, _)| closed.second.0 - START);
        steps.extend((1..=50).map(|i| (second(end + i, &[]), Judgement::default())));
        steps.push((second(end + 86_400 + 51, &[]), Judgement::default()));
        let mut decider = Decider::new();
        let messages = said(&mut decider, &steps);
        prop_assert_eq!(decider.open().count(), 0);
        check(&messages)?;
    }

    #[test]
    fn a_snapshot_between_any_two_seconds_changes_nothing(seconds in random_seconds(80), at in 0..80_usize) {
        let steps = scenario(&seconds);
        let (before, after) = steps.split_at(at.min(steps.len()));
        let mut whole = Decider::new();
        let mut messages = said(&mut whole, before);
        let bytes = postcard::to_allocvec(&whole).unwrap();
        let mut restored: Decider = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&restored, &whole);
        let continued = said(&mut restored, after);
        let undisturbed = said(&mut whole, after);
        prop_assert_eq!(&continued, &undisturbed);
        prop_assert_eq!(postcard::to_allocvec(&restored).unwrap(), postcard::to_allocvec(&whole).unwrap());
        messages.extend(continued);
        // The order in which a second's findings come changes nothing either.
        let mut mixed = steps.clone();
        for (_, judgement) in &mut mixed {
            judgement.findings.reverse();
        }
        prop_assert_eq!(said(&mut Decider::new(), &mixed), messages);
    }
}
