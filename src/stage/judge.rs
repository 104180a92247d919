//! The second stage: tallies become events. A pure function of the tallies topic.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::going_live::{GoingLive, Withheld};
use super::merge::{Gap, Merger, MergerRef, MergerSnapshot};
use super::pieces::Pieces;
use crate::decide::{Decider, Episode, Message};
use crate::record::{Partition, Second, StreamTime};
use crate::score::{Budget, ClosedSecond, Judgement, Scorer};
use crate::template::Masks;
use crate::vectorise::wire::{Cut, Flush, WireError};

/// A snapshot that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Its bytes are not of this version of Eddyline.
    #[error("snapshot cannot be decoded: {0}")]
    Malformed(#[from] postcard::Error),
    /// The open seconds in it cannot be read.
    #[error("open seconds of the snapshot: {0}")]
    OpenSeconds(#[from] WireError),
}

/// Judges the tallies of one partition of the tallies topic: all services of the domains that it holds.
pub struct Judge {
    merger: Merger,
    scorer: Scorer,
    decider: Decider,
    going_live: GoingLive,
}

/// A look at a second while it is judged.
pub enum Look<'a> {
    /// Before: its sums, and the models as they are until then.
    Before(&'a ClosedSecond, &'a Scorer),
    /// After: what was found in it.
    Judged(&'a Judgement),
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new() -> Self {
        Self {
            merger: Merger::default(),
            scorer: Scorer::new(),
            decider: Decider::new(),
            going_live: GoingLive::default(),
        }
    }

    /// The same judge, from now on with this budget: also one that was restored, for a snapshot does not hold it.
    pub fn with_budget(self, budget: Budget) -> Self {
        Self { scorer: self.scorer.with_budget(budget), ..self }
    }

    /// The same judge, for tallies of observers with these masks; a snapshot does not hold them either.
    pub fn with_masks(self, masks: Masks) -> Self {
        Self { scorer: self.scorer.with_masks(masks), ..self }
    }

    /// Takes one flush and judges every second that it completes. The messages are in the order in which they have to be
    /// published.
    pub fn flush(&mut self, flush: Flush, out: &mut Vec<Message>) -> Vec<Gap> {
        self.flush_watched(flush, out, &mut |_| {})
    }

    /// [`Judge::flush`] for who looks on.
    pub fn flush_watched(&mut self, flush: Flush, out: &mut Vec<Message>, look: &mut dyn FnMut(Look<'_>)) -> Vec<Gap> {
        self.going_live.announce(flush.live_from, &flush.history_ends, self.merger.closed());
        let gaps = self.merger.add(flush);
        self.going_live.catch_up(&self.merger);
        while let Some(mut closed) = self.merger.next_closed() {
            self.second(&mut closed, out, look);
        }
        gaps
    }

    /// Judges what is still open: at the end of a file. Episodes stay open.
    pub fn end_of_input(&mut self, out: &mut Vec<Message>) {
        while let Some(mut closed) = self.merger.next_remaining() {
            self.second(&mut closed, out, &mut |_| {});
        }
    }

    fn second(&mut self, closed: &mut ClosedSecond, out: &mut Vec<Message>, look: &mut dyn FnMut(Look<'_>)) {
        look(Look::Before(closed, &self.scorer));
        let judgement = self.scorer.judge(closed, &self.decider.told());
        look(Look::Judged(&judgement));
        let messages = self.decider.step(closed, judgement, &self.scorer);
        out.extend(self.going_live.filter(closed.second, messages, &mut self.decider, &self.scorer));
    }

    /// The moment of going live, while nothing is published because it is still to come.
    pub fn goes_live_at(&self) -> Option<StreamTime> {
        self.going_live.pending()
    }

    /// What was not published before going live; `None` where that is still to come.
    pub fn withheld(&self) -> Option<Withheld> {
        self.going_live.withheld()
    }

    /// The models, for those who look at them.
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// The episodes that are open.
    pub fn open_episodes(&self) -> impl Iterator<Item = &Episode> {
        self.decider.open()
    }

    /// The last second that was judged.
    pub fn judged_until(&self) -> Option<Second> {
        self.merger.closed()
    }

    /// How many partitions there are, as far as is known, and how many have reported: nothing is judged before all have.
    pub fn reporting(&self) -> (usize, usize) {
        self.merger.reporting()
    }

    /// The partitions that are cut off: nobody is heard of them, or they have not caught up yet.
    pub fn cut(&self) -> &BTreeSet<Partition> {
        self.merger.cut()
    }

    /// The partitions that hold the others back, as cuts that would end this when they are read from the tallies.
    pub fn holding_back(&self) -> Vec<Cut> {
        self.merger.holding_back()
    }

    /// How many seconds wait for a partition that lags.
    pub fn open_seconds(&self) -> usize {
        self.merger.open_seconds()
    }

    /// How many services were counted as one because a second had too many, or too many new ones came at once.
    pub fn folded_services(&self) -> u64 {
        self.merger.folded_services() + self.scorer.catalogue().folded_services()
    }

    /// The whole state. Restored, it continues with the same bytes.
    ///
    /// # Errors
    /// Where the state cannot be serialised.
    pub fn snapshot(&self) -> Result<Pieces, SnapshotError> {
        let state = StateRef {
            merger: self.merger.snapshot(),
            scorer: &self.scorer,
            decider: &self.decider,
            going_live: &self.going_live,
        };
        Ok(postcard::serialize_with_flavor(&state, Pieces::default())?)
    }

    /// The judge that a snapshot was taken of.
    ///
    /// # Errors
    /// Where the bytes are no snapshot of this version.
    pub fn restore(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let state: State<'_> = postcard::from_bytes(snapshot)?;
        let State { merger, scorer, decider, going_live } = state;
        Ok(Self { merger: Merger::restore(merger)?, scorer, decider, going_live })
    }
}

impl Default for Judge {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize)]
struct StateRef<'a> {
    merger: MergerRef<'a>,
    scorer: &'a Scorer,
    decider: &'a Decider,
    going_live: &'a GoingLive,
}

#[derive(Deserialize)]
struct State<'a> {
    #[serde(borrow)]
    merger: MergerSnapshot<'a>,
    scorer: Scorer,
    decider: Decider,
    going_live: GoingLive,
}
