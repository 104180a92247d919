use std::collections::BTreeSet;

use super::*;
use crate::record::TemplateId;
use crate::score::{Catalogue, Scorer, Told};
use crate::vectorise::TemplateTally;

/// Some minute.
const START: i64 = 1_795_420_860;

struct World {
    scorer: Scorer,
    now: Second,
    cells: Vec<(Service, Cell)>,
    others: u64,
}

impl World {
    fn new() -> Self {
        Self { scorer: Scorer::new(), now: Second(START), cells: Vec::new(), others: 0 }
    }

    fn line(&mut self, environment: Option<&str>, name: &str, level: Level) {
        let mut lines = [0; 6];
        lines[level.index()] = 1;
        let tally = TemplateTally { lines, skeleton: Some(Arc::from("started")), ..TemplateTally::default() };
        let templates = [(TemplateId(7), tally)].into_iter().collect();
        self.cells.push((Service::new(environment, name), Cell { lines, templates, ..Cell::default() }));
    }

    /// One second of new services, those from this number on.
    fn flood(&mut self, from: usize, count: usize) {
        (from..from + count).for_each(|number| self.line(None, &format!("s{number}"), Level::Info));
    }

    fn end_of_second(&mut self) {
        let cells = std::mem::take(&mut self.cells).into_iter().collect();
        let mut second = ClosedSecond { second: self.now, cells, missing: BTreeSet::new() };
        let lines = |second: &ClosedSecond| second.cells.values().map(Cell::total).sum::<u64>();
        let before = lines(&second);
        self.scorer.judge(&mut second, &Told::default());
        assert_eq!(lines(&second), before, "no line is lost");
        let others = second.cells.iter().filter(|(service, _)| *service.name == *OTHER_SERVICES);
        self.others += others.map(|(_, cell)| cell.total()).sum::<u64>();
        self.now = self.now.plus(1);
    }

    fn catalogue(&self) -> &Catalogue {
        self.scorer.catalogue()
    }

    fn birth(&self, environment: Option<&str>, name: &str) -> Option<Second> {
        self.catalogue().service(&Service::new(environment, name)).map(|known| known.birth)
    }

    fn known(&self) -> usize {
        self.catalogue().services().count()
    }

    /// A flood that goes on for a while, beside a service that was there before. Returns the number of the next new service.
    fn flooded(&mut self) -> usize {
        for second in 0..12 {
            self.line(None, "web", Level::Info);
            self.flood(second * 1_000, 1_000);
            self.end_of_second();
        }
        12_000
    }
}

#[test]
fn where_no_flood_goes_on_everybody_is_let_in() {
    let mut world = World::new();
    for second in 0..5 {
        world.flood(second * 1_000, 1_000);
        world.end_of_second();
    }
    assert_eq!((world.known(), world.others), (SERVICES_MAX, 0), "a catalogue that fills up is no flood");
    for minute in 0..20 {
        world.now = Second(START + (minute + 1) * 60);
        world.flood(10_000 + usize::try_from(minute).expect("small") * 125, 125);
        world.end_of_second();
    }
    assert_eq!((world.others, world.catalogue().folded_services()), (0, 0), "nor are some that come in turn");
    assert!(world.birth(None, "s12000").is_some());
}

#[test]
fn a_flood_leaves_no_models_and_takes_none() {
    let mut world = World::new();
    world.flooded();
    assert_eq!(world.birth(None, "web"), Some(Second(START)));
    assert!(world.birth(None, OTHER_SERVICES).is_some());
    assert_eq!(world.known(), 2, "who came once is not known any more");
    assert_eq!((world.others, world.catalogue().folded_services()), (8_000, 8_000));
}

#[test]
fn who_begins_during_a_flood_is_known_from_its_second_second_on() {
    let mut world = World::new();
    let mut next = world.flooded();
    for second in 0..70 {
        let began = world.now;
        if second % 20 == 0 {
            world.line(None, "shop", Level::Info);
            world.line(None, "bank", Level::Error);
        }
        world.flood(next, 1_000);
        next += 1_000;
        world.end_of_second();
        let is_known = world.birth(None, "shop").is_some();
        assert_eq!(is_known, second >= 20, "{second}: it comes again before it is forgotten");
        assert!(second != 0 || world.birth(None, "bank") == Some(began), "a failure is news at once");
    }
    assert_eq!(world.known(), 4);
}

#[test]
fn of_a_flood_of_those_that_come_twice_few_are_let_in_and_who_comes_oftener_is_one_of_them() {
    let mut world = World::new();
    let mut next = world.flooded();
    for second in 0..130 {
        world.flood(next, 1_000);
        next += 500;
        world.line(None, "shop", Level::Info);
        let before = world.known();
        world.end_of_second();
        assert!(world.known() <= before + LET_IN_PER_SECOND_MAX);
        assert_eq!(world.birth(None, "shop").is_some(), second >= 2 || world.birth(None, "shop").is_some());
        assert!(second < 2 || world.birth(None, "shop").is_some(), "{second}");
    }
    assert!(world.known() <= 3 + LET_IN_PER_SECOND_MAX * 60, "{}", world.known());
}

#[test]
fn who_begins_in_another_domain_is_let_in_at_once() {
    let mut world = World::new();
    world.line(Some("prod"), "old", Level::Info);
    let next = world.flooded();
    for (environment, name) in [(Some("prod"), "shop"), (Some("test"), "shop")] {
        world.line(environment, name, Level::Info);
        world.flood(next, 1_000);
        let began = world.now;
        world.end_of_second();
        assert_eq!(world.birth(environment, name), Some(began), "{environment:?}");
    }
    assert!(world.birth(Some("prod"), "old").is_some(), "it came once, but before");
}

#[test]
fn a_flood_of_domains_is_one() {
    let mut world = World::new();
    for second in 0..200 {
        (0..500).for_each(|n| world.line(Some(&format!("e{}", second * 500 + n)), "web", Level::Info));
        world.line(None, "web", Level::Info);
        world.end_of_second();
    }
    assert_eq!((world.known(), world.catalogue().domain_count()), (2, 1), "with those that are others");
    assert_eq!(world.others, 191 * 500);
}

#[test]
fn it_ends_when_few_are_new() {
    let mut world = World::new();
    let next = world.flooded();
    for second in 0..130 {
        world.line(None, &format!("late-{second}"), Level::Info);
        world.end_of_second();
    }
    assert!(world.birth(None, "late-0").is_none() && world.birth(None, "late-129").is_some());
    world.flood(next, 1_000);
    world.end_of_second();
    assert!(world.known() > 1_000, "there is room for them");
}

#[test]
fn restored_in_the_middle_of_a_flood_it_goes_on_as_before() {
    let mut world = World::new();
    let next = world.flooded();
    let snapshot = postcard::to_stdvec(&world.scorer).expect("a snapshot");
    let mut states = [world.scorer, postcard::from_bytes(&snapshot).expect("a restore")].into_iter().map(|scorer| {
        let mut world = World { scorer, now: world.now, cells: Vec::new(), others: 0 };
        for second in 0..100 {
            world.flood(next + second * 900, 1_000);
            world.end_of_second();
        }
        postcard::to_stdvec(&world.scorer).expect("a snapshot")
    });
    assert_eq!(states.next(), states.next());
}
