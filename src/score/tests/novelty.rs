//! New kinds of lines, strange mixes, and what is told of both.

use super::*;

#[test]
fn the_text_of_a_template_is_whole_or_says_that_it_is_not() {
    let mut world = World::new();
    let text = |world: &World| {
        let known = world.scorer.catalogue().service(&Service::new(None, "web")).expect("web");
        known.template(TemplateId(1)).expect("its template").text()
    };
    let mut met = |skeleton: Option<&str>, sample: &str, truncated: bool| {
        world.lines("web", 1, Level::Info, 1);
        let cell = world.cells.get_mut(&Service::new(None, "web")).expect("web");
        let tally = cell.templates.get_mut(&TemplateId(1)).expect("its tally");
        tally.skeleton = skeleton.map(Arc::from);
        if let Some(kept) = tally.sample.as_mut().map(Arc::make_mut) {
            (kept.text, kept.truncated) = (Arc::from(sample), truncated);
        }
        world.end_of_second();
        text(&world)
    };
    assert_eq!(&*met(None, "user 7 came", true), "user 7 came …");
    let long = format!("user <*> {} token", "x".repeat(500));
    let kept = met(Some(&long), "user 7 came", false);
    assert_eq!(&*kept, format!("user <*> {} …", "x".repeat(500)));
}

#[test]
fn the_level_of_a_template_is_that_of_the_last_day() {
    let mut world = World::new();
    let level = |world: &World| {
        let known = world.scorer.catalogue().service(&Service::new(None, "web")).expect("web");
        known.template(TemplateId(1)).expect("its template").level
    };
    world.lines("web", 1, Level::Error, 1);
    world.end_of_second();
    for (hours, expected) in [(1, Level::Error), (22, Level::Error), (2, Level::Info)] {
        world.now = world.now.plus(hours * 3_600);
        world.lines("web", 1, Level::Info, 1);
        world.end_of_second();
        assert_eq!(level(&world), expected);
    }
}

#[test]
fn a_new_error_is_reported_unless_another_service_knows_it() {
    let mut world = World::new();
    world.lines("mail", 66, Level::Error, 1);
    world.run(1_200, World::usual);
    assert_eq!(world.found, [], "nothing is told in the warm-up");
    world.lines("shop", 66, Level::Error, 1);
    world.lines("web", 77, Level::Error, 2);
    world.lines("web", 78, Level::Info, 1);
    world.end_of_second();
    let severity = |template| {
        let of = |finding: &&Finding| finding.feature.subject == Subject::Template(TemplateId(template));
        world.found.iter().find(of).map(|finding| finding.severity)
    };
    assert_eq!([66, 77, 78].map(severity), [Some(Severity::Info), Some(Severity::Error), Some(Severity::Info)]);
    let template =
        world.found.iter().find_map(|finding| finding.template.clone().filter(|facts| facts.id == TemplateId(77)));
    assert!(template.is_some_and(|facts| facts.is_new && &*facts.text == "template 77" && facts.level == Level::Error));
}

#[test]
fn late_lines_are_new_but_have_no_rate() {
    let mut world = World::new();
    world.run(1_200, World::usual);
    let late = TemplateTally { late: 5_000, late_level: Level::Error, ..TemplateTally::default() };
    let cell = Cell { late: 5_000, templates: [(TemplateId(90), late)].into_iter().collect(), ..Cell::default() };
    world.cells.insert(Service::new(None, "web"), cell);
    let found = world.end_of_second();
    assert_eq!(subjects(&found), [("web", Subject::Template(TemplateId(90)), Direction::Up)]);
}

#[test]
fn a_strange_mix_is_a_notice_and_every_finding_names_the_nearest_cluster() {
    let mut world = World::new();
    world.run(3_603, |world| {
        let kind = if world.now.0 / 100 % 2 == 0 { 0 } else { 10 };
        (1..6).for_each(|template| world.lines("web", kind + template, Level::Info, 3));
    });
    assert_eq!(subjects(&world.alarms()), []);
    world.run(30, |world| (21..29).for_each(|template| world.lines("web", template, Level::Info, 2)));
    let outlier = world.found.iter().find(|finding| finding.kind == Kind::ClusterOutlier).expect("a notice");
    assert!(outlier.severity == Severity::Info && outlier.figures.observed > outlier.figures.expected_high);
    let nearest = world.found.iter().map(|finding| finding.nearest.as_ref().expect("a nearest cluster"));
    let nearest = nearest.max_by(|a, b| a.distance.total_cmp(&b.distance)).expect("findings");
    assert!(nearest.missing.len() == 5 && nearest.added.len() == 5, "{nearest:?}");
    assert!(nearest.family.starts_with("template "));
}

