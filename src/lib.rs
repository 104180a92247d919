#![doc = include_str!("README.md")]

// In the order of the data. First the pure core, which knows no clock, no network and no thread.
pub mod record;
mod lanes;
mod padded;
pub mod decode;
pub mod template;
pub mod vectorise;
pub mod score;
pub mod decide;
pub mod publish;
pub mod stage;

// Then what surrounds it.
#[expect(clippy::disallowed_methods, reason = "the loop waits and measures; what it learns of time goes into the log")]
pub mod stream;
pub mod evaluate;
#[expect(clippy::disallowed_methods, reason = "the wall clock enters here")]
pub mod ops;
pub mod config;
#[expect(clippy::disallowed_methods, reason = "commands wait and measure")]
pub mod cli;
