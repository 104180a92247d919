use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::record::{Level, Offset, Partition, StreamTime, TimeBasis, Topic};
use crate::vectorise::{Cell, Sample, TemplateTally};

/// Some day, at an odd second.
const START: i64 = 1_795_420_887;

/// A stream of seconds, its models, and what an episode would do: what was told above `info` is not learnt.
struct World {
    scorer: Scorer,
    random: Xoshiro256PlusPlus,
    now: Second,
    cells: BTreeMap<Service, Cell>,
    spans: Vec<(Feature, Window)>,
    found: Vec<Finding>,
    adopted: Vec<(Second, Feature)>,
    lookups: Vec<(Second, Lookup)>,
    missing: BTreeSet<Partition>,
}

impl World {
    fn new() -> Self {
        let (scorer, random) = (Scorer::new(), Xoshiro256PlusPlus::seed_from_u64(7));
        let (cells, spans, found, adopted) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        Self {
            scorer,
            random,
            now: Second(START),
            cells,
            spans,
            found,
            adopted,
            lookups: Vec::new(),
            missing: BTreeSet::new(),
        }
    }

    fn lines(&mut self, service: &str, template: u64, level: Level, lines: u64) {
        if lines > 0 {
            add(self.cells.entry(Service::new(None, service)).or_default(), self.now, template, level, lines);
        }
    }

    /// A Poisson number of info lines, by Knuth's product of uniforms.
    fn traffic(&mut self, service: &str, template: u64, mean: f64) {
        let (limit, mut product, mut lines) = (libm::exp(-mean), 1.0, 0);
        loop {
            product *= self.random.next_u64() as f64 / u64::MAX as f64;
            if product <= limit {
                break;
            }
            lines += 1;
        }
        self.lines(service, template, Level::Info, lines);
    }

    /// What a few ordinary services write in a second.
    fn usual(&mut self) {
        for (service, template, mean) in
            [("web", 1, 20.0), ("web", 2, 3.0), ("web", 3, 0.1), ("shop", 1, 0.8), ("shop", 4, 0.3), ("mail", 5, 0.02)]
        {
            self.traffic(service, template, mean);
        }
        if self.now.0 % 15 == 0 {
            self.lines("shop", 6, Level::Info, 1);
        }
    }

    fn end_of_second(&mut self) -> Vec<Finding> {
        let cells = std::mem::take(&mut self.cells).into_iter().collect();
        let mut closed = ClosedSecond { second: self.now, cells, missing: self.missing.clone() };
        let now = self.now;
        self.spans.retain(|(_, span)| now.since(span.end) < 420);
        let mut told = Told::default();
        for (feature, span) in self.spans.iter().filter(|(_, span)| span.end.since(span.start) < 600) {
            told.add(&feature.service, *span);
        }
        let judgement = self.scorer.judge(&mut closed, &told);
        for finding in judgement.findings.iter().filter(|finding| finding.severity > Severity::Info) {
            let (start, end) = (now.plus(-10), now.plus(6));
            match self.spans.iter_mut().find(|(feature, span)| *feature == finding.feature && now.since(span.end) < 40)
            {
                Some((_, span)) => span.end = end,
                None => self.spans.push((finding.feature.clone(), Window { start, end })),
            }
        }
        self.found.extend(judgement.findings.iter().cloned());
        self.lookups.extend(judgement.lookups.iter().map(|lookup| (now, lookup.clone())));
        self.adopted.extend(judgement.adopted.into_iter().map(|feature| (now, feature)));
        self.now = now.plus(1);
        judgement.findings
    }

    fn run(&mut self, seconds: i64, mut second: impl FnMut(&mut Self)) {
        for _ in 0..seconds {
            second(self);
            self.end_of_second();
        }
    }

    /// The findings above `info` since the last call.
    fn alarms(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found).into_iter().filter(|finding| finding.severity > Severity::Info).collect()
    }
}

