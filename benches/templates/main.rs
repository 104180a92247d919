//! What templates cost above the floor: `cargo bench --bench templates`. See `benches/README.md`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench fails by panicking and talks to whoever reads its output"
)]

mod contest;
#[path = "../support/lines.rs"]
#[allow(dead_code, reason = "shared with other benches and tests")]
mod lines;
mod ours;

fn main() {
    contest::run(&ours::OURS);
}
