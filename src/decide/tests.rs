//! Scenarios, and the rules of the contract over random ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::record::{Level, Offset, Partition, Second, StreamTime, TemplateId, TimeBasis, Topic};
use crate::score::{ClosedSecond, Detector, Direction, Finding, Judgement, Kind, Severity, Subject, TemplateFacts};
use crate::vectorise::{Cell, Sample, TemplateTally};

/// 2026-11-23T08:01:02Z.
pub(crate) const START: i64 = 1_795_420_862;

/// Models that know a hundred lines in each window, and the rate of volumes.
pub(crate) struct Known;

impl Models for Known {
    fn facts(&self, service: &Service, window: Window) -> WindowFacts {
        let offsets = (Offset(window.start.0 - START + 1_000), Offset(window.end.0 - START + 1_000));
        WindowFacts {
            lines: 100,
            ranges: BTreeMap::from([(Partition::new(Topic::new("logs.app"), 3), offsets)]),
            host: Some(Arc::from(format!("{}-1.example.com", service.name.len()))),
            time_basis: TimeBasis::Log,
            trained_lines: 48_211_907,
        }
    }

    fn figures(&self, feature: &Feature) -> Option<(Window, Figures)> {
        let figures = Figures { observed: 3.0, expected: 3.1, expected_low: 0.0, expected_high: 9.0 };
        let window = Window { start: Second(START), end: Second(START + 60) };
        matches!(feature.subject, Subject::Volume).then_some((window, figures))
    }
}

/// A finding of `service` at `START + at`.
pub(crate) fn finding(at: i64, service: &str, subject: Subject, kind: Kind, severity: Severity) -> Finding {
    let second = Second(START + at);
    let direction = match kind {
        Kind::RateDrop | Kind::Silence => Direction::Down,
        _ => Direction::Up,
    };
    let detector = match kind {
        Kind::NewTemplate | Kind::NewService => Detector::Novelty,
        Kind::Silence => Detector::Silence,
        Kind::ClusterOutlier => Detector::Mix,
        _ => Detector::Rate,
    };
    let template = match subject {
        Subject::Template(id) | Subject::Heartbeat(id) => Some(TemplateFacts {
            id,
            text: Arc::from(format!("Payment gateway timeout {id} after <NUM> ms order=<ID>")),
            is_new: kind == Kind::NewTemplate,
            first_seen: second.start(),
            level: if severity >= Severity::Error { Level::Error } else { Level::Info },
        }),
        _ => None,
    };
    let sample = template.is_some().then(|| Sample {
        time: StreamTime(second.start().0 + 3),
        text_hash: 7,
        topic: Arc::from("logs.app"),
        partition: 3,
        offset: 918_273 + at,
        text: Arc::from("Payment gateway timeout after 30000 ms password=hunter2 for jane@example.com"),
        truncated: false,
        host: None,
    });
    Finding {
        second,
        feature: Feature { service: Service::new(Some("prod"), service), subject, direction },
        kind,
        detector,
        severity,
        surprise: if severity == Severity::Info { 0.0 } else { 9.5 },
        threshold: if severity == Severity::Info { 0.0 } else { 8.0 },
        window: Window { start: second.plus(-9), end: second.plus(1) },
        onset: second.plus(-9),
        figures: Figures { observed: 412.0, expected: 3.1, expected_low: 0.0, expected_high: 9.0 },
        evidence_lines: 10,
        template,
        sample,
        nearest: None,
    }
}

pub(crate) fn template(id: u64) -> Subject {
    Subject::Template(TemplateId(id))
}

/// A second in which these templates came in these services of `prod`, three lines each.
pub(crate) fn second(at: i64, lines: &[(&str, u64)]) -> ClosedSecond {
    let mut cells: BTreeMap<Service, Cell> = BTreeMap::new();
    for &(service, id) in lines {
        let cell = cells.entry(Service::new(Some("prod"), service)).or_default();
        cell.lines[2] += 3;
        cell.templates.insert(TemplateId(id), TemplateTally { lines: [0, 0, 3, 0, 0, 0], ..TemplateTally::default() });
        cell.ranges.insert(Partition::new(Topic::new("logs.app"), 3), (Offset(at), Offset(at + 2)));
    }
    ClosedSecond { second: Second(START + at), cells: cells.into_iter().collect(), missing: BTreeSet::new() }
}

