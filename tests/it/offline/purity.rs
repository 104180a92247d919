//! Invariant 1: the core is pure. The compiler does not know which modules are the core, so this reads them.

use std::path::{Path, PathBuf};

use crate::support::repository;

const CORE: [&str; 7] = ["decode", "template", "vectorise", "score", "decide", "publish", "stage"];
const IMPURE: [&str; 9] =
    ["rdkafka", "tokio", "std::fs", "std::net", "std::thread", "std::process", "std::env", "SystemTime", "Instant"];

#[test]
fn the_core_knows_no_kafka_no_clock_and_no_files() {
    let mut files = 0;
    for module in CORE {
        for file in sources(module) {
            files += 1;
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                for word in IMPURE {
                    assert!(!line.contains(word), "{}:{}: {word} in the core: {line}", file.display(), number + 1);
                }
            }
        }
    }
    assert!(files >= CORE.len(), "only {files} files in {CORE:?}: has the core moved?");
}

/// The hot path never pays for redaction, and no pattern is a bomb there but the user's own, which are bounded (deny.toml cannot
/// tell places apart).
#[test]
fn regular_expressions_are_in_the_redaction_and_in_the_masks_only() {
    let mut all = Vec::new();
    collect(&repository("src"), &mut all);
    let with_regex = all.iter().filter(|file| std::fs::read_to_string(file).unwrap().contains("use regex"));
    let mut files: Vec<&PathBuf> = with_regex.collect();
    files.sort();
    let is_allowed = matches!(files.as_slice(), [redact, masks] if redact.ends_with("publish/redact.rs") && masks.ends_with("template/masks.rs"));
    assert!(is_allowed, "{files:?}");
}

/// The files of a module, tests apart: those may do as they like.
fn sources(module: &str) -> Vec<PathBuf> {
    let folder = repository("src").join(module);
    let file = folder.with_extension("rs");
    let mut found = if file.exists() { vec![file] } else { Vec::new() };
    collect(&folder, &mut found);
    found.retain(|file| !file.ends_with("tests.rs") && !file.components().any(|part| part.as_os_str() == "tests"));
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
