//! What needs no Kafka: the command line, `detect`, and the rules of the code base that no compiler holds.

pub mod bad_input;
mod beside_hostile;
mod command_line;
mod demo;
mod detect;
mod in_memory;
mod memory;
mod purity;
pub mod shop;
mod templates;
