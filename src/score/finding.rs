//! What a detector says: a finding with its p-value and its evidence.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::{Level, Second, Service, StreamTime, TemplateId};
use crate::vectorise::Sample;

/// What was noticed. The words are those of the event's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A template that the service never wrote before.
    NewTemplate,
    /// Far more lines than expected.
    RateSpike,
    /// Far fewer lines than expected.
    RateDrop,
    /// Something regular that stopped.
    Silence,
    /// A rate that moved for good.
    LevelShift,
    /// A window unlike all known windows of its service.
    ClusterOutlier,
    /// A service that was never seen before.
    NewService,
}

/// How grave the impact is; not how surprising it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A notice: worth knowing, never worth waking anyone.
    Info,
    /// Unusual.
    Warning,
    /// Error-level lines are new or surging.
    Error,
    /// A service is silent or down by at least 80 %, or errors are in three or more services.
    Critical,
}

impl Severity {
    /// The lower-case word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// Which way a figure left its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More than expected, or new.
    Up,
    /// Less than expected, or gone.
    Down,
}

/// What a finding is about, within its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// All lines of the service.
    Volume,
    /// The lines of this level: of `Warn` those alone, of `Error` also those of `Fatal`.
    Level(Level),
    /// One template.
    Template(TemplateId),
    /// The heartbeat that this template is.
    Heartbeat(TemplateId),
    /// The mix of templates; the id is that of the nearest known cluster.
    Mix(u64),
    /// The service itself.
    Service,
}

/// *What* is wrong: the identity by which a finding opens, joins and closes an episode. It does not name the detector,
/// so that the same problem is the same whoever sees it first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Feature {
    /// The service.
    pub service: Service,
    /// What of it.
    pub subject: Subject,
    /// Which way.
    pub direction: Direction,
}

/// Which algorithm spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Detector {
    /// Hazard of new templates.
    Novelty,
    /// Counts in windows against a negative binomial.
    Rate,
    /// Gaps between lines against a gamma distribution.
    Silence,
    /// Windows against online clusters.
    Mix,
}

impl Detector {
    /// Its name in events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Novelty => "novelty",
            Self::Rate => "rate",
            Self::Silence => "silence",
            Self::Mix => "mix",
        }
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A span of log time: whole seconds, the end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// The first second in it.
    pub start: Second,
    /// The first second after it.
    pub end: Second,
}

/// What is known of the template that a finding is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemplateFacts {
    /// Its id.
    pub id: TemplateId,
    /// Its skeleton's text; the sample's where no skeleton was announced.
    pub text: Arc<str>,
    /// Whether this finding is about its first sight.
    pub is_new: bool,
    /// When the service wrote it first, as far as is remembered.
    pub first_seen: StreamTime,
    /// The gravest level it was seen at.
    pub level: Level,
}

/// The known cluster nearest to the window, and how the window differs from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestCluster {
    /// Hash of the templates that make the cluster.
    pub id: u64,
    /// Text of its most characteristic template.
    pub template: Arc<str>,
    /// Readable name of the family of clusters it belongs to.
    pub family: Arc<str>,
    /// Cosine distance of the window to it, 0 to 1.
    pub distance: f64,
    /// The distance within which the cluster's own windows lie.
    pub radius: f64,
    /// Texts of the templates that the window has and the cluster lacks, most telling first.
    pub added: Vec<Arc<str>>,
    /// Texts of the templates that the cluster has and the window lacks.
    pub missing: Vec<Arc<str>>,
}

/// The figures of a finding: what was observed against what was expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Observed.
    pub observed: f64,
    /// Expected.
    pub expected: f64,
    /// Lower end of the 95 % band.
    pub expected_low: f64,
    /// Upper end of the 95 % band.
    pub expected_high: f64,
}

/// What one detector noticed in one second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The second in which it was noticed.
    pub second: Second,
    /// What is wrong.
    pub feature: Feature,
    /// What kind of thing was noticed.
    pub kind: Kind,
    /// Who noticed.
    pub detector: Detector,
    /// How grave it is by itself.
    pub severity: Severity,
    /// `-log10` of the p-value.
    pub surprise: f64,
    /// `-log10` of the threshold that it passed; 0 where none applies (notices).
    pub threshold: f64,
    /// The window it was decided in.
    pub window: Window,
    /// The first second with evidence: of a rate above what is usual its first line in the last ten seconds, of a silence the
    /// last line before it.
    pub onset: Second,
    /// The figures: lines in the window, or for silence seconds since the last line.
    pub figures: Figures,
    /// Lines of evidence in the window that no earlier finding of this feature counted.
    pub evidence_lines: u64,
    /// The template it is about.
    pub template: Option<TemplateFacts>,
    /// A line that shows it.
    pub sample: Option<Sample>,
    /// The nearest known cluster of the service's window.
    pub nearest: Option<NearestCluster>,
}

impl Finding {
    /// Whether it is about lines of error level that are there, not about lines that are missing.
    pub fn is_about_errors(&self) -> bool {
        let level = match self.feature.subject {
            Subject::Level(level) => Some(level),
            _ => self.template.as_ref().map(|template| template.level),
        };
        self.feature.direction == Direction::Up && level >= Some(Level::Error)
    }
}
