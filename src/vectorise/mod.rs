//! What is counted: lines become **tallies**, small sums of what was seen per second of log time and service.
//!
//! A tally is all that the judge ever learns of a line, so what is not in it cannot be found. Invariants:
//!
//! * **Tallies merge by addition**, whatever the split: any division of the same lines over batches, partitions, threads
//!   and instances gives the same sums. So they hold integers only, a sample is the smallest by
//!   (time, text, coordinates), and where a limit cuts identities it keeps those of the smallest hashes, which is a rule
//!   that does not depend on the division either (a bottom-k sample).
//! * **Forgetting is harmless**: the memory of what was announced ([`Announced`]) only spares bytes.
//!
//! Limits: [`TEMPLATES_PER_CELL_MAX`], [`SERVICES_PER_SECOND_MAX`], [`HOSTS_PER_CELL_MAX`], [`SAMPLE_BYTES_MAX`],
//! [`SLOTS_PER_TEMPLATE_MAX`]. Above them sums stay exact while identities coarsen.

mod announced;
mod cell;
mod collector;
mod fold;
mod live;
mod sketch;
mod sorted;
mod text;
#[cfg(test)]
mod tests;
mod walk;
pub mod wire;

pub use announced::Announced;
pub use cell::{Cell, Sample, TemplateTally};
pub use collector::{Collector, Line};
pub(crate) use fold::fold_into;
pub use fold::fold_services;
pub use sketch::{Sketch, SketchKey};
pub use sorted::Sorted;
pub use text::{ELLIPSIS, beginning, with_ellipsis};
pub(crate) use walk::Walk;

/// How many templates one service may have in one second; the lines of the others are counted together.
pub const TEMPLATES_PER_CELL_MAX: usize = 1_000;
/// How many services one second may have; the lines of the others are counted as one service, [`OTHER_SERVICES`].
pub const SERVICES_PER_SECOND_MAX: usize = 2_000;
/// How many hosts of a service are named in one second.
pub const HOSTS_PER_CELL_MAX: usize = 32;
/// How long a sample may be, and what is kept and shown of a template's text, in bytes of its UTF-8.
pub const SAMPLE_BYTES_MAX: usize = 512;
/// How many parameters of a template are sketched: more make a dump, not a sentence.
pub const SLOTS_PER_TEMPLATE_MAX: usize = 12;
/// The name under which services beyond [`SERVICES_PER_SECOND_MAX`] are counted, and new ones in a flood of them.
pub const OTHER_SERVICES: &str = "~other";
