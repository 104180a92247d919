//! What does not come, and what is not missed because lines were lost.

use super::*;

#[test]
fn a_silent_service_is_told_once_until_it_is_back_or_absorbed() {
    let mut world = World::new();
    let service = Service::new(None, "shop");
    let feature = Feature { service: service.clone(), subject: Subject::Volume, direction: Direction::Down };
    let silences = |alarms: &[Finding]| alarms.iter().filter(|finding| finding.kind == Kind::Silence).count();
    let without = |world: &mut World| {
        world.usual();
        world.cells.remove(&Service::new(None, "shop"));
    };
    world.run(1_200, World::usual);
    world.run(120, without);
    let alarms = world.alarms();
    assert_eq!(silences(&alarms), 1);
    assert!(alarms.iter().all(|finding| finding.feature == feature), "the service, not each of its timers");
    assert!(world.scorer.is_silent(&feature));
    assert!(world.scorer.figures(&feature).is_some_and(|(_, figures)| figures.observed >= 119.0));
    world.run(600, World::usual);
    assert!(!world.scorer.is_silent(&feature));
    assert!(world.alarms().iter().all(|finding| finding.feature == feature && finding.second < Second(START + 1_380)));
    world.run(2_000, without);
    assert_eq!(silences(&world.alarms()), 1);
    assert!(world.adopted.iter().any(|(_, adopted)| *adopted == feature));
    assert!(!world.scorer.is_silent(&feature));
    world.run(600, World::usual);
    assert_eq!(subjects(&world.alarms()), [], "its return is no trouble");
}

/// When the feature was found, in seconds from the start, and when it was adopted.
fn told_and_adopted(world: &World, feature: &Feature) -> (Vec<i64>, Vec<i64>) {
    let from_start = |second: Second| second.0 - START;
    let told =
        world.found.iter().filter(|finding| finding.feature == *feature).map(|finding| from_start(finding.second));
    let adopted = world.adopted.iter().filter(|(_, adopted)| adopted == feature).map(|(second, _)| from_start(*second));
    (told.collect(), adopted.collect())
}

#[test]
fn a_slow_timer_that_stops_is_missed_for_ten_minutes_and_three_of_its_gaps() {
    for (service, subject) in [("cron", Subject::Volume), ("shop", Subject::Heartbeat(TemplateId(9)))] {
        let mut world = World::new();
        world.run(9_000, |world| {
            world.usual();
            if (world.now.0 - START) % 300 == 0 {
                world.lines(service, 9, Level::Info, 1);
            }
        });
        world.run(4_000, World::usual);
        let feature = Feature { service: Service::new(None, service), subject, direction: Direction::Down };
        let (told, adopted) = told_and_adopted(&world, &feature);
        let [told] = told[..] else { panic!("{service}: {told:?}") };
        assert!(told > 9_600 && told < 10_800, "{service}: {told}");
        assert_eq!(adopted, [told + 900], "{service}");
    }
}

#[test]
fn a_slow_timer_outlives_a_silence_of_its_service() {
    let mut world = World::new();
    let beating = |world: &mut World| {
        world.usual();
        if (world.now.0 - START) % 300 == 0 {
            world.lines("shop", 9, Level::Info, 1);
        }
    };
    world.run(12_000, beating);
    world.run(1_000, |world| {
        world.usual();
        world.cells.remove(&Service::new(None, "shop"));
    });
    world.run(2_000, beating);
    world.alarms();
    world.run(1_500, World::usual);
    let timer = Subject::Heartbeat(TemplateId(9));
    assert_eq!(subjects(&world.alarms()), [("shop", timer, Direction::Down)]);
}

/// Lines that were lost are not missed, neither during their time nor behind it, and teach nothing: a real silence afterwards is
/// found as soon as one before.
#[test]
fn where_lines_were_lost_nothing_is_missed() {
    for lost_seconds in [40, 2_000] {
        let mut world = World::new();
        world.run(3_600, World::usual);
        world.alarms();
        world.missing = BTreeSet::from([partition(0)]);
        world.run(lost_seconds, |_| {});
        world.run(30, World::usual);
        world.missing.clear();
        world.run(1_800, World::usual);
        assert_eq!(subjects(&world.alarms()), [], "{lost_seconds} s lost");
        world.run(30, |_| {});
        let alarms = world.alarms();
        assert!(subjects(&alarms).contains(&("web", Subject::Volume, Direction::Down)), "{alarms:?}");
    }
}

fn partition(number: i32) -> Partition {
    Partition::new(Topic::new("logs"), number)
}

