//! Threads of one process go together in log time: each says how far its slowest partition has come, and nobody runs far
//! ahead of the slowest of all, for what a fast one brings could only be kept until the others have come as far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::record::StreamTime;

/// How far each thread has come. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Mutex<BTreeMap<usize, StreamTime>>>);

impl Pace {
    /// Thread `thread` has come so far; `None` where it has nothing to read. Returns how far the slowest of the others has.
    pub fn tell(&self, thread: usize, reached: Option<StreamTime>) -> Option<StreamTime> {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match reached {
            Some(time) => _ = threads.insert(thread, time),
            None => _ = threads.remove(&thread),
        }
        threads.iter().filter(|&(&other, _)| other != thread).map(|(_, &time)| time).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_the_others_sets_the_pace() {
        let pace = Pace::default();
        assert_eq!(pace.tell(0, Some(StreamTime(50))), None);
        assert_eq!(pace.tell(1, Some(StreamTime(10))), Some(StreamTime(50)));
        assert_eq!(pace.tell(0, Some(StreamTime(60))), Some(StreamTime(10)));
        pace.tell(1, None);
        assert_eq!(pace.tell(0, Some(StreamTime(60))), None, "who has nothing to read is not waited for");
    }
}
