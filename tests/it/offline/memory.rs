//! Memory stays flat: what was learnt of one hour is not kept beside that of the next.

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use crate::support::process::resident_bytes;
use crate::support::recording::{seconds, shop};

/// How often the recording is replayed; `EDDYLINE_TEST_REPLAYS` asks for more.
const REPLAYS: i64 = 6;

#[test]
fn memory_stays_flat_when_the_recording_is_replayed_with_its_times_moved_on() {
    let replays = std::env::var("EDDYLINE_TEST_REPLAYS").map_or(REPLAYS, |number| number.parse().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_eddyline"))
        .args(["detect", "--output", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = BufWriter::new(child.stdin.take().unwrap());
    let length_ms = shop().last().unwrap().time_ms - shop().first().unwrap().time_ms + 1;
    let mut sizes = Vec::new();
    for replay in 0..replays {
        for line in shop() {
            let (_, rest) = line.json.split_once(',').unwrap();
            writeln!(input, r#"{{"ts": {},{rest}"#, seconds(line.time_ms + replay * length_ms)).unwrap();
        }
        input.flush().unwrap();
        sizes.push(resident_bytes(child.id()));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    let mebibytes: Vec<u64> = sizes.iter().map(|bytes| bytes >> 20).collect();
    eprintln!("resident after each replay, MiB: {mebibytes:?}");
    let (early, late) = sizes.split_at(sizes.len() / 2);
    let (early, late) = (early.iter().max().unwrap(), late.iter().max().unwrap());
    assert!(*late < early + early / 8 + (4 << 20), "it grows: {mebibytes:?} MiB");
}