/// The others are judged as ever.
#[test]
fn a_partition_that_is_missing_concerns_those_who_write_there() {
    fn divided(world: &mut World, writes: impl Fn(&str) -> bool) {
        world.usual();
        world.cells.retain(|service, _| writes(&service.name));
        for (service, cell) in &mut world.cells {
            let partition = partition(i32::from(&*service.name != "web"));
            cell.ranges = [(partition, (Offset(0), Offset(0)))].into_iter().collect();
        }
    }
    let mut world = World::new();
    world.run(3_600, |world| divided(world, |_| true));
    world.alarms();
    world.missing = BTreeSet::from([partition(0)]);
    world.run(300, |world| divided(world, |service| service != "web"));
    assert_eq!(subjects(&world.alarms()), []);
    world.run(60, |world| divided(world, |_| false));
    let alarms = world.alarms();
    assert!(subjects(&alarms).contains(&("shop", Subject::Volume, Direction::Down)), "{alarms:?}");
    assert!(subjects(&alarms).iter().all(|(service, ..)| *service != "web"), "{alarms:?}");
    world.missing.clear();
    world.run(300, |world| divided(world, |service| service == "web"));
    assert!(world.alarms().iter().all(|finding| &*finding.feature.service.name != "web"));
    world.run(30, |world| divided(world, |_| false));
    assert!(subjects(&world.alarms()).contains(&("web", Subject::Volume, Direction::Down)));
}

#[test]
fn a_silent_service_is_not_missed_line_by_line() {
    let mut world = World::new();
    let lonely = |world: &mut World| world.traffic("lonely", 7, 0.7);
    let both = |world: &mut World| {
        world.usual();
        lonely(world);
    };
    let silence =
        Feature { service: Service::new(None, "lonely"), subject: Subject::Volume, direction: Direction::Down };
    world.run(3_000, both);
    assert_eq!(subjects(&world.alarms()), []);
    for silent_seconds in [300, 2_000] {
        world.run(silent_seconds, World::usual);
        let alarms = world.alarms();
        assert_eq!(subjects(&alarms), [("lonely", Subject::Volume, Direction::Down)], "{silent_seconds}");
        let told: Vec<Second> = alarms.iter().filter(|f| f.kind == Kind::Silence).map(|f| f.second).collect();
        assert_eq!(told.len(), 1);
        assert!(alarms.iter().all(|finding| finding.second <= told[0]), "nothing more once the silence is told");
        let adopted: Vec<_> = world.adopted.drain(..).collect();
        let lasts = silent_seconds > 600;
        assert_eq!(adopted, if lasts { vec![(told[0].plus(600), silence.clone())] } else { vec![] });
        world.run(900, both);
        assert_eq!(subjects(&world.alarms()), [], "its return is no trouble");
    }
    // It is watched as before: one line in ten of what is usual is a drop.
    world.run(600, |world| {
        world.usual();
        world.traffic("lonely", 7, 0.05);
    });
    assert!(subjects(&world.alarms()).contains(&("lonely", Subject::Volume, Direction::Down)));
}

#[test]
fn a_heartbeat_that_moves_to_another_service_is_not_missed_and_one_that_stops_is() {
    for moves in [true, false] {
        let mut world = World::new();
        world.run(1_200, World::usual);
        world.run(200, |world| {
            world.usual();
            let cell = world.cells.get_mut(&Service::new(None, "shop"));
            let beat = cell.and_then(|cell| cell.templates.remove(&TemplateId(6)));
            if moves && beat.is_some() {
                world.lines("web", 6, Level::Info, 1);
            }
        });
        let expected = [("shop", Subject::Heartbeat(TemplateId(6)), Direction::Down)];
        assert_eq!(subjects(&world.alarms()), if moves { &[][..] } else { &expected });
    }
}

/// What stopped, and was adopted as gone, is not expected of the template that it is merged into.
#[test]
fn what_stopped_is_not_expected_of_what_it_became_a_part_of() {
    let (start, mut now) = (Second(START), Second(START));
    let (mut gone, mut alive) = (series::Series::new(start), series::Series::new(start));
    for second in 0..2_000 {
        now = now.plus(1);
        gone.step(now, if second < 1_000 { 10 } else { 0 }, &[]);
        alive.step(now, 1, &[]);
    }
    gone.adopt(now);
    assert!(gone.dormant);
    let expected = alive.expect(2).mean;
    gone.absorb(alive, now, &[]);
    assert!((gone.expect(2).mean - expected).abs() < 0.1 * expected, "{} of {expected}", gone.expect(2).mean);
}
