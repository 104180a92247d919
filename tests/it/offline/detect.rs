//! `eddyline detect`: what it reads, what it prints, how it exits.

use std::io::Write;
use std::path::Path;

use super::shop::detect;
use crate::support::events::{assert_same, without_coordinates};
use crate::support::process::eddyline;
use crate::support::recording::{Recording, shop};

const SECONDS: i64 = 900;

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn files_are_read_as_they_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    let text = Recording::shop(SECONDS).to_json_lines();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let files = [
        write(folder.path(), "a.jsonl", text.as_bytes()),
        write(folder.path(), "b.jsonl.gz", &gzip.finish().unwrap()),
        write(folder.path(), "c.jsonl.zst", &zstd::encode_all(text.as_bytes(), 1).unwrap()),
    ];
    let input = without_coordinates(detect(&["-"], text.as_bytes()));
    assert!(!input.is_empty());
    for file in files {
        assert_same(&file, &input, &without_coordinates(detect(&[&file], b"")));
    }
}

#[test]
fn several_files_are_read_together_by_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::shop(SECONDS);
    let mut files = vec![String::new(); 3];
    for (index, line) in recording.lines.iter().enumerate() {
        files[index % 3].push_str(&line.json);
        files[index % 3].push('\n');
    }
    let paths: Vec<String> = files
        .iter()
        .enumerate()
        .map(|(n, text)| write(folder.path(), &format!("{n}.jsonl"), text.as_bytes()))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let together = without_coordinates(detect(&paths, b""));
    assert_same(
        "one file and three",
        &without_coordinates(detect(&["-"], recording.to_json_lines().as_bytes())),
        &together,
    );
}

/// A web server's own log: plain text with the time in it, the service named by the file.
#[test]
fn the_service_of_a_plain_file_is_its_stem() {
    let folder = tempfile::tempdir().unwrap();
    let lines = shop().iter().map(|line| serde_json::from_str::<serde_json::Value>(&line.json).unwrap());
    let of_nginx = lines.filter(|line| line["service"] == "nginx-access");
    let text: String = of_nginx.map(|line| format!("{}\n", line["message"].as_str().unwrap())).collect();
    let events = detect(&[&write(folder.path(), "nginx-access.log", text.as_bytes())], b"");
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event["entity"]["service"], "nginx-access", "{event}");
        assert_eq!(event["time_basis"], "log", "{event}");
    }
}

#[test]
fn a_file_without_times_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..2_000).map(|n| format!("request {n} served\n")).collect();
    let file = write(folder.path(), "app.log", text.as_bytes());
    let output = eddyline(&["detect", "--output", "json", &file], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("app.log") && said.contains("time"), "{said}");
}

#[test]
fn the_exit_code_tells_severities_apart_only_when_asked() {
    let text = Recording::shop(SECONDS).to_json_lines();
    let code = |arguments: &[&str]| eddyline(arguments, text.as_bytes()).status.code();
    assert_eq!(code(&["detect", "--output", "json", "-"]), Some(0));
    assert_eq!(code(&["detect", "--output", "json", "--fail-on", "warning", "-"]), Some(3));
    let quiet = "{\"ts\": 1795420887.1, \"service\": \"a\", \"message\": \"started\"}\n";
    let output = eddyline(&["detect", "--output", "json", "--fail-on", "warning", "-"], quiet.as_bytes());
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
}

#[test]
fn the_report_names_what_happened_without_colours_in_a_file() {
    let output = eddyline(&["detect", "-"], Recording::shop(SECONDS).to_json_lines().as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("sshd"), "{report}");
    assert!(!report.contains('\u{1b}'), "{report}");
}
