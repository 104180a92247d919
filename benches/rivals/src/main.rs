//! Eddyline beside other miners on the same lines in the same run. See `benches/README.md`.

#[path = "../../templates/contest.rs"]
mod contest;
#[path = "../../support/lines.rs"]
#[allow(dead_code)]
mod lines;
#[path = "../../templates/ours.rs"]
mod ours;

use contest::Contender;

const THEIRS: [Contender; 2] = [("drain3 0.3.0", drain3), ("drain-rs 0.3.0", drain_rs)];

/// The port of Drain3 with its default settings. It makes a template of each line, as in training.
fn drain3(bytes: &[u8]) -> u64 {
    let mut matcher = drain3::Matcher::new(drain3::Config::default());
    contest::lines(bytes).fold(0, |sum, line| {
        let line = String::from_utf8_lossy(line);
        sum ^ matcher.add_log_message(&line).map_or(0, |template| template.id() as u64)
    })
}

/// drain-rs with its default settings.
fn drain_rs(bytes: &[u8]) -> u64 {
    let mut tree = drain_rs::DrainTree::new();
    contest::lines(bytes).fold(0, |sum, line| {
        let line = String::from_utf8_lossy(line);
        sum ^ tree.add_log_line(&line).map_or(0, drain_rs::LogCluster::num_matched)
    })
}

fn main() {
    let mut all = ours::OURS.to_vec();
    all.extend(THEIRS);
    contest::run(&all);
}
