//! The two stages, each way in one place that reads like the picture of the architecture.
//!
//! [`Observer`] turns records into tallies and remembers nothing that would be missed; [`Judge`] turns tallies into messages
//! and holds all the models. Both are pure: time comes in with the records, and where only a wall clock can tell (a partition
//! that is idle) it comes in as a parameter and leaves its mark in the tallies.

mod chain;
mod clock;
mod going_live;
mod judge;
mod merge;
mod observe;
mod pieces;

pub use chain::Chain;
pub use going_live::Withheld;
pub use judge::{Judge, Look, SnapshotError};
pub use merge::Gap;
pub use observe::{LimitsMet, Observer};
pub use pieces::Pieces;
