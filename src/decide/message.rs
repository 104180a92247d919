//! What is said of an episode, once: all that an event is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Models;
use super::episode::Episode;
use super::key::EpisodeId;
use super::symptom::{End, Symptom};
use crate::record::{Offset, Partition, Second, Service, StreamTime, TimeBasis};
use crate::score::{Detector, Figures, Kind, Severity, Window};

/// How many symptoms a message brings.
pub(super) const SYMPTOMS_PER_MESSAGE_MAX: usize = 10;
/// How many ranges of offsets a message brings.
pub(super) const RANGES_MAX: usize = 64;
/// How far back records are looked for where the window itself has none, in seconds.
const LOOK_BACK_S: i64 = 590;

/// Why an episode closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// What was wrong is over.
    Recovered,
    /// What was unusual is normal now; nobody fixed it.
    Absorbed,
    /// Its time is over.
    Expired,
    /// A graver episode of the same name opens.
    Superseded,
}

/// What differs from the message before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is graver.
    Severity,
    /// More services have evidence.
    Services,
}

/// What happens to the episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It opens.
    Trigger,
    /// It is graver or wider than was said.
    Update {
        /// What differs.
        changed: Vec<Change>,
    },
    /// It closes.
    Resolve {
        /// Why.
        reason: Reason,
    },
}

/// Earlier episodes of the same problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// How many.
    pub count: u64,
    /// First evidence of the last of them.
    pub last_started: Second,
    /// Its id.
    pub last_id: EpisodeId,
}

/// Records of one partition, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
}

/// One message of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What happens.
    pub status: Status,
    /// When: the end of the second that was closed.
    pub time: StreamTime,
    /// 0 for the trigger, one more for each later message.
    pub sequence: u32,
    /// The episode.
    pub episode: EpisodeId,
    /// The name of the problem.
    pub dedup_key: Arc<str>,
    /// What correlators fold it into.
    pub group_key: Arc<str>,
    /// The domain.
    pub environment: Option<Arc<str>>,
    /// Whether it is a notice.
    pub is_notice: bool,
    /// What was noticed first.
    pub kind: Kind,
    /// Who noticed.
    pub detector: Detector,
    /// The highest severity so far.
    pub severity: Severity,
    /// `-log10 p` of the strongest evidence so far.
    pub surprise: f64,
    /// `-log10` of the threshold that it passed; 0 where none applies.
    pub threshold: f64,
    /// First evidence.
    pub started: Second,
    /// Last evidence so far.
    pub ended: Second,
    /// When it opened.
    pub opened: Second,
    /// The services and when each was first found, the most probable origin first; never empty.
    pub services: Vec<(Arc<str>, Second)>,
    /// How many services have evidence, those that are not named among them.
    pub services_total: usize,
    /// In how many of them there are errors.
    pub services_with_errors: usize,
    /// The most telling symptom, of the first service.
    pub lead: Symptom,
    /// The next most telling ones.
    pub others: Vec<Symptom>,
    /// How many symptoms there are in all.
    pub symptoms: usize,
    /// How many of them are new templates.
    pub novelties: usize,
    /// The window it was decided in.
    pub window: Window,
    /// The lead's figures in that window; on a resolve those that are normal again, where they are known.
    pub figures: Option<Figures>,
    /// Whether those are gaps between lines, in seconds, and not lines.
    pub figures_are_gaps: bool,
    /// Lines of the first service in the window.
    pub window_lines: u64,
    /// Lines of the first service since it was first seen.
    pub trained_lines: u64,
    /// The host of the first service with the most lines in the window.
    pub host: Option<Arc<str>>,
    /// What the times rest on.
    pub time_basis: TimeBasis,
    /// Records to read again; those last read where the window has none.
    pub ranges: Vec<Range>,
    /// Whether there were more than 64 ranges.
    pub has_more_ranges: bool,
    /// Lines of evidence so far.
    pub lines: u64,
    /// Findings folded in that got no message of their own.
    pub suppressed: u64,
    /// Earlier episodes of the problem.
    pub recurrence: Option<Recurrence>,
}

