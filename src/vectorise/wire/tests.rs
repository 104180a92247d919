//! The numbers of the fields stand in three places: in `deploy/schemas/tallies.proto` for others, in `proto` for who writes, and in
//! `decode` for who reads. They are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::fields::{COUNT_MAX, Malformed};
use super::*;
use crate::record::Level;
use crate::template::Number;
use crate::vectorise::{Sample, Sketch, SketchKey};

fn text() -> impl Strategy<Value = Arc<str>> {
    "[a-zäß ]{0,12}".prop_map(Arc::from)
}

fn time() -> impl Strategy<Value = StreamTime> {
    any::<i64>().prop_map(StreamTime)
}

fn partition() -> impl Strategy<Value = Partition> {
    (0..4, 0..i32::MAX).prop_map(|(topic, number)| Partition::new(Topic::new(&format!("logs-{topic}")), number))
}

fn count() -> impl Strategy<Value = u64> {
    0..=COUNT_MAX
}

fn counts() -> impl Strategy<Value = [u64; 6]> {
    prop::array::uniform6(prop_oneof![Just(0), count()])
}

fn sample() -> impl Strategy<Value = Sample> {
    let place = (partition(), 0..i64::MAX);
    (time(), any::<u64>(), place, text(), any::<bool>(), option::of(text())).prop_map(
        |(time, text_hash, (partition, offset), text, truncated, host)| Sample {
            time,
            text_hash,
            topic: partition.topic.shared(),
            partition: partition.number,
            offset,
            text,
            truncated,
            host,
        },
    )
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let number = prop_oneof![(-2_000_i64..2_000).prop_map(Number::Integer), any::<f64>().prop_map(Number::Decimal)];
    btree_map(number.prop_map(SketchKey::of), count(), 0..4).prop_map(|counts| {
        let mut sketch = Sketch::default();
        counts.into_iter().for_each(|(key, count)| sketch.add(key, count));
        sketch
    })
}

fn tally() -> impl Strategy<Value = TemplateTally> {
    let late = (count(), 0_usize..6);
    (counts(), late, option::of(text()), option::of(sample()), vec(sketch(), 0..3)).prop_map(
        |(lines, (late, level), skeleton, sample, slots)| TemplateTally {
            lines,
            late,
            late_level: Level::from_index(level),
            skeleton,
            sample: sample.map(Arc::new),
            slots,
        },
    )
}

fn cell() -> impl Strategy<Value = Cell> {
    let numbers = (count(), count(), count(), prop::array::uniform2(count()));
    let templates = vec((any::<u64>(), tally()), 0..3);
    let range = (0..i64::MAX, 0..i64::MAX).prop_map(|(a, b)| (Offset(a.min(b)), Offset(a.max(b))));
    let ranges = btree_map(partition(), range, 0..3);
    (counts(), numbers, templates, btree_map(text(), count(), 0..3), ranges).prop_map(
        |(lines, (continuations, late, other_lines, by_kafka_time), templates, hosts, ranges)| Cell {
            lines,
            continuations,
            late,
            other_lines,
            by_kafka_time,
            templates: templates.into_iter().map(|(id, tally)| (TemplateId(id), tally)).collect(),
            hosts: hosts.into_iter().collect(),
            ranges: ranges.into_iter().collect(),
        },
    )
}

fn progress() -> impl Strategy<Value = Progress> {
    (partition(), any::<[i64; 2]>(), option::of(time()), any::<bool>(), prop::array::uniform6(count()), ".{0,9}")
        .prop_map(
            |(
                partition,
                [from, to],
                complete_until,
                idle,
                [lines, continuations, rejects, empty, late, clamped],
                clock,
            )| {
                Progress {
                    partition,
                    from: Offset(from),
                    to: Offset(to),
                    complete_until,
                    idle,
                    outcomes: Outcomes { lines, continuations, rejects, empty, late, clamped },
                    clock,
                }
            },
        )
}

