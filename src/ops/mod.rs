//! What surrounds the pipeline while it runs: the view that others look at, metrics, the admin pages, the stop.
//!
//! This and `cli` are the only modules that know tokio. The view is a one-way street: workers write into it, the control
//! plane reads from it, and nothing in the pipeline depends on what stands in it.

mod admin;
mod clock;
mod metrics;
mod status;
mod stop;
mod undecodable;
mod view;
mod warn;

pub use admin::{Pages, serve};
pub use clock::{SetBack, uptime, uptime_ms, wall_clock_ms};
pub use metrics::{JudgeMetrics, ObserverMetrics, describe_metrics};
pub use status::Status;
pub use stop::Stop;
pub use view::View;
pub use warn::Warnings;
