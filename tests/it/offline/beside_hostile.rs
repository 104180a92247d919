//! A hostile service beside others, in the same partition: the others are judged as before, to the byte.

use eddyline::decode::Format;
use eddyline::publish::{Provenance, compose};
use eddyline::record::{Offset, Partition, Record, TimeBasis, Topic};
use eddyline::stage::Chain;
use eddyline::vectorise::OTHER_SERVICES;

use crate::support::recording::{Line, Recording, seconds};

/// Offsets of the recording's lines are this far apart: hostile lines go in between, and theirs stay what they were.
const STRIDE: i64 = 2_000;
/// So much of the recording is read: some of its faults are in it.
const SECONDS: i64 = 900;
const YEAR_MS: i64 = 365 * 86_400_000;

/// The events of all services that are not hostile, as JSON, where these lines are written before each line of the recording, given
/// its index and its time. Those that are counted as [`OTHER_SERVICES`] are hostile, too.
fn events(hostile: impl Fn(i64, i64) -> Vec<String>) -> Vec<String> {
    let partition = Partition::new(Topic::new("logs"), 0);
    let (mut chain, mut messages) = (Chain::new(Format::Auto, 5_000), Vec::new());
    chain.open(&partition);
    for (index, Line { time_ms, json }) in (0_i64..).zip(&Recording::shop(SECONDS).lines) {
        let hostile = hostile(index, *time_ms);
        assert!(hostile.len() < usize::try_from(STRIDE).unwrap());
        let behind = (index * STRIDE..).zip(&hostile).chain([((index + 1) * STRIDE - 1, json)]);
        for (offset, value) in behind {
            let timestamp = Some((*time_ms, TimeBasis::KafkaCreate));
            let record = Record { offset: Offset(offset), timestamp, value: Some(value.as_bytes()) };
            chain.record(&partition, &record, &mut messages);
        }
    }
    chain.end(&mut messages);
    let provenance = Provenance { state_id: String::new(), config_hash: String::new() };
    let events = messages.iter().map(|message| compose(message, &provenance));
    let is_hostile = |service: &str| service.starts_with("hostile") || service == OTHER_SERVICES;
    let of_others = events.filter(|event| !is_hostile(&event.entity.service));
    of_others.map(|event| serde_json::to_string(&event).unwrap()).collect()
}

fn assert_nothing_changes(hostile: impl Fn(i64, i64) -> Vec<String>) {
    let (expected, found) = (events(|_, _| Vec::new()), events(hostile));
    assert!(expected.len() > 5, "{} events", expected.len());
    if let Some((expected, found)) = expected.iter().zip(&found).find(|(expected, found)| expected != found) {
        panic!("expected {expected}\nfound    {found}");
    }
    assert_eq!(expected.len(), found.len());
}

fn line(time_ms: i64, service: &str, message: &str) -> String {
    format!(
        r#"{{"ts": {}, "service": "{service}", "environment": "elsewhere", "message": "{message}"}}"#,
        seconds(time_ms)
    )
}

/// A word of letters only: what has digits in it is a number to the templates.
fn word(number: i64) -> String {
    number.to_string().bytes().map(|digit| char::from(digit + 49)).collect()
}

#[test]
fn a_hundred_thousand_words() {
    assert_nothing_changes(|index, time_ms| {
        (0..2).map(|n| line(time_ms, "hostile", &format!("{} happened", word(index * 2 + n)))).collect()
    });
}

#[test]
fn a_flood_of_services() {
    assert_nothing_changes(|index, time_ms| {
        (0..3).map(|n| line(time_ms, &format!("hostile-{}", index * 3 + n), "started")).collect()
    });
}

/// A flood of more services than a second may have, so that some of the others are counted as `~other` while it lasts.
#[test]
fn a_flood_of_too_many_services_for_a_second_is_no_silence_of_the_others() {
    let (mut chain, mut messages) = (Chain::new(Format::Auto, 5_000), Vec::new());
    let partition = Partition::new(Topic::new("logs"), 0);
    chain.open(&partition);
    let mut offset = 0;
    for second in 0..800 {
        let hostile = if (600..650).contains(&second) { 2_500 } else { 0 };
        for number in 0..10 + hostile {
            let name = if number < 10 { format!("shop-{number}") } else { format!("hostile-{offset}") };
            let value = line(1_795_000_000_000 + second * 1_000, &name, "served");
            let record = Record { offset: Offset(offset), timestamp: None, value: Some(value.as_bytes()) };
            chain.record(&partition, &record, &mut messages);
            offset += 1;
        }
    }
    chain.end(&mut messages);
    let provenance = Provenance { state_id: String::new(), config_hash: String::new() };
    let events = messages.iter().map(|message| compose(message, &provenance));
    let of_others: Vec<_> = events.filter(|event| event.entity.service.starts_with("shop")).collect();
    assert!(chain.judge().folded_services() > 50 * 500);
    assert!(of_others.is_empty(), "{of_others:?}");
}

/// From then on, in milliseconds, a service writes that is new, and is of the environment of the flood; and until then.
const BEGINS_MS: i64 = 200_000;
const STOPS_MS: i64 = 700_000;

#[test]
fn a_service_that_begins_in_a_flood_is_judged() {
    let start_ms = Recording::shop(1).lines[0].time_ms;
    let begins = |index: i64, time_ms: i64| {
        let writes = (BEGINS_MS..STOPS_MS).contains(&(time_ms - start_ms));
        writes.then(|| line(time_ms, "late", &format!("request {index} served"))).into_iter()
    };
    let alone = events(|index, time_ms| begins(index, time_ms).collect());
    let flooded = events(|index, time_ms| {
        let flood = (0..3).map(|n| line(time_ms, &format!("hostile-{}", index * 3 + n), "started"));
        flood.chain(begins(index, time_ms)).collect()
    });
    let of = |events: &[String], kind: &str| {
        let events = events.iter().map(|event| serde_json::from_str::<serde_json::Value>(event).unwrap());
        let of_it = events.filter(|event| event["entity"]["service"] == "late" && event["kind"] == kind);
        of_it.map(|event| event["started_at"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(&flooded, "silence"), of(&alone, "silence"));
    assert_eq!(of(&flooded, "silence").len(), 1);
}

#[test]
fn nearly_all_of_the_lines() {
    assert_nothing_changes(|index, time_ms| {
        let lines = if (50_000..56_000).contains(&index) { 999 } else { 1 };
        (0..lines).map(|n| line(time_ms, "hostile", &format!("served request {n} in 7 ms"))).collect()
    });
}

#[test]
fn time_stamps_that_jump_by_years() {
    assert_nothing_changes(|index, time_ms| {
        let years = [0, 1, -1, 70, -70, 3][usize::try_from(index % 6).unwrap()];
        vec![line(time_ms + years * YEAR_MS, "hostile", "what time is it")]
    });
}

#[test]
fn lines_of_megabytes() {
    let long = "x".repeat(5_000_000);
    assert_nothing_changes(|index, time_ms| match index % 2_000 {
        0 => vec![line(time_ms, "hostile", &long)],
        _ => Vec::new(),
    });
}
