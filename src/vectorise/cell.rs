//! One second of one service: the sums, and how they add up.

use std::sync::Arc;

use super::{HOSTS_PER_CELL_MAX, Sketch, Sorted, TEMPLATES_PER_CELL_MAX, with_ellipsis};
use crate::record::{Level, Offset, Partition, StreamTime, TemplateId};

/// One line as an example of its template.
///
/// Samples are ordered by (time, hash of the text, coordinates), so that which one is the smallest depends on the lines alone:
/// coordinates decide only between lines that read alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    /// When it happened; of a late line, the second it was counted in.
    pub time: StreamTime,
    /// Hash of text and host.
    pub text_hash: u64,
    /// The partition it was read from: topic and number.
    pub topic: Arc<str>,
    /// Number of the partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The line, or those of its first words that fit into [`super::SAMPLE_BYTES_MAX`].
    pub text: Arc<str>,
    /// Whether it was cut.
    pub truncated: bool,
    /// The host that wrote it.
    pub host: Option<Arc<str>>,
}

impl Sample {
    /// The text as it is shown: with an ellipsis where it was cut.
    pub fn shown(&self) -> Arc<str> {
        if self.truncated { with_ellipsis(&self.text) } else { Arc::clone(&self.text) }
    }
}

/// Those lines that count for rates: of level info and above. To switch those for debugging on or off is no trouble.
fn countable(lines: &[u64; 6]) -> u64 {
    lines.iter().skip(Level::Info.index()).sum()
}

/// What one template did in one second of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateTally {
    /// Lines in time, by level.
    pub lines: [u64; 6],
    /// Lines that came too late for the second they belong to: they count for novelty only.
    pub late: u64,
    /// The gravest level among the late ones.
    pub late_level: Level,
    /// The skeleton's text, where this tally announces it.
    pub skeleton: Option<Arc<str>>,
    /// The smallest sample, where this tally brings one: few do.
    pub sample: Option<Arc<Sample>>,
    /// Sketches of the numbers in the template's first places, in their order.
    pub slots: Vec<Sketch>,
}

/// Bytes on the wire of what has no text of its own: generous.
const CELL_BYTES: usize = 200;
const RANGE_BYTES: usize = 32;
const TEMPLATE_BYTES: usize = 48;
const SAMPLE_BYTES: usize = 48;
const SKETCH_KEY_BYTES: usize = 6;

impl TemplateTally {
    /// Roughly how many bytes it takes on the wire.
    fn size_bytes(&self) -> usize {
        let skeleton = self.skeleton.as_ref().map_or(0, |text| text.len());
        let sample = self
            .sample
            .as_ref()
            .map_or(0, |sample| SAMPLE_BYTES + sample.text.len() + sample.host.as_ref().map_or(0, |host| host.len()));
        let keys: usize = self.slots.iter().map(|sketch| sketch.iter().count() * SKETCH_KEY_BYTES).sum();
        TEMPLATE_BYTES + skeleton + sample + keys
    }

    /// Lines in time.
    pub fn total(&self) -> u64 {
        self.lines.iter().sum()
    }

    /// Lines in time of level info and above: those that count for rates.
    pub fn countable(&self) -> u64 {
        countable(&self.lines)
    }

    /// The gravest level seen, among all its lines.
    pub fn level(&self) -> Level {
        let on_time = Level::ALL.iter().rev().find(|level| self.lines.get(level.index()).is_some_and(|&n| n > 0));
        let late = (self.late > 0).then_some(self.late_level);
        on_time.copied().max(late).unwrap_or_default()
    }

    fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.lines.iter_mut().zip(other.lines) {
            *mine += theirs;
        }
        if other.late > 0 {
            self.late_level = if self.late > 0 { self.late_level.max(other.late_level) } else { other.late_level };
        }
        self.late += other.late;
        self.skeleton = self.skeleton.take().or(other.skeleton);
        self.sample = match (self.sample.take(), other.sample) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        if self.slots.len() < other.slots.len() {
            self.slots.resize_with(other.slots.len(), Sketch::default);
        }
        for (mine, theirs) in self.slots.iter_mut().zip(&other.slots) {
            mine.merge(theirs);
        }
    }
}

/// The sums of one service in one second of log time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// Lines in time, by level; continuations are not among them.
    pub lines: [u64; 6],
    /// Lines that continue the one before them.
    pub continuations: u64,
    /// Lines that came too late.
    pub late: u64,
    /// Lines in time whose template did not fit.
    pub other_lines: u64,
    /// Lines whose time is the producer's, and the broker's.
    pub by_kafka_time: [u64; 2],
    /// The templates.
    pub templates: Sorted<TemplateId, TemplateTally>,
    /// Lines by host.
    pub hosts: Sorted<Arc<str>, u64>,
    /// First and last offset read from each partition.
    pub ranges: Sorted<Partition, (Offset, Offset)>,
}

impl Cell {
    /// Lines in time.
    pub fn total(&self) -> u64 {
        self.lines.iter().sum()
    }

    /// Lines in time of level info and above: those that count for rates.
    pub fn countable(&self) -> u64 {
        countable(&self.lines)
    }

    /// Lines in time of this level; of errors also fatal ones.
    pub fn at_level(&self, level: Level) -> u64 {
        let levels = if level == Level::Error { Level::Error..=Level::Fatal } else { level..=level };
        let own = Level::ALL.iter().filter(|level| levels.contains(level));
        own.filter_map(|level| self.lines.get(level.index())).sum()
    }

