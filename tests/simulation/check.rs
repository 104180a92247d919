//! What has to be true of a run, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};

use eddyline::publish::{Destination, OutputRecord};
use eddyline::record::{Offset, Partition, Second, Service};
use eddyline::stage::Judge;
use eddyline::stream::snapshot::{Snapshot, content_id};
use eddyline::vectorise::wire::Flush;

use super::input::{Input, published, undisturbed};
use super::run::index;
use super::world::{Role, World, home_of, tallies};

/// What a run was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its events are those of the undisturbed run.
    Identical { events: usize },
    /// Silence of a partition was told and then broken, or one was cut off that nobody could read, so its events are those of a replay of its tallies.
    Replayed { events: usize },
}

pub fn check(world: &World, input: &Input, snapshots: &[Snapshot], deletes_unread: bool) -> Result<Verdict, String> {
    let records = world.committed_records(&tallies());
    let flushes: Vec<(usize, Flush)> = records
        .iter()
        .map(|(offset, record)| {
            (*offset, Flush::decode_for_judge(record.value.as_deref().unwrap_or_default()).unwrap())
        })
        .collect();
    let events: Vec<OutputRecord> = committed(world, &Destination::Anomalies);
    let episodes: Vec<OutputRecord> = committed(world, &Destination::Episodes);
    let deleted = joins_up(world, input, &flushes, deletes_unread)?;
    once("event", &events)?;
    let replayed = replay(world, input, &flushes, snapshots)?;
    same("a replay of the tallies", &replayed.events, &events)?;
    same("a replay of the tallies, episodes", &replayed.episodes, &episodes)?;
    if deleted > 0 {
        return Ok(Verdict::Replayed { events: events.len() });
    }
    let dead_letters = committed(world, &Destination::DeadLetters);
    once("dead letter", &dead_letters)?;
    if dead_letters.len() != input.rejects {
        return Err(format!("{} dead letters of {} rejected records", dead_letters.len(), input.rejects));
    }
    let (expected, expected_flushes) = undisturbed(input);
    let sums = sums(flushes.iter().map(|(_, flush)| flush));
    let expected_sums = self::sums(&expected_flushes);
    if world.is_silence_told && (sums != expected_sums || replayed.is_promise_broken) {
        return Ok(Verdict::Replayed { events: events.len() });
    }
    if let Some(difference) = first_difference(&sums, &expected_sums) {
        return Err(format!("other sums than undisturbed: {difference}"));
    }
    if flushes.iter().any(|(_, flush)| !flush.cuts.is_empty()) {
        return Ok(Verdict::Replayed { events: events.len() });
    }
    let (expected, expected_episodes) = divide(expected);
    same("the undisturbed run", &until(input, &expected), &until(input, &events))?;
    same("the undisturbed run, episodes", &until(input, &expected_episodes), &until(input, &episodes))?;
    Ok(Verdict::Identical { events: events.len() })
}

fn committed(world: &World, destination: &Destination) -> Vec<OutputRecord> {
    world.committed_records(&home_of(destination)).into_iter().map(|(_, record)| record).collect()
}

fn divide(records: Vec<OutputRecord>) -> (Vec<OutputRecord>, Vec<OutputRecord>) {
    records.into_iter().partition(|record| record.destination == Destination::Anomalies)
}

/// The offsets that tallies cover join up from the first record to the last, and each record is accounted for. Returns how
/// many records were deleted before they were read.
fn joins_up(world: &World, input: &Input, flushes: &[(usize, Flush)], deletes: bool) -> Result<i64, String> {
    let mut next: BTreeMap<&Partition, Offset> = BTreeMap::new();
    let mut deleted = 0;
    for progress in flushes.iter().flat_map(|(_, flush)| &flush.progress) {
        let expected = next.entry(&progress.partition).or_default();
        let outcomes = progress.outcomes;
        let accounted = outcomes.lines + outcomes.continuations + outcomes.rejects + outcomes.empty;
        let covered = progress.to.0 - progress.from.0;
        if i64::try_from(accounted).unwrap() != covered {
            return Err(format!("{}: {accounted} records accounted for of {covered}", progress.partition));
        }
        let missing = progress.from.0 - expected.0;
        if missing < 0 || (missing > 0 && !deletes) {
            let (from, expected) = (progress.from.0, expected.0);
            return Err(format!("{}: tallies continue at {from} instead of {expected}", progress.partition));
        }
        deleted += missing;
        *expected = progress.to;
    }
    for (partition, lines) in &input.partitions {
        let covered = next.get(partition).copied().unwrap_or_default();
        let committed = world.groups[&Role::Observe].committed.get(partition).map(|committed| committed.offset);
        if index(covered) != lines.len() || committed.unwrap_or_default() != covered {
            return Err(format!("{partition}: {} of {} records covered, {committed:?}", covered.0, lines.len()));
        }
    }
    Ok(deleted)
}