fn judgement(findings: Vec<Finding>) -> Judgement {
    Judgement { findings, ..Judgement::default() }
}

/// Steps over every second of a span in which nothing is found.
fn quiet(decider: &mut Decider, span: std::ops::Range<i64>, lines: &[(&str, u64)]) -> Vec<Message> {
    span.flat_map(|at| decider.step(&second(at, lines), Judgement::default(), &Known)).collect()
}

fn step(decider: &mut Decider, at: i64, findings: Vec<Finding>) -> Vec<Message> {
    decider.step(&second(at, &[]), judgement(findings), &Known)
}

fn spike(at: i64, service: &str, id: u64, severity: Severity) -> Finding {
    finding(at, service, template(id), Kind::RateSpike, severity)
}

#[test]
fn an_episode_opens_and_closes_by_what_is_wrong() {
    let mut decider = Decider::new();
    let opened = step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Warning)]);
    assert_eq!(opened.len(), 1);
    assert_eq!((&opened[0].status, &*opened[0].dedup_key), (&Status::Trigger, "prod/a:t0000000000000001"));
    // It goes on for five minutes, then something else breaks in the same service: that is news of its own.
    for at in 1..300 {
        assert!(step(&mut decider, at, vec![spike(at, "a", 1, Severity::Warning)]).is_empty());
    }
    let both = vec![spike(300, "a", 1, Severity::Warning), spike(300, "a", 2, Severity::Warning)];
    let other = step(&mut decider, 300, both);
    assert_eq!(other.len(), 1);
    assert_eq!((&other[0].status, &*other[0].dedup_key), (&Status::Trigger, "prod/a:t0000000000000002"));
    assert_eq!(other[0].group_key, opened[0].group_key, "both are of one group");
    let closed = quiet(&mut decider, 301..500, &[]);
    assert_eq!(closed.len(), 2);
    assert!(closed.iter().all(|message| message.status == Status::Resolve { reason: Reason::Recovered }));
    assert!(closed.iter().all(|message| message.time == Second(START + 300 + 40).end()));
    assert_eq!(closed[0].ended, Second(START + 300));
    assert_eq!(decider.open().count(), 0);
}

#[test]
fn services_that_fail_together_are_one_episode() {
    let mut decider = Decider::new();
    let one = step(&mut decider, 0, vec![spike(0, "db", 1, Severity::Error)]);
    assert_eq!(one.len(), 1);
    assert!(step(&mut decider, 10, vec![spike(10, "web", 2, Severity::Error)]).is_empty(), "it waits for more to join");
    let graver = step(&mut decider, 15, vec![spike(15, "api", 3, Severity::Error)]);
    let changed = vec![Change::Severity, Change::Services];
    assert_eq!((graver.len(), &graver[0].status), (1, &Status::Update { changed }));
    assert_eq!(graver[0].severity, Severity::Critical, "errors in three services");
    let services: Vec<&str> = graver[0].services.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(services, ["db", "web", "api"], "the first comes first");
    let fourth = spike(20, "mq", 4, Severity::Error);
    assert!(step(&mut decider, 20, vec![fourth]).is_empty(), "at most one update in five minutes");
    let keep = |at| vec![spike(at, "db", 1, Severity::Error)];
    let later: Vec<Message> = (21..400).flat_map(|at| step(&mut decider, at, keep(at))).collect();
    assert_eq!((later.len(), later[0].time), (1, Second(START + 315).end()));
    assert_eq!(later[0].status, Status::Update { changed: vec![Change::Services] });
    // Other environments are other worlds.
    let mut elsewhere = spike(400, "db", 1, Severity::Error);
    elsewhere.feature.service = Service::new(Some("stage"), "db");
    assert_eq!(&*step(&mut decider, 400, vec![elsewhere])[0].dedup_key, "stage/db:t0000000000000001");
}

#[test]
fn the_origin_is_the_service_with_a_new_error_where_all_began_together() {
    let mut decider = Decider::new();
    let mut access = finding(0, "access", Subject::Level(Level::Error), Kind::RateSpike, Severity::Error);
    access.surprise = 50.0;
    let exception = |at| finding(at, "shop", template(1), Kind::NewTemplate, Severity::Error);
    let opened = step(&mut decider, 0, vec![access.clone(), exception(0)]);
    let first = |message: &Message| message.services[0].0.to_string();
    assert_eq!((first(&opened[0]), &*opened[0].dedup_key), ("shop".into(), "prod/shop:t0000000000000001"));
    let mut decider = Decider::new();
    step(&mut decider, 0, vec![access]);
    step(&mut decider, 5, vec![exception(5)]);
    let closed = quiet(&mut decider, 6..100, &[]);
    assert_eq!(first(&closed[0]), "access", "five seconds later is later");
}

