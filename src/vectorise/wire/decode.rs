//! Reads the wire form straight into what the judge adds up: a judge that catches up does little else, so nothing is built in
//! between.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::fields::{COUNT_MAX, Fields, Malformed, Numbers, Value, zigzag};
use super::{Cut, Flush, Outcomes, Progress, WireError};
use crate::record::{Level, Offset, Partition, Second, Service, StreamTime, TemplateId, Topic};
use crate::vectorise::{Cell, Sample, Sketch, SketchKey, Sorted, TemplateTally};

/// What the cells of one flush share: its topics by number, and the texts that come again and again.
struct Shared<'a> {
    topics: Vec<Topic>,
    texts: HashMap<&'a str, Arc<str>, FixedState>,
    with_sketches: bool,
    /// Room for what a cell has: how much that is nobody knows before it is read.
    templates: Vec<(TemplateId, TemplateTally)>,
    hosts: Vec<(Arc<str>, u64)>,
    ranges: Vec<(Partition, (Offset, Offset))>,
}

impl<'a> Shared<'a> {
    fn topic(&self, number: u32) -> Result<&Topic, WireError> {
        self.topics.get(number as usize).ok_or(WireError::UnknownTopic(number))
    }

    fn text(&mut self, value: Value<'a>) -> Result<Arc<str>, Malformed> {
        let text = value.text()?;
        Ok(Arc::clone(self.texts.entry(text).or_insert_with(|| Arc::from(text))))
    }
}

pub(super) fn flush(bytes: &[u8], with_sketches: bool) -> Result<Flush, WireError> {
    let mut shared = Shared {
        topics: Vec::new(),
        texts: HashMap::default(),
        with_sketches,
        templates: Vec::new(),
        hosts: Vec::new(),
        ranges: Vec::new(),
    };
    for field in Fields::of(bytes) {
        if let (1, name) = field? {
            shared.topics.push(Topic::new(name.text()?));
        }
    }
    let mut flush = Flush::default();
    let mut cells = Vec::new();
    for field in Fields::of(bytes) {
        match field? {
            (2, Value::Bytes(roster)) => {
                let (topic, partitions) = self::roster(roster)?;
                flush.roster.insert(shared.topic(topic)?.clone(), partitions);
            }
            (3, Value::Bytes(cell)) => cells.push(self::cell(cell, &mut shared)?),
            (4, Value::Bytes(progress)) => flush.progress.push(self::progress(progress, &shared)?),
            (5, Value::Bytes(cut)) => flush.cuts.push(self::cut(cut, &shared)?),
            (6, Value::Number(time)) => flush.live_from = Some(StreamTime(zigzag(time))),
            (7, Value::Bytes(end)) => flush.history_ends.extend([history_end(end, &shared)?]),
            _ => {}
        }
    }
    flush.cells = sorted(cells);
    Ok(flush)
}

/// By second and service. They come sorted, and then it costs O(cells). What comes twice is added up.
fn sorted(cells: Vec<(Second, Service, Cell)>) -> BTreeMap<Second, Sorted<Service, Cell>> {
    let mut seconds: BTreeMap<Second, Vec<(Service, Cell)>> = BTreeMap::new();
    for (second, service, cell) in cells {
        seconds.entry(second).or_default().push((service, cell));
    }
    seconds.into_iter().map(|(second, cells)| (second, Sorted::adding_up(cells, Cell::merge))).collect()
}

fn roster(bytes: &[u8]) -> Result<(u32, u32), Malformed> {
    let (mut topic, mut partitions) = (0, 0);
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Number(number)) => topic = unsigned(number),
            (2, Value::Number(number)) => partitions = unsigned(number),
            _ => {}
        }
    }
    Ok((topic, partitions))
}

