//! What is wrong is said once, clearly, and with the right exit code.

use std::process::Output;
use std::time::{Duration, Instant};

use crate::support::process::eddyline;

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The program failed, told people rather than developers, and said it once.
fn assert_one_error(output: &Output) -> String {
    let said = said(output);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{:?}: {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
    assert!(output.stdout.is_empty(), "errors belong to standard error: {}", String::from_utf8_lossy(&output.stdout));
    let errors = said.lines().filter(|line| line.starts_with("eddyline: ") || line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{said}");
    said
}

#[test]
fn help_names_every_command() {
    let output = eddyline(&["--help"], b"");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for command in ["run", "check", "detect", "demo", "templates", "backtest", "explain", "replay"] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn all_errors_of_a_configuration_are_shown_at_once() {
    let output = eddyline(
        &[
            "run",
            "--brokers",
            "127.0.0.1:1",
            "--topics",
            "a",
            "--set",
            "kafka.grupp=x",
            "--set",
            "observe.flush_ms=soon",
        ],
        b"",
    );
    let said = assert_one_error(&output);
    assert!(said.contains("grupp"), "the unknown key: {said}");
    assert!(said.contains("flush_ms"), "the value of the wrong type: {said}");
}

#[test]
fn check_says_whether_a_configuration_is_valid() {
    let good = eddyline(&["check", "--brokers", "127.0.0.1:1", "--topics", "a"], b"");
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let bad = eddyline(&["check", "--topics", "a", "--set", "kafka.grupp=x", "--set", "observe.flush_ms=soon"], b"");
    assert_eq!(bad.status.code(), Some(1));
    let text = String::from_utf8(bad.stdout).unwrap();
    for wrong in ["grupp", "flush_ms", "kafka.brokers", "3 errors"] {
        assert!(text.contains(wrong), "{wrong}: {text}");
    }
}

#[test]
fn the_configuration_in_force_is_printed_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("eddyline.toml");
    let text = "[kafka]\nbrokers = 'k:1'\n[kafka.properties]\n'sasl.password' = 'hunter2'\n[input]\ntopics = ['a']\n";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let output = eddyline(&["run", "--print-config", "--config", path, "--set", "observe.flush_ms=50"], b"");
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!printed.contains("hunter2") && printed.contains("[secret]"), "{printed}");
    assert!(printed.contains("flush_ms = 50 # --set") && printed.contains(&format!("# {path}")), "{printed}");
    std::fs::write(&file, &printed).unwrap();
    let again = eddyline(&["check", "--config", path], b"");
    assert_eq!(again.status.code(), Some(0), "{}: {printed}", String::from_utf8_lossy(&again.stdout));
}

#[test]
fn a_secret_that_cannot_be_read_is_an_error_that_names_where_it_should_be() {
    let said = assert_one_error(&eddyline(
        &[
            "run",
            "--brokers",
            "127.0.0.1:1",
            "--topics",
            "a",
            "--set",
            "kafka.properties.sasl.password={ file = '/run/secrets/nowhere' }",
            "--set",
            "admin.token={ env = 'EDDYLINE_NOT_SET' }",
        ],
        b"",
    ));
    assert!(said.contains("/run/secrets/nowhere") && said.contains("EDDYLINE_NOT_SET"), "{said}");
}

#[test]
fn an_unknown_key_of_a_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("eddyline.toml");
    std::fs::write(&file, "[kafka]\nbrokers = \"127.0.0.1:1\"\n\n[inputs]\ntopics = [\"a\"]\n").unwrap();
    let said = assert_one_error(&eddyline(&["run", "--config", file.to_str().unwrap()], b""));
    assert!(said.contains("inputs"), "{said}");
}

#[test]
fn a_file_that_is_no_toml_is_named_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("eddyline.toml");
    std::fs::write(&file, "[kafka]\nbrokers = \"127.0.0.1:1\n").unwrap();
    let said = assert_one_error(&eddyline(&["run", "--config", file.to_str().unwrap()], b""));
    assert!(said.contains("eddyline.toml"), "{said}");
    assert!(said.contains("line 2"), "{said}");
}

#[test]
fn a_file_that_is_missing_is_named() {
    let said = assert_one_error(&eddyline(&["run", "--config", "/nowhere/eddyline.toml"], b""));
    assert!(said.contains("/nowhere/eddyline.toml"), "{said}");
}

#[test]
fn without_topics_it_says_how_to_name_them() {
    let said = assert_one_error(&eddyline(&["run", "--brokers", "127.0.0.1:1"], b""));
    assert!(said.contains("topics"), "{said}");
}

#[test]
fn unreachable_brokers_are_one_error_that_names_them() {
    let began = Instant::now();
    // Port 1 of the loopback: nobody listens there.
    let said = assert_one_error(&eddyline(&["run", "--brokers", "127.0.0.1:1", "--topics", "a"], b""));
    assert!(said.contains("127.0.0.1:1"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(60), "took {:?}", began.elapsed());
}

#[test]
fn a_wrong_option_is_a_usage_error() {
    let output = eddyline(&["detect", "--colour-of-the-sky"], b"");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_missing_log_is_named() {
    let said = assert_one_error(&eddyline(&["detect", "/nowhere/app.log"], b""));
    assert!(said.contains("/nowhere/app.log"), "{said}");
}
