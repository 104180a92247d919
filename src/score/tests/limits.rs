//! Floods, dumps, and clocks that leap.

use super::*;

#[test]
fn hundreds_of_thousands_of_templates_and_services_stay_within_the_limits() {
    let mut world = World::new();
    world.run(600, World::usual);
    for second in 0..100 {
        (0..1_000).for_each(|template| world.lines("flood", 1_000 + second * 1_000 + template, Level::Info, 1));
        world.usual();
        world.end_of_second();
    }
    for second in 0..20 {
        (0..500).for_each(|service| world.lines(&format!("s{}", second * 500 + service), 1, Level::Info, 1));
        world.usual();
        world.end_of_second();
    }
    let catalogue = world.scorer.catalogue();
    assert!(catalogue.services().count() <= SERVICES_MAX && catalogue.template_count() <= TEMPLATES_MAX);
    assert!(
        catalogue.services().all(|(_, known)| world.scorer.template_bytes(known) <= TEMPLATE_BYTES_PER_SERVICE_MAX)
    );
    assert!(catalogue.forgotten > 90_000);
    assert!(
        catalogue.service(&Service::new(None, "web")).is_some_and(|known| known.birth == Second(START)),
        "the known stay"
    );
    let counted: usize = catalogue.services().map(|(_, known)| known.template_count()).sum();
    assert_eq!(counted, catalogue.template_count());
    assert!(postcard::to_stdvec(&world.scorer).expect("a snapshot").len() < 64 << 20);
}

#[test]
fn a_jump_of_a_century_costs_nothing_and_ends_well() {
    let mut world = World::new();
    world.run(1_200, World::usual);
    world.now = world.now.plus(100 * 365 * 86_400);
    world.run(1_200, World::usual);
    assert!(world.scorer.now().is_some_and(|now| now.start() > StreamTime(4_000_000_000_000)));
}

/// Lines of which each is of a kind of its own.
fn dump(world: &mut World, lines: u64) {
    for _ in 0..lines {
        let template = world.now.0.unsigned_abs() << 20 | world.cells.values().map(Cell::total).sum::<u64>();
        world.lines("dump", template, Level::Info, 1);
    }
}

#[test]
fn a_source_whose_lines_are_all_new_is_counted_in_sums_and_disturbs_nobody() {
    let (mut alone, mut beside) = (World::new(), World::new());
    let service = Service::new(None, "dump");
    let second = |world: &mut World| {
        world.usual();
        // Something that is wrong, so that there is something to disturb.
        if world.now.0 > START + 1_000 && world.now.0 % 400 < 30 {
            world.lines("shop", 9, Level::Error, 5);
        }
    };
    alone.run(1_800, second);
    beside.run(1_800, |world| {
        second(world);
        dump(world, 20);
    });
    let of_others = |world: &World| {
        let others = world.found.iter().filter(|found| found.feature.service != service);
        // Two more series make the tests of a domain a little stricter, so that not every second of a fault is the same.
        let faults = others.map(|found| (found.second.0 / 100, found.feature.clone(), found.severity));
        faults.collect::<std::collections::BTreeSet<_>>()
    };
    assert!(alone.found.len() > 5);
    assert_eq!(of_others(&alone), of_others(&beside));
    let of_dump = beside.found.iter().filter(|found| found.feature.service == service);
    assert_eq!(of_dump.filter(|found| found.kind == Kind::NewTemplate).count(), 0);
    let catalogue = beside.scorer.catalogue();
    assert_eq!(catalogue.unsuitable().get(&service), Some(&Unsuitable::ManyTemplates));
    assert!(catalogue.unsuitable().len() == 1 && catalogue.forgotten >= 2_000, "as learnt before it was recognised");
    let volume = Feature { service: service.clone(), subject: Subject::Volume, direction: Direction::Up };
    assert_eq!(beside.scorer.figures(&volume).unwrap().1.observed, 1_200.0, "the sums are exact");
    // Sums are still judged.
    beside.found.clear();
    beside.run(20, |world| {
        second(world);
        dump(world, 300);
    });
    assert!(beside.alarms().iter().any(|found| found.feature == volume));
    // An error of a new kind is found all the same.
    beside.found.clear();
    beside.run(20, |world| {
        second(world);
        dump(world, 20);
        if world.now.0 % 20 == 0 {
            world.lines("dump", 99, Level::Fatal, 1);
        }
    });
    let fatal = |found: &Finding| found.kind == Kind::NewTemplate && found.feature.service == service;
    assert!(beside.alarms().iter().any(fatal), "{:?}", beside.found);
    // It becomes a log again, of many kinds that nobody knows.
    let log = |world: &mut World| {
        second(world);
        (100..130).for_each(|template| world.lines("dump", template, Level::Info, 1));
    };
    beside.run(50, log);
    assert!(beside.scorer.catalogue().unsuitable().contains_key(&service), "not at once");
    beside.run(30, log);
    let verdict = beside.scorer.catalogue().unsuitable().get(&service);
    assert_eq!(verdict, None, "what was learnt of the dump before it was recognised is forgotten");
    beside.found.clear();
    beside.run(2, |world| {
        log(world);
        world.lines("dump", 8, Level::Info, 1);
    });
    let news = |kind: &Kind| *kind == Kind::NewTemplate;
    assert!(
        beside
            .found
            .iter()
            .filter(|found| found.feature.service == service)
            .map(|found| found.kind)
            .any(|kind| news(&kind))
    );
}

