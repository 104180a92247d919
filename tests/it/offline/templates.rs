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
    assert_eq!(entries[1]["template"], "no \"<*>\", ever");
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
    assert!(rows.last().unwrap().ends_with(",\"no \"\"<*>\"\", ever\""), "{rows:?}");
    let refused = eddyline(&["templates", "--assign"], b"x");
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn masks_are_variables_with_a_name_and_what_is_wrong_with_them_is_said() {
    let log = "order ord-123456 packed\norder ord-777777 packed\norder none packed\n";
    let listed = printed(&["templates", "--output", "json", "--mask", "ORDER=ord-[0-9]{6}"], log.as_bytes());
    let first: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!((&first["template"], &first["lines"]), (&"order <ORDER> packed".into(), &2.into()));
    assert_eq!(first["parameters"], serde_json::json!(["masked"]));
    let without = printed(&["templates", "--output", "json"], log.as_bytes());
    assert!(!without.contains(first["id"].as_str().unwrap()));
    for (mask, said) in
        [("ORDER=ord-[0", "mask ORDER: unclosed character class, at character 5"), ("x", "NAME=PATTERN")]
    {
        let refused = eddyline(&["templates", "--mask", mask], log.as_bytes());
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(said), "{refused:?}");
    }
    let masks = "templates.masks=[{ name = 'ORDER', pattern = 'ord-(' }]";
    let refused = eddyline(&["detect", "--set", masks], log.as_bytes());
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("mask ORDER: unclosed group, at character 5"),
        "{refused:?}"
    );
    let set = "templates.masks=[{ name = 'ORDER', pattern = 'ord-[0-9]{6}' }]";
    assert!(eddyline(&["detect", "--set", set], log.as_bytes()).status.success());
}

#[test]
fn lines_that_are_no_log_messages_are_called_so() {
    let said = |log: String| {
        let output = eddyline(&["templates"], log.as_bytes());
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let word = |number: u32| -> String { number.to_string().bytes().map(|digit| char::from(digit + 49)).collect() };
    let dump = |lines: u32| {
        (0..lines).map(|line| format!("{}({}){{{}}}\n", word(line), word(line * 7), word(line * 31))).collect()
    };
    assert!(said(dump(400)).contains("hardly log messages: there are more kinds of lines than half"));
    let mixed: String =
        (0..400).map(|line| format!("served page {line}\n{}", if line % 2 == 0 { "bye\n" } else { "" })).collect();
    assert!(!said(mixed).contains("hardly"));
}

#[test]
fn a_json_line_is_its_message_and_without_one_all_its_keys() {
    let ids = |lines: &[&str]| -> Vec<String> {
        let listed = printed(&["templates", "--output", "csv"], lines.join("\n").as_bytes());
        listed.lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&[r#"{"message":"took 3 ms","a":1}"#, r#"{"message":"took 4 ms","b":"x"}"#]).len(), 1);
    assert_eq!(ids(&[r#"{"took":3,"a":1}"#, r#"{"took":4,"a":2}"#]).len(), 1);
    assert_eq!(ids(&[r#"{"took":3,"a":1}"#, r#"{"took":4,"b":2}"#]).len(), 2);
    assert_eq!(ids(&["level=info took=3 a=1", "level=info took=4 a=2", "level=info took=4 b=2"]).len(), 2);
}
