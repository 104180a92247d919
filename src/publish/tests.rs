//! Events made of scenarios and of hostile texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::decide::tests::lawful::{random_seconds, said, scenario};
use crate::decide::tests::{START, finding, second, template};
use crate::decide::{Decider, Message, Models};
use crate::record::{Level, Offset, Partition, Second, Service, TemplateId, TimeBasis, Topic};
use crate::score::{
    Feature, Figures, Finding, Judgement, Kind, NearestCluster, Severity, Subject, Window, WindowFacts,
};
use crate::template::Skeletoniser;
use crate::vectorise::{Collector, Line, Sample};

/// Models that know nothing.
struct Nothing;

impl Models for Nothing {
    fn facts(&self, _: &Service, _: Window) -> WindowFacts {
        WindowFacts { lines: 0, ranges: BTreeMap::new(), host: None, time_basis: TimeBasis::Log, trained_lines: 0 }
    }

    fn figures(&self, _: &Feature) -> Option<(Window, Figures)> {
        None
    }
}

fn provenance() -> Provenance {
    Provenance { state_id: "sha256:9f2c7ab41e0d83c6".into(), config_hash: "sha256:51ab907d22c4ee18".into() }
}

/// What is said over a second with these findings and the ten minutes after it.
fn story(findings: Vec<Finding>) -> Vec<AnomalyEvent> {
    let mut decider = Decider::new();
    let at = findings[0].second.0 - START;
    let mut steps = vec![(second(at, &[("checkout", 99)]), Judgement { findings, ..Judgement::default() })];
    steps.extend((1..700).map(|i| (second(at + i, &[]), Judgement::default())));
    said(&mut decider, &steps).iter().map(|message| compose(message, &provenance())).collect()
}

#[test]
fn a_summary_says_who_what_how_much_and_since_when() {
    let spike = finding(58, "checkout", template(0x5f1c_0a9b_e2d3_4477), Kind::RateSpike, Severity::Error);
    let mut web = finding(58, "web", template(2), Kind::RateSpike, Severity::Error);
    web.window.start = web.window.start.plus(6);
    let events = story(vec![spike, web]);
    assert_eq!(
        events[0].summary,
        "checkout (prod): 412 error lines 'Payment gateway timeout t5f1c0a9be2d34477 after <NUM…' in 10 s, expected 3.1, since \
         08:01:51 UTC; also web"
    );
    assert_eq!(
        events[1].summary,
        "checkout (prod): resolved, 'Payment gateway timeout t5f1c0a9be2d34477 af…' normal for 40 s; 20 lines from 08:01:51 \
         to 08:02:00 UTC; also web"
    );
    assert_eq!(
        events[0].samples[0].text,
        "Payment gateway timeout after 30000 ms password=[REDACTED:secret] for [REDACTED:email]"
    );
    assert_eq!(events[0].samples[0].redactions, 2);
}

#[test]
fn every_kind_has_its_words() {
    let summaries = |subject, kind, severity| {
        let events = story(vec![finding(600, "checkout", subject, kind, severity)]);
        events.iter().map(|event| event.summary.clone()).collect::<Vec<_>>()
    };
    let heartbeat = Subject::Heartbeat(TemplateId(1));
    assert_eq!(
        summaries(template(1), Kind::NewTemplate, Severity::Error),
        [
            "checkout (prod): 412 error lines 'Payment gateway timeout t0000000000000001 after…' in 10 s, never seen before, since \
             08:10:53 UTC",
            "checkout (prod): resolved, no more 'Payment gateway timeout t0000000000000001 a…' for 40 s; 10 lines from \
             08:10:53 to 08:11:02 UTC",
        ]
    );
    assert_eq!(
        summaries(template(1), Kind::NewTemplate, Severity::Info)[1],
        "checkout (prod): became normal: 'Payment gateway timeout t0000000000000001 after…' is known after 10 min; 10 lines since 08:10 UTC"
    );
    assert_eq!(
        summaries(Subject::Volume, Kind::RateDrop, Severity::Critical)[0],
        "checkout (prod): only 412 lines in 10 s, expected 3.1, since 08:10:53 UTC"
    );
    assert_eq!(
        summaries(Subject::Level(Level::Error), Kind::RateSpike, Severity::Error)[0],
        "checkout (prod): 412 lines at error level in 10 s, expected 3.1, since 08:10:53 UTC"
    );
    assert_eq!(
        summaries(heartbeat, Kind::Silence, Severity::Warning)[0],
        "checkout (prod): no 'Payment gateway timeout t0000000000000001 after <NUM> ms…' for 6 min, usually every 3.1 s, since \
         08:10:53 UTC"
    );
    assert_eq!(
        summaries(Subject::Mix(3), Kind::ClusterOutlier, Severity::Info),
        [
            "checkout (prod): an unusual mix of lines in 10 s, since 08:10:53 UTC",
            "checkout (prod): notice over: an unusual mix of lines in 10 min, since 08:10 UTC",
        ]
    );
}

