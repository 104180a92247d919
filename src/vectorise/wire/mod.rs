//! The wire form of tallies: Protocol Buffers, described in `deploy/schemas/tallies.proto`.
//!
//! Tallies are kept for weeks and read by later versions, so this is the one format of Eddyline that must stay readable:
//! fields are only ever added. One Kafka record of the tallies topic holds one [`Flush`].

mod decode;
mod fields;
mod proto;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use prost::Message;

pub use fields::Malformed;

use super::{Cell, Sorted, TemplateTally};
use crate::record::{Offset, Partition, Second, Service, StreamTime, TemplateId, Topic};

/// A record of the tallies topic that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It is no Protocol Buffers message of this kind.
    #[error("tally cannot be decoded: {0}")]
    Malformed(#[from] Malformed),
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
    /// The clock of the partition at `to`, as it is committed beside that offset.
    pub clock: String,
}

/// A partition that nobody is heard of: it holds nobody back any more, until it has caught up. Written by the judge, which acts
/// on it when it reads it, so that what it does depends on the tallies alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The partition.
    pub partition: Partition,
    /// How far it had come when that was decided. One that has come further since is not cut off.
    pub complete_until: Option<StreamTime>,
}

/// One flush of an observer: what it saw since the last one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flush {
    /// How many partitions each input topic has, as far as the observer knows.
    pub roster: BTreeMap<Topic, u32>,
    /// The sums, by second and service.
    pub cells: BTreeMap<Second, Sorted<Service, Cell>>,
    /// How far each of the observer's partitions has come.
    pub progress: Vec<Progress>,
    /// Partitions that are cut off: what a judge writes to itself, in a flush with nothing else.
    pub cuts: Vec<Cut>,
    /// From which moment on events are published: of an observer that began in the past. Until then the judge only learns.
    pub live_from: Option<StreamTime>,
    /// The partitions that begin in the past, with their ends when that was decided: where all have come to them, it is over, too.
    pub history_ends: BTreeMap<Partition, Offset>,
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
            cuts: self
                .cuts
                .iter()
                .map(|cut| proto::Cut {
                    topic: topics.number(&cut.partition.topic),
                    partition: cut.partition.number,
                    complete_until_ms: cut.complete_until.map(|time| time.0),
                })
                .collect(),
            history_ends: self
                .history_ends
                .iter()
                .map(|(partition, end)| proto::HistoryEnd {
                    topic: topics.number(&partition.topic),
                    partition: partition.number,
                    end: end.0,
                })
                .collect(),
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
        decode::flush(bytes, true)
    }

    /// Reads the wire form as the judge needs it: without the sketches, which no model reads yet.
    ///
    /// # Errors
    /// Where the bytes are no flush.
    pub fn decode_for_judge(bytes: &[u8]) -> Result<Self, WireError> {
        decode::flush(bytes, false)
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
        clock: progress.clock.clone(),
    }
}

fn encode_cell(second: Second, service: &Service, cell: &Cell, topics: &mut Topics) -> proto::Cell {
    let ranges = cell.ranges.iter().map(|(partition, &(first, last))| proto::Range {
        topic: topics.number(&partition.topic),
        partition: partition.number,
        first: first.0,
        length: last.0.saturating_sub(first.0),
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
        templates: cell.templates.iter().map(|(&id, tally)| encode_template(id, tally, topics)).collect(),
    }
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

/// Without trailing zeros, which most levels are.
fn trim(counts: &[u64]) -> Vec<u64> {
    let used = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
    counts.iter().take(used).copied().collect()
}
