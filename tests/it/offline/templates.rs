//! `eddyline templates`: what it lists, and a row for every line.

use serde_json::Value;

use crate::support::process::eddyline;

const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

fn log() -> String {
    let mut log = String::new();
    for (second, name) in NAMES.iter().enumerate() {
        log += &format!(
            "Nov 23 08:01:0{second} web01 sshd[{second}]: Invalid user {name} from 10.0.0.{second} port 1{second}\n"
        );
        log += "\n\tat com.example.Author.getBookIds(Author.java:38)\n";
    }
    log + "2026-11-23 08:01:24,978 ERROR [main] a.b.C: no \"luck\", ever\n"
}

fn printed(arguments: &[&str], input: &[u8]) -> String {
    let output = eddyline(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn templates_are_listed_with_counts_kinds_examples_and_aliases() {
    let listed = printed(&["templates", "--output", "json"], log().as_bytes());
    let entries: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 2, "{listed}");
    let users = &entries[0];
    assert_eq!((&users["template"], &users["lines"]), (&"Invalid user <*> from <*> port <*>".into(), &6.into()));
    assert_eq!(users["parameters"], serde_json::json!(["ip", "number"]));
    assert_eq!(users["aliases"].as_array().unwrap().len(), NAMES.len());
    assert_eq!(entries[1]["template"], "no \"luck\", ever");
    let table = printed(&["templates"], log().as_bytes());
    assert!(table.contains("Invalid user <*> from <*> port <*>  (of 6)"), "{table}");
}

#[test]
fn every_line_has_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.log");
    std::fs::write(&file, log()).unwrap();
    let rows = printed(&["templates", "--assign", file.to_str().unwrap()], b"");
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows.len(), 1 + log().lines().count());
    assert_eq!(rows[0], "LineId,EventId,EventTemplate");
    let id = rows[1].split(',').nth(1).unwrap();
    for (number, row) in rows.iter().enumerate().skip(1).step_by(3).take(NAMES.len()) {
        assert_eq!(*row, format!("{number},{id},\"Invalid user <*> from <*> port <*>\""), "aliases are resolved");
        assert_eq!(rows[number + 1], format!("{},,\"\"", number + 1), "a blank line");
    }
    assert!(rows.last().unwrap().ends_with(",\"no \"\"luck\"\", ever\""), "{rows:?}");
    let refused = eddyline(&["templates", "--assign"], b"x");
    assert_eq!(refused.status.code(), Some(2));
}
