//! The judge's past is open to questions: backtest, explain, replay, and a first start in the past.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eddyline::record::StreamTime;
use eddyline::vectorise::wire::Flush;
use serde_json::Value;

use crate::offline::shop::detect;
use crate::support::client::{Client, Isolation, Record};
use crate::support::events::{self, assert_same, rfc_3339, without_coordinates};
use crate::support::process::Setup;
use crate::support::recording::Recording;
use crate::support::{eventually, unique};

const PARTITIONS: i32 = 4;

/// A part of the recording, read and judged by an instance that has stopped since.
struct Past {
    client: Client,
    setup: Setup,
    recording: Recording,
    published: Vec<Record>,
}

fn past() -> &'static Past {
    static PAST: OnceLock<Past> = OnceLock::new();
    PAST.get_or_init(|| {
        let (client, topic) = (Client::shared(), unique("past"));
        client.create_topic(&topic, PARTITIONS, &[]);
        let recording = Recording::shop(1_500);
        recording.send(&client, &topic, PARTITIONS);
        let setup = Setup::new(&client, &topic).set("snapshots.every_s", "1");
        let mut instance = setup.start("a");
        setup.wait_until_judged(&client, Duration::from_secs(120));
        assert!(instance.stop().success());
        let published = events::published(&client, &setup, recording.end_ms);
        assert!(published.len() > 10, "{} events", published.len());
        Past { client, setup, recording, published }
    })
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn json_lines(output: &Output) -> Vec<Value> {
    let (out, err) = said(output);
    assert!(output.status.success(), "{err}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The pairs, and the totals at their end.
fn backtest(more: &[&str]) -> (Vec<Value>, Value) {
    let since = ["--since", "2020-01-01T00:00:00Z", "--output", "json"];
    let mut lines = json_lines(&past().setup.ask("backtest", &[&since, more].concat()));
    let totals = lines.pop().unwrap()["totals"].take();
    (lines, totals)
}

#[test]
fn a_backtest_of_the_unchanged_configuration_equals_what_was_published() {
    let past = past();
    let (pairs, totals) = backtest(&[]);
    let of_pairs: BTreeSet<&str> =
        pairs.iter().flat_map(|pair| pair["a"]["events"].as_array().unwrap()).map(|id| id.as_str().unwrap()).collect();
    let published: Vec<Value> = past.published.iter().map(events::value).collect();
    assert!(published.iter().all(|event| of_pairs.contains(event["event_id"].as_str().unwrap())));
    assert_eq!(totals["same"].as_u64(), Some(pairs.len() as u64), "{totals}");
    assert_eq!(totals["compared"], "bytes");
    assert_eq!(totals["a"]["totals"], totals["b"]["totals"]);
    assert!(totals["a"]["totals"]["pages"].as_u64() > Some(3), "{totals}");

    // Of the second half only what happened in it, though the first half taught.
    let middle = rfc_3339(past.recording.end_ms - 700_000);
    let mut half = json_lines(&past.setup.ask("backtest", &["--since", &middle, "--output", "json"]));
    let half_totals = half.pop().unwrap()["totals"].take();
    assert!(!half.is_empty() && half.len() < pairs.len(), "{} of {}", half.len(), pairs.len());
    assert_eq!(half_totals["same"].as_u64(), Some(half.len() as u64), "{half_totals}");

    let (table, _) = said(&past.setup.ask("backtest", &["--since", "2020-01-01T00:00:00Z"]));
    assert!(table.contains(&format!("{} episodes equal byte for byte, 0 changed", pairs.len())), "{table}");
}

#[test]
fn a_backtest_of_another_budget_shows_a_difference_and_of_the_same_none() {
    let (pairs, totals) = backtest(&["--set", "judge.false_findings_per_day=1000"]);
    let different: Vec<&Value> = pairs.iter().filter(|pair| pair["difference"] != "same").collect();
    assert!(!different.is_empty(), "{totals}");
    let count = |name: &str| totals[name].as_u64().unwrap();
    assert_eq!(different.len() as u64, count("changed") + count("only_in_a") + count("only_in_b"));
    assert_ne!(totals["a"]["totals"], totals["b"]["totals"], "{totals}");

    let (pairs, totals) = backtest(&["--set", "judge.false_findings_per_day=0.14285714285714285"]);
    assert!(pairs.iter().all(|pair| pair["difference"] == "same"), "{totals}");

    let refused = past().setup.ask("backtest", &["--since", "1d", "--set", "observe.lateness_ms=1"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).1.contains("changes nothing here"), "{}", said(&refused).1);
}

#[test]
fn explain_computes_published_events_again() {
    let past = past();
    let mut explained = BTreeMap::new();
    for record in &past.published {
        let event = events::value(record);
        let kind = (event["status"].as_str().unwrap().to_owned(), event["detector"].as_str().unwrap().to_owned());
        if explained.contains_key(&kind) {
            continue;
        }
        let id = event["event_id"].as_str().unwrap();
        let (out, err) = said(&past.setup.ask("explain", &[id]));
        assert!(out.contains("recomputed: identical bytes"), "{kind:?}\n{out}{err}");
        for part in ["What was seen in the window", "threshold_log10", "expected_in_60_s", "offsets"] {
            assert!(out.contains(part), "{kind:?} lacks {part:?}:\n{out}");
        }
        // Of a template that is new in this second no line came before, and none after it is told.
        if event["template"]["is_new"] == true && event["status"] == "trigger" && event["window"]["duration_ms"] == 1000
        {
            let (_, history) = out.split_once("== The history of template").unwrap();
            let observed = event["evidence"]["observed"].as_u64().unwrap();
            assert!(history.contains(&format!(" {observed} lines in the hour")), "{observed}: {history}");
        }
        explained.insert(kind, out);
    }
    let of_rate = explained.get(&("trigger".to_owned(), "rate".to_owned())).unwrap();
    assert!(of_rate.contains("rate_spike by rate") && of_rate.contains(") needed"), "{of_rate}");
    assert!(of_rate.contains("variance"), "{of_rate}");
    assert!(explained.len() >= 4, "{:?}", explained.keys());
}

#[test]
fn explain_says_what_differs_and_what_it_cannot_know() {
    let past = past();
    let unknown = past.setup.ask("explain", &["00000000-0000-5000-8000-000000000000"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).1.contains("there is no event"), "{}", said(&unknown).1);

    let id = events::value(&past.published[0])["event_id"].as_str().unwrap().to_owned();
    let (other, _) = said(&past.setup.ask("explain", &[&id, "--set", "judge.false_findings_per_day=0.2"]));
    assert!(other.contains("recomputed: not the same bytes") && other.contains("model.config_hash"), "{other}");
}

#[test]
fn tallies_that_are_gone_are_said_to_be() {
    let (client, topic) = (&past().client, unique("gone"));
    client.create_topic(&topic, 1, &[]);
    Recording::shop(600).send(client, &topic, 1);
    let setup = Setup::new(client, &topic).set("snapshots.every_s", "0");
    let mut instance = setup.start("a");
    setup.wait_until_judged(client, Duration::from_secs(60));
    assert!(instance.stop().success());
    let published = events::published(client, &setup, i64::from(u32::MAX) * 1_000);
    let tallies = setup.ours("tallies");
    client.delete_records(&tallies, 0, client.ends(&tallies, Isolation::Uncommitted)[&0]);
    let id = events::value(&published[0])["event_id"].as_str().unwrap().to_owned();
    let gone = setup.ask("explain", &[&id]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(said(&gone).1.contains("are gone"), "{}", said(&gone).1);
    let totals = json_lines(&setup.ask("backtest", &["--since", "2020-01-01T00:00:00Z", "--output", "json"]));
    let totals = &totals.last().unwrap()["totals"];
    assert!(totals["only_in_a"].as_u64() > Some(0), "{totals}");
    assert!(totals["reasons"].to_string().contains("deleted by retention"), "{totals}");
}

/// The tallies that taught are gone, and a snapshot remembers them.
#[test]
fn explain_begins_at_a_snapshot_where_the_tallies_before_it_are_gone() {
    let (client, topic) = (&past().client, unique("snapshot"));
    client.create_topic(&topic, 1, &[]);
    let recording = Recording::shop(1_200);
    let setup = Setup::new(client, &topic).set("snapshots.every_s", "86400");
    let (first, second) = recording.lines.split_at(recording.lines.len() / 2);
    for half in [first, second] {
        for line in half {
            client.send(&topic, 0, line.time_ms, Some(line.json.as_bytes()));
        }
        client.flush();
        let mut instance = setup.start("a");
        setup.wait_until_judged(client, Duration::from_secs(60));
        // It takes a snapshot when it stops.
        assert!(instance.stop().success());
    }
    let published = events::published(client, &setup, recording.end_ms);
    let middle = rfc_3339(second[0].time_ms);
    let of_second_half =
        published.iter().map(events::value).find(|event| events::time(event) > middle.as_str()).unwrap();
    let id = of_second_half["event_id"].as_str().unwrap();
    client.delete_records(&setup.ours("tallies"), 0, 5);
    let (out, err) = said(&setup.ask("explain", &[id]));
    assert!(out.contains("recomputed: identical bytes") && out.contains("state: snapshot "), "{out}{err}");
}

#[test]
fn a_replay_equals_detect_and_can_be_published() {
    let past = past();
    let detected = detect(&["-"], past.recording.to_json_lines().as_bytes());
    let expected = without_coordinates(detected);
    let replayed = json_lines(&past.setup.ask("replay", &["--topics", &past.setup.topic, "--output", "json"]));
    assert_same("replay and detect", &expected, &without_coordinates(replayed.clone()));

    let elsewhere = unique("replayed");
    past.client.create_topic(&elsewhere, 2, &[]);
    let output = past.setup.ask("replay", &["--topics", &past.setup.topic, "--publish", &elsewhere]);
    assert!(output.status.success(), "{}", said(&output).1);
    assert!(output.stdout.is_empty());
    let published = past.client.read(&elsewhere, Isolation::Committed);
    assert_eq!(published.len(), replayed.len());
    assert_same("published", &expected, &without_coordinates(published.iter().map(events::value)));

    let refused =
        past.setup.ask("replay", &["--topics", &past.setup.topic, "--publish", &past.setup.ours("anomalies")]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_replay_of_a_range_reads_that_range() {
    let past = past();
    let lines = |more: &[&str]| {
        let output = past.setup.ask("replay", &[&["--topics", &past.setup.topic], more].concat());
        let (out, err) = said(&output);
        assert!(output.status.success(), "{err}");
        let (lines, _) =
            out.lines().last().and_then(|line| line.split_once(" lines of ")).unwrap_or_else(|| panic!("{out}"));
        lines.parse::<usize>().unwrap()
    };
    assert_eq!(lines(&["--from", "100", "--to", "350"]), 250 * 4);
    let (from, to) = (past.recording.end_ms - 900_000, past.recording.end_ms - 300_000);
    let expected = past.recording.lines.iter().filter(|line| (from..to).contains(&line.time_ms)).count();
    assert_eq!(lines(&["--from", &rfc_3339(from), "--to", &rfc_3339(to)]), expected);
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// The moment of going live that was written first, and the first offset that was read of each partition.
fn going_live(client: &Client, setup: &Setup) -> (i64, BTreeMap<i32, i64>) {
    let (mut live, mut first) = (None, BTreeMap::new());
    for record in client.read(&setup.ours("tallies"), Isolation::Committed) {
        let flush = Flush::decode(&record.value.unwrap()).unwrap();
        live = live.or(flush.live_from.map(|StreamTime(time_ms)| time_ms));
        for progress in flush.progress {
            first.entry(progress.partition.number).or_insert(progress.from.0);
        }
    }
    (live.expect("a moment of going live"), first)
}

#[test]
fn a_first_start_in_the_past_learns_from_it_and_publishes_nothing_of_it() {
    let (client, topic) = (Client::shared(), unique("history"));
    client.create_topic(&topic, PARTITIONS, &[]);
    // The recording as if it were going on now: its middle is a few seconds from here.
    let recorded = Recording::shop(1_500);
    let recording = recorded.moved(now_ms() + 5_000 - (recorded.end_ms - 600_000));
    recording.send(&client, &topic, PARTITIONS);
    let detected = detect(&["-"], recording.to_json_lines().as_bytes());

    let setup = Setup::new(&client, &topic).set("start.history", "6h").set("snapshots.every_s", "1");
    let mut instances = [setup.start("a"), setup.start("b")];
    eventually("the first tallies", Duration::from_secs(60), || {
        let ends = client.ends(&setup.ours("tallies"), Isolation::Committed);
        if ends.values().sum::<i64>() > 0 { Ok(()) } else { Err(format!("{ends:?}")) }
    });
    // A restart on the way changes nothing: the moment is in the log.
    instances.iter_mut().for_each(|instance| instance.kill());
    // A judge that was quick has gone live before.
    let mut logs: String = instances.iter().map(|instance| instance.log()).collect();
    let mut instances = [setup.start("a"), setup.start("b")];
    setup.wait_until_judged(&client, Duration::from_secs(120));
    logs.extend(instances.iter().map(|instance| instance.log()));
    instances.iter_mut().for_each(|instance| assert!(instance.stop().success()));

    let (live_ms, first) = going_live(&client, &setup);
    assert!(first.values().all(|&offset| offset == 0), "{first:?}");
    let (live, end) = (rfc_3339(live_ms), rfc_3339(recording.end_ms));
    let id = |event: &Value| event["episode_id"].as_str().unwrap().to_owned();
    let detected: Vec<Value> = detected.into_iter().filter(|event| events::time(event) <= end.as_str()).collect();
    let opened_before: BTreeSet<String> = detected
        .iter()
        .filter(|event| event["status"] == "trigger" && events::time(event) <= live.as_str())
        .map(id)
        .collect();
    let closed_before: BTreeSet<String> = detected
        .iter()
        .filter(|event| event["status"] == "resolve" && events::time(event) <= live.as_str())
        .map(id)
        .collect();
    let published: Vec<Value> =
        events::published(&client, &setup, recording.end_ms).iter().map(events::value).collect();
    assert!(published.iter().all(|event| events::time(event) > live.as_str()), "before {live}");

    let (before, after): (Vec<Value>, Vec<Value>) =
        published.into_iter().partition(|event| opened_before.contains(&id(event)));
    let expected = detected.iter().filter(|event| !opened_before.contains(&id(event))).cloned();
    let expected = without_coordinates(expected);
    assert!(!expected.is_empty());
    assert_same("what opened after going live", &expected, &without_coordinates(after));

    let open: BTreeSet<String> = opened_before.difference(&closed_before).cloned().collect();
    let told: Vec<String> = before.iter().filter(|event| event["status"] == "trigger").map(id).collect();
    assert!(!open.is_empty() && !closed_before.is_empty(), "the test has lost its edge: {open:?} {closed_before:?}");
    assert_eq!(told.len(), open.len(), "each once");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), open);
    for event in before.iter().filter(|event| event["status"] == "trigger") {
        assert_eq!(event["sequence"], 0);
    }
    assert!(logs.contains("going live: of the time before it would have paged"), "{logs}");
}

#[test]
fn a_first_start_in_the_past_begins_at_its_time() {
    let (client, topic) = (Client::shared(), unique("begin"));
    client.create_topic(&topic, PARTITIONS, &[]);
    let recorded = Recording::shop(600);
    let recording = recorded.moved(now_ms() - 60_000 - recorded.end_ms);
    recording.send(&client, &topic, PARTITIONS);
    let setup = Setup::new(&client, &topic).set("start.history", "5m");
    let mut instance = setup.start("a");
    setup.wait_until_observed(&client, Duration::from_secs(60));
    assert!(instance.stop().success());
    let (live_ms, first) = going_live(&client, &setup);
    for (partition, offset) in first {
        let lines = recording.lines.iter().enumerate();
        let of_it = lines.filter(|(index, _)| Recording::partition(*index, PARTITIONS) == partition);
        let before = of_it.filter(|(_, line)| line.time_ms < live_ms - 300_000).count();
        assert!(before > 0);
        assert_eq!(offset, i64::try_from(before).unwrap(), "partition {partition}");
    }
}
