use super::*;

fn read(observer: &mut Observer, partition: &Partition, offset: i64, second: i64) {
    let timestamp = Some((second * 1_000, TimeBasis::KafkaCreate));
    let record = Record { offset: Offset(offset), timestamp, value: Some(b"hello world") };
    observer.record(partition, &record, 0);
}

#[test]
fn who_is_far_ahead_waits_until_the_others_have_come_close_or_are_at_their_end() {
    let mut observer = Observer::new(Format::Auto, 5_000);
    let partitions: Vec<Partition> = (0..3).map(|number| Partition::new(Topic::new("logs"), number)).collect();
    for partition in &partitions {
        observer.assign(partition.clone(), Offset(0), None);
    }
    read(&mut observer, &partitions[0], 0, 1_000);
    read(&mut observer, &partitions[1], 0, 1_100);
    let ahead = |observer: &mut Observer, now_ms| {
        let slowest = observer.slowest(now_ms);
        observer.ahead(slowest)
    };
    assert_eq!(ahead(&mut observer, 0), [partitions[1].clone()], "an empty one is not waited for");
    for offset in 1..10 {
        read(&mut observer, &partitions[0], offset, 1_015);
    }
    assert_eq!(ahead(&mut observer, 1), [partitions[1].clone()]);
    assert_eq!(ahead(&mut observer, 9_000), [partitions[1].clone()]);
    assert_eq!(ahead(&mut observer, 12_000), [], "one that cannot be read is not waited for");
    read(&mut observer, &partitions[0], 10, 1_001);
    assert_eq!(ahead(&mut observer, 12_001), [partitions[1].clone()], "until it is read again");
    observer.at_end(&partitions[0], 12_002);
    assert_eq!(ahead(&mut observer, 12_003), []);
}

#[test]
fn a_second_ends_once_when_the_slowest_partition_is_beyond_it() {
    let mut observer = Observer::new(Format::Auto, 5_000);
    let partitions: Vec<Partition> = (0..2).map(|number| Partition::new(Topic::new("logs"), number)).collect();
    for partition in &partitions {
        observer.assign(partition.clone(), Offset(0), None);
        (0..9).for_each(|offset| read(&mut observer, partition, offset, 100));
    }
    assert!(observer.ends_a_second(), "nothing was said before");
    observer.flush(BTreeMap::new());
    assert!(!observer.ends_a_second());
    (9..18).for_each(|offset| read(&mut observer, &partitions[0], offset, 101));
    assert!(!observer.ends_a_second(), "the other one is not so far");
    (9..18).for_each(|offset| read(&mut observer, &partitions[1], offset, 103));
    assert!(observer.ends_a_second());
    observer.flush(BTreeMap::new());
    assert!(!observer.ends_a_second());
}

#[test]
fn a_record_of_a_lost_partition_is_not_ours() {
    let mut observer = Observer::new(Format::Auto, 5_000);
    let partition = Partition::new(Topic::new("logs"), 0);
    let record = Record { offset: Offset(0), timestamp: None, value: Some(b"hello") };
    observer.assign(partition.clone(), Offset(0), None);
    assert!(observer.record(&partition, &record, 0).is_some());
    observer.drop_all();
    assert_eq!(observer.record(&partition, &record, 0), None);
    assert!(!observer.is_dirty());
    assert_eq!(observer.flush(BTreeMap::new()).cells.len(), 0);
}

#[test]
fn a_record_that_is_handed_out_again_counts_once() {
    let mut observer = Observer::new(Format::Auto, 5_000);
    let partition = Partition::new(Topic::new("logs"), 0);
    observer.assign(partition.clone(), Offset(0), None);
    for offset in [0, 1, 1, 0, 2] {
        read(&mut observer, &partition, offset, 7);
    }
    let progress = observer.flush(BTreeMap::new()).progress.remove(0);
    assert_eq!((progress.to, progress.outcomes.lines), (Offset(3), 3));
}

#[test]
fn what_limits_did_is_told_once() {
    let mut observer = Observer::new(Format::Auto, 5_000);
    observer.cut_lines_at(1_024);
    let partition = Partition::new(Topic::new("logs"), 0);
    observer.assign(partition.clone(), Offset(0), None);
    for offset in 0..2_500 {
        let value =
            format!(r#"{{"service": "s{offset}", "message": "{}"}}"#, "x".repeat(if offset < 7 { 2_000 } else { 9 }));
        let record = Record { offset: Offset(offset), timestamp: None, value: Some(value.as_bytes()) };
        observer.record(&partition, &record, 0);
    }
    observer.flush(BTreeMap::new());
    assert_eq!(observer.limits_met(), LimitsMet { lines_cut: 7, services_folded: 500 });
    observer.flush(BTreeMap::new());
    assert_eq!(observer.limits_met(), LimitsMet::default());
}

#[test]
fn every_record_is_accounted_for() {
    let mut observer = Observer::new(Format::Auto, 5_000);
    let partition = Partition::new(Topic::new("logs"), 0);
    observer.assign(partition.clone(), Offset(7), None);
    let values: [Option<&[u8]>; 5] = [Some(b"hello"), Some(b"\tat a.b.C(D.java:1)"), None, Some(b""), Some(&[0; 64])];
    for (index, value) in values.into_iter().enumerate() {
        let record = Record { offset: Offset(7 + index as i64), timestamp: None, value };
        observer.record(&partition, &record, 0);
    }
    let flush = observer.flush(BTreeMap::new());
    let progress = &flush.progress[0];
    assert_eq!((progress.from, progress.to), (Offset(7), Offset(12)));
    let outcomes = progress.outcomes;
    assert_eq!((outcomes.lines, outcomes.continuations, outcomes.empty, outcomes.rejects), (1, 1, 2, 1));
    assert!(!observer.is_dirty());
}