fn progress(bytes: &[u8], shared: &Shared<'_>) -> Result<Progress, WireError> {
    let (mut topic, mut number, mut outcomes) = (0, 0, Outcomes::default());
    let (mut from, mut to, mut complete_until, mut idle) = (Offset(0), Offset(0), None, false);
    let mut clock = "";
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Number(value)) => topic = unsigned(value),
            (2, Value::Number(value)) => number = signed(value),
            (3, Value::Number(value)) => from = Offset(value.cast_signed()),
            (4, Value::Number(value)) => to = Offset(value.cast_signed()),
            (5, Value::Number(value)) => complete_until = Some(StreamTime(zigzag(value))),
            (6, Value::Number(value)) => idle = value != 0,
            (7, Value::Number(value)) => outcomes.lines = count(value)?,
            (8, Value::Number(value)) => outcomes.continuations = count(value)?,
            (9, Value::Number(value)) => outcomes.rejects = count(value)?,
            (10, Value::Number(value)) => outcomes.empty = count(value)?,
            (11, Value::Number(value)) => outcomes.late = count(value)?,
            (12, Value::Number(value)) => outcomes.clamped = count(value)?,
            (13, text) => clock = text.text()?,
            _ => {}
        }
    }
    let partition = Partition::new(shared.topic(topic)?.clone(), number);
    Ok(Progress { partition, from, to, complete_until, idle, outcomes, clock: clock.to_owned() })
}

fn cut(bytes: &[u8], shared: &Shared<'_>) -> Result<Cut, WireError> {
    let (mut topic, mut number, mut complete_until) = (0, 0, None);
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Number(value)) => topic = unsigned(value),
            (2, Value::Number(value)) => number = signed(value),
            (3, Value::Number(value)) => complete_until = Some(StreamTime(zigzag(value))),
            _ => {}
        }
    }
    Ok(Cut { partition: Partition::new(shared.topic(topic)?.clone(), number), complete_until })
}

fn history_end(bytes: &[u8], shared: &Shared<'_>) -> Result<(Partition, Offset), WireError> {
    let (mut topic, mut number, mut end) = (0, 0, Offset(0));
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Number(value)) => topic = unsigned(value),
            (2, Value::Number(value)) => number = signed(value),
            (3, Value::Number(value)) => end = Offset(value.cast_signed()),
            _ => {}
        }
    }
    Ok((Partition::new(shared.topic(topic)?.clone(), number), end))
}

fn cell<'a>(bytes: &'a [u8], shared: &mut Shared<'a>) -> Result<(Second, Service, Cell), WireError> {
    let mut cell = Cell::default();
    let (mut second, mut environment, mut service) = (Second(0), None, "");
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Number(number)) => second = Second(zigzag(number)),
            (2, text) => environment = Some(shared.text(text)?),
            (3, text) => service = text.text()?,
            (4, lines) => fill(&mut cell.lines, lines.numbers())?,
            (5, Value::Number(lines)) => cell.continuations = count(lines)?,
            (6, Value::Number(lines)) => cell.late = count(lines)?,
            (7, Value::Number(lines)) => cell.other_lines = count(lines)?,
            (8, lines) => fill(&mut cell.by_kafka_time, lines.numbers())?,
            (9, Value::Bytes(template)) => {
                let template = self::template(template, shared)?;
                shared.templates.push(template);
            }
            (10, Value::Bytes(host)) => {
                let host = self::host(host, shared)?;
                shared.hosts.push(host);
            }
            (11, Value::Bytes(range)) => {
                let range = self::range(range, shared)?;
                shared.ranges.push(range);
            }
            _ => {}
        }
    }
    cell.templates = shared.templates.drain(..).collect();
    cell.hosts = shared.hosts.drain(..).collect();
    cell.ranges = shared.ranges.drain(..).collect();
    Ok((second, Service { environment, name: Arc::from(service) }, cell))
}

fn host<'a>(bytes: &'a [u8], shared: &mut Shared<'a>) -> Result<(Arc<str>, u64), Malformed> {
    let (mut name, mut lines) = (Value::Bytes(&[]), 0);
    for field in Fields::of(bytes) {
        match field? {
            (1, text) => name = text,
            (2, Value::Number(number)) => lines = count(number)?,
            _ => {}
        }
    }
    Ok((shared.text(name)?, lines))
}

fn range(bytes: &[u8], shared: &Shared<'_>) -> Result<(Partition, (Offset, Offset)), WireError> {
    let (mut topic, mut number, mut first, mut length) = (0, 0, 0_i64, 0);
    for field in Fields::of(bytes) {
        let (tag, Value::Number(value)) = field? else { continue };
        match tag {
            1 => topic = unsigned(value),
            2 => number = signed(value),
            3 => first = value.cast_signed(),
            4 => length = value.cast_signed(),
            _ => {}
        }
    }
    let partition = Partition::new(shared.topic(topic)?.clone(), number);
    Ok((partition, (Offset(first), Offset(first.saturating_add(length)))))
}

