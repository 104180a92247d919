//! Evaluating the judge on its own past: what was published against what is computed again, and one configuration against another.
//!
//! Everything here works on events as a subscriber reads them ([`Said`]), so that both sides of a comparison are the same thing,
//! whether they were published weeks ago or come from a judge that reads the retained tallies now. Pure: who reads Kafka hands
//! the bytes in.

mod compare;
mod episode;
mod fields;

pub use compare::{Difference, Pair, compare};
pub use episode::{Episode, Episodes, Model, Said, Totals};
pub use fields::{FieldDifference, differing_fields};
