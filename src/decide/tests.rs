//! Scenarios, and the rules of the contract over random ones.

pub(crate) mod lawful;
mod limits;
mod returning;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
