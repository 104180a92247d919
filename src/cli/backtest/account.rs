//! What judges say of the retained tallies, and what was published.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::Context;
use indicatif::ProgressBar;
use rdkafka::Message as _;

use super::ahead::read_ahead;
use crate::cli::progress::progress_bar;
use crate::config::Config;
use crate::decide::rfc3339;
use crate::evaluate::{Episodes, Said};
use crate::publish::{compose, records};
use crate::record::{Second, StreamTime};
use crate::stage::Judge;
use crate::stream::kafka::{Flow, Past, Role, Stretch};

/// What was said of the tallies, and the span of log time that they were judged over.
pub(super) struct Judged<const N: usize> {
    /// Of each configuration, partition after partition.
    said: [Vec<Said>; N],
    /// The earliest second of any line.
    pub(super) from: Option<Second>,
    /// The moment up to which all partitions were judged.
    pub(super) until: Option<StreamTime>,
}

impl<const N: usize> Judged<N> {
    /// The episodes of each configuration, by those of its messages that are in the span.
    pub(super) fn episodes(self, holds: impl Fn(&Said) -> bool) -> [Episodes; N] {
        let within = |said: Vec<Said>| {
            let mut episodes = Episodes::default();
            said.into_iter().filter(&holds).for_each(|said| episodes.add(said));
            episodes
        };
        self.said.map(within)
    }
}

/// Judges the stretches with each of these configurations, until the end or until all is said that is before `until`. Partitions are
/// judged apart, as domains are, so as many at a time as there are processors.
pub(super) fn judge<const N: usize>(
    configs: [&Config; N],
    stretches: &[Stretch],
    until: Option<&str>,
) -> anyhow::Result<Judged<N>> {
    let of_each = |(number, config)| stretches.iter().map(move |stretch| Task { number, config, stretch, until });
    let tasks: Vec<Task<'_>> = configs.into_iter().enumerate().flat_map(of_each).collect();
    let tallies = tasks.iter().map(|task| task.stretch.length()).sum();
    let progress = progress_bar(tallies, "{wide_bar} {pos}/{len} tallies, judged until {msg}, {eta}");
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut outcomes = BTreeMap::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { return anyhow::Ok(outcomes) };
            let outcome = task.judge(&progress, &has_failed);
            outcomes.insert(number, outcome.inspect_err(|_| has_failed.store(true, Ordering::Relaxed))?);
        }
    };
    let outcomes = std::thread::scope(|scope| {
        let count = available_parallelism().map_or(1, NonZero::get).min(tasks.len());
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<anyhow::Result<Vec<_>>>()
    })?;
    progress.finish_and_clear();
    let mut judged = Judged { said: configs.map(|_| Vec::new()), from: None, until: None };
    let outcomes: BTreeMap<usize, Outcome> = outcomes.into_iter().flatten().collect();
    for (task, outcome) in tasks.iter().zip(outcomes.into_values()) {
        if let Some(said) = judged.said.get_mut(task.number) {
            said.extend(outcome.said);
        }
        judged.from = judged.from.into_iter().chain(outcome.from).min();
        judged.until = judged.until.into_iter().chain(outcome.until).min();
    }
    Ok(judged)
}

/// A partition of the tallies, to be judged with one of the configurations.
struct Task<'a> {
    number: usize,
    config: &'a Config,
    stretch: &'a Stretch,
    until: Option<&'a str>,
}

/// What came of a task.
#[derive(Default)]
struct Outcome {
    said: Vec<Said>,
    from: Option<Second>,
    until: Option<StreamTime>,
}

impl Task<'_> {
    /// Breaks off where another one has failed.
    fn judge(&self, progress: &ProgressBar, has_failed: &AtomicBool) -> anyhow::Result<Outcome> {
        let (config, partition) = (self.config, &self.stretch.partition);
        let past = Past::open(&config.kafka, &Role::judge(&config.kafka))?;
        let mut judge = Judge::new().with_budget(config.budget).with_masks(config.masks.clone());
        let (provenance, mut messages, mut outcome) = (config.provenance(), Vec::new(), Outcome::default());
        read_ahead(&past, self.stretch, |flush| {
            progress.inc(1);
            outcome.from = outcome.from.into_iter().chain(flush.cells.keys().next().copied()).min();
            for gap in judge.flush(flush, &mut messages) {
                tracing::warn!(%partition, "{gap}");
            }
            for message in messages.drain(..) {
                let [event, _] = records(&compose(&message, &provenance)).context("event as JSON")?;
                let said = Said::read(event.value.as_deref().unwrap_or_default());
                outcome.said.push(said.context("an event as it would be read")?);
            }
            let reached = judge.judged_until().map(|second| rfc3339(second.end()));
            progress.set_message(reached.clone().unwrap_or_default());
            let is_over = self.until.is_some_and(|until| reached.is_some_and(|reached| *reached > *until));
            let breaks_off = is_over || has_failed.load(Ordering::Relaxed);
            Ok(if breaks_off { Flow::Break(()) } else { Flow::Continue(()) })
        })?;
        outcome.until = judge.judged_until().map(Second::end);
        Ok(outcome)
    }
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
