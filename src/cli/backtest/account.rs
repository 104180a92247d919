//! What judges say of the retained tallies, and what was published.

use anyhow::{Context, anyhow};
use rdkafka::Message as _;

use super::ahead::read_ahead;
use crate::cli::progress::progress_bar;
use crate::config::Config;
use crate::decide::{Message, rfc3339};
use crate::evaluate::{Episodes, Said};
use crate::publish::{Provenance, compose, records};
use crate::record::{Partition, Second, StreamTime};
use crate::score::Budget;
use crate::stage::Judge;
use crate::stream::kafka::{Flow, Past, Stretch};
use crate::template::Masks;
use crate::vectorise::wire::Flush;

/// One judge, and all that it said.
pub(super) struct Side {
    judge: Judge,
    budget: Budget,
    masks: Masks,
    provenance: Provenance,
    messages: Vec<Message>,
    said: Vec<Said>,
}

impl Side {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            judge: Judge::new(),
            budget: config.budget,
            masks: config.masks.clone(),
            provenance: config.provenance(),
            messages: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Partitions of the tallies are judged apart, as domains are.
    fn begin_partition(&mut self) {
        self.judge = Judge::new().with_budget(self.budget).with_masks(self.masks.clone());
    }

    fn take(&mut self, flush: Flush, partition: &Partition) -> anyhow::Result<()> {
        for gap in self.judge.flush(flush, &mut self.messages) {
            tracing::warn!(%partition, "{gap}");
        }
        for message in self.messages.drain(..) {
            let [event, _] = records(&compose(&message, &self.provenance)).context("event as JSON")?;
            self.said
                .push(Said::read(event.value.as_deref().unwrap_or_default()).context("an event as it would be read")?);
        }
        Ok(())
    }

    /// The episodes of the messages that are in the span.
    pub(super) fn within(self, holds: impl Fn(&Said) -> bool) -> Episodes {
        let mut episodes = Episodes::default();
        self.said.into_iter().filter(holds).for_each(|said| episodes.add(said));
        episodes
    }
}

/// The span of log time that the tallies were judged over.
pub(super) struct Judged {
    /// The earliest second of any line.
    pub(super) from: Option<Second>,
    /// The moment up to which all partitions were judged.
    pub(super) until: Option<StreamTime>,
}

/// Reads the stretches through all sides in one pass, until the end or until all is said that is before `until`.
pub(super) fn judge(
    past: &Past,
    stretches: &[Stretch],
    sides: &mut [Side],
    until: Option<&str>,
) -> anyhow::Result<Judged> {
    let tallies = stretches.iter().map(Stretch::length).sum();
    let progress = progress_bar(tallies, "{wide_bar} {pos}/{len} tallies, judged until {msg}, {eta}");
    let (mut from, mut judged_until): (Option<Second>, Option<StreamTime>) = (None, None);
    for stretch in stretches {
        sides.iter_mut().for_each(Side::begin_partition);
        read_ahead(past, stretch, |offset, flush| {
            progress.set_position(done(stretches, stretch, offset));
            from = from.into_iter().chain(flush.cells.keys().next().copied()).min();
            let (last, others) = sides.split_last_mut().ok_or_else(|| anyhow!("no judge"))?;
            for side in others {
                side.take(flush.clone(), &stretch.partition)?;
            }
            last.take(flush, &stretch.partition)?;
            let reached = last.judge.judged_until().map(|second| rfc3339(second.end()));
            progress.set_message(reached.clone().unwrap_or_default());
            let is_over = until.is_some_and(|until| reached.is_some_and(|reached| *reached > *until));
            Ok(if is_over { Flow::Break(()) } else { Flow::Continue(()) })
        })?;
        let reached = sides.first().and_then(|side| side.judge.judged_until()).map(Second::end);
        judged_until = judged_until.into_iter().chain(reached).min();
    }
    progress.finish_and_clear();
    Ok(Judged { from, until: judged_until })
}

/// How many records of all stretches are done at this offset of one of them.
fn done(stretches: &[Stretch], at: &Stretch, offset: i64) -> u64 {
    let before: u64 = stretches.iter().take_while(|stretch| *stretch != at).map(Stretch::length).sum();
    before + u64::try_from(offset - at.from.0).unwrap_or(0)
}

/// The episodes that were published, and why that may not be all of them.
pub(super) fn published(
    past: &Past,
    topic: &str,
    holds: impl Fn(&Said) -> bool,
) -> anyhow::Result<(Episodes, Vec<String>)> {
    let (mut episodes, mut deleted) = (Episodes::default(), Vec::new());
    for partition in past.partitions(topic)? {
        let stretch = past.retained(&partition)?;
        let mut unreadable = None;
        past.read(&stretch, |message| {
            match Said::read(message.payload().unwrap_or_default()) {
                Ok(said) if holds(&said) => episodes.add(said),
                Ok(_) => {}
                Err(reason) => {
                    unreadable = Some(format!("{partition} offset {} is no event: {reason}", message.offset()))
                }
            }
            Flow::Continue(())
        })?;
        deleted.extend(unreadable);
        if stretch.from.0 > 0 {
            deleted.push(format!("events of {partition} before offset {} were deleted by retention", stretch.from.0));
        }
    }
    Ok((episodes, deleted))
}
