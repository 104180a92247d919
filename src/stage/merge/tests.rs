use super::*;
use crate::record::TemplateId;
use crate::vectorise::TemplateTally;
use crate::vectorise::wire::Outcomes;

fn flush(cells: &[(i64, u64)], progress: &[(i32, i64, i64, Option<i64>, bool)], partitions: u32) -> Flush {
    let topic = Topic::new("logs");
    let mut flush = Flush { roster: BTreeMap::from([(topic.clone(), partitions)]), ..Flush::default() };
    for &(second, lines) in cells {
        let cell = Cell { lines: [0, 0, lines, 0, 0, 0], ..Cell::default() };
        flush.cells.entry(Second(second)).or_default().insert(Service::new(None, "web"), cell);
    }
    for &(number, from, to, until_s, idle) in progress {
        flush.progress.push(Progress {
            partition: Partition::new(topic.clone(), number),
            from: Offset(from),
            to: Offset(to),
            complete_until: until_s.map(|second| Second(second).start()),
            idle,
            outcomes: Outcomes::default(),
            clock: String::new(),
        });
    }
    flush
}

fn closed(merger: &mut Merger) -> Vec<(i64, u64, u64)> {
    let mut closed = Vec::new();
    while let Some(second) = merger.next_closed() {
        let cells = second.cells.values();
        let sums = cells.fold((0, 0), |(total, late), cell| (total + cell.total(), late + cell.late));
        closed.push((second.second.0, sums.0, sums.1));
    }
    closed
}

/// Through the bytes of a snapshot and back.
fn kept_and_restored(merger: &Merger) -> Merger {
    Merger::restore(postcard::from_bytes(&postcard::to_stdvec(&merger.snapshot()).unwrap()).unwrap()).unwrap()
}

#[test]
fn a_merger_that_is_restored_is_the_one_that_was_kept() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1), (11, 2), (15, 3)], &[(0, 0, 2, Some(20), false), (1, 0, 1, Some(12), true)], 2));
    closed(&mut merger);
    merger.add(flush(&[(21, 4)], &[(0, 9, 10, Some(30), false)], 2));
    merger.open.insert(Second(17), Sorted::default());
    let tally = TemplateTally { skeleton: Some("it <*>".into()), ..TemplateTally::default() };
    let partition = Partition::new(Topic::new("logs"), 1);
    let cell = Cell {
        templates: [(TemplateId(7), tally)].into_iter().collect(),
        ranges: [(partition.clone(), (Offset(3), Offset(5)))].into_iter().collect(),
        ..Cell::default()
    };
    merger.open.entry(Second(21)).or_default().insert(Service::new(Some("prod"), "api"), cell);
    merger.folded_services = 7;
    merger.cut.insert(partition);
    let restored = kept_and_restored(&merger);
    assert_eq!(restored.open, merger.open);
    assert_eq!(format!("{restored:?}"), format!("{merger:?}"));
}

#[test]
fn a_second_is_closed_when_every_partition_has_passed_it() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1), (11, 1)], &[(0, 0, 2, Some(20), false)], 2));
    assert_eq!(closed(&mut merger), [], "one partition has not reported");
    merger.add(flush(&[(10, 2)], &[(1, 0, 2, Some(11), false)], 2));
    assert_eq!(closed(&mut merger), [(10, 3, 0)]);
    merger.add(flush(&[], &[(1, 2, 2, Some(13), false)], 2));
    assert_eq!(closed(&mut merger), [(11, 1, 0), (12, 0, 0)]);
}

#[test]
fn an_idle_partition_holds_nobody_back_and_its_old_lines_count_as_late() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false), (1, 0, 0, None, true)], 2));
    assert_eq!(closed(&mut merger).last(), Some(&(29, 0, 0)));
    merger.add(flush(&[(12, 5)], &[(1, 0, 5, Some(12), false)], 2));
    merger.add(flush(&[], &[(0, 1, 1, Some(40), false), (1, 5, 5, Some(40), false)], 2));
    assert_eq!(closed(&mut merger).first(), Some(&(30, 0, 5)));
}

fn cut(number: i32, until_s: Option<i64>) -> Flush {
    let partition = Partition::new(Topic::new("logs"), number);
    let complete_until = until_s.map(|second| Second(second).start());
    Flush { cuts: vec![Cut { partition, complete_until }], ..Flush::default() }
}

#[test]
fn a_partition_that_is_cut_off_holds_nobody_back_until_it_has_caught_up() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false), (1, 0, 0, Some(12), false)], 2));
    assert_eq!(closed(&mut merger).last(), Some(&(11, 0, 0)));
    let cuts = merger.holding_back();
    assert_eq!(cuts, cut(1, Some(12)).cuts);
    merger.add(Flush { cuts, ..Flush::default() });
    assert_eq!(closed(&mut merger).last(), Some(&(29, 0, 0)));
    assert_eq!(merger.holding_back(), [], "nobody is left who is behind");
    // What it brings for seconds that are closed is late, and it does not hold back the next ones.
    merger.add(flush(&[(20, 5)], &[(1, 0, 5, Some(21), false), (0, 1, 1, Some(32), false)], 2));
    assert_eq!(closed(&mut merger), [(30, 0, 5), (31, 0, 0)]);
    merger.add(flush(&[], &[(1, 5, 5, Some(34), false), (0, 1, 1, Some(40), false)], 2));
    assert!(merger.cut().is_empty());
    assert_eq!(closed(&mut merger).last(), Some(&(33, 0, 0)), "it has caught up and is waited for again");
}

