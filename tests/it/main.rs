//! The integration tests, one binary. Those under `offline` need nothing; those under `kafka` a real Apache Kafka, which they
//! start themselves once `tests/run` has fetched it, or that of `EDDYLINE_TEST_KAFKA` (HOST:PORT).
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::let_underscore_must_use,
    clippy::float_cmp,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, talks to whoever reads its output, and waits by the clock"
)]

mod kafka;
mod offline;
mod support;
