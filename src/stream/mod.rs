//! The loop around a stage: poll, step, commit.
//!
//! A [`Worker`] owns one log and one [`Task`], on one thread of the operating system; everything in it is ordinary
//! blocking code. Its rules, measured on Apache Kafka:
//!
//! * **A transaction is a value.** Outputs and offsets are gathered in memory and sent in one burst, so nobody's open
//!   transaction hides the tail of a topic. After an abort the same value is sent again, for the state is still right;
//!   only a lost assignment or an unknown outcome that the committed offsets do not explain drops the state.
//! * **Only what is owned is committed**: the broker checks who is a member, not whose partition it is.
//! * **Rebalances are recorded in the callback and handled by the loop**, after what was read so far is committed.

pub mod commit;
mod judging;
mod directory;
pub mod kafka;
mod log;
mod observing;
mod pace;
pub mod snapshot;
mod snapshotter;
pub mod supervise;
mod task;
mod unheard;
mod worker;

pub use directory::DirectoryStore;
pub use judging::Judging;
pub use log::{
    CommitError, Committed, HeaderList, Incoming, Known, Log, Rebalance, Retained, Taker, Tallied, Transaction,
};
pub use observing::Observing;
pub use pace::Pace;
pub use snapshotter::Snapshotter;
pub use task::Task;
pub use worker::{Worker, WorkerError};
