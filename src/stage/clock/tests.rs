use super::*;

const LATENESS_MS: i64 = 5_000;

fn clock() -> PartitionClock {
    PartitionClock::resume(Offset(0), None)
}

#[test]
fn one_line_from_2099_moves_nothing() {
    let mut clock = clock();
    for second in 0..20 {
        clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
    }
    let before = clock.watermark;
    clock.place(StreamTime(4_070_908_800_000), LATENESS_MS, 0);
    assert!(clock.watermark <= Some(StreamTime(before.unwrap().0 + 1_000)));
}

#[test]
fn not_even_the_first_line_or_the_one_after_a_pause() {
    let far = StreamTime(4_070_908_800_000);
    let mut clock = clock();
    clock.place(far, LATENESS_MS, 0);
    for second in 0..20 {
        assert!(!clock.place(StreamTime(second * 1_000), LATENESS_MS, 0).late);
    }
    assert!(clock.watermark.unwrap() < StreamTime(20_000));
    for now_ms in (1_000..=30_000).step_by(1_000) {
        clock.at_end(now_ms);
    }
    let before = clock.watermark.unwrap();
    assert_eq!(clock.place(far, LATENESS_MS, 30_000), Placed { time: before, late: true });
    assert!(clock.watermark.unwrap() < StreamTime(before.0 + 60_000));
}

/// Shares of the lines of a partition that come from a host whose clock is four minutes fast, one line in twenty milliseconds, and
/// in batches as shippers send them.
#[test]
fn a_host_with_a_fast_clock_makes_nobody_late() {
    for (share, batch) in [(0.01, 1), (0.1, 1), (0.3, 1), (0.6, 1), (0.3, 100), (0.6, 60)] {
        let (mut clock, mut random, mut late) = (clock(), 7_u64, 0);
        for number in 0..60_000_i64 {
            if number % batch == 0 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            }
            let is_fast = number >= 100 && ((random >> 40) as f64) < share * f64::from(1 << 24);
            let time = StreamTime(number * 20 + if is_fast { 240_000 } else { 0 });
            late += u64::from(clock.place(time, LATENESS_MS, 0).late && !is_fast);
        }
        assert_eq!(late, 0, "{share} of the lines, {batch} at once");
        assert!(clock.watermark > Some(StreamTime(59_000 * 20)), "{:?}", clock.watermark);
    }
}

#[test]
fn after_a_pause_the_lines_are_believed_once_they_went_on_for_a_while() {
    let mut clock = clock();
    let place = |clock: &mut PartitionClock, second: i64| clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
    for second in (0..20).chain(600..630) {
        place(&mut clock, second);
    }
    assert!(clock.watermark < Some(StreamTime(20_000)));
    place(&mut clock, 630);
    assert!(clock.watermark > Some(StreamTime(600_000)));
    // A backfill of old lines holds up nothing.
    for second in 631..700 {
        assert!(place(&mut clock, second - 500).late && !place(&mut clock, second).late);
    }
    assert!(clock.watermark > Some(StreamTime(690_000)));
}

/// After a pause one line in a hundred comes from a host that writes the time of its start, or one that is eleven minutes slow.
#[test]
fn a_few_lines_of_the_past_hold_nobody_back() {
    for slow_s in [i64::MAX, 660] {
        let mut clock = clock();
        (0..20).for_each(|second| {
            clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
        });
        for number in 0..20_000_i64 {
            let second = 700 + number / 20;
            let second = if number % 100 == 50 { (second.saturating_sub(slow_s)).max(19) } else { second };
            clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
        }
        assert!(clock.watermark > Some(StreamTime(1_690_000)), "{slow_s}: {:?}", clock.watermark);
    }
}

/// Also after a pause of more than a month, or where the first lines came from a device without a clock.
#[test]
fn no_pause_is_too_long() {
    let mut clock = clock();
    (0..20).for_each(|second| {
        clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
    });
    let years_later = 26 * 365 * 86_400;
    let late = (0..100).filter(|second| clock.place(StreamTime((years_later + second) * 1_000), LATENESS_MS, 0).late);
    assert_eq!(late.count(), 31);
    assert!(clock.watermark > Some(StreamTime((years_later + 90) * 1_000)));
}

