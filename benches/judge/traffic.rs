//! Tallies of many services, as their observers would send them: made up, but shaped like what real ones write.
//!
//! Rates from a line in two minutes to a hundred a second, a daily rhythm, templates of very different shares, timers, hosts, numbers,
//! new templates now and then; and a fault every five minutes, so that the judge has something to say. The same seed gives the same
//! bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use eddyline::record::{Level, Offset, Partition, Second, Service, StreamTime, TemplateId, Topic};
use eddyline::template::{Number, Skeletoniser};
use eddyline::vectorise::wire::{Flush, Outcomes, Progress};
use eddyline::vectorise::{Cell, Sample, Sketch, SketchKey, TemplateTally};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A whole hour, since skeletons are announced once an hour.
pub const START: i64 = 1_795_420_800;
/// How far behind the last line a second is complete.
const LATENESS_SECONDS: i64 = 5;
const PARTITIONS: u32 = 4;
const DAY_SECONDS: f64 = 86_400.0;
/// Mean time between two new templates of a service, in seconds: 300 services bring a few dozen an hour.
const NEW_TEMPLATE_SECONDS: f64 = 36_000.0;
const FAULT_EVERY_SECONDS: i64 = 300;
const FAULT_SECONDS: i64 = 90;

struct Template {
    id: TemplateId,
    text: Arc<str>,
    level: Level,
    /// Lines a second, or none where it is a timer.
    rate: f64,
    timer_seconds: Option<i64>,
    slots: usize,
    announced_hour: Option<i64>,
    sampled_minute: Option<i64>,
}

struct Source {
    service: Service,
    phase: f64,
    hosts: Vec<Arc<str>>,
    templates: Vec<Template>,
}

/// Makes one flush after the other, two for each second.
pub struct Traffic {
    random: Xoshiro256PlusPlus,
    skeletoniser: Skeletoniser,
    topic: Topic,
    sources: Vec<Source>,
    next_half: i64,
    offsets: Vec<i64>,
}

impl Traffic {
    pub fn new(services: usize, templates: usize) -> Self {
        let mut traffic = Self {
            random: Xoshiro256PlusPlus::seed_from_u64(0xeddb),
            skeletoniser: Skeletoniser::new(),
            topic: Topic::new("logs"),
            sources: Vec::new(),
            next_half: START * 2,
            offsets: vec![0; PARTITIONS as usize],
        };
        for number in 0..services {
            let source = traffic.source(number, templates);
            traffic.sources.push(source);
        }
        traffic
    }

    fn source(&mut self, number: usize, templates: usize) -> Source {
        let environment = if number.is_multiple_of(4) { "staging" } else { "production" };
        let name = format!("team-{}-service-{number}", number % 17);
        let hosts = (0..=number % 4).map(|host| Arc::from(format!("node-{}.example", (number * 7 + host) % 60)));
        // From 0.01 to 100, each order of magnitude alike.
        let rate = libm::pow(10.0, self.random.gen_range(-2.0..2.0));
        let weights: Vec<f64> = (0..templates).map(|place| 1.0 / libm::pow(place as f64 + 1.0, 1.3)).collect();
        let sum: f64 = weights.iter().sum();
        let mut source = Source {
            service: Service::new(Some(environment), &name),
            phase: self.random.gen_range(-0.5..0.5),
            hosts: hosts.collect(),
            templates: Vec::new(),
        };
        for (place, weight) in weights.into_iter().enumerate() {
            let level = match place {
                3 => Level::Debug,
                7 | 12 => Level::Warn,
                18 => Level::Error,
                _ => Level::Info,
            };
            let mut template = self.template(&name, place, level, rate * weight / sum);
            if place == 5 {
                template.timer_seconds = Some(10 * (1 + number as i64 % 6));
            }
            source.templates.push(template);
        }
        source
    }

    fn template(&mut self, service: &str, place: usize, level: Level, rate: f64) -> Template {
        let word = |salt: usize| -> String {
            let hash = xxhash_rust::xxh3::xxh3_64(format!("{service} {place} {salt}").as_bytes());
            (0..6).map(|letter| char::from(b'a' + (hash >> (letter * 8)) as u8 % 26)).collect()
        };
        let text = format!("{} {} the {} of {} {}: took 12 ms, 7 left", word(1), word(2), word(3), word(4), word(5));
        let skeleton = self.skeletoniser.skeletonise(&text);
        Template {
            id: skeleton.id,
            text: Arc::from(skeleton.text()),
            level,
            rate,
            timer_seconds: None,
            slots: place % 3,
            announced_hour: None,
            sampled_minute: None,
        }
    }

    /// The next half second, as a record of the tallies topic.
    pub fn next_flush(&mut self) -> Vec<u8> {
        let half = self.next_half;
        self.next_half += 1;
        let second = half.div_euclid(2);
        let fault = Fault::at(second, self.sources.len());
        let mut flush = Flush { roster: BTreeMap::from([(self.topic.clone(), PARTITIONS)]), ..Flush::default() };
        let mut lines_read = vec![0; self.offsets.len()];
        let mut sources = std::mem::take(&mut self.sources);
        for (place, source) in sources.iter_mut().enumerate() {
            if self.random.gen_bool(0.5 / NEW_TEMPLATE_SECONDS) || fault.brings_error(place, half) {
                let level = if fault.brings_error(place, half) { Level::Error } else { Level::Info };
                let rate = self.random.gen_range(0.01..0.5);
                let new = self.template(&source.service.name, (half as usize) << 8, level, rate);
                source.templates.push(new);
            }
            if let Some(cell) = self.cell(half, source, fault.factor(place), &mut lines_read) {
                flush.cells.entry(Second(second)).or_default().insert(source.service.clone(), cell);
            }
        }
        self.sources = sources;
        self.progress(half, &mut flush, &lines_read);
        flush.encode()
    }

