//! Deciding: findings become episodes that open, may be updated, and close.
//!
//! An episode opens and closes by *what* is wrong. Invariants:
//!
//! * **One that stays open swallows nothing else.** A finding joins the open episode that holds its feature, or one that is
//!   young (services that fail together begin together); else it opens its own, whatever is open there.
//! * **It always closes**: each symptom ends when it is quiet or normal; after a day of log time the episode is closed
//!   anyway. Everything goes by differences of log time, so a jump of it closes things like its passing does.
//! * **Names are frozen** while it is open, and of two open episodes no two have one dedup key. Severity, score, services and
//!   counts only grow, so that a filter that let the trigger pass lets the resolve pass.
//! * **Notices have a lane of their own**: what is only worth knowing never opens, raises or prolongs a problem.
//!   Many new templates of one service are one notice. It keeps the kind `new_template`: the contract's `new_release`
//!   needs a version, which no line tells yet.
//!
//! Limits: [`OPEN_MAX`], [`SYMPTOMS_MAX`], [`SERVICES_MAX`], [`REMEMBERED_PER_DOMAIN_MAX`], [`REMEMBERED_MAX`]. What does not fit is counted in
//! `suppressed`.

mod decider;
mod episode;
mod key;
mod lane;
mod memory;
mod message;
mod parts;
mod symptom;
#[cfg(test)]
pub(crate) mod tests;

pub use decider::{Decider, OPEN_MAX};
pub use episode::{Episode, SYMPTOMS_MAX};
pub use key::{EpisodeId, SCHEMA_ID, anchor, civil, cluster_id, identity, rfc3339};
pub use memory::{REMEMBERED_MAX, REMEMBERED_PER_DOMAIN_MAX};
pub use message::{Change, Message, Range, Reason, Recurrence, Status};
pub use parts::SERVICES_MAX;
pub use symptom::{End, Symptom};

use crate::record::Service;
use crate::score::{Feature, Figures, Scorer, Window, WindowFacts};

/// What an episode asks the models when it speaks.
pub trait Models {
    /// What is known of the lines of `service` in `window`.
    fn facts(&self, service: &Service, window: Window) -> WindowFacts;
    /// What is observed of `feature` now against what is expected; `None` where no model follows it.
    fn figures(&self, feature: &Feature) -> Option<(Window, Figures)>;
}

impl Models for Scorer {
    fn facts(&self, service: &Service, window: Window) -> WindowFacts {
        Self::facts(self, service, window)
    }

    fn figures(&self, feature: &Feature) -> Option<(Window, Figures)> {
        Self::figures(self, feature)
    }
}