fn add(cell: &mut Cell, now: Second, template: u64, level: Level, lines: u64) {
    let mut tally = cell.templates.remove(&TemplateId(template)).unwrap_or_default();
    tally.lines[level.index()] += lines;
    tally.skeleton = Some(Arc::from(format!("template {template}").as_str()));
    tally.sample = Some(Arc::new(Sample {
        time: now.start(),
        text_hash: template,
        topic: Arc::from("logs"),
        partition: 0,
        offset: now.0,
        text: Arc::from("a line"),
        truncated: false,
        host: None,
    }));
    cell.templates.insert(TemplateId(template), tally);
    cell.lines[level.index()] += lines;
    cell.hosts.insert(Arc::from("host-1"), lines);
    cell.ranges.insert(Partition::new(Topic::new("logs"), 0), (Offset(now.0), Offset(now.0 + 1)));
}

fn subjects(findings: &[Finding]) -> Vec<(&str, Subject, Direction)> {
    let mut subjects: Vec<_> = findings
        .iter()
        .map(|finding| (&*finding.feature.service.name, finding.feature.subject, finding.feature.direction))
        .collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

const WEB: (&str, Subject) = ("web", Subject::Volume);

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

/// What one service writes in a second: template, level, lines.
fn seconds() -> impl Strategy<Value = Vec<Vec<(u8, u64, usize, u64)>>> {
    let line = (0_u8..3, 0_u64..6, 0_usize..6, prop_oneof![8 => 1_u64..4, 1 => 50_u64..200]);
    proptest::collection::vec(proptest::collection::vec(line, 0..5), 400..700)
}

fn play(scorer: &mut Scorer, seconds: &[Vec<(u8, u64, usize, u64)>], from: usize) -> Vec<Judgement> {
    let closed = |(place, lines): (usize, &Vec<(u8, u64, usize, u64)>)| {
        let second = Second(START + i64::try_from(from + place).expect("small"));
        let mut cells: BTreeMap<Service, Cell> = BTreeMap::new();
        for &(service, template, level, lines) in lines {
            let cell = cells.entry(Service::new(None, &format!("s{service}"))).or_default();
            add(cell, second, template, Level::from_index(level), lines);
        }
        ClosedSecond { second, cells: cells.into_iter().collect(), missing: BTreeSet::new() }
    };
    seconds.iter().enumerate().map(closed).map(|mut second| scorer.judge(&mut second, &Told::default())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restored_scorer_goes_on_as_if_nothing_had_happened(seconds in seconds(), cut in any::<proptest::sample::Index>()) {
        let cut = cut.index(seconds.len());
        let mut whole = Scorer::new();
        let expected = play(&mut whole, &seconds, 0);
        let mut first = Scorer::new();
        let mut judged = play(&mut first, &seconds[..cut], 0);
        let bytes = postcard::to_stdvec(&first).expect("a snapshot");
        let mut second: Scorer = postcard::from_bytes(&bytes).expect("a restore");
        judged.extend(play(&mut second, &seconds[cut..], cut));
        prop_assert_eq!(&judged, &expected);
        prop_assert_eq!(postcard::to_stdvec(&second).expect("bytes"), postcard::to_stdvec(&whole).expect("bytes"));
    }

    #[test]
    fn another_future_changes_no_past_finding(seconds in seconds(), mut other in seconds(), cut in any::<proptest::sample::Index>()) {
        let cut = cut.index(seconds.len().min(other.len()));
        other[..cut].clone_from_slice(&seconds[..cut]);
        let (one, two) = (play(&mut Scorer::new(), &seconds, 0), play(&mut Scorer::new(), &other, 0));
        prop_assert_eq!(&one[..cut], &two[..cut]);
    }
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

fn line_of(world: &mut World, service: &str, skeleton: &str, lines: u64) -> TemplateId {
    let id = crate::template::Skeletoniser::new().skeletonise(skeleton).id;
    world.lines(service, id.0, Level::Info, lines);
    if let Some(tally) = world.cells.get_mut(&Service::new(None, service)).and_then(|cell| cell.templates.get_mut(&id))
    {
        tally.skeleton = Some(Arc::from(skeleton));
    }
    id
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