#[test]
fn silent_services_are_no_services_with_errors() {
    let mut decider = Decider::new();
    let silent = |name| finding(0, name, Subject::Volume, Kind::Silence, Severity::Critical);
    let heartbeat = finding(0, "d", Subject::Heartbeat(TemplateId(1)), Kind::Silence, Severity::Error);
    let opened = step(&mut decider, 0, vec![silent("a"), silent("b"), silent("c"), heartbeat]);
    assert_eq!((opened[0].severity, opened[0].services_with_errors), (Severity::Critical, 0));
}

#[test]
fn a_line_that_several_symptoms_count_is_one_line() {
    let mut decider = Decider::new();
    let of = |service, subject, lines| {
        let mut one = finding(0, service, subject, Kind::RateSpike, Severity::Error);
        one.evidence_lines = lines;
        one
    };
    let levels = [(Level::Warn, 4), (Level::Error, 18)].map(|(level, lines)| of("a", Subject::Level(level), lines));
    let templates = [(1, 15), (2, 5)].map(|(id, lines)| of("a", template(id), lines));
    let mut found = vec![of("a", Subject::Volume, 21), of("b", template(1), 3), of("b", Subject::Volume, 2)];
    found.extend(levels.into_iter().chain(templates));
    assert_eq!(step(&mut decider, 0, found)[0].lines, 22 + 3);
}

#[test]
fn what_was_said_to_have_started_moves_only_for_a_service_with_older_evidence() {
    let mut decider = Decider::new();
    let since = |at, service, id, onset| {
        let mut one = spike(at, service, id, Severity::Error);
        one.onset = Second(START + onset);
        one
    };
    let started = |messages: &[Message]| messages.last().map(|message| message.started.0 - START);
    assert_eq!(started(&step(&mut decider, 10, vec![since(10, "a", 1, 8)])), Some(8));
    step(&mut decider, 11, vec![since(11, "a", 2, 3)]);
    assert_eq!(decider.open().next().map(|episode| episode.started.0 - START), Some(8), "the same service");
    step(&mut decider, 12, vec![since(12, "b", 2, 12)]);
    step(&mut decider, 13, vec![since(13, "c", 2, 5)]);
    assert_eq!(started(&quiet(&mut decider, 14..100, &[])), Some(5));
}

#[test]
fn what_is_counted_on_a_resolve_is_what_the_models_count() {
    let service = Service::new(Some("prod"), "a");
    let lines = [1, 20, 300, 4_000, 50_000, 600_000];
    let mut cell = Cell { lines, ..Cell::default() };
    cell.templates.insert(TemplateId(1), TemplateTally { lines, late: 7_000_000, ..TemplateTally::default() });
    let rate = Kind::RateSpike;
    for (subject, kind, expected) in [
        (Subject::Level(Level::Warn), rate, 4_000),
        (Subject::Level(Level::Error), rate, 650_000),
        (Subject::Volume, rate, 654_300),
        (template(1), rate, 654_300),
        (template(1), Kind::NewTemplate, 7_654_321),
    ] {
        let mut decider = Decider::new();
        step(&mut decider, 0, vec![finding(0, "a", subject, kind, Severity::Error)]);
        let cells = [(service.clone(), cell.clone())].into_iter().collect();
        decider.step(
            &ClosedSecond { second: Second(START + 1), cells, missing: BTreeSet::new() },
            Judgement::default(),
            &Known,
        );
        let episode = decider.open().next().unwrap();
        let symptom = episode.symptoms()[0].clone();
        let counted = if kind == Kind::NewTemplate { symptom.lines - 10 } else { symptom.quiet_lines };
        assert_eq!(counted, expected, "{subject:?} {kind:?}");
    }
    // Lines of any level end the silence of a service.
    let mut decider = Decider::new();
    step(&mut decider, 0, vec![finding(0, "a", Subject::Volume, Kind::Silence, Severity::Critical)]);
    for at in 1..50 {
        let cell = Cell { lines: [0, 1, 0, 0, 0, 0], ..Cell::default() };
        let second = ClosedSecond {
            second: Second(START + at),
            cells: [(service.clone(), cell)].into_iter().collect(),
            missing: BTreeSet::new(),
        };
        decider.step(&second, Judgement::default(), &Known);
    }
    assert_eq!(decider.open().count(), 0);
}