fn once(what: &str, records: &[OutputRecord]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for record in records {
        let headers: Vec<_> = record.headers.iter().map(|header| (header.name.as_ref(), &header.value)).collect();
        if !seen.insert((&record.key, headers)) {
            return Err(format!("an {what} twice: {}", shown(Some(record))));
        }
    }
    Ok(())
}

struct Replayed {
    events: Vec<OutputRecord>,
    episodes: Vec<OutputRecord>,
    /// Whether sums came for a second that was judged.
    is_promise_broken: bool,
}

/// The tallies that the judge has committed, through a judge that has seen nothing. On its way it passes the snapshots, and
/// has to be in the same state.
fn replay(
    world: &World,
    input: &Input,
    flushes: &[(usize, Flush)],
    snapshots: &[Snapshot],
) -> Result<Replayed, String> {
    let committed = world.groups[&Role::Judge].committed.get(&tallies()).map_or(0, |committed| index(committed.offset));
    let (mut judge, mut messages, mut is_promise_broken) = (Judge::new(), Vec::new(), false);
    let mut snapshots = snapshots.iter().peekable();
    for (offset, flush) in flushes.iter().filter(|(offset, _)| *offset < committed) {
        while let Some(passed) = snapshots.next_if(|snapshot| index(Offset(snapshot.manifest.offset)) <= *offset) {
            if content_id(judge.snapshot().unwrap()) != passed.manifest.id {
                return Err(format!("the snapshot at {} is not the state of a replay", passed.manifest.offset));
            }
        }
        is_promise_broken |= flush.cells.keys().next().copied() <= judge.judged_until() && !flush.cells.is_empty();
        judge.flush(flush.clone(), &mut messages);
    }
    let judged_until_s = judge.judged_until().map(|second| second.0);
    if judged_until_s < Some(input.judged_until_ms / 1_000) {
        return Err(format!("judged only until {judged_until_s:?}"));
    }
    let (events, episodes) = divide(published(&messages));
    Ok(Replayed { events, episodes, is_promise_broken })
}

type Sums = BTreeMap<(Second, Service, u64), ([u64; 6], u64)>;

/// Lines in time by level, and late ones, by second, service and template.
fn sums<'a>(flushes: impl IntoIterator<Item = &'a Flush>) -> Sums {
    let mut sums = Sums::new();
    for (second, cells) in flushes.into_iter().flat_map(|flush| &flush.cells) {
        for (service, cell) in cells.iter() {
            for (id, template) in cell.templates.iter() {
                let (lines, late) = sums.entry((*second, service.clone(), id.0)).or_default();
                lines.iter_mut().zip(template.lines).for_each(|(sum, more)| *sum += more);
                *late += template.late;
            }
        }
    }
    sums
}

fn first_difference(found: &Sums, expected: &Sums) -> Option<String> {
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let different = keys.into_iter().find(|key| found.get(key) != expected.get(key))?;
    Some(format!("{different:?}: {:?} instead of {:?}", found.get(different), expected.get(different)))
}

/// Those whose log time everybody has judged.
fn until(input: &Input, records: &[OutputRecord]) -> Vec<OutputRecord> {
    let time = |record: &OutputRecord| {
        let time = record.headers.iter().find(|header| header.name == "ce_time");
        time.and_then(|header| header.value.clone()).unwrap_or_default()
    };
    records.iter().filter(|record| time(record).as_slice() <= input.judged_until.as_bytes()).cloned().collect()
}

fn same(what: &str, expected: &[OutputRecord], found: &[OutputRecord]) -> Result<(), String> {
    let longest = expected.len().max(found.len());
    match (0..longest).find(|&number| expected.get(number) != found.get(number)) {
        None => Ok(()),
        Some(number) => Err(format!(
            "{} events, {} in {what}; the first that differs is number {number}:\n  {}\n  {}",
            found.len(),
            expected.len(),
            shown(found.get(number)),
            shown(expected.get(number))
        )),
    }
}

fn shown(record: Option<&OutputRecord>) -> String {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8_lossy(bytes.as_deref().unwrap_or(b"-")).into_owned();
    record.map_or_else(|| "-".to_owned(), |record| format!("{} {}", text(&record.key), text(&record.value)))
}