#[test]
fn a_line_is_late_only_behind_the_lateness_and_counts_in_the_current_second() {
    let mut clock = clock();
    for second in 100..120 {
        clock.place(StreamTime(second * 1_000), LATENESS_MS, 0);
    }
    let watermark = clock.watermark.unwrap();
    assert_eq!(
        clock.place(StreamTime(watermark.0 - LATENESS_MS), LATENESS_MS, 0),
        Placed { time: StreamTime(watermark.0 - LATENESS_MS), late: false }
    );
    assert_eq!(clock.place(StreamTime(50_000), LATENESS_MS, 0), Placed { time: clock.watermark.unwrap(), late: true });
    assert!(clock.complete_until(LATENESS_MS).unwrap() <= StreamTime(watermark.0 - LATENESS_MS));
}

#[test]
fn an_idle_partition_moves_on_with_the_clock_and_then_holds_nobody_back() {
    let mut clock = clock();
    clock.place(StreamTime(10_000), LATENESS_MS, 500);
    clock.at_end(900);
    assert_eq!(clock.watermark, None);
    clock.at_end(2_500);
    assert_eq!(clock.watermark, Some(StreamTime(12_000)));
    assert!(!clock.is_idle());
    for now_ms in (2_500..900 + PATIENCE_MS).step_by(1_000) {
        clock.at_end(now_ms);
    }
    clock.at_end(900 + PATIENCE_MS);
    assert!(clock.is_idle());
    clock.place(StreamTime(13_000), LATENESS_MS, 11_000);
    assert!(!clock.is_idle());
}

#[test]
fn what_passes_while_nobody_looks_is_no_silence() {
    let mut clock = clock();
    clock.place(StreamTime(10_000), LATENESS_MS, 500);
    clock.at_end(1_600);
    assert_eq!(clock.watermark, Some(StreamTime(11_100)));
    // Nor is what passes until the shippers are back.
    for now_ms in (21_000..=21_000 + SHIPPERS_RETURN_WITHIN_MS).step_by(1_000) {
        clock.at_end(now_ms);
        assert_eq!(clock.watermark, Some(StreamTime(11_100)));
        assert!(!clock.is_idle());
    }
    assert!(!clock.clone().place(StreamTime(10_100), LATENESS_MS, 31_000).late);
    clock.at_end(32_000);
    assert_eq!(clock.watermark, Some(StreamTime(12_100)));
}

#[test]
fn who_begins_anew_after_an_outage_waits_for_the_shippers_too() {
    let mut clock = clock();
    clock.place(StreamTime(10_000), LATENESS_MS, 500);
    let mut resumed = PartitionClock::resume(clock.to, Some(&clock.metadata()));
    resumed.was_away();
    let before = resumed.latest();
    for now_ms in (0..=SHIPPERS_RETURN_WITHIN_MS).step_by(1_000) {
        resumed.at_end(now_ms);
    }
    assert_eq!((resumed.latest(), resumed.is_idle()), (before, false));
    resumed.at_end(SHIPPERS_RETURN_WITHIN_MS + 1_000);
    assert!(resumed.latest() > before);
}

#[test]
fn an_empty_partition_becomes_idle_without_a_watermark() {
    let mut clock = clock();
    for now_ms in (0..=PATIENCE_MS).step_by(1_000) {
        clock.at_end(now_ms);
    }
    assert!(clock.is_idle());
    assert_eq!(clock.complete_until(LATENESS_MS), None);
}

#[test]
fn a_restart_changes_nothing() {
    let mut clock = clock();
    for second in [5, 3, 9, 7, 8, 12, 11, 12, 13, 14, 100, 101] {
        clock.place(StreamTime(second * 1_000), LATENESS_MS, second);
        let resumed = PartitionClock::resume(clock.to, Some(&clock.metadata()));
        assert_eq!(resumed.watermark, clock.watermark);
        assert_eq!((resumed.last_times, resumed.leap), (clock.last_times.clone(), clock.leap.clone()));
    }
    assert!(clock.leap.is_some());
    assert_eq!(PartitionClock::resume(Offset(3), Some("nonsense")).watermark, None);
}