fn flush() -> impl Strategy<Value = Flush> {
    let service = (option::of(text()), text()).prop_map(|(environment, name)| Service { environment, name });
    let of_second = btree_map(service, cell(), 1..3).prop_map(Sorted::from_iter);
    let cells = btree_map(any::<i64>().prop_map(Second), of_second, 0..3);
    let roster = btree_map((0..4).prop_map(|topic| Topic::new(&format!("logs-{topic}"))), any::<u32>(), 0..3);
    let cut =
        (partition(), option::of(time())).prop_map(|(partition, complete_until)| Cut { partition, complete_until });
    let history_ends = btree_map(partition(), any::<i64>().prop_map(Offset), 0..3);
    (roster, cells, vec(progress(), 0..3), vec(cut, 0..3), option::of(time()), history_ends).prop_map(
        |(roster, cells, progress, cuts, live_from, history_ends)| Flush {
            roster,
            cells,
            progress,
            cuts,
            live_from,
            history_ends,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(written in flush()) {
        let bytes = written.encode();
        prop_assert_eq!(&Flush::decode(&bytes).unwrap(), &written);
        let mut without_sketches = written;
        for cell in without_sketches.cells.values_mut().flat_map(Sorted::values_mut) {
            cell.templates.values_mut().for_each(|tally| tally.slots.clear());
        }
        prop_assert_eq!(&Flush::decode_for_judge(&bytes).unwrap(), &without_sketches);
    }
}

/// Message, field, type and number, as the lines of a source that begin or continue a message say.
type Declared = BTreeSet<(String, String, String, String)>;

fn of_schema(source: &str) -> Declared {
    let (mut message, mut declared) = (String::new(), Declared::new());
    for line in source.lines() {
        let words: Vec<&str> = line.split(';').next().unwrap().split_whitespace().collect();
        match words[..] {
            ["message", name, "{", ..] => message = name.to_owned(),
            [.., kind, field, "=", number] if line.starts_with("  ") => {
                let kind = if kind.starts_with(char::is_uppercase) { "message" } else { kind };
                declared.insert((message.clone(), field.to_owned(), kind.to_owned(), number.to_owned()));
            }
            _ => {}
        }
    }
    declared
}

fn of_code(source: &str) -> Declared {
    let (mut message, mut attribute, mut declared) = (String::new(), None, Declared::new());
    for line in source.lines().map(str::trim) {
        if let Some((_, name)) = line.strip_suffix(" {").and_then(|line| line.split_once("struct ")) {
            message = name.to_owned();
        } else if let Some(inner) = line.strip_prefix("#[prost(").and_then(|line| line.strip_suffix("\")]")) {
            let (kind, rest) = inner.split_once(',').unwrap();
            attribute = Some((kind.to_owned(), rest.split_once("tag = \"").unwrap().1.to_owned()));
        } else if let (Some((kind, number)), Some((field, _))) = (attribute.take(), line.split_once(": ")) {
            let field = field.rsplit(' ').next().unwrap().to_owned();
            declared.insert((message.clone(), field, kind, number));
        }
    }
    declared
}

#[test]
fn the_schema_says_what_is_written() {
    let schema = of_schema(include_str!("../../../deploy/schemas/tallies.proto"));
    assert!(schema.len() > 50, "{schema:?}");
    assert_eq!(of_code(include_str!("proto.rs")), schema);
}

#[test]
fn a_count_that_nobody_can_have_reached_is_refused() {
    let flush_of = |lines| {
        let cell = Cell { late: lines, ..Cell::default() };
        let cells = Sorted::from_iter([(Service::new(None, "web"), cell)]);
        Flush { cells: BTreeMap::from([(Second(7), cells)]), ..Flush::default() }.encode()
    };
    assert!(Flush::decode(&flush_of(COUNT_MAX)).is_ok());
    let refused = Flush::decode(&flush_of(COUNT_MAX + 1));
    assert!(matches!(refused, Err(WireError::Malformed(Malformed::CountTooLarge))), "{refused:?}");
}