#[test]
fn seconds_without_a_partition_that_is_cut_off_are_partial_and_so_are_those_behind_them() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false), (1, 0, 0, Some(12), false)], 2));
    while merger.next_closed().is_some_and(|second| second.missing.is_empty()) {}
    merger.add(cut(1, Some(12)));
    assert!(merger.next_closed().is_some_and(|second| !second.missing.is_empty()));
    merger.add(flush(&[(200, 1)], &[(1, 0, 5, Some(300), false), (0, 1, 2, Some(300), false)], 2));
    let seconds: Vec<_> = std::iter::from_fn(|| merger.next_closed()).collect();
    let whole = seconds.iter().find(|second| second.missing.is_empty()).unwrap().second.0;
    assert!((12 + PARTIAL_AFTER_LOSS_SECONDS..100).contains(&whole), "{whole}");
}

#[test]
fn a_partition_that_never_reported_can_be_cut_off_and_one_that_was_heard_of_meanwhile_is_not() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(30), false)], 2));
    assert_eq!((closed(&mut merger), merger.holding_back()), (vec![], cut(1, None).cuts));
    merger.add(flush(&[], &[(1, 0, 1, Some(15), false)], 2));
    merger.add(cut(1, None));
    assert_eq!(closed(&mut merger).last(), Some(&(14, 0, 0)), "it was heard of");
    merger.add(flush(&[], &[(0, 1, 1, Some(50), false)], 3));
    merger.add(cut(2, None));
    merger.add(cut(1, Some(15)));
    assert_eq!(closed(&mut merger).last(), Some(&(49, 0, 0)));
    let restored = kept_and_restored(&merger);
    assert_eq!(restored.cut(), merger.cut());
}

#[test]
fn loss_and_repetition_show() {
    let mut merger = Merger::default();
    assert_eq!(merger.add(flush(&[], &[(0, 7, 9, None, false)], 1)), []);
    let gap = merger.add(flush(&[], &[(0, 12, 13, None, false)], 1)).pop().unwrap();
    assert!(gap.to_string().contains("not counted"), "{gap}");
    let twice = merger.add(flush(&[], &[(0, 10, 14, None, false)], 1)).pop().unwrap();
    assert!(twice.to_string().contains("counted twice"), "{twice}");
}

#[test]
fn seconds_of_which_records_were_lost_are_partial() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(12), false), (1, 0, 1, Some(30), false)], 2));
    while merger.next_closed().is_some() {}
    merger.add(flush(&[(29, 1)], &[(0, 7, 8, Some(12), false)], 2));
    assert_eq!(merger.partial, BTreeMap::new(), "how far the loss reaches is not known yet");
    merger.add(flush(&[], &[(0, 8, 9, Some(31), false), (1, 1, 2, Some(200), false)], 2));
    merger.add(flush(&[], &[(0, 9, 10, Some(200), false)], 2));
    let partial: Vec<i64> = std::iter::from_fn(|| merger.next_closed())
        .filter(|second| !second.missing.is_empty())
        .map(|second| second.second.0)
        .collect();
    assert_eq!((partial.first(), partial.last(), partial.len()), (Some(&12), Some(&90), 79));
}

#[test]
fn a_topic_that_is_not_read_any_more_holds_nobody_back() {
    let mut merger = Merger::default();
    merger.add(flush(&[(10, 1)], &[(0, 0, 1, Some(12), false)], 1));
    let mut other = flush(&[], &[], 1);
    other.roster = BTreeMap::from([(Topic::new("other"), 1)]);
    let partition = Partition::new(Topic::new("other"), 0);
    let outcomes = Outcomes::default();
    let complete_until = Some(Second(20).start());
    other.progress.push(Progress {
        partition,
        from: Offset(0),
        to: Offset(0),
        complete_until,
        idle: false,
        outcomes,
        clock: String::new(),
    });
    merger.add(other);
    assert_eq!(closed(&mut merger).last(), Some(&(19, 0, 0)));
}

#[test]
fn a_jump_of_log_time_is_not_walked_second_by_second() {
    let mut merger = Merger::default();
    let later = 10_000_000_000;
    merger.add(flush(&[(10, 1), (later, 1)], &[(0, 0, 2, Some(later + 1), false)], 1));
    let closed = closed(&mut merger);
    assert_eq!(closed.len() as i64, EMPTY_SECONDS_MAX + 2);
    assert_eq!(closed.last(), Some(&(later, 1, 0)));
}
