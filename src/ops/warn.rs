//! What has to be said, but not more often than once a minute: what limits do, and partitions that hold no log.

use std::sync::Arc;

use tracing::{error, warn};

use super::View;

/// Says what has happened since it was last asked. Asked once a minute.
pub struct Warnings {
    view: Arc<View>,
    said: [u64; 4],
}

impl Warnings {
    /// Warnings of what is in this view from now on.
    pub fn new(view: Arc<View>) -> Self {
        let said = view.limits_met().map(|(_, count)| count);
        Self { view, said }
    }

    /// Says what has happened since the last call.
    pub fn say(&mut self) {
        for (said, (what, count)) in self.said.iter_mut().zip(self.view.limits_met()) {
            if count > *said {
                warn!(more = count - *said, total = count, "a limit was met: {what}");
            }
            *said = count;
        }
        for (partition, rejects) in self.view.undecodable() {
            error!(%partition, rejects,
                "nearly nothing of it can be decoded, and all of it goes to the dead letters: is this a topic of logs? \
                 See input.topics and input.format");
        }
    }
}
