//! The invariant of this module: tallies add up to the same, however the lines were divided and in whatever order they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Cell, Collector, Line, SERVICES_PER_SECOND_MAX, Sample, Sorted, fold_services};
use crate::record::{Level, Offset, Partition, Second, Service, StreamTime, TemplateId, TimeBasis, Topic};
use crate::template::Skeletoniser;

#[derive(Clone, Debug)]
struct Written {
    time_ms: i64,
    service: usize,
    words: usize,
    number: u32,
    level: usize,
    late: bool,
    host: Option<usize>,
    is_continuation: bool,
}

const SERVICES: [(Option<&str>, &str); 3] = [(None, "web"), (Some("prod"), "web"), (Some("prod"), "db")];
const WORDS: [&str; 4] = ["request took", "user logged in", "cache miss for", "retry"];

fn lines() -> impl Strategy<Value = Vec<Written>> {
    let line = (0_i64..130_000, 0..SERVICES.len(), 0..WORDS.len(), 0_u32..2_000, 0_usize..6, prop::bool::weighted(0.1))
        .prop_flat_map(|(time_ms, service, words, number, level, late)| {
            (prop::option::of(0_usize..3), prop::bool::weighted(0.1)).prop_map(move |(host, is_continuation)| Written {
                // Whole seconds are common, so that times are often equal.
                time_ms: if number % 2 == 0 { time_ms / 1_000 * 1_000 } else { time_ms },
                service,
                words,
                number,
                level,
                late,
                host,
                is_continuation,
            })
        });
    prop::collection::vec(line, 1..80)
}

type Sums = BTreeMap<Second, Sorted<Service, Cell>>;

fn add(collector: &mut Collector, index: usize, line: &Written) {
    add_of(SERVICES[line.service], collector, index, line);
}

fn add_of((environment, service): (Option<&str>, &str), collector: &mut Collector, index: usize, line: &Written) {
    let text = format!("{} {} ms", WORDS[line.words], line.number);
    let mut skeletoniser = Skeletoniser::new();
    let hosts = ["a", "b", "c"];
    collector.add(&Line {
        partition: &Partition::new(Topic::new("logs"), i32::try_from(index % 3).unwrap()),
        offset: Offset(i64::try_from(index).unwrap()),
        time: StreamTime(line.time_ms),
        late: line.late,
        basis: TimeBasis::Log,
        environment,
        service,
        host: line.host.map(|host| hosts[host]),
        level: Level::from_index(line.level),
        is_cut: false,
        template: (!line.is_continuation).then(|| (text.as_str(), skeletoniser.skeletonise(&text))),
    });
}

fn merge(into: &mut Sums, from: Sums) {
    for (second, cells) in from {
        for (service, cell) in cells {
            into.entry(second).or_default().add(service, cell, Cell::merge);
        }
    }
}

/// What is announced is announced somewhere: the smallest sample of each minute, and every skeleton.
type Announcements = (BTreeMap<(i64, Service, TemplateId), Sample>, BTreeMap<TemplateId, Arc<str>>);

fn take_announcements(sums: &mut Sums) -> Announcements {
    let (mut samples, mut skeletons) = (BTreeMap::new(), BTreeMap::new());
    for (second, cells) in sums {
        for (service, cell) in cells.iter_mut() {
            for (&id, tally) in cell.templates.iter_mut() {
                if let Some(sample) = tally.sample.take().map(Arc::unwrap_or_clone) {
                    let smallest =
                        samples.entry((second.0.div_euclid(60), service.clone(), id)).or_insert_with(|| sample.clone());
                    *smallest = sample.min(smallest.clone());
                }
                skeletons.extend(tally.skeleton.take().map(|skeleton| (id, skeleton)));
            }
        }
    }
    (samples, skeletons)
}

proptest! {
    #[test]
    fn any_split_and_order_of_the_same_lines_gives_the_same_sums(
        (lines, order) in lines().prop_flat_map(|lines| {
            let order: Vec<usize> = (0..lines.len()).collect();
            (Just(lines), Just(order).prop_shuffle())
        }),
        observers in prop::collection::vec(0_usize..3, 80),
        flushes in prop::collection::vec(prop::bool::weighted(0.2), 80),
        forgets in prop::collection::vec(prop::bool::weighted(0.1), 80),
    ) {
        let mut whole = Collector::default();
        for (index, line) in lines.iter().enumerate() {
            add(&mut whole, index, line);
        }
        let mut expected = whole.take();

        let mut divided: [Collector; 3] = std::array::from_fn(|_| Collector::default());
        let mut sums = Sums::new();
        for (step, &index) in order.iter().enumerate() {
            let observer = &mut divided[observers[step]];
            add(observer, index, &lines[index]);
            if flushes[step] {
                merge(&mut sums, observer.take());
            }
            if forgets[step] {
                observer.forget();
            }
        }
        for mut observer in divided {
            merge(&mut sums, observer.take());
        }
        prop_assert_eq!(take_announcements(&mut sums), take_announcements(&mut expected));
        prop_assert_eq!(sums, expected);
    }
}

/// Who is refused while lines come is counted as those are that are folded when all have come.
#[test]
fn too_many_services_are_counted_at_once_as_they_are_a_few_at_a_time() {
    let lines: Vec<Written> = (0..7_000)
        .map(|index| Written {
            time_ms: 7_000 + index % 900,
            service: usize::try_from(index % 3_500).unwrap(),
            words: usize::try_from(index % 4).unwrap(),
            number: u32::try_from(index).unwrap(),
            level: usize::try_from(index % 6).unwrap(),
            late: index % 11 == 0,
            host: usize::try_from(index % 5).ok().filter(|host| *host < 3),
            is_continuation: index % 7 == 0,
        })
        .collect();
    let counted = |some: &[Written], first: usize| {
        let mut collector = Collector::default();
        for (index, line) in some.iter().enumerate() {
            add_of((None, &format!("s{}", line.service)), &mut collector, first + index, line);
        }
        (collector.take(), collector.take_services_folded())
    };
    let (mut at_once, folded) = counted(&lines, 0);
    let mut apart = Sums::new();
    for (number, some) in lines.chunks(500).enumerate() {
        merge(&mut apart, counted(some, number * 500).0);
    }
    assert_eq!(apart.values_mut().map(fold_services).sum::<usize>(), 3_500 - SERVICES_PER_SECOND_MAX);
    assert_eq!(folded, 3_500 - SERVICES_PER_SECOND_MAX as u64);
    assert_eq!(take_announcements(&mut at_once), take_announcements(&mut apart));
    assert_eq!(at_once, apart);
}
