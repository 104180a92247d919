//! What others are told of the catalogue, so that they can look up what the id of a template means.
//!
//! A template is told when it is seen in a second second, for what comes once may have a million of its like; again a minute after
//! it changed at the earliest; and once a week, so that a topic may forget what is told no more. What became part of another one
//! is taken back, and stands among the aliases of that one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sight::Known;
use crate::record::{Level, Second, Service, StreamTime, TemplateId};

/// How many aliases are told of one template.
pub const ALIASES_TOLD_MAX: usize = 1_000;

/// What is to be told of a template of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// The service.
    pub service: Service,
    /// The template.
    pub id: TemplateId,
    /// What it is; `None` where it became part of another one.
    pub entry: Option<Entry>,
}

/// A template, for those who look it up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its text, not redacted.
    pub text: Arc<str>,
    /// The gravest level that it had lately.
    pub level: Level,
    /// When it was first seen.
    pub first_seen: StreamTime,
    /// The ids that are part of it, in their order; the first [`ALIASES_TOLD_MAX`].
    pub aliases: Vec<TemplateId>,
}

/// What is to be told after this second, in the order of services: first what is taken back. O(templates with lines in it, and for
/// each that is told the aliases of its service).
pub(super) fn to_tell(now: Second, known: &Known<'_>) -> Vec<Lookup> {
    let gone = known.merged.iter().filter(|merged| merged.absorbed.is_some_and(|absorbed| absorbed.was_told));
    let mut lookups: Vec<Lookup> =
        gone.map(|merged| Lookup { service: merged.service.clone(), id: merged.from, entry: None }).collect();
    for active in &known.active {
        for sight in active.templates.iter().filter(|sight| sight.known.told == Some(now)) {
            let aliases = active.known.aliases().filter(|&(_, into)| into == sight.id).map(|(from, _)| from);
            let entry = Entry {
                text: sight.known.text(),
                level: sight.known.level,
                first_seen: sight.known.first_seen(),
                aliases: aliases.take(ALIASES_TOLD_MAX).collect(),
            };
            lookups.push(Lookup { service: active.service.clone(), id: sight.id, entry: Some(entry) });
        }
    }
    lookups
}