#[test]
fn hostile_texts_make_small_valid_events() {
    let long = "\u{202e}\"\\\n\u{0}é password=x ".repeat(24) + "…";
    let endless = "\u{0}\"ü/".repeat(40_000);
    let mut findings = Vec::new();
    for n in 0..70_u64 {
        let mut one = finding(58, "checkout", template(n), Kind::RateSpike, Severity::Error);
        let name = format!("{n}{endless}");
        one.feature.service = Service::new(Some(&endless), &name);
        if let Some(template) = &mut one.template {
            template.text = Arc::from(long.as_str());
        }
        if let Some(sample) = &mut one.sample {
            (sample.text, sample.topic) = (Arc::from(long.as_str()), Arc::from(name.as_str()));
        }
        (one.figures.observed, one.surprise) = (f64::NAN, f64::INFINITY);
        let texts = vec![Arc::from(long.as_str()); 50];
        one.nearest = Some(NearestCluster {
            id: n,
            template: Arc::from(long.as_str()),
            family: Arc::from(long.as_str()),
            distance: f64::NAN,
            radius: -0.0,
            added: texts.clone(),
            missing: texts,
        });
        findings.push(one);
    }
    for event in story(findings) {
        let json = serde_json::to_string(&event).unwrap();
        assert!(json.len() < 65_536, "{}", json.len());
        assert!(!json.contains("\\n") && !json.contains("\\u0000") && !json.contains("null"));
        assert!(!json.contains("password=x"));
        assert!(event.summary.chars().count() <= 1_024);
        assert!(event.truncated);
    }
}

/// What the observing half keeps of a line.
fn sample_of(text: &str, is_cut: bool) -> Sample {
    let partition = Partition::new(Topic::new("logs.app"), 3);
    let mut skeletoniser = Skeletoniser::new();
    let mut collector = Collector::default();
    collector.add(&Line {
        partition: &partition,
        offset: Offset(1),
        time: Second(START).start(),
        late: false,
        basis: TimeBasis::Log,
        environment: None,
        service: "checkout",
        host: None,
        level: Level::Error,
        is_cut,
        template: Some((text, skeletoniser.skeletonise(text))),
    });
    let mut cells = collector.take().into_values().flatten();
    let (_, cell) = cells.next().unwrap();
    let (_, tally) = cell.templates.into_iter().next().unwrap();
    Arc::unwrap_or_clone(tally.sample.unwrap())
}