impl Message {
    /// What `episode` says at the end of `second`. `None` for an episode without symptoms, which there is not.
    pub(super) fn new(
        episode: &mut Episode,
        status: Status,
        second: Second,
        models: &impl Models,
        last_read: &[Range],
    ) -> Option<Self> {
        let sequence = episode.says(second, matches!(status, Status::Update { .. }));
        let symptoms = episode.symptoms();
        let lead = (*symptoms.first()?).clone();
        let (window, figures, figures_are_gaps) = decided_in(&lead, &status, second, models);
        let services = episode.services();
        let facts = models.facts(&lead.finding.feature.service, window);
        let mut ranges = to_read(&services, window, models, last_read);
        let has_more_ranges = ranges.len() > RANGES_MAX;
        ranges.truncate(RANGES_MAX);
        Some(Self {
            status,
            time: second.end(),
            sequence,
            episode: episode.id,
            dedup_key: Arc::clone(&episode.dedup_key),
            group_key: Arc::clone(&episode.group_key),
            environment: episode.environment.clone(),
            is_notice: episode.is_notice,
            kind: episode.kind,
            detector: episode.detector,
            severity: episode.severity,
            surprise: episode.surprise,
            threshold: episode.threshold,
            started: episode.started,
            ended: episode.ended(),
            opened: episode.opened,
            services: services.iter().map(|&(service, found)| (Arc::clone(&service.name), found)).collect(),
            services_total: episode.services_total(),
            services_with_errors: episode.services_with_errors(),
            others: symptoms
                .iter()
                .skip(1)
                .take(SYMPTOMS_PER_MESSAGE_MAX - 1)
                .map(|&symptom| symptom.clone())
                .collect(),
            symptoms: symptoms.len(),
            novelties: symptoms.iter().filter(|symptom| symptom.is_novelty()).count(),
            lead,
            window,
            figures,
            figures_are_gaps,
            window_lines: facts.lines,
            trained_lines: facts.trained_lines,
            host: facts.host,
            time_basis: facts.time_basis,
            ranges,
            has_more_ranges,
            lines: episode.lines(),
            suppressed: episode.suppressed,
            recurrence: episode.recurrence.clone(),
        })
    }
}

/// The records that these services wrote in the window, else those before it, else those that were read last.
fn to_read(services: &[(&Service, Second)], window: Window, models: &impl Models, last_read: &[Range]) -> Vec<Range> {
    let facts = |window| services.iter().map(move |(service, _)| models.facts(service, window).ranges);
    let read = |window| merged(facts(window).collect::<Vec<_>>().iter().flatten());
    let before = Window { start: window.end.plus(-LOOK_BACK_S), ..window };
    let found = [window, before].into_iter().map(read).find(|ranges| !ranges.is_empty());
    found.unwrap_or_else(|| last_read.to_vec())
}

/// The window of a message, the lead's figures in it, and whether those are gaps: what this second's finding says, else what the
/// models say now. What is over is measured since it was over, for no other window is free of it.
fn decided_in(
    lead: &Symptom,
    status: &Status,
    second: Second,
    models: &impl Models,
) -> (Window, Option<Figures>, bool) {
    let finding = &lead.finding;
    let now = models.figures(&finding.feature);
    let (window, figures, are_gaps) = match (status, now) {
        (Status::Resolve { .. }, now) if lead.end == Some(End::Quiet) && !lead.is_measured_in_gaps() => {
            let quiet = Window { start: lead.last.plus(1), end: second.plus(1) };
            let is_known = now.is_some() || lead.is_novelty();
            let figures = is_known.then(|| since_then(lead.quiet_lines, quiet, now));
            (quiet, figures, false)
        }
        (Status::Resolve { .. }, None) => (Window { start: finding.window.start, end: second.plus(1) }, None, false),
        (status, Some((window, figures))) if finding.second != second || matches!(status, Status::Resolve { .. }) => {
            (window, Some(figures), lead.is_measured_in_gaps())
        }
        _ => (finding.window, Some(finding.figures), finding.kind == Kind::Silence),
    };
    let end = window.end.min(second.plus(1));
    (Window { start: window.start.min(end), end }, figures, are_gaps)
}

/// Lines since it was over, and what the models would expect in that time. A band for a span of this length is not known.
#[expect(clippy::cast_precision_loss, reason = "counts of lines and seconds are far below 2^52")]
fn since_then(lines: u64, quiet: Window, now: Option<(Window, Figures)>) -> Figures {
    let seconds = |window: Window| window.end.since(window.start).max(1) as f64;
    let expected = now.map_or(0.0, |(window, figures)| figures.expected * seconds(quiet) / seconds(window));
    Figures { observed: lines as f64, expected, expected_low: 0.0, expected_high: 0.0 }
}

/// The union of what was read, partition by partition.
pub(super) fn merged<'a>(parts: impl Iterator<Item = (&'a Partition, &'a (Offset, Offset))>) -> Vec<Range> {
    let mut ranges: BTreeMap<&Partition, (Offset, Offset)> = BTreeMap::new();
    for (partition, &(first, last)) in parts {
        let range = ranges.entry(partition).or_insert((first, last));
        *range = (range.0.min(first), range.1.max(last));
    }
    let range = |(partition, (first, last)): (&Partition, (Offset, Offset))| Range {
        topic: partition.topic.shared(),
        partition: partition.number,
        first: first.0,
        last: last.0,
    };
    ranges.into_iter().map(range).collect()
}
