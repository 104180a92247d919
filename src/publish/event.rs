//! The canonical event, field by field as its schema (`urn:eddyline:schema:anomaly-event:1`) has it: those of its fields that
//! we know. What is not known is left out.

use serde::{Serialize, Serializer};

use crate::decide::{Change, Reason};
use crate::record::TimeBasis;
use crate::score::{Kind, Severity};

/// A number as JSON writes it: whole ones without a decimal point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT_BELOW: f64 = 9e15;
        if self.0.fract() == 0.0 && self.0.abs() < EXACT_BELOW {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            return serializer.serialize_i64(self.0 as i64);
        }
        serializer.serialize_f64(self.0)
    }
}

/// One message of one episode. `time` and the like are RFC 3339 in UTC with three fractional digits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnomalyEvent {
    /// Version of the schema.
    pub schema_version: &'static str,
    /// UUIDv5 of episode and sequence.
    pub event_id: String,
    /// UUIDv5 of key and trigger time.
    pub episode_id: String,
    /// The name of the problem.
    pub dedup_key: String,
    /// What correlators fold it into.
    pub group_key: String,
    /// 0 for the trigger, one more for each later message.
    pub sequence: u32,
    /// What happens to the episode.
    pub status: Status,
    /// What differs from the message before; on an update only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Change>,
    /// Why it closes; on a resolve only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolve_reason: Option<Reason>,
    /// What was noticed first.
    pub kind: Kind,
    /// Who noticed.
    pub detector: &'static str,
    /// The highest so far.
    pub severity: Severity,
    /// The one line to read.
    pub summary: String,
    /// When.
    pub time: String,
    /// First evidence, to the second.
    pub started_at: String,
    /// Last evidence, to the second; on a resolve only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What the times rest on.
    pub time_basis: TimeBasis,
    /// All services with evidence, the most probable origin first.
    pub services: Vec<String>,
    /// Where.
    pub entity: Entity,
    /// The template it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// The strongest evidence so far.
    pub score: Score,
    /// The window this message was decided in.
    pub window: Span,
    /// How many.
    pub counts: Counts,
    /// Why.
    pub evidence: Evidence,
    /// Earlier episodes of the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// Lines that show it, redacted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
    /// The records to read again.
    pub source: Source,
    /// The model that said so.
    pub model: Model,
    /// Whether something did not fit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// What happens to the episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It opens.
    Trigger,
    /// It is graver or wider.
    Update,
    /// It closes.
    Resolve,
}

impl Status {
    /// The lower-case word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Update => "update",
            Self::Resolve => "resolve",
        }
    }
}

/// Where: about the first service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entity {
    /// The first of the services.
    pub service: String,
    /// The host with the most lines in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// The template that it is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Template {
    /// Hash of its content.
    pub id: String,
    /// The text, redacted.
    pub text: String,
    /// Whether this is its first sight.
    pub is_new: bool,
    /// When the service wrote it first.
    pub first_seen: String,
    /// The gravest level it was seen at.
    pub log_level: &'static str,
}

/// The strongest evidence so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// The p-value.
    pub p_value: Number,
    /// `-log2` of the p-value.
    pub surprise_bits: Number,
    /// What rules match.
    pub band: &'static str,
    /// The threshold that the p-value passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_p: Option<Number>,
    /// What the p-value rests on.
    pub calibration: &'static str,
}

/// The window that this message was decided in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// Its first moment.
    pub start: String,
    /// The first moment after it.
    pub end: String,
    /// From start to end.
    pub duration_ms: i64,
}

/// How many.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counts {
    /// Lines of the first service in the window.
    pub window_lines: u64,
    /// Lines of evidence so far.
    pub episode_total: u64,
    /// Findings folded in without a message of their own.
    pub suppressed: u64,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// Why, in sentences.
    pub narrative: String,
    /// Observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Number>,
    /// Expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Number>,
    /// Lower end of the 95 % band.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_low: Option<Number>,
    /// Upper end of the 95 % band.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_high: Option<Number>,
    /// What the figures count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// The known cluster nearest to the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_cluster: Option<Cluster>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
}

/// The known cluster nearest to the window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// Hash of its content.
    pub id: String,
    /// Text of its most characteristic template.
    pub template: String,
    /// Readable name of its family.
    pub family: String,
    /// Cosine distance of the window to it.
    pub distance: Number,
    /// The distance within which its own windows lie.
    pub radius: Number,
}

/// One symptom.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Observed.
    pub observed: Number,
    /// Expected.
    pub expected: Number,
    /// Its share of the surprise.
    pub contribution: Number,
}

/// Earlier episodes of this problem.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recurrence {
    /// How many.
    pub count: u64,
    /// First evidence of the last of them.
    pub last_time: String,
    /// Id of the last of them.
    pub last_episode_id: String,
}

/// A line that shows it, redacted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// The text, redacted.
    pub text: String,
    /// When.
    pub time: String,
    /// The topic; in a range or sample only where it is not that of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition's number.
    pub partition: i32,
    /// The offset there.
    pub offset: i64,
    /// How many places were redacted.
    pub redactions: u32,
    /// Whether it was cut.
    pub truncated: bool,
}

/// The records to read again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// The topic of the first range.
    pub topic: String,
    /// The ranges, by topic and partition.
    pub ranges: Vec<Range>,
}

/// Records of one partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The topic; in a range or sample only where it is not that of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition's number.
    pub partition: i32,
    /// The first offset.
    pub first_offset: i64,
    /// The last offset.
    pub last_offset: i64,
}

/// The model that said so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// Version of the code.
    pub version: &'static str,
    /// Hash of what changes a model by decree.
    pub state_id: String,
    /// Hash of the configuration.
    pub config_hash: String,
    /// Lines of the service it learnt from.
    pub trained_lines: u64,
    /// When the window began.
    pub trained_until: String,
    /// Whether it is live.
    pub mode: &'static str,
    /// Product and version.
    pub producer: &'static str,
}