#[test]
fn notices_have_a_lane_of_their_own() {
    let mut decider = Decider::new();
    let new = |at, service, id| finding(at, service, template(id), Kind::NewTemplate, Severity::Info);
    let opened = step(&mut decider, 0, vec![new(0, "a", 1)]);
    assert_eq!((opened.len(), opened[0].severity), (1, Severity::Info));
    for at in 1..12 {
        assert!(
            step(&mut decider, at, vec![new(at, "a", 1 + at.unsigned_abs())]).is_empty(),
            "one notice for them all"
        );
    }
    // A problem of the service does not join it, and later notices add to the problem without prolonging it.
    let problem = step(&mut decider, 20, vec![spike(20, "a", 100, Severity::Warning)]);
    assert_eq!(problem.len(), 1);
    assert_eq!(
        problem[0].group_key.split(':').nth(1).unwrap(),
        problem[0].episode.to_string(),
        "notices lead no group"
    );
    for at in 21..60 {
        assert!(step(&mut decider, at, vec![new(at, "a", 200)]).is_empty());
    }
    let closed = quiet(&mut decider, 60..700, &[]);
    assert_eq!(closed.len(), 2);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Recovered });
    assert_eq!((closed[0].time, closed[0].severity), (Second(START + 60).end(), Severity::Warning));
    assert_eq!(closed[1].status, Status::Resolve { reason: Reason::Absorbed });
    assert_eq!((closed[1].time, closed[1].novelties), (Second(START + 600).end(), 12));
}

#[test]
fn a_problem_takes_the_place_of_a_notice_of_its_name() {
    let mut decider = Decider::new();
    step(&mut decider, 0, vec![finding(0, "a", template(1), Kind::NewTemplate, Severity::Info)]);
    let messages = step(&mut decider, 300, vec![spike(300, "a", 1, Severity::Warning)]);
    let said: Vec<_> = messages.iter().map(|message| (&message.status, &*message.dedup_key)).collect();
    let key = "prod/a:t0000000000000001";
    assert_eq!(said, [(&Status::Resolve { reason: Reason::Superseded }, key), (&Status::Trigger, key)]);
    assert_ne!(messages[0].episode, messages[1].episode);
}

#[test]
fn a_new_template_lasts_while_it_comes_and_is_absorbed() {
    let mut decider = Decider::new();
    let new = |at, id| finding(at, "a", template(id), Kind::NewTemplate, Severity::Error);
    step(&mut decider, 0, vec![new(0, 1)]);
    let closed = quiet(&mut decider, 1..700, &[("a", 1)]);
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Absorbed });
    assert_eq!((closed[0].time, closed[0].lines), (Second(START + 600).end(), 10 + 600 * 3));
    step(&mut decider, 1_000, vec![new(1_000, 2)]);
    assert!(quiet(&mut decider, 1_001..1_100, &[("a", 2)]).is_empty());
    let closed = quiet(&mut decider, 1_100..1_200, &[("a", 3)]);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Recovered });
    assert_eq!(closed[0].time, Second(START + 1_099 + 40).end());
    assert_eq!(closed[0].figures, Some(Figures::default()), "no more lines");
}

#[test]
fn a_silence_lasts_until_the_lines_come_back() {
    let mut decider = Decider::new();
    let silence = finding(0, "a", Subject::Volume, Kind::Silence, Severity::Critical);
    let opened = step(&mut decider, 0, vec![silence]);
    assert_eq!((&*opened[0].dedup_key, opened[0].severity), ("prod/a:volume", Severity::Critical));
    assert!(quiet(&mut decider, 1..1_000, &[("b", 9)]).is_empty());
    let closed = quiet(&mut decider, 1_000..1_100, &[("a", 9)]);
    assert_eq!((closed.len(), closed[0].time), (1, Second(START + 999 + 40).end()));
    // One that never ends is closed after a day, also when log time jumps.
    step(&mut decider, 2_000, vec![finding(2_000, "a", Subject::Volume, Kind::Silence, Severity::Critical)]);
    let closed = step(&mut decider, 2_000 + 90_000, Vec::new());
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Expired });
}

