//! Scenarios over seconds of made-up services, by what is looked for.

mod limits;
mod novelty;
mod properties;
mod rates;
mod silence;

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

fn line_of(world: &mut World, service: &str, skeleton: &str, lines: u64) -> TemplateId {
    let id = crate::template::Skeletoniser::new().skeletonise(skeleton).id;
    world.lines(service, id.0, Level::Info, lines);
    if let Some(tally) = world.cells.get_mut(&Service::new(None, service)).and_then(|cell| cell.templates.get_mut(&id))
    {
        tally.skeleton = Some(Arc::from(skeleton));
    }
    id
}
