//! The wire form of tallies: Protocol Buffers, described in `deploy/schemas/tallies.proto`.
//!
//! Tallies are kept for weeks and read by later versions, so this is the one format of Eddyline that must stay readable:
//! fields are only ever added. One Kafka record of the tallies topic holds one [`Flush`].

mod proto;

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;

use super::{Cell, Sample, Sketch, SketchKey, TemplateTally};
use crate::record::{Level, Offset, Partition, Second, Service, StreamTime, TemplateId, Topic};

/// A record of the tallies topic that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It is no Protocol Buffers message of this kind.
    #[error("tally cannot be decoded: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// It refers to a topic that it does not name.
    #[error("tally refers to topic {0}, which it does not name")]
    UnknownTopic(u32),
}

/// What became of the records that a flush covers. Their sum is the number of records read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Lines with a template, late ones among them.
    pub lines: u64,
    /// Lines that continue the one before them.
    pub continuations: u64,
    /// Records that went to the dead letters.
    pub rejects: u64,
    /// Tombstones and empty values.
    pub empty: u64,
    /// Of the lines: those that came too late for their second.
    pub late: u64,
    /// Of the lines: those whose time was ahead of the record's timestamp and was replaced by it.
    pub clamped: u64,
}

/// How far the observer of one partition has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The partition.
    pub partition: Partition,
    /// First offset that this flush covers.
    pub from: Offset,
    /// First offset after those that it covers.
    pub to: Offset,
    /// Nothing before this moment will follow from this partition; `None` while it had no line yet.
    pub complete_until: Option<StreamTime>,
    /// Whether the partition holds nobody back: it had no line for longer than the patience.
    pub idle: bool,
    /// What became of the records.
    pub outcomes: Outcomes,
}

/// One flush of an observer: what it saw since the last one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flush {
    /// How many partitions each input topic has, as far as the observer knows.
    pub roster: BTreeMap<Topic, u32>,
    /// The sums, by second and service.
    pub cells: BTreeMap<Second, BTreeMap<Service, Cell>>,
    /// How far each of the observer's partitions has come.
    pub progress: Vec<Progress>,
    /// From which moment on events are published: of an observer that began in the past. Until then the judge only learns.
    pub live_from: Option<StreamTime>,
}

impl Flush {
    /// The wire form. O(size).
    pub fn encode(&self) -> Vec<u8> {
        let mut topics = Topics::default();
        let message = proto::Flush {
            roster: self
                .roster
                .iter()
                .map(|(topic, &partitions)| proto::Roster { topic: topics.number(topic), partitions })
                .collect(),
            cells: self
                .cells
                .iter()
                .flat_map(|(&second, cells)| cells.iter().map(move |(service, cell)| (second, service, cell)))
                .map(|(second, service, cell)| encode_cell(second, service, cell, &mut topics))
                .collect(),
            progress: self.progress.iter().map(|progress| encode_progress(progress, &mut topics)).collect(),
            topics: topics.names(),
            live_from_ms: self.live_from.map(|time| time.0),
        };
        message.encode_to_vec()
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// Where the bytes are no flush.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = proto::Flush::decode(bytes)?;
        let topics: Vec<Topic> = message.topics.iter().map(|name| Topic::new(name)).collect();
        let topic = |number: u32| topics.get(number as usize).cloned().ok_or(WireError::UnknownTopic(number));
        let mut flush = Self::default();
        for roster in message.roster {
            flush.roster.insert(topic(roster.topic)?, roster.partitions);
        }
        for cell in message.cells {
            let second = Second(cell.second);
            let service =
                Service { environment: cell.environment.as_deref().map(Arc::from), name: Arc::from(&*cell.service) };
            flush.cells.entry(second).or_default().entry(service).or_default().merge(decode_cell(cell, &topic)?);
        }
        for progress in message.progress {
            flush.progress.push(decode_progress(&progress, &topic)?);
        }
        flush.live_from = message.live_from_ms.map(StreamTime);
        Ok(flush)
    }
}

/// Numbers the topics in the order in which they are first referred to.
#[derive(Default)]
struct Topics(Vec<Topic>);

impl Topics {
    fn number(&mut self, topic: &Topic) -> u32 {
        let position = self.0.iter().position(|known| known == topic).unwrap_or_else(|| {
            self.0.push(topic.clone());
            self.0.len() - 1
        });
        u32::try_from(position).unwrap_or(u32::MAX)
    }

    fn names(self) -> Vec<String> {
        self.0.iter().map(|topic| topic.name().to_owned()).collect()
    }
}

fn encode_progress(progress: &Progress, topics: &mut Topics) -> proto::Progress {
    let Outcomes { lines, continuations, rejects, empty, late, clamped } = progress.outcomes;
    proto::Progress {
        topic: topics.number(&progress.partition.topic),
        partition: progress.partition.number,
        from: progress.from.0,
        to: progress.to.0,
        complete_until_ms: progress.complete_until.map(|time| time.0),
        idle: progress.idle,
        lines,
        continuations,
        rejects,
        empty,
        late,
        clamped,
    }
}

