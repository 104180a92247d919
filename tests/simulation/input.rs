//! A small log of a few services, and what one process that is never disturbed makes of it.

use std::collections::BTreeMap;

use eddyline::config::Config;
use eddyline::decide::{Message, rfc3339};
use eddyline::publish::{OutputRecord, compose, records};
use eddyline::record::{Offset, Partition, Record, StreamTime, TimeBasis, Topic};
use eddyline::stage::{Judge, Observer};
use eddyline::vectorise::wire::Flush;

use super::random::Random;

pub const LATENESS_MS: i64 = 5_000;
/// Log time of the first line.
const START_MS: i64 = 1_700_000_000_000;
/// How long the log is; the first lines of a service say nothing.
const LOG_S: i64 = 420;
/// When there is something to see: errors, an announcement, a silence.
const TROUBLE_S: std::ops::Range<i64> = 330..344;
/// How far behind the last line those of the end are, which carry the watermarks past it.
const END_AFTER_MS: i64 = 100_000;

/// A record of a partition of the input.
pub struct Line {
    /// Its timestamp, and log time for all but those that are late or ahead.
    pub timestamp_ms: i64,
    pub value: Option<Vec<u8>>,
    /// What the clocks make of it when nobody promises anything.
    pub time_ms: Option<i64>,
    pub late: bool,
}

/// The input of one seed.
pub struct Input {
    pub partitions: BTreeMap<Partition, Vec<Line>>,
    /// Up to here all is judged when all was read.
    pub judged_until: String,
    pub judged_until_ms: i64,
    pub rejects: usize,
    /// Whether lines come nearly in their order and soon, so that what a clock tells of silence is true.
    pub is_orderly: bool,
}

pub fn topic() -> Topic {
    Topic::new("logs")
}

impl Input {
    pub fn new(random: &mut Random) -> Self {
        let filled = random.between(2, 3);
        let is_one_empty = random.happens(3_000);
        let is_orderly = random.happens(4_000);
        let partition = |number: i64| Partition::new(topic(), i32::try_from(number).unwrap());
        let mut partitions: BTreeMap<Partition, Vec<Line>> =
            (0..filled + i64::from(is_one_empty)).map(|number| (partition(number), Vec::new())).collect();
        let mut rejects = 0;
        // A partition that is silent for a while: 0 is never, so that there is always one that speaks.
        let silent = (random.between(1, filled - 1), random.between(100, 380));
        let silent_for_s = random.between(8, 60);
        for second in 0..LOG_S {
            let mut values = lines_of(second, random);
            values.sort_by_key(|&(millisecond, _)| millisecond);
            for (millisecond, message) in values {
                let mut number = random.between(0, filled - 1);
                if number == silent.0 && (silent.1..silent.1 + silent_for_s).contains(&second) {
                    number = 0;
                }
                let lines = partitions.get_mut(&partition(number)).unwrap();
                let line = line(START_MS + second * 1_000 + millisecond, &message, is_orderly, random);
                rejects += usize::from(line.value.as_deref().is_some_and(|value| value == REJECT || is_poison(value)));
                lines.push(line);
            }
        }
        let end_ms = START_MS + LOG_S * 1_000 + END_AFTER_MS;
        for lines in partitions.values_mut().filter(|lines| !lines.is_empty()) {
            // In steps, for a leap would not be believed.
            for time_ms in (0..=END_AFTER_MS).rev().step_by(5_000).map(|before_ms| end_ms - before_ms) {
                lines.extend((0..9).map(|_| json_line(time_ms, time_ms, "end", "info", "nothing follows")));
            }
        }
        let judged_until_ms = end_ms - LATENESS_MS - 2_000;
        let judged_until = rfc3339(StreamTime(judged_until_ms));
        let mut input = Self { partitions, judged_until, judged_until_ms, rejects, is_orderly };
        input.decide_what_is_late();
        input
    }

    pub fn roster(&self) -> BTreeMap<Topic, u32> {
        BTreeMap::from([(topic(), u32::try_from(self.partitions.len()).unwrap())])
    }

    /// The rule of lateness once more, by itself: the watermark is the running maximum of the lower median of nine times that are not
    /// late; a leap of 15 s is believed once nine lines went on for 30 s behind it, twenty times as many as those that moved on
    /// where the watermark stands.
    fn decide_what_is_late(&mut self) {
        for lines in self.partitions.values_mut() {
            let (mut watermark, mut last, mut leap, mut against) = (i64::MIN, Vec::new(), Vec::<i64>::new(), 0);
            for line in lines {
                let Some(own_ms) = line.time_ms else { continue };
                let time_ms = if own_ms > line.timestamp_ms + LATENESS_MS { line.timestamp_ms } else { own_ms };
                line.time_ms = Some(time_ms);
                line.late = watermark != i64::MIN && time_ms < watermark - LATENESS_MS;
                if line.late {
                    continue;
                }
                let median = |last: &[i64]| {
                    let mut sorted: Vec<i64> = last.iter().rev().take(9).copied().collect();
                    sorted.sort_unstable();
                    sorted.get(4).copied().filter(|_| sorted.len() == 9)
                };
                if median(&last).is_some_and(|median| time_ms > median + 15_000) {
                    if leap.first().is_some_and(|&since| time_ms < since) {
                        (leap, against) = (Vec::new(), 0);
                    }
                    leap.push(time_ms);
                    if leap.len() < 9 || time_ms - leap[0] < 30_000 {
                        continue;
                    }
                    let (decided, contradicted) = (std::mem::take(&mut leap), std::mem::take(&mut against));
                    if decided.len() <= 20 * contradicted {
                        continue;
                    }
                    last.extend(decided);
                } else {
                    against += usize::from(!leap.is_empty() && time_ms > watermark);
                    last.push(time_ms);
                }
                watermark = watermark.max(median(&last).unwrap_or(i64::MIN));
            }
        }
    }
}