#[test]
fn a_drop_to_nothing_lasts_until_the_lines_come_back() {
    let mut decider = Decider::new();
    let mut drop = finding(0, "a", Subject::Volume, Kind::RateDrop, Severity::Warning);
    drop.figures.observed = 0.0;
    step(&mut decider, 0, vec![drop]);
    assert!(quiet(&mut decider, 1..300, &[("b", 9)]).is_empty());
    let closed = quiet(&mut decider, 300..400, &[("a", 9)]);
    assert_eq!((closed.len(), closed[0].time), (1, Second(START + 299 + 40).end()));
    assert!(!closed[0].figures_are_gaps && closed[0].figures.is_some_and(|figures| figures.observed > 0.0));
}

#[test]
fn what_is_adopted_is_absorbed() {
    let mut decider = Decider::new();
    let spike = spike(0, "a", 1, Severity::Warning);
    let feature = spike.feature.clone();
    step(&mut decider, 0, vec![spike]);
    let adopted = Judgement { adopted: vec![feature], ..Judgement::default() };
    let closed = decider.step(&second(30, &[]), adopted, &Known);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Absorbed });
}

#[test]
fn what_comes_back_has_the_same_key_and_its_history() {
    let mut decider = Decider::new();
    let first = step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Error), spike(0, "b", 2, Severity::Error)]);
    quiet(&mut decider, 1..100, &[]);
    // This time another service is first; volumes say little.
    let volume = finding(1_000, "b", Subject::Volume, Kind::RateSpike, Severity::Warning);
    let again = step(&mut decider, 1_000, vec![spike(1_000, "b", 2, Severity::Error), volume]);
    assert_eq!(again[0].dedup_key, first[0].dedup_key);
    let past = again[0].recurrence.as_ref().unwrap();
    assert_eq!((past.count, past.last_started, past.last_id), (1, first[0].started, first[0].episode));
    quiet(&mut decider, 1_001..1_100, &[]);
    let other = step(&mut decider, 2_000, vec![spike(2_000, "c", 7, Severity::Error)]);
    assert_eq!((&*other[0].dedup_key, &other[0].recurrence), ("prod/c:t0000000000000007", &None));
    quiet(&mut decider, 2_001..2_100, &[]);
    let third = step(&mut decider, 3_000, vec![spike(3_000, "b", 2, Severity::Error)]);
    assert_eq!(third[0].recurrence.as_ref().map(|past| past.count), Some(2), "both are remembered as one problem");
}

/// A template that was merged meanwhile is the same problem when it recurs.
#[test]
fn what_comes_back_under_the_name_of_what_it_became_a_part_of_is_known() {
    let mut decider = Decider::new();
    let first = step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Error)]);
    quiet(&mut decider, 1..100, &[]);
    let merged = vec![(Service::new(Some("prod"), "a"), TemplateId(1), TemplateId(9))];
    decider.step(&second(500, &[]), Judgement { merged, ..Judgement::default() }, &Known);
    let again = step(&mut decider, 1_000, vec![spike(1_000, "a", 9, Severity::Error)]);
    assert_eq!(again[0].dedup_key, first[0].dedup_key);
    assert_eq!(again[0].recurrence.as_ref().map(|past| past.count), Some(1));
}

/// Nothing is known of a stretch whose lines were lost, so nothing recovers in it.
#[test]
fn what_is_wrong_does_not_recover_while_lines_are_missing() {
    let mut decider = Decider::new();
    step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Error)]);
    for at in 1..300 {
        let blind = BTreeSet::from([Service::new(Some("prod"), "a")]);
        assert_eq!(decider.step(&second(at, &[]), Judgement { blind, ..Judgement::default() }, &Known), []);
    }
    assert!(quiet(&mut decider, 300..330, &[]).is_empty(), "it may go on");
    assert_eq!(quiet(&mut decider, 330..400, &[]).len(), 1, "and is over when it does not");
}