    /// Counts the lines of the template `from` as lines of `into`, of which this may be the skeleton's text. What `from`
    /// announced goes.
    pub fn rename_template(&mut self, from: TemplateId, into: TemplateId, skeleton: Option<Arc<str>>) {
        let Some(mut tally) = self.templates.remove(&from) else { return };
        tally.skeleton = skeleton;
        match self.templates.get_mut(&into) {
            Some(known) => known.merge(tally),
            // As if it were added to nothing.
            None => self.templates.insert(into, tally),
        }
    }

    /// Counts the lines of those templates of which this is not true as lines without one; returns how many templates went.
    pub fn keep_templates(&mut self, is_kept: impl Fn(TemplateId) -> bool) -> u64 {
        let (mut gone, mut lines) = (0, 0);
        self.templates.retain(|&id, tally| {
            let keep = is_kept(id);
            if !keep {
                gone += 1;
                lines += tally.total();
            }
            keep
        });
        self.other_lines += lines;
        gone
    }

    /// Adds what another cell of the same service and second counted.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.lines.iter_mut().zip(other.lines) {
            *mine += theirs;
        }
        self.continuations += other.continuations;
        self.late += other.late;
        self.other_lines += other.other_lines;
        for (mine, theirs) in self.by_kafka_time.iter_mut().zip(other.by_kafka_time) {
            *mine += theirs;
        }
        self.templates.merge(other.templates, TemplateTally::merge);
        self.hosts.merge(other.hosts, |mine, theirs| *mine += theirs);
        self.ranges.merge(other.ranges, |mine, theirs| *mine = (mine.0.min(theirs.0), mine.1.max(theirs.1)));
    }

    /// Counts all of it as late: what becomes of a cell whose second was closed already.
    pub fn into_late(mut self) -> Self {
        self.late += self.total();
        self.lines = [0; 6];
        self.other_lines = 0;
        for tally in self.templates.values_mut() {
            tally.late_level = tally.level();
            tally.late += tally.total();
            tally.lines = [0; 6];
            tally.slots.clear();
        }
        self
    }

    /// Its lines, without templates and hosts: what is counted of a service that is folded.
    pub(super) fn without_names(mut self) -> Self {
        self.templates.clear();
        self.hosts.clear();
        self.other_lines = self.total();
        self
    }

    /// Keeps within the limits of a cell. Which identities stay depends on their hashes alone, so the same ones stay
    /// however the lines were divided. O(n) where it is over a limit.
    pub fn fold(&mut self) {
        if self.templates.len() > TEMPLATES_PER_CELL_MAX {
            let others = self.templates.split_off(TEMPLATES_PER_CELL_MAX);
            self.other_lines += others.values().map(TemplateTally::total).sum::<u64>();
        }
        if self.hosts.len() > HOSTS_PER_CELL_MAX {
            let mut hosts: Vec<(u64, Arc<str>)> =
                self.hosts.keys().map(|host| (xxhash_rust::xxh3::xxh3_64(host.as_bytes()), Arc::clone(host))).collect();
            hosts.sort_unstable();
            for (_, host) in hosts.into_iter().skip(HOSTS_PER_CELL_MAX) {
                self.hosts.remove(&host);
            }
        }
    }

    /// Roughly how many bytes it takes on the wire.
    pub fn size_bytes(&self) -> usize {
        let hosts: usize = self.hosts.keys().map(|host| host.len() + 4).sum();
        CELL_BYTES
            + hosts
            + self.ranges.len() * RANGE_BYTES
            + self.templates.values().map(TemplateTally::size_bytes).sum::<usize>()
    }

    /// Divides it into parts of at most about so many bytes, whose sum it is. O(templates).
    pub fn parts(mut self, bytes: usize) -> Vec<Self> {
        if self.size_bytes() <= bytes {
            return vec![self];
        }
        let templates = std::mem::take(&mut self.templates);
        let mut parts = vec![self];
        let mut held = parts.last().map_or(0, Self::size_bytes);
        for (id, tally) in templates {
            if held >= bytes {
                parts.push(Self::default());
                held = 0;
            }
            held += tally.size_bytes();
            if let Some(part) = parts.last_mut() {
                part.templates.insert(id, tally);
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(level: Level, late_level: Option<Level>) -> TemplateTally {
        let mut tally = TemplateTally::default();
        tally.lines[level.index()] = 1;
        if let Some(level) = late_level {
            (tally.late, tally.late_level) = (1, level);
        }
        tally
    }

    #[test]
    fn the_gravest_level_is_the_same_however_lines_were_divided() {
        assert_eq!(tally(Level::Info, Some(Level::Error)).level(), Level::Error);
        assert_eq!(tally(Level::Error, Some(Level::Info)).level(), Level::Error);
        let late = |tally| {
            let cell = Cell { templates: [(TemplateId(1), tally)].into_iter().collect(), ..Cell::default() };
            cell.into_late()
        };
        let whole = late(tally(Level::Info, Some(Level::Error)));
        let mut divided = late(tally(Level::Info, None));
        let other = TemplateTally { late: 1, late_level: Level::Error, ..TemplateTally::default() };
        divided.merge(late(other));
        assert_eq!(divided, whole);
        assert_eq!(whole.templates.get(&TemplateId(1)).map(TemplateTally::level), Some(Level::Error));
    }
}