#[test]
fn a_log_that_turns_into_a_dump_is_recognised_within_seconds() {
    let mut world = World::new();
    world.run(900, World::usual);
    world.found.clear();
    world.run(600, |world| {
        world.usual();
        for line in 0..60 {
            let template = world.now.0.unsigned_abs() << 20 | line;
            world.lines("web", template, Level::Info, 1);
        }
    });
    let web = Service::new(None, "web");
    assert_eq!(world.scorer.catalogue().unsuitable().get(&web), Some(&Unsuitable::ManyTemplates));
    let told = world.found.iter().filter(|found| found.kind == Kind::NewTemplate).count();
    assert!(told <= 32 * 20, "{told}");
    assert!(world.scorer.catalogue().service(&web).unwrap().template(TemplateId(1)).is_some(), "what was known stays");
}

#[test]
fn templates_of_a_service_have_bytes_the_valuable_stay_and_who_returns_has_its_old_id() {
    let (mut world, web) = (World::new(), Service::new(None, "web"));
    let rare = line_of(&mut world, "web", "a line that came once", 1);
    world.end_of_second();
    let long = "x".repeat(400);
    world.run(300, |world| {
        line_of(world, "web", "a line that comes all the time", 3);
        for line in 0..10 {
            let template = world.now.0.unsigned_abs() << 20 | line;
            world.lines("web", template, Level::Info, 3);
            let cell = world.cells.get_mut(&web).unwrap();
            cell.templates.get_mut(&TemplateId(template)).unwrap().skeleton =
                Some(Arc::from(format!("{long} {template}")));
        }
    });
    let known = |world: &World| world.scorer.catalogue().service(&web).unwrap().clone();
    let often = crate::template::Skeletoniser::new().skeletonise("a line that comes all the time").id;
    let catalogue = world.scorer.catalogue();
    assert!(catalogue.forgotten > 1_000 && catalogue.unsuitable().is_empty(), "{}", catalogue.forgotten);
    let bytes = world.scorer.template_bytes(&known(&world));
    assert!(bytes <= TEMPLATE_BYTES_PER_SERVICE_MAX && bytes > TEMPLATE_BYTES_PER_SERVICE_MAX * 8 / 10, "{bytes}");
    assert!(known(&world).template_count() < 1_900, "long texts take more");
    assert!(known(&world).template(often).is_some() && known(&world).template(rare).is_none());
    assert_eq!(line_of(&mut world, "web", "a line that came once", 1), rare);
    world.end_of_second();
    assert_eq!(&*known(&world).template(rare).unwrap().text(), "a line that came once");
}