#[test]
fn a_name_that_is_open_is_not_taken_twice() {
    let mut decider = Decider::new();
    step(&mut decider, 0, ["a", "b"].map(|service| spike(0, service, 1, Severity::Error)).to_vec());
    quiet(&mut decider, 1..100, &[]);
    // Half of it comes back, the other half much later: both resemble the past, but only one can have its name.
    for at in 1_000..1_300 {
        step(&mut decider, at, vec![spike(at, "a", 1, Severity::Error)]);
    }
    let both = vec![spike(1_300, "a", 1, Severity::Error), spike(1_300, "b", 1, Severity::Error)];
    let other = step(&mut decider, 1_300, both);
    assert_eq!((other.len(), &*other[0].dedup_key), (1, "prod/b:t0000000000000001"));
    // What has the very name of an open problem is a part of it, however old that is.
    let mut decider = Decider::new();
    let volume = |at, kind| finding(at, "a", Subject::Volume, kind, Severity::Warning);
    step(&mut decider, 0, vec![volume(0, Kind::Silence)]);
    quiet(&mut decider, 1..200, &[]);
    assert!(step(&mut decider, 200, vec![volume(200, Kind::RateSpike)]).is_empty());
    assert_eq!(decider.open().map(|episode| episode.symptoms().len()).collect::<Vec<_>>(), [2]);
}

#[test]
fn what_is_told_covers_what_is_open_and_what_was() {
    let mut decider = Decider::new();
    step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Warning)]);
    step(&mut decider, 0, vec![finding(0, "n", template(5), Kind::NewTemplate, Severity::Info)]);
    let service = Service::new(Some("prod"), "a");
    let span = Window { start: Second(START - 9 - 10), end: Second(START + 6) };
    assert_eq!(decider.told().of(&service), [span]);
    assert!(decider.told().of(&Service::new(Some("prod"), "n")).is_empty(), "notices are learnt");
    quiet(&mut decider, 1..100, &[]);
    assert_eq!((decider.open().filter(|e| !e.is_notice).count(), decider.told().of(&service)), (0, &[span][..]));
    quiet(&mut decider, 100..600, &[]);
    assert!(decider.told().of(&service).is_empty());
}

#[test]
fn there_is_a_limit_to_everything() {
    let mut decider = Decider::new();
    for n in 0..OPEN_MAX as i64 + 50 {
        // Far enough apart not to be one episode, and each goes on.
        let (at, name) = (n * 25, format!("s{n}"));
        step(&mut decider, at, vec![finding(at, &name, Subject::Volume, Kind::Silence, Severity::Critical)]);
    }
    assert_eq!(decider.open().count(), OPEN_MAX);
    assert_eq!(decider.open().last().unwrap().suppressed, 50);
    let mut decider = Decider::new();
    let many = |range: std::ops::Range<u64>| range.map(|id| spike(0, &format!("s{id}"), id, Severity::Error)).collect();
    let opened = step(&mut decider, 0, many(0..500));
    assert_eq!((opened.len(), opened[0].symptoms, opened[0].services.len()), (1, SYMPTOMS_MAX, SERVICES_MAX));
    assert_eq!((opened[0].suppressed, opened[0].services_total), (499, 500));
    for n in 0..OPEN_MAX as u64 + 10 {
        let mut one = spike(0, "s", 1, Severity::Error);
        one.feature.service = Service::new(Some(&format!("env{n}")), "s");
        step(&mut decider, 1, vec![one]);
    }
    assert_eq!(decider.open().count(), OPEN_MAX, "a domain without any open episode gets one, the oldest closes");
}

#[test]
fn a_flood_in_one_domain_takes_nothing_from_another() {
    let mut decider = Decider::new();
    let notice = |environment: Option<&str>, name: &str, id: u64| {
        let mut notice = spike(0, name, id, Severity::Info);
        notice.feature.service = Service::new(environment, name);
        notice
    };
    step(&mut decider, 0, vec![notice(None, "first", 1)]);
    step(&mut decider, 0, (0..OPEN_MAX as u64).map(|n| notice(Some("flood"), &format!("s{n}"), n)).collect());
    step(&mut decider, 0, vec![notice(None, "second", 2)]);
    let quiet: Vec<u64> = decider.open().filter(|e| e.environment.is_none()).map(|e| e.suppressed).collect();
    assert_eq!(quiet, [0, 0], "both are open, and nothing is counted in them that is not theirs");
    assert_eq!(decider.open().filter(|e| !e.is_closing()).count(), OPEN_MAX);
}

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