fn decode_progress(
    progress: &proto::Progress,
    topic: &impl Fn(u32) -> Result<Topic, WireError>,
) -> Result<Progress, WireError> {
    let proto::Progress { lines, continuations, rejects, empty, late, clamped, .. } = *progress;
    Ok(Progress {
        partition: Partition::new(topic(progress.topic)?, progress.partition),
        from: Offset(progress.from),
        to: Offset(progress.to),
        complete_until: progress.complete_until_ms.map(StreamTime),
        idle: progress.idle,
        outcomes: Outcomes { lines, continuations, rejects, empty, late, clamped },
    })
}

fn encode_cell(second: Second, service: &Service, cell: &Cell, topics: &mut Topics) -> proto::Cell {
    let ranges = cell.ranges.iter().map(|(partition, &(first, last))| proto::Range {
        topic: topics.number(&partition.topic),
        partition: partition.number,
        first: first.0,
        length: last.0 - first.0,
    });
    proto::Cell {
        second: second.0,
        environment: service.environment.as_deref().map(str::to_owned),
        service: service.name.to_string(),
        lines: trim(&cell.lines),
        continuations: cell.continuations,
        late: cell.late,
        other_lines: cell.other_lines,
        by_kafka_time: trim(&cell.by_kafka_time),
        ranges: ranges.collect(),
        hosts: cell.hosts.iter().map(|(host, &lines)| proto::Host { host: host.to_string(), lines }).collect(),
        templates: cell.sorted_templates().into_iter().map(|(id, tally)| encode_template(id, tally, topics)).collect(),
    }
}

fn decode_cell(cell: proto::Cell, topic: &impl Fn(u32) -> Result<Topic, WireError>) -> Result<Cell, WireError> {
    let mut decoded = Cell {
        lines: fill(&cell.lines),
        continuations: cell.continuations,
        late: cell.late,
        other_lines: cell.other_lines,
        by_kafka_time: fill(&cell.by_kafka_time),
        ..Cell::default()
    };
    for host in cell.hosts {
        decoded.hosts.insert(Arc::from(host.host), host.lines);
    }
    for range in cell.ranges {
        let partition = Partition::new(topic(range.topic)?, range.partition);
        decoded.ranges.insert(partition, (Offset(range.first), Offset(range.first.saturating_add(range.length))));
    }
    for template in cell.templates {
        decoded.templates.insert(TemplateId(template.id), decode_template(template, topic)?);
    }
    Ok(decoded)
}

fn encode_template(id: TemplateId, tally: &TemplateTally, topics: &mut Topics) -> proto::Template {
    proto::Template {
        id: id.0,
        lines: tally
            .lines
            .iter()
            .enumerate()
            .filter(|&(_, &lines)| lines > 0)
            .flat_map(|(level, &lines)| [level as u64, lines])
            .collect(),
        late: tally.late,
        late_level: u32::try_from(tally.late_level.index()).unwrap_or_default(),
        skeleton: tally.skeleton.as_deref().map(str::to_owned),
        sample: tally.sample.as_ref().map(|sample| proto::Sample {
            time_ms: sample.time.0,
            topic: topics.number(&Topic::new(&sample.topic)),
            partition: sample.partition,
            offset: sample.offset,
            text: sample.text.to_string(),
            truncated: sample.truncated,
            host: sample.host.as_deref().map(str::to_owned),
            text_hash: sample.text_hash,
        }),
        slots: tally
            .slots
            .iter()
            .map(|sketch| proto::Sketch {
                keys: sketch.iter().map(|(key, _)| key.code()).collect(),
                counts: sketch.iter().map(|(_, count)| count).collect(),
            })
            .collect(),
    }
}

fn decode_template(
    template: proto::Template,
    topic: &impl Fn(u32) -> Result<Topic, WireError>,
) -> Result<TemplateTally, WireError> {
    let mut tally = TemplateTally {
        late: template.late,
        late_level: Level::from_index(template.late_level as usize),
        skeleton: template.skeleton.map(Arc::from),
        ..TemplateTally::default()
    };
    for pair in template.lines.chunks_exact(2) {
        if let [level, lines] = *pair
            && let Some(place) = usize::try_from(level).ok().and_then(|level| tally.lines.get_mut(level))
        {
            *place = lines;
        }
    }
    if let Some(sample) = template.sample {
        tally.sample = Some(Sample {
            time: StreamTime(sample.time_ms),
            text_hash: sample.text_hash,
            topic: topic(sample.topic)?.shared(),
            partition: sample.partition,
            offset: sample.offset,
            text: Arc::from(sample.text),
            truncated: sample.truncated,
            host: sample.host.map(Arc::from),
        });
    }
    for slot in template.slots {
        let mut sketch = Sketch::default();
        for (code, count) in slot.keys.into_iter().zip(slot.counts) {
            if let Some(key) = SketchKey::from_code(code) {
                sketch.add(key, count);
            }
        }
        tally.slots.push(sketch);
    }
    Ok(tally)
}

/// Without trailing zeros, which most levels are.
fn trim(counts: &[u64]) -> Vec<u64> {
    let used = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
    counts.iter().take(used).copied().collect()
}

fn fill<const N: usize>(counts: &[u64]) -> [u64; N] {
    let mut filled = [0; N];
    for (place, &count) in filled.iter_mut().zip(counts) {
        *place = count;
    }
    filled
}