#[test]
fn no_half_of_a_secret_is_published_wherever_a_line_is_cut() {
    for (secret, known_by) in [
        ("key ghp_0123456789abcdefghijABCDEFGHIJ012345 used", "ghp"),
        (r#"login {"password": "correct horse battery staple"} failed"#, "correct"),
        ("card 4111 1111 1111 1111 declined", "4111"),
        ("open postgres://app:pa55word@db:5432/x", "pa55"),
        ("mail to jane.doe@example.com now", "jane"),
    ] {
        for before in 512 - secret.len()..512 {
            let line = format!("{} {secret}; {}", "x".repeat(before - 1), "y".repeat(600));
            let sample = sample_of(&line, false);
            assert!(sample.truncated && sample.text.len() <= 512);
            let mut one = finding(58, "checkout", template(1), Kind::RateSpike, Severity::Error);
            one.sample = Some(sample);
            let samples = story(vec![one]).remove(0).samples;
            assert!(samples[0].truncated);
            let text = &samples[0].text;
            assert!(text.ends_with('…') || text.ends_with("[REDACTED:secret]"), "{text}");
            assert!(!text.contains(known_by), "{text}");
        }
    }
}

#[test]
fn the_sample_of_a_line_that_the_decoder_cut_ends_before_its_last_word() {
    for (line, is_cut, expected) in [
        ("key ghp_0123456789ab", true, ("key", true)),
        ("key ghp_0123456789ab", false, ("key ghp_0123456789ab", false)),
    ] {
        let sample = sample_of(line, is_cut);
        assert_eq!((&*sample.text, sample.truncated), expected);
    }
}

#[test]
fn a_text_that_was_cut_ends_with_an_ellipsis_and_says_so() {
    let event = |text: &str| {
        let mut one = finding(58, "checkout", template(1), Kind::RateSpike, Severity::Error);
        if let Some(template) = &mut one.template {
            template.text = Arc::from(text);
        }
        story(vec![one]).remove(0)
    };
    let whole = event("all of it");
    assert_eq!((whole.truncated, whole.template.unwrap().text.as_str()), (false, "all of it"));
    let cut = event("only the beginning …");
    assert_eq!((cut.truncated, cut.template.unwrap().text.as_str()), (true, "only the beginning …"));
    // Redaction makes texts longer.
    let grown = event(&"a@b.c ".repeat(85));
    assert!(grown.truncated && grown.template.unwrap().text.ends_with('…'));
}

#[test]
fn a_line_of_nothing_that_can_be_read_is_named_so() {
    for text in ["", "\u{7f}\u{7f}", " "] {
        let mut one = finding(58, "checkout", template(1), Kind::NewTemplate, Severity::Error);
        if let (Some(template), Some(sample)) = (&mut one.template, &mut one.sample) {
            (template.text, sample.text) = (Arc::from(text), Arc::from("\u{7f}"));
        }
        let event = story(vec![one]).remove(0);
        assert_eq!(event.template.unwrap().text, "(unprintable)");
        assert!(event.summary.contains("error lines '(unprintable)' in 10 s"), "{}", event.summary);
    }
}

#[test]
fn an_episode_is_in_its_topic_while_it_is_open() {
    let events = story(vec![finding(58, "checkout", template(1), Kind::RateSpike, Severity::Error)]);
    let records: Vec<_> = events.iter().map(|event| records(event).unwrap()).collect();
    let [[trigger, open], [resolve, gone]] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((&trigger.destination, &open.destination), (&Destination::Anomalies, &Destination::Episodes));
    assert_eq!(trigger.value, open.value);
    assert_eq!((resolve.value.is_some(), &gone.value), (true, &None));
    assert_eq!(gone.key.as_deref(), Some(&b"prod/checkout:t0000000000000001"[..]));
    let header = |record: &OutputRecord, name: &str| {
        let found = record.headers.iter().find(|header| header.name == name).unwrap();
        String::from_utf8(found.value.clone().unwrap()).unwrap()
    };
    assert_eq!(header(gone, "ce_type"), "eddyline.anomaly.v1.resolve");
    assert_eq!(header(trigger, "ce_source"), "/eddyline/default");
    assert_eq!(header(trigger, "ce_severitynumber"), "17");
    assert_eq!(header(trigger, "ce_id"), events[0].event_id);
}

#[test]
fn the_clock_is_in_no_event() {
    let one = |at: i64| {
        let mut decider = Decider::new();
        let findings = vec![finding(at, "checkout", template(1), Kind::RateSpike, Severity::Error)];
        let steps = [(second(at, &[("checkout", 1)]), Judgement { findings, ..Judgement::default() })];
        serde_json::to_string(&compose(&said(&mut decider, &steps)[0], &provenance())).unwrap()
    };
    assert_eq!(one(3), one(3));
    assert!(one(3).contains("\"time\":\"2026-11-23T08:01:06.000Z\""));
    assert_eq!(Second(START + 3).end().0, 1_795_420_866_000);
}

fn check(message: &Message) -> Result<(), TestCaseError> {
    let event = compose(message, &provenance());
    let json = serde_json::to_value(&event).unwrap();
    prop_assert!(json.to_string().len() < 65_536);
    let (p, bits) = (event.score.p_value.0, event.score.surprise_bits.0);
    prop_assert!(p > 0.0 && p <= 1.0 && (bits + p.log2()).abs() <= 0.01);
    prop_assert!(event.score.threshold_p.is_none_or(|threshold| threshold.0 >= p));
    prop_assert_eq!(&event.services[0], &event.entity.service);
    let alone: String = event.summary.chars().take(130).collect();
    prop_assert!(alone.contains(&event.entity.service));
    prop_assert!(event.summary.chars().count() <= 1_024 && !event.summary.contains('\n'));
    prop_assert_eq!(event.ended_at.is_some(), event.status == event::Status::Resolve);
    prop_assert!(event.evidence.features.len() <= 10 && event.samples.len() <= 5);
    prop_assert!(!event.source.ranges.is_empty() && event.source.ranges.len() <= 64);
    prop_assert!(!event.evidence.narrative.is_empty() && event.evidence.narrative.chars().count() <= 4_000);
    Ok(())
}

proptest! {
    #[test]
    fn events_of_random_findings_hold_the_contract(seconds in random_seconds(60)) {
        for message in said(&mut Decider::new(), &scenario(&seconds)) {
            check(&message)?;
        }
    }
}

#[test]
fn a_silence_points_to_what_was_read_last() {
    let mut decider = Decider::new();
    decider.step(&second(0, &[("checkout", 1)]), Judgement::default(), &Nothing);
    let findings = vec![finding(58, "checkout", Subject::Volume, Kind::Silence, Severity::Critical)];
    let messages = decider.step(&second(58, &[]), Judgement { findings, ..Judgement::default() }, &Nothing);
    let event = compose(&messages[0], &provenance());
    let range =
        (event.source.ranges[0].partition, event.source.ranges[0].first_offset, event.source.ranges[0].last_offset);
    assert_eq!((event.source.topic.as_str(), range), ("logs.app", (3, 0, 2)));
}
