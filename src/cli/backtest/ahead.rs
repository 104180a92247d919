//! Tallies are read and decoded ahead of the judge, on a thread of their own: the judge takes most of the time, and the rest fits
//! beside it.

use std::sync::mpsc::sync_channel;

use anyhow::Context;
use rdkafka::Message as _;

use crate::stream::kafka::{Flow, Past, Stretch};
use crate::vectorise::wire::Flush;

/// How many decoded tallies wait for the judge at most: each may be some megabytes.
const AHEAD_MAX: usize = 16;

/// Hands out the tallies of a stretch in their order, until `each` breaks off or fails.
///
/// # Errors
/// Where the stretch cannot be read to its end, a record is no tally, or `each` fails.
pub(super) fn read_ahead(
    past: &Past,
    stretch: &Stretch,
    mut each: impl FnMut(Flush) -> anyhow::Result<Flow>,
) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let (sender, decoded) = sync_channel(AHEAD_MAX);
        let reader = scope.spawn(move || {
            past.read(stretch, |message| {
                let Some(value) = message.payload() else { return Flow::Continue(()) };
                // Nobody listens any more where all is said.
                match sender.send((message.offset(), Flush::decode_for_judge(value))) {
                    Ok(()) => Flow::Continue(()),
                    Err(_) => Flow::Break(()),
                }
            })
        });
        let mut judged = Ok(());
        for (offset, flush) in decoded {
            let flush = flush.with_context(|| format!("{} offset {offset}", stretch.partition));
            match flush.and_then(&mut each) {
                Ok(Flow::Continue(())) => {}
                Ok(Flow::Break(())) => break,
                Err(error) => {
                    judged = Err(error);
                    break;
                }
            }
        }
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        judged.and(read.map_err(Into::into))
    })
}
