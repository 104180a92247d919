//! What is known of one template: since when, how grave, how often, and a line that shows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decay::{Decayed, WEEK_SECONDS};
use crate::record::{Level, Second, StreamTime};
use crate::vectorise::{SAMPLE_BYTES_MAX, Sample, TemplateTally, beginning, with_ellipsis};

/// For how long a template keeps the gravest level it was seen at, in seconds: a day.
const LEVEL_SECONDS: i64 = 86_400;
/// How long after it was told a template is told again, in seconds: once it has changed, and else for those who keep it a month.
const TELL_CHANGE_AFTER_SECONDS: i64 = 60;
const TELL_AGAIN_AFTER_SECONDS: i64 = 7 * 86_400;
/// Half-life of what makes a template or service worth remembering.
pub(super) const HALF_LIFE_SECONDS: f64 = WEEK_SECONDS;

/// What a template takes beside its texts and the seconds that its series remembers, in bytes, about: what is known of it, its series,
/// gaps and places in merging.
const FIXED_BYTES: usize = 4_096;
/// The most that one takes, in bytes: three texts and names of topics and hosts.
pub(super) const TEMPLATE_BYTES_MAX: usize = FIXED_BYTES + 3 * SAMPLE_BYTES_MAX;

/// What is known of a template of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownTemplate {
    /// When it was first seen.
    pub birth: Second,
    /// When it was last seen.
    pub last_seen: Second,
    /// The gravest level it was seen at; one that did not come again for a day gives way to what comes now.
    pub level: Level,
    /// When it was last seen at that level.
    level_seen: Second,
    pub(super) lines: Decayed,
    text: Option<Arc<str>>,
    // Apart, for they are seldom looked at and the rest is every second.
    pub(super) first: Option<Arc<Sample>>,
    recent: Option<Arc<Sample>>,
    /// When others were last told of it: those who look up what an id means.
    pub(super) told: Option<Second>,
    has_changed: bool,
    /// Whether merging knows it as a template of its own that came more than once: its further lines change nothing there.
    pub(super) is_settled: bool,
}

impl KnownTemplate {
    pub(super) fn new(now: Second) -> Self {
        let (lines, level) = (Decayed::new(now), Level::Trace);
        let (text, first, recent, told) = (None, None, None, None);
        let (last_seen, level_seen, has_changed, is_settled) = (now, now, false, false);
        Self { birth: now, last_seen, level, level_seen, lines, text, first, recent, told, has_changed, is_settled }
    }

    pub(super) fn meet(&mut self, tally: &TemplateTally, now: Second) {
        self.last_seen = now;
        self.tell(now);
        let level = tally.level();
        if level >= self.level || now.since(self.level_seen) > LEVEL_SECONDS {
            (self.level, self.level_seen) = (level, now);
        }
        self.lines.add((tally.total() + tally.late) as f64, now, HALF_LIFE_SECONDS);
        if self.text.is_none() {
            self.text = tally.skeleton.as_ref().map(shown);
        }
        let Some(sample) = &tally.sample else { return };
        if self.first.is_none() {
            self.first = Some(Arc::clone(sample));
        }
        let minute = |sample: &Sample| sample.time.second().0.div_euclid(60);
        let better = self.recent.as_ref().is_none_or(|kept| match minute(sample).cmp(&minute(kept)) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => sample < kept,
            std::cmp::Ordering::Less => false,
        });
        if better {
            self.recent = Some(Arc::clone(sample));
        }
    }

    /// What comes only once is told to nobody: there may be a million of its like.
    fn tell(&mut self, now: Second) {
        let is_due = match self.told {
            None => now > self.birth,
            Some(told) if self.has_changed => now.since(told) >= TELL_CHANGE_AFTER_SECONDS,
            Some(told) => now.since(told) >= TELL_AGAIN_AFTER_SECONDS,
        };
        if is_due {
            (self.told, self.has_changed) = (Some(now), false);
        }
    }

    /// Takes in a template that was merged into this one, which now has this text.
    pub(super) fn absorb(&mut self, other: Self, text: &Arc<str>, now: Second) {
        self.has_changed = true;
        self.birth = self.birth.min(other.birth);
        self.last_seen = self.last_seen.max(other.last_seen);
        (self.level, self.level_seen) = (self.level, self.level_seen).max((other.level, other.level_seen));
        self.lines.add(other.lines.at(now, HALF_LIFE_SECONDS), now, HALF_LIFE_SECONDS);
        self.text = Some(shown(text));
        self.first = self.first.take().into_iter().chain(other.first).min();
        self.recent = self.recent.take().into_iter().chain(other.recent).max_by_key(|sample| sample.time);
    }

    /// Whether it came once.
    pub(super) fn is_rare(&self, now: Second) -> bool {
        self.birth == self.last_seen && self.lines.at(now, HALF_LIFE_SECONDS) <= 1.0
    }

    /// What it takes, with what the detectors know of it but for what its series remembers, in bytes, about.
    pub(super) fn size_bytes(&self) -> usize {
        let samples = self.first.iter().chain(&self.recent).map(|sample| sample.text.len());
        let texts = self.text.iter().map(|text| text.len()).chain(samples);
        (FIXED_BYTES + texts.sum::<usize>()).min(TEMPLATE_BYTES_MAX)
    }

    /// When its first line was, as far as is known.
    pub fn first_seen(&self) -> StreamTime {
        self.first.as_ref().map_or(self.birth.start(), |sample| sample.time.min(self.birth.end()))
    }

    /// Its skeleton's text; the sample's where no skeleton was announced. Where it is not all of it, it ends with an ellipsis.
    pub fn text(&self) -> Arc<str> {
        self.text.clone().or_else(|| self.sample().map(Sample::shown)).unwrap_or_else(|| Arc::from("?"))
    }

    /// The smallest sample of the latest minute that brought one.
    pub fn sample(&self) -> Option<&Sample> {
        self.recent.as_deref().or(self.first.as_deref())
    }
}

/// What is kept of a text: all of it, or its first words and an ellipsis.
fn shown(text: &Arc<str>) -> Arc<str> {
    match beginning(text, SAMPLE_BYTES_MAX) {
        (_, false) => Arc::clone(text),
        (words, true) => with_ellipsis(words),
    }
}
