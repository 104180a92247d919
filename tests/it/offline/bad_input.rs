//! Hostile lines: none ends the program, none hides what is wrong with others.

use super::shop::detect;
use crate::support::recording::Recording;

/// Lines that no shipper should send and some do.
pub fn bad_lines() -> Vec<Vec<u8>> {
    let service_bytes = "s".repeat(10_000);
    vec![
        [b"the beginning of five megabytes ", "x".repeat(5_000_000).as_bytes()].concat(),
        b"invalid \xff\xfe\xc3\x28 UTF-8".to_vec(),
        b"NULs \0\0\0 within".to_vec(),
        vec![0; 4096],
        b"".to_vec(),
        br#"{"ts": 1795420900.5, "service": "a", "message": "cut in the mid"#.to_vec(),
        br#"{"ts": -6795420900.5, "service": "a", "message": "from 1754"}"#.to_vec(),
        br#"{"ts": 4070908800.0, "service": "a", "message": "from 2099"}"#.to_vec(),
        br#"{"ts": 1e400, "service": "a", "message": "from beyond time"}"#.to_vec(),
        format!(r#"{{"ts": 1795420900.5, "service": "{service_bytes}", "message": "a long name"}}"#).into_bytes(),
        br#"{"ts": "yesterday", "service": {"a": [1, 2]}, "message": null}"#.to_vec(),
        b"[1, 2, 3]".to_vec(),
        "[".repeat(100_000).into_bytes(),
        br#"{"message": "\ud800 a lone surrogate"}"#.to_vec(),
    ]
}

#[test]
fn bad_lines_end_nothing_and_hide_nothing() {
    let recording = Recording::shop(900);
    let mut input = Vec::new();
    let bad = bad_lines();
    for (index, line) in recording.lines.iter().enumerate() {
        if index % 5_000 == 4_999 {
            input.extend_from_slice(&bad[index / 5_000 % bad.len()]);
            input.push(b'\n');
        }
        input.extend_from_slice(line.json.as_bytes());
        input.push(b'\n');
    }
    assert!(recording.lines.len() / 5_000 >= bad.len(), "not every bad line was sent");
    let is_of_sshd = |event: &serde_json::Value| event["entity"]["service"] == "sshd" && event["status"] == "trigger";
    assert!(detect(&["-"], &input).iter().any(is_of_sshd), "the password guessing of minute 10 is gone");
}