#[test]
fn facts_tell_lines_offsets_and_host_of_a_window() {
    let mut world = World::new();
    world.run(100, |world| world.lines("web", 1, Level::Info, 2));
    let service = Service::new(None, "web");
    let facts = world.scorer.facts(&service, Window { start: Second(START + 50), end: Second(START + 60) });
    assert_eq!((facts.lines, facts.trained_lines, facts.time_basis), (20, 200, TimeBasis::Log));
    assert_eq!(facts.host.as_deref(), Some("host-1"));
    let (first, last) = facts.ranges.values().next().copied().expect("a range");
    assert!(first.0 <= START + 50 && first.0 > START + 40 && last.0 >= START + 60 && last.0 < START + 70);
    let nobody =
        world.scorer.facts(&Service::new(None, "nobody"), Window { start: Second(START), end: Second(START + 9) });
    assert_eq!(nobody, WindowFacts::default());
    let status = Status { services: 1, templates: 1, warming_up: 1, warm_up_left_seconds: 201, forgotten: 0 };
    assert_eq!(world.scorer.status(), status);
}

/// One line of the template with this skeleton.
/// What comes once is told to nobody, what comes again is, what becomes a part of another one is taken back, and that one names it.
#[test]
fn what_an_id_means_is_told() {
    let mut world = World::new();
    let mut ids = Vec::new();
    for (number, name) in ["alice", "bob", "carol", "dave", "erin", "frank"].into_iter().enumerate() {
        for second in 0..100 {
            // The first two come again, the others only once.
            if second == 0 || (number < 2 && second == 10) {
                ids.push(line_of(&mut world, "web", &format!("session of {name} was opened"), 1));
            }
            world.end_of_second();
        }
    }
    let root = crate::template::Skeletoniser::new().skeletonise("session of <*> was opened").id;
    let (alice, bob) = (ids[0], ids[2]);
    let told: Vec<(TemplateId, bool)> =
        world.lookups.iter().map(|(_, lookup)| (lookup.id, lookup.entry.is_some())).collect();
    assert_eq!(told[..2], [(alice, true), (bob, true)]);
    let mut taken_back = told[2..4].to_vec();
    taken_back.sort();
    let mut both = vec![(alice, false), (bob, false)];
    both.sort();
    assert_eq!(taken_back, both);
    let (_, last) = world.lookups.last().unwrap();
    let entry = last.entry.as_ref().unwrap();
    assert_eq!((last.id, &*entry.text), (root, "session of <*> was opened"));
    assert!(entry.aliases.contains(&alice) && entry.aliases.len() >= 5, "{entry:?}");
}

#[test]
fn a_merge_is_no_news_and_what_was_learnt_goes_along() {
    let mut world = World::new();
    let names = ["alice", "bob", "carol", "dave", "erin"];
    let mut number = 0;
    world.run(900, |world| {
        world.usual();
        // Two of them are frequent, so that the merged template has a rate worth knowing.
        line_of(world, "web", "session of alice was opened", 2);
        line_of(world, "web", "session of bob was opened", 3);
        number += 1;
        if let (0, Some(name)) = (number % 100, names.get(number / 100)) {
            line_of(world, "web", &format!("session of {name} was opened"), 1);
        }
    });
    let root = crate::template::Skeletoniser::new().skeletonise("session of <*> was opened").id;
    let service = Service::new(None, "web");
    let known = world.scorer.catalogue().service(&service).unwrap();
    assert_eq!(known.aliases().map(|(_, into)| into).collect::<Vec<_>>(), [root; 5]);
    assert_eq!(known.template(root).map(|known| known.birth), Some(Second(START)), "as old as its oldest part");
    assert_eq!(&*known.template(root).unwrap().text(), "session of <*> was opened");
    let feature = Feature { service: service.clone(), subject: Subject::Template(root), direction: Direction::Up };
    let (_, figures) = world.scorer.figures(&feature).unwrap();
    assert_eq!(figures.observed, 300.0);
    assert!((290.0..310.0).contains(&figures.expected), "{figures:?}");
    assert_eq!(world.alarms(), []);
    let mut news = Vec::new();
    for second in 0..300 {
        world.usual();
        line_of(&mut world, "web", "session of alice was opened", 5);
        if second == 20 {
            line_of(&mut world, "web", "session of frank was opened", 1);
        }
        let found = world.end_of_second().into_iter();
        news.extend(found.filter(|found| found.severity > Severity::Info || found.kind == Kind::NewTemplate));
    }
    assert_eq!(news, [], "a further value of a known place, and the same lines under another name");
}
