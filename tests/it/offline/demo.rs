//! `eddyline demo`: the first thing that anybody runs.

use std::time::{Duration, Instant};

use crate::support::process::eddyline;

#[test]
fn the_demo_finds_most_faults_says_what_it_fakes_and_ends_in_time() {
    let began = Instant::now();
    let output = eddyline(&["demo"], b"");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    assert!(said.contains("fakes transactions"), "{said}");
    assert!(said.contains("eddyline run"), "the next command for one's own data: {said}");
    let verdicts = |verdict: &str| said.lines().filter(|line| line.trim_start().starts_with(verdict)).count();
    assert_eq!(verdicts("found ") + verdicts("missed "), 12, "{said}");
    assert!(verdicts("found ") >= 9, "{said}");
}
