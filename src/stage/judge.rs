//! The second stage: tallies become events. A pure function of the tallies topic.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::merge::{Gap, Merger, MergerSnapshot};
use crate::decide::{Decider, Episode, Message};
use crate::record::{Partition, Second};
use crate::score::Scorer;
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
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new() -> Self {
        Self { merger: Merger::default(), scorer: Scorer::new(), decider: Decider::new() }
    }

    /// Takes one flush and judges every second that it completes. The messages are in the order in which they have to be
    /// published.
    pub fn flush(&mut self, flush: Flush, out: &mut Vec<Message>) -> Vec<Gap> {
        let gaps = self.merger.add(flush);
        while let Some(mut closed) = self.merger.next_closed() {
            self.second(&mut closed, out);
        }
        gaps
    }

    /// Judges what is still open: at the end of a file. Episodes stay open.
    pub fn end_of_input(&mut self, out: &mut Vec<Message>) {
        while let Some(mut closed) = self.merger.next_remaining() {
            self.second(&mut closed, out);
        }
    }

    fn second(&mut self, closed: &mut crate::score::ClosedSecond, out: &mut Vec<Message>) {
        let judgement = self.scorer.judge(closed, &self.decider.told());
        out.extend(self.decider.step(closed, judgement, &self.scorer));
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

    /// How many services were counted as one because a second had too many.
    pub fn folded_services(&self) -> u64 {
        self.merger.folded_services()
    }

    /// The whole state. Restored, it continues with the same bytes.
    ///
    /// # Errors
    /// Where the state cannot be serialised.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        let state = StateRef { merger: self.merger.snapshot(), scorer: &self.scorer, decider: &self.decider };
        Ok(postcard::to_stdvec(&state)?)
    }

    /// The judge that a snapshot was taken of.
    ///
    /// # Errors
    /// Where the bytes are no snapshot of this version.
    pub fn restore(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let state: State = postcard::from_bytes(snapshot)?;
        Ok(Self { merger: Merger::restore(state.merger)?, scorer: state.scorer, decider: state.decider })
    }
}

impl Default for Judge {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize)]
struct StateRef<'a> {
    merger: MergerSnapshot,
    scorer: &'a Scorer,
    decider: &'a Decider,
}

#[derive(Deserialize)]
struct State {
    merger: MergerSnapshot,
    scorer: Scorer,
    decider: Decider,
}
