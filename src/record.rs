//! The nouns that travel through the pipeline.
//!
//! Everything here is plain data without behaviour of its own: where a record stands in the log, when it happened, whose
//! it is. Identifiers and positions are types of their own, so that an offset cannot be taken for a time.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A topic of Kafka, or a file where there is no Kafka. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// A topic with this name.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One partition of a topic. Partitions are ordered by topic, then number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The topic.
    pub topic: Topic,
    /// The partition's number within the topic.
    pub number: i32,
}

impl Partition {
    /// Partition `number` of `topic`.
    pub fn new(topic: Topic, number: i32) -> Self {
        Self { topic, number }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.number)
    }
}

/// The position of a record in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Offset(pub i64);

impl Offset {
    /// The position after this one: what is committed once this record is done with.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A moment of log time, in milliseconds since 1970-01-01T00:00:00Z. Never the wall clock's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct StreamTime(pub i64);

impl StreamTime {
    /// The earliest moment there is.
    pub const MIN: Self = Self(i64::MIN);

    /// The second of log time that this moment belongs to.
    pub fn second(self) -> Second {
        Second(self.0.div_euclid(1000))
    }
}

/// A second of log time: the grid on which lines are counted and judged. Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Second(pub i64);

impl Second {
    /// The first moment of this second.
    pub fn start(self) -> StreamTime {
        StreamTime(self.0.saturating_mul(1000))
    }

    /// The first moment after this second.
    pub fn end(self) -> StreamTime {
        Self(self.0.saturating_add(1)).start()
    }

    /// How many seconds of log time passed since `earlier`; negative where that one is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The second `seconds` later.
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// What the time of a line rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBasis {
    /// The line's own time.
    #[default]
    Log,
    /// The time at which its producer sent it.
    KafkaCreate,
    /// The time at which the broker wrote it.
    KafkaAppend,
}

/// How grave a line says it is: the six ranges of OpenTelemetry's severity numbers.
///
/// Source: OpenTelemetry Logs Data Model, "SeverityNumber". A line that says nothing counts as `Info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Severity numbers 1 to 4.
    Trace,
    /// 5 to 8.
    Debug,
    /// 9 to 12; also where nothing is said.
    #[default]
    Info,
    /// 13 to 16.
    Warn,
    /// 17 to 20.
    Error,
    /// 21 to 24.
    Fatal,
}

impl Level {
    /// All levels, in rising order.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The position of this level in [`Level::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The level at this position of [`Level::ALL`]; the gravest one for a position beyond it.
    pub fn from_index(index: usize) -> Self {
        Self::ALL.get(index).copied().unwrap_or(Self::Fatal)
    }

    /// The lower-case word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// The content-addressed identity of a template: a hash of its skeleton, the same in every process, order and restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TemplateId(pub u64);

impl fmt::Display for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{:016x}", self.0)
    }
}

/// Whose lines they are: the service within its domain. A model belongs to a service, never to a partition.
///
/// Services are ordered by environment, then name, and that order is the one in which a second is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Service {
    /// The domain: services of one environment are correlated, those of different ones never are. `None` where no line
    /// says which.
    pub environment: Option<Arc<str>>,
    /// The service's name.
    pub name: Arc<str>,
}

impl Service {
    /// The service `name` of `environment`.
    pub fn new(environment: Option<&str>, name: &str) -> Self {
        Self { environment: environment.map(Arc::from), name: Arc::from(name) }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.environment {
            Some(environment) => write!(f, " ({environment})"),
            None => Ok(()),
        }
    }
}

/// A record as it came from the log, its bytes borrowed from the batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it stands in its partition.
    pub offset: Offset,
    /// The record's own timestamp, in milliseconds since 1970, and what it means; `None` where it has none.
    pub timestamp: Option<(i64, TimeBasis)>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// One line of a log, decoded. Texts are borrowed from the record or from the decoder's scratch space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// The line's own time, where it has one.
    pub time: Option<StreamTime>,
    /// The environment it says it runs in.
    pub environment: Option<&'a str>,
    /// The service it is of; `None` where the record does not say (the topic's name then stands for it).
    pub service: Option<&'a str>,
    /// The host it was written on.
    pub host: Option<&'a str>,
    /// How grave it says it is.
    pub level: Level,
    /// Whether it says how grave it is; else `level` is the default.
    pub says_level: bool,
    /// The text: one line, without its leading time stamp. What a template is made of.
    pub message: &'a str,
    /// Whether it continues the line before it (a frame of a stack trace): counted, never a template.
    pub is_continuation: bool,
    /// Whether it was too long, so that only its beginning is left.
    pub is_cut: bool,
}

/// What came out of a record that is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotALine {
    /// A tombstone or an empty value: skipped and counted.
    Empty,
    /// It could not be decoded: to the dead letters, with the reason.
    Reject(Reject),
}

/// Why a record could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Reject {
    /// The value is longer than the limit of the decoder.
    #[error("value is longer than {limit_bytes} bytes")]
    TooLong {
        /// The limit it is over.
        limit_bytes: usize,
    },
    /// The value is no text: too many control characters or invalid UTF-8 sequences.
    #[error("value is binary, not text")]
    Binary,
    /// The input is configured to be JSON and the value is no JSON object.
    #[error("value is not a JSON object, though input.format is \"json\"")]
    NotJson,
    /// A stage panicked on it.
    #[error("a stage panicked on it")]
    Panic,
}

impl Reject {
    /// A short name for metrics and headers.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Binary => "binary",
            Self::NotJson => "not_json",
            Self::Panic => "panic",
        }
    }
}