    fn progress(&mut self, half: i64, flush: &mut Flush, lines_read: &[i64]) {
        for (number, lines) in lines_read.iter().enumerate() {
            let from = self.offsets[number];
            self.offsets[number] += lines;
            flush.progress.push(Progress {
                partition: Partition::new(self.topic.clone(), number as i32),
                from: Offset(from),
                to: Offset(self.offsets[number]),
                complete_until: Some(StreamTime((half + 1) * 500 - LATENESS_SECONDS * 1_000)),
                idle: false,
                outcomes: Outcomes { lines: *lines as u64, ..Outcomes::default() },
                clock: String::new(),
            });
        }
    }

    fn cell(&mut self, half: i64, source: &mut Source, factor: f64, lines_read: &mut [i64]) -> Option<Cell> {
        let second = half.div_euclid(2);
        let time_of_day = second as f64 / DAY_SECONDS + source.phase * 0.3;
        let rhythm = factor * (1.0 + 0.6 * libm::sin(time_of_day * std::f64::consts::TAU));
        let mut cell = Cell::default();
        for template in &mut source.templates {
            let lines = match template.timer_seconds {
                Some(period) => u64::from(factor > 0.0 && half.rem_euclid(2 * period) == 0),
                None => poisson(&mut self.random, template.rate * rhythm / 2.0),
            };
            if lines == 0 {
                continue;
            }
            cell.lines[template.level.index()] += lines;
            let mut tally = TemplateTally::default();
            tally.lines[template.level.index()] = lines;
            tally.slots = (0..template.slots).map(|slot| sketch(&mut self.random, slot, lines)).collect();
            if template.announced_hour != Some(second.div_euclid(3_600)) {
                template.announced_hour = Some(second.div_euclid(3_600));
                tally.skeleton = Some(Arc::clone(&template.text));
            }
            if template.sampled_minute != Some(second.div_euclid(60)) {
                template.sampled_minute = Some(second.div_euclid(60));
                tally.sample = Some(Arc::new(self.sample(half, source.hosts.first(), &template.text)));
            }
            cell.templates.insert(template.id, tally);
        }
        let total = cell.total();
        if total == 0 {
            return None;
        }
        let hosts = source.hosts.len() as u64;
        for (place, host) in (0..).zip(&source.hosts) {
            let lines = total / hosts + u64::from(place < total % hosts);
            if lines > 0 {
                cell.hosts.insert(Arc::clone(host), lines);
            }
        }
        let first = self.random.gen_range(0..PARTITIONS as usize);
        for index in 0..total as usize {
            let number = (first + index) % PARTITIONS as usize;
            let offset = Offset(self.offsets[number] + lines_read[number]);
            lines_read[number] += 1;
            let partition = Partition::new(self.topic.clone(), number as i32);
            match cell.ranges.get_mut(&partition) {
                Some((_, last)) => *last = offset,
                None => cell.ranges.insert(partition, (offset, offset)),
            }
        }
        Some(cell)
    }

    fn sample(&mut self, half: i64, host: Option<&Arc<str>>, text: &Arc<str>) -> Sample {
        let text: Arc<str> = Arc::from(text.replace("<*>", &self.random.gen_range(0..5_000).to_string()));
        Sample {
            time: StreamTime(half * 500 + self.random.gen_range(0..500)),
            text_hash: xxhash_rust::xxh3::xxh3_64(text.as_bytes()),
            topic: self.topic.shared(),
            partition: 0,
            offset: self.offsets[0],
            text,
            truncated: false,
            host: host.cloned(),
        }
    }
}

/// What is wrong at a time, and with whom.
struct Fault {
    place: usize,
    kind: i64,
    begins: i64,
    is_on: bool,
}

impl Fault {
    fn at(second: i64, services: usize) -> Self {
        let number = (second - START).div_euclid(FAULT_EVERY_SECONDS);
        let begins = START + number * FAULT_EVERY_SECONDS;
        let place = (number as usize).wrapping_mul(0x9e37_79b9) % services.max(1);
        Self { place, kind: number % 3, begins, is_on: number >= 2 && second - begins < FAULT_SECONDS }
    }

    fn factor(&self, place: usize) -> f64 {
        match self.kind {
            0 if self.is_on && place == self.place => 0.0,
            1 if self.is_on && place == self.place => 8.0,
            _ => 1.0,
        }
    }

    fn brings_error(&self, place: usize, half: i64) -> bool {
        self.kind == 2 && self.is_on && place == self.place && half == self.begins * 2
    }
}

fn sketch(random: &mut Xoshiro256PlusPlus, slot: usize, lines: u64) -> Sketch {
    let mut sketch = Sketch::default();
    for _ in 0..lines {
        let magnitude = libm::exp(random.gen_range(0.0..3.0)) * if slot == 0 { 8.0 } else { 900.0 };
        sketch.add(SketchKey::of(Number::Integer(magnitude as i64)), 1);
    }
    sketch
}

/// By Knuth's product of uniforms; above thirty by the normal approximation.
fn poisson(random: &mut Xoshiro256PlusPlus, mean: f64) -> u64 {
    if mean > 30.0 {
        let normal: f64 = (0..12).map(|_| random.gen_range(0.0..1.0)).sum::<f64>() - 6.0;
        return (mean + normal * mean.sqrt()).max(0.0).round() as u64;
    }
    let limit = libm::exp(-mean);
    let (mut product, mut count) = (random.gen_range(0.0..1.0), 0);
    while product > limit {
        product *= random.gen_range(0.0..1.0);
        count += 1;
    }
    count
}