fn template<'a>(bytes: &'a [u8], shared: &mut Shared<'a>) -> Result<(TemplateId, TemplateTally), WireError> {
    // What is 0 is left out of the wire form.
    let (mut id, mut tally) = (TemplateId(0), TemplateTally { late_level: Level::Trace, ..TemplateTally::default() });
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Fixed(number)) => id = TemplateId(number),
            (2, pairs) => {
                let mut pairs = pairs.numbers();
                while let (Some(level), Some(lines)) = (pairs.next().transpose()?, pairs.next().transpose()?) {
                    if let Some(place) = usize::try_from(level).ok().and_then(|level| tally.lines.get_mut(level)) {
                        *place = count(lines)?;
                    }
                }
            }
            (3, Value::Number(lines)) => tally.late = count(lines)?,
            (4, Value::Number(level)) => tally.late_level = Level::from_index(unsigned(level) as usize),
            (5, text) => tally.skeleton = Some(Arc::from(text.text()?)),
            (6, Value::Bytes(sample)) => tally.sample = Some(Arc::new(self::sample(sample, shared)?)),
            (7, Value::Bytes(sketch)) if shared.with_sketches => tally.slots.push(self::sketch(sketch)?),
            _ => {}
        }
    }
    Ok((id, tally))
}

fn sample<'a>(bytes: &'a [u8], shared: &mut Shared<'a>) -> Result<Sample, WireError> {
    let (mut time, mut topic, mut partition, mut offset) = (StreamTime(0), 0, 0, 0);
    let (mut text, mut truncated, mut host, mut text_hash) = ("", false, None, 0);
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Number(number)) => time = StreamTime(zigzag(number)),
            (2, Value::Number(number)) => topic = unsigned(number),
            (3, Value::Number(number)) => partition = signed(number),
            (4, Value::Number(number)) => offset = number.cast_signed(),
            (5, value) => text = value.text()?,
            (6, Value::Number(number)) => truncated = number != 0,
            (7, value) => host = Some(shared.text(value)?),
            (8, Value::Fixed(number)) => text_hash = number,
            _ => {}
        }
    }
    let topic = shared.topic(topic)?.shared();
    Ok(Sample { time, text_hash, topic, partition, offset, text: Arc::from(text), truncated, host })
}

fn sketch(bytes: &[u8]) -> Result<Sketch, Malformed> {
    let (mut keys, mut counts) = (Value::Bytes(&[]), Value::Bytes(&[]));
    for field in Fields::of(bytes) {
        match field? {
            (1, numbers) => keys = numbers,
            (2, numbers) => counts = numbers,
            _ => {}
        }
    }
    let mut sketch = Sketch::with_capacity(keys.numbers().length());
    for (key, count) in keys.numbers().zip(counts.numbers()) {
        if let Some(key) = SketchKey::from_code(unsigned(key?)) {
            sketch.add(key, self::count(count?)?);
        }
    }
    Ok(sketch)
}

fn fill(counts: &mut [u64], numbers: Numbers<'_>) -> Result<(), Malformed> {
    for (place, number) in counts.iter_mut().zip(numbers) {
        *place = count(number?)?;
    }
    Ok(())
}

fn count(number: u64) -> Result<u64, Malformed> {
    if number <= COUNT_MAX { Ok(number) } else { Err(Malformed::CountTooLarge) }
}

/// A number of 32 bits; as Protocol Buffers have it, the upper bits of a larger one are dropped.
#[expect(clippy::cast_possible_truncation, reason = "that is the rule of the wire format")]
fn unsigned(number: u64) -> u32 {
    number as u32
}

fn signed(number: u64) -> i32 {
    unsigned(number).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_level_is_left_out_and_read_again() {
        let tally = TemplateTally { late: 7, late_level: Level::Trace, ..TemplateTally::default() };
        let mut cell = Cell::default();
        cell.templates.insert(TemplateId(1), tally);
        let cells = Sorted::from_iter([(Service::new(None, "web"), cell)]);
        let written = Flush { cells: BTreeMap::from([(Second(7), cells)]), ..Flush::default() };
        assert_eq!(Flush::decode(&written.encode()).unwrap(), written);
    }
}