const REJECT: [u8; 64] = [0; 64];
/// In a record on which a stage panics.
const POISON: &str = "poison";

/// Whether a stage panics on this record.
pub fn is_poison(value: &[u8]) -> bool {
    value.ends_with(format!("{POISON}\"}}").as_bytes())
}

/// What happens in one second: millisecond, and service, level and text.
fn lines_of(second: i64, random: &mut Random) -> Vec<(i64, [String; 3])> {
    let mut lines = Vec::new();
    let mut say = |random: &mut Random, service: &str, level: &str, text: String| {
        lines.push((random.between(0, 999), [service.to_owned(), level.to_owned(), text]));
    };
    for service in ["cart", "mail", "payment"] {
        if service == "mail" && second >= TROUBLE_S.end + 10 {
            continue;
        }
        let number = random.below(100_000);
        if random.happens(6_000) {
            say(random, service, "info", format!("request {number} handled"));
        }
        if random.happens(2_000) {
            say(random, service, "warn", format!("cache of {number} entries is full"));
        }
    }
    if TROUBLE_S.contains(&second) {
        for _ in 0..4 {
            let number = random.below(100_000);
            say(random, "payment", "error", format!("card {number} refused by the gateway"));
        }
    }
    if second == TROUBLE_S.start + 5 {
        say(random, "cart", "info", "maintenance window opened".to_owned());
    }
    lines
}

/// A record: mostly a line in time, now and then one that is late, ahead, without time, or no line at all.
fn line(timestamp_ms: i64, [service, level, text]: &[String; 3], is_orderly: bool, random: &mut Random) -> Line {
    let odd =
        |value: Option<&[u8]>| Line { timestamp_ms, value: value.map(<[u8]>::to_vec), time_ms: None, late: false };
    match random.below(400) {
        0 => return odd(Some(&REJECT)),
        1 => return odd(None),
        2 if random.happens(3_000) => {
            let line = json_line(timestamp_ms, timestamp_ms, service, level, POISON);
            return odd(line.value.as_deref());
        }
        _ => {}
    }
    let time_ms = match random.below(300) {
        0..4 => timestamp_ms - random.between(20_000, 60_000),
        4 => timestamp_ms + 1_000_000,
        // About as far behind as is not yet late: the watermark itself is some seconds behind.
        5..65 if !is_orderly => timestamp_ms - random.between(5_000, 13_000),
        _ => timestamp_ms - random.between(0, 1_500),
    };
    json_line(timestamp_ms, time_ms, service, level, text)
}

fn json_line(timestamp_ms: i64, time_ms: i64, service: &str, level: &str, text: &str) -> Line {
    let time = rfc3339(StreamTime(time_ms));
    let value = format!(r#"{{"time":"{time}","service":"{service}","level":"{level}","message":"{text}"}}"#);
    Line { timestamp_ms, value: Some(value.into_bytes()), time_ms: Some(time_ms), late: false }
}

/// One observer and one judge in memory, which nobody disturbs: what is published, and the tallies.
pub fn undisturbed(input: &Input) -> (Vec<OutputRecord>, Vec<Flush>) {
    let mut observer = Observer::new(Config::default().format, LATENESS_MS);
    let (mut judge, mut messages, mut flushes) = (Judge::new(), Vec::new(), Vec::new());
    let mut all: Vec<(i64, &Partition, usize)> = Vec::new();
    for (partition, lines) in &input.partitions {
        observer.assign(partition.clone(), Offset(0), None);
        if lines.is_empty() {
            observer.end_of_input(partition);
        }
        all.extend(lines.iter().enumerate().map(|(index, line)| (line.timestamp_ms, partition, index)));
    }
    all.sort();
    for some in all.chunks(25) {
        for &(_, partition, index) in some {
            let line = &input.partitions[partition][index];
            let timestamp = Some((line.timestamp_ms, TimeBasis::KafkaCreate));
            let offset = Offset(i64::try_from(index).unwrap());
            if line.value.as_deref().is_some_and(is_poison) {
                observer.set_aside(partition, offset);
                continue;
            }
            observer.record(partition, &Record { offset, timestamp, value: line.value.as_deref() }, 0);
        }
        let flush = observer.flush(input.roster());
        flushes.push(flush.clone());
        assert!(judge.flush(flush, &mut messages).is_empty());
    }
    (published(&messages), flushes)
}

/// The records of these messages.
pub fn published(messages: &[Message]) -> Vec<OutputRecord> {
    let provenance = Config::default().provenance();
    messages.iter().flat_map(|message| records(&compose(message, &provenance)).unwrap()).collect()
}
