//! Spikes, drops and level shifts.

use super::*;

#[test]
fn steady_traffic_gives_nothing_for_two_hours() {
    let mut world = World::new();
    world.run(7_200, World::usual);
    assert_eq!(world.found, []);
}

#[test]
fn a_spike_is_found_and_so_is_its_second_occurrence() {
    let mut world = World::new();
    world.run(1_200, World::usual);
    for _ in 0..2 {
        world.run(30, |world| {
            world.usual();
            world.traffic("shop", 4, 30.0);
        });
        let alarms = world.alarms();
        assert!(
            subjects(&alarms).contains(&("shop", Subject::Template(TemplateId(4)), Direction::Up)),
            "{:?}",
            subjects(&alarms)
        );
        assert!(alarms.iter().all(|finding| &*finding.feature.service.name == "shop"));
        world.run(900, World::usual);
        assert_eq!(subjects(&world.alarms()), [], "it is over");
    }
}

#[test]
fn traffic_that_grows_as_a_whole_is_no_matter_of_each_template() {
    let mut world = World::new();
    world.run(1_200, World::usual);
    world.run(60, |world| {
        (0..5).for_each(|_| world.usual());
    });
    let web: Vec<Finding> =
        world.alarms().into_iter().filter(|finding| &*finding.feature.service.name == "web").collect();
    assert_eq!(subjects(&web), [(WEB.0, WEB.1, Direction::Up)]);
}

#[test]
fn a_drop_is_found_and_grave_after_the_first_day() {
    let mut world = World::new();
    let slow = |world: &mut World| world.traffic("web", 1, 2.0);
    world.run(1_200, World::usual);
    world.run(40, slow);
    let early = world.alarms();
    let drop = early.iter().find(|finding| finding.feature.subject == WEB.1).expect("the drop is found");
    assert_eq!(
        (drop.kind, drop.severity, drop.feature.direction),
        (Kind::RateDrop, Severity::Warning, Direction::Down)
    );
    world.run(86_400, World::usual);
    world.alarms();
    world.run(40, slow);
    assert!(
        world.alarms().iter().any(|finding| finding.feature.subject == WEB.1 && finding.severity == Severity::Critical)
    );
}

#[test]
fn a_level_shift_is_adopted_once() {
    let mut world = World::new();
    world.run(1_200, World::usual);
    let more = |world: &mut World| {
        world.usual();
        world.traffic("shop", 4, 10.0);
    };
    world.run(900, more);
    let feature = Feature {
        service: Service::new(None, "shop"),
        subject: Subject::Template(TemplateId(4)),
        direction: Direction::Up,
    };
    assert!(world.alarms().iter().any(|finding| finding.feature == feature));
    assert!(world.adopted.iter().any(|(_, adopted)| *adopted == feature));
    world.run(1_800, more);
    assert_eq!(subjects(&world.alarms()), []);
}

#[test]
fn a_spike_begins_with_its_first_line() {
    let mut world = World::new();
    world.run(1_200, World::usual);
    let first = world.now.plus(5);
    world.run(12, |world| {
        world.usual();
        if world.now >= first {
            world.lines("web", 1, Level::Error, 3);
            world.traffic("web", 2, 200.0);
        }
    });
    let alarms = world.alarms();
    for subject in [Subject::Level(Level::Error), Subject::Volume] {
        let found = alarms.iter().find(|finding| finding.feature.subject == subject);
        let found = found.unwrap_or_else(|| panic!("{subject:?} in {:?}", subjects(&alarms)));
        assert_eq!(found.onset.since(first), 0, "{subject:?}");
    }
}

proptest! {
    #[test]
    fn a_series_of_sums_is_the_sum_of_series(lines in proptest::collection::vec((0_u64..4, 0_u64..9), 400..900)) {
        let start = Second(START);
        let (mut one, mut two, mut both) =
            (series::Series::new(start), series::Series::new(start), series::Series::new(start));
        let mut now = start;
        for &(a, b) in &lines {
            now = now.plus(1);
            one.step(now, a, &[]);
            two.step(now, b, &[]);
            both.step(now, a + b, &[]);
            for (place, length) in series::WINDOWS_SECONDS.into_iter().enumerate() {
                let (counted, sum) = both.sum(now, place);
                prop_assert_eq!((counted, sum), (sum as f64, both.lines(now, length).0), "what has left is not in it");
                prop_assert!(both.sum_at_most(place) >= counted);
                prop_assert!(both.expect_at_least(place) <= both.expect(place).mean);
            }
        }
        one.absorb(two, now, &[]);
        prop_assert_eq!(one.lines(now, 300), both.lines(now, 300));
        for place in 0..3 {
            prop_assert_eq!(one.sum(now, place), both.sum(now, place));
            prop_assert!((one.expect(place).mean - both.expect(place).mean).abs() < 1e-6 * (1.0 + both.expect(place).mean));
        }
    }
}

/// The thresholds of the first findings of a surge and of a silence, with such a budget from the middle on, after a restart.
fn thresholds(false_findings_per_day: f64) -> [f64; 2] {
    let mut world = World::new();
    world.run(900, World::usual);
    let state = postcard::to_stdvec(&world.scorer).unwrap();
    let restored: Scorer = postcard::from_bytes(&state).unwrap();
    world.scorer = restored.with_budget(Budget { false_findings_per_day });
    world.run(100, World::usual);
    world.run(10, |world| world.traffic("web", 1, 400.0));
    world.run(120, |world| world.traffic("shop", 1, 0.8));
    let alarms = world.alarms();
    let of = |detector| alarms.iter().find(|finding| finding.detector == detector).unwrap().threshold;
    [of(Detector::Rate), of(Detector::Silence)]
}

#[test]
fn the_thresholds_of_rates_and_silences_move_with_the_budget() {
    let (strict, lax) = (thresholds(1.0 / 7.0), thresholds(100.0 / 7.0));
    for (strict, lax) in strict.into_iter().zip(lax) {
        assert!((strict - lax - 2.0).abs() < 1e-9, "a hundred times the budget, two powers of ten: {strict} {lax}");
    }
}

/// What a series wrote before it was not seen whole, and before anything of it was learnt, is no excess later.
#[test]
fn a_burst_at_birth_is_not_held_against_what_was_learnt_without_it() {
    let start = Second(1_795_420_800);
    let mut series = series::Series::new(start);
    for at in 0..300 {
        if at == 20 {
            series.pass_over(start.plus(at));
        }
        series.step(start.plus(at), if at < 10 { 50 } else { u64::from(at % 10 == 0) }, &[]);
    }
    let (counted, lines) = series.sum(start.plus(299), 2);
    let expected = series.expect(2);
    assert!(lines > 500 && counted < 2.0 * expected.mean, "{counted} against {expected:?}");
}
