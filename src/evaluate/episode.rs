//! Episodes, put together from their events as a subscriber reads them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::score::Severity;

/// What a comparison needs of an event, read from its bytes: also of events that an earlier version wrote.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Said {
    /// The event.
    pub event_id: String,
    /// The episode that it is of.
    pub episode_id: String,
    /// The name of the problem.
    pub dedup_key: String,
    /// 0 for the trigger.
    pub sequence: u32,
    /// `trigger`, `update` or `resolve`.
    pub status: String,
    /// The highest so far.
    pub severity: Severity,
    /// The one line to read.
    pub summary: String,
    /// When: RFC 3339 in UTC with three fractional digits, so that texts are ordered as times are.
    pub time: String,
    /// First evidence.
    pub started_at: String,
    /// Last evidence; on a resolve only.
    pub ended_at: Option<String>,
    /// Why it closed; on a resolve only.
    pub resolve_reason: Option<String>,
    /// Who said so.
    pub model: Model,
    /// The event's bytes.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Who made an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Model {
    /// Hash of the configuration.
    pub config_hash: String,
    /// Version of the code.
    pub version: String,
}

impl Said {
    /// Reads the value of a record of the anomalies topic.
    ///
    /// # Errors
    /// Where it is no event.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(Self { bytes: bytes.to_vec(), ..serde_json::from_slice(bytes)? })
    }
}

/// One episode: its messages that were looked at, in their order; never none.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// The messages.
    pub messages: Vec<Said>,
}

impl Episode {
    /// The first message.
    pub fn first(&self) -> Option<&Said> {
        self.messages.first()
    }

    /// The last message, which has the highest severity.
    pub fn last(&self) -> Option<&Said> {
        self.messages.last()
    }

    /// First evidence.
    pub fn started_at(&self) -> &str {
        self.last().map_or("", |said| said.started_at.as_str())
    }

    /// Last evidence; `None` where it is open.
    pub fn ended_at(&self) -> Option<&str> {
        self.last().and_then(|said| said.ended_at.as_deref())
    }

    /// Whether its evidence overlaps with that of another one in log time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let begins_before_end = |one: &Self, two: &Self| two.ended_at().is_none_or(|end| one.started_at() <= end);
        begins_before_end(self, other) && begins_before_end(other, self)
    }
}

/// Episodes by their id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episodes {
    by_id: BTreeMap<String, Episode>,
}

impl Episodes {
    /// Adds a message. One that is there already, by its id, is not added again.
    pub fn add(&mut self, said: Said) {
        let episode =
            self.by_id.entry(said.episode_id.clone()).or_insert_with(|| Episode { messages: Vec::with_capacity(2) });
        let place = episode.messages.partition_point(|known| known.sequence < said.sequence);
        if episode.messages.get(place).is_none_or(|known| known.event_id != said.event_id) {
            episode.messages.insert(place, said);
        }
    }

    /// All messages.
    pub fn messages(&self) -> impl Iterator<Item = &Said> {
        self.by_id.values().flat_map(|episode| &episode.messages)
    }

    /// The episodes, in the order of their ids.
    pub fn into_episodes(self) -> impl Iterator<Item = Episode> {
        self.by_id.into_values()
    }

    /// How many of them opened, and how grave they became.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for episode in self.by_id.values() {
            if let Some(last) =
                episode.last().filter(|_| episode.first().is_some_and(|first| first.status == "trigger"))
            {
                totals.add(last.severity);
            }
        }
        totals
    }
}

/// How many episodes opened, by the severity that they reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Those that would wake somebody: all above `info`.
    pub pages: u64,
    /// Of these, the critical ones.
    pub critical: u64,
    /// The errors.
    pub error: u64,
    /// The warnings.
    pub warning: u64,
    /// Notices, which wake nobody.
    pub info: u64,
}

impl Totals {
    /// Counts one more.
    pub fn add(&mut self, severity: Severity) {
        let place = match severity {
            Severity::Critical => &mut self.critical,
            Severity::Error => &mut self.error,
            Severity::Warning => &mut self.warning,
            Severity::Info => &mut self.info,
        };
        *place += 1;
        self.pages += u64::from(severity > Severity::Info);
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pages, critical, error, warning, info } = self;
        write!(f, "{pages} pages ({critical} critical, {error} error, {warning} warning), {info} notices")
    }
}
