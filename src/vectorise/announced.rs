//! What was announced already: the only memory of the observing half, and one that may be lost at any time.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::record::{Second, StreamTime, TemplateId};

/// How many (service, template) pairs are remembered; beyond them everything is forgotten and announced anew. More than the judge keeps
/// templates, and what fits into a table of 4 MB.
const PAIRS_MAX: usize = 57_000;
/// How often a skeleton is announced again, in seconds of log time, so that a judge that begins in the middle of the
/// retained tallies learns the text of what it counts.
const AGAIN_AFTER_SECONDS: i64 = 3_600;
/// One sample is sent for each service and template in this many seconds.
const SAMPLE_EVERY_SECONDS: i64 = 60;

/// The order of samples as far as their lines decide it: time, then hash of the text.
pub(super) type SampleOrder = (StreamTime, u64);

#[derive(Clone, Copy)]
struct Last {
    hour: i64,
    /// The earliest second of that hour in which the skeleton was announced.
    announced: Second,
    minute: i64,
    smallest: SampleOrder,
}

/// Remembers which skeletons and samples were sent. Dropping it changes no event: what is sent again is only more bytes,
/// for the judge takes the smallest sample of a minute, and a skeleton is a function of its id.
#[derive(Default)]
pub struct Announced {
    pairs: HashMap<(u64, TemplateId), Last, FixedState>,
}

impl Announced {
    /// Notes that `template` of the service with this hash is seen in `second`. Returns whether its skeleton has to be announced, and the order
    /// that a sample must be below to be worth sending.
    pub(super) fn meet(&mut self, service: u64, template: TemplateId, second: Second) -> (bool, Option<SampleOrder>) {
        let hour = second.0.div_euclid(AGAIN_AFTER_SECONDS);
        let minute = second.0.div_euclid(SAMPLE_EVERY_SECONDS);
        match self.pairs.get_mut(&(service, template)) {
            Some(last) => {
                // A partition that lags comes to earlier seconds, which are judged before those that have the skeleton.
                let announce = last.hour != hour || second < last.announced;
                if announce {
                    (last.hour, last.announced) = (hour, second);
                }
                (announce, (last.minute == minute).then_some(last.smallest))
            }
            None => (true, None),
        }
    }

    /// Notes the smallest sample so far of the minute that `second` belongs to.
    pub(super) fn sampled(&mut self, service: u64, template: TemplateId, second: Second, order: SampleOrder) {
        if self.pairs.len() >= PAIRS_MAX {
            self.pairs.clear();
        }
        let hour = second.0.div_euclid(AGAIN_AFTER_SECONDS);
        let minute = second.0.div_euclid(SAMPLE_EVERY_SECONDS);
        let last =
            self.pairs.entry((service, template)).or_insert(Last { hour, announced: second, minute, smallest: order });
        (last.minute, last.smallest) = (minute, order);
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.pairs.clear();
    }
}
