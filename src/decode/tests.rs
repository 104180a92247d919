//! Tests of the decoder as a whole.

mod headers;

use proptest::prelude::*;

use super::*;
use crate::record::{Offset, TimeBasis};

/// 2026-11-23T08:01:27.000Z
const NOW_MS: i64 = 1_795_420_887_000;

fn record(value: &[u8]) -> Record<'_> {
    Record { offset: Offset(0), timestamp: Some((NOW_MS, TimeBasis::KafkaCreate)), value: Some(value) }
}

/// Decodes one value and hands the line to `check`.
fn with_line<T>(value: impl AsRef<[u8]>, check: impl FnOnce(LogLine<'_>) -> T) -> T {
    let mut decoder = Decoder::new(Format::Auto);
    check(decoder.decode(&record(value.as_ref())).expect("a line"))
}

fn message(value: impl AsRef<[u8]>) -> String {
    with_line(value, |line| line.message.to_owned())
}

fn level(value: impl AsRef<[u8]>) -> Level {
    with_line(value, |line| line.level)
}

fn time_ms(value: impl AsRef<[u8]>) -> Option<i64> {
    with_line(value, |line| line.time.map(|time| time.0))
}

fn reject(format: Format, value: &[u8]) -> NotALine {
    Decoder::new(format).decode(&record(value)).expect_err("no line")
}

#[test]
fn what_has_no_text_is_empty() {
    let tombstone = Record { value: None, ..record(b"") };
    assert_eq!(Decoder::new(Format::Auto).decode(&tombstone), Err(NotALine::Empty));
    for value in ["", " \r\n\t ", "\u{feff}\n", "\x1b[0m", r#"{"message":"","level":"info"}"#, r#"{"log":"\n"}"#] {
        assert_eq!(reject(Format::Auto, value.as_bytes()), NotALine::Empty, "{value:?}");
    }
}

#[test]
fn what_is_no_text_is_rejected_with_its_reason() {
    let long = vec![b'a'; VALUE_BYTES_MAX + 1];
    let too_long = Reject::TooLong { limit_bytes: VALUE_BYTES_MAX };
    assert_eq!(reject(Format::Auto, &long), NotALine::Reject(too_long));
    assert_eq!(reject(Format::Auto, b"\0\0\0\0*\x02\x06foo"), NotALine::Reject(Reject::Binary));
    assert_eq!(reject(Format::Auto, &[0xff; 40]), NotALine::Reject(Reject::Binary));
    for value in ["plain", "{\"message\":\"cut", "[1]", "{} {}", "{\"a\":1}x"] {
        assert_eq!(reject(Format::Json, value.as_bytes()), NotALine::Reject(Reject::NotJson), "{value}");
    }
}

#[test]
fn text_is_cleaned() {
    assert_eq!(message("\u{feff}started\r\n"), "started");
    assert_eq!(message("\x1b[31mred\x1b[0m and \x1b]8;;http://x\x07link\x1b]8;;\x1b\\!"), "red and link!");
    assert_eq!(message(b"Pay\xffment timeout"), "Pay\u{fffd}ment timeout");
    assert_eq!(message("\n\n  \nfirst\nsecond"), "first");
    assert_eq!(message(" after a tag"), "after a tag");
    assert_eq!(message("{\"message\": \"cut in the mid"), "{\"message\": \"cut in the mid");
    let long = "ä".repeat(LINE_BYTES);
    assert_eq!(message(&long).len(), LINE_BYTES);
    assert_eq!(message(format!("x{long}")).len(), LINE_BYTES - 1);
}

#[test]
fn a_line_that_is_too_long_is_cut_off_and_says_so() {
    let mut decoder = Decoder::new(Format::Auto);
    decoder.cut_lines_at(1_024);
    let beginning = "word ".repeat(204);
    for (value, is_cut) in [
        (format!("{beginning}abcd"), false),
        (format!("{beginning}abcd   \r\nanother line {}", "x".repeat(5_000_000)), false),
        (format!("{beginning}abcde"), true),
        (format!("{beginning}abcd {}", "x".repeat(5_000_000)), true),
        (format!(r#"{{"message": "{beginning}abcd{}"}}"#, "x".repeat(5_000_000)), true),
    ] {
        let line = decoder.decode(&record(value.as_bytes())).unwrap();
        assert_eq!((line.message, line.is_cut), (format!("{beginning}abcd").as_str(), is_cut), "{}", value.len());
    }
}

#[test]
fn the_first_name_of_the_list_wins_wherever_it_stands() {
    let object =
        r#"{"msg":"c","log":"b","message":"a","host":"h2","host.name":"h1","ts":1,"time":"2026-11-23T08:01:24Z"}"#;
    with_line(object, |line| {
        assert_eq!((line.message, line.host), ("a", Some("h1")));
        assert_eq!(line.time, Some(StreamTime(1_795_420_884_000)));
    });
    assert_eq!(message(r#"{"message":null,"log":{"level":"x"},"msg":"c"}"#), "c");
}

#[test]
fn nested_and_dotted_names_are_the_same() {
    for object in [
        r#"{"message":"m","service":{"name":"shop","environment":"prod"},"host":{"name":"h"},"log":{"level":"error"}}"#,
        r#"{"message":"m","service.name":"shop","service.environment":"prod","host.name":"h","log.level":"ERROR"}"#,
        r#"{"MESSAGE":"m","Service":"shop","fields":{"env":"prod"},"HOST":"h","Level":"err"}"#,
    ] {
        with_line(object, |line| {
            assert_eq!((line.message, line.service, line.host), ("m", Some("shop"), Some("h")), "{object}");
            assert_eq!((line.environment, line.level), (Some("prod"), Level::Error), "{object}");
        });
    }
}

#[test]
fn strings_with_escapes_are_copied() {
    with_line(r#"{"message":"a \"b\" \u00e4","service":"s\u00e4","host":"h\/1","environment":"e\t1"}"#, |line| {
        assert_eq!((line.message, line.service, line.host), ("a \"b\" ä", Some("sä"), Some("h/1")));
        assert_eq!(line.environment, Some("e\u{fffd}1"));
    });
}

#[test]
fn an_object_within_the_message_is_opened_once() {
    let object =
        r#"{"log":"{\"level\":\"warn\",\"msg\":\"{\\\"msg\\\":\\\"deep\\\"}\",\"service\":\"in\"}\n","level":"info"}"#;
    with_line(object, |line| {
        assert_eq!((line.message, line.level, line.service), (r#"{"msg":"deep"}"#, Level::Warn, Some("in")));
    });
    assert_eq!(message(r#"{"log":"{\"a\":1}"}"#), r#"{"a":1}"#);
}

#[test]
fn an_object_without_a_message_is_its_own() {
    assert_eq!(message("{ \"a\" : [1, 2],\n \"b c\": \"d \\\" e\" }"), r#"{"a":[1,2],"b c":"d \" e"}"#);
}

#[test]
fn journald_writes_what_is_no_utf8_as_bytes() {
    assert_eq!(message(r#"{"MESSAGE":[80,97,121,255,101]}"#), "Pay\u{fffd}e");
    assert_eq!(message(r#"{"message":["a"],"msg":"m"}"#), "m");
}

#[test]
fn times_of_fields() {
    for (value, expected_ms) in [
        ("1795420862", 1_795_420_862_000),
        ("1795420862.0031", 1_795_420_862_003),
        ("1795420862003", 1_795_420_862_003),
        ("1795420862003123", 1_795_420_862_003),
        ("1795420862003123456", 1_795_420_862_003),
        ("\"1795420862003123456\"", 1_795_420_862_003),
        ("\"2026-11-23T08:01:02.0031234Z\"", 1_795_420_862_003),
        ("\"2026-11-23T10:01:02.003+02:00\"", 1_795_420_862_003),
        ("\"2026-11-23 08:01:02,003\"", 1_795_420_862_003),
        ("\"Nov 23 08:01:02\"", 1_795_420_862_000),
    ] {
        assert_eq!(time_ms(format!(r#"{{"message":"m","@timestamp":{value}}}"#)), Some(expected_ms), "{value}");
    }
    for value in ["12", "-1", "1e300", "\"soon\"", "null", "\"2026-02-30T00:00:00Z\"", "18446744073709551615", "{}"] {
        assert_eq!(time_ms(format!(r#"{{"message":"m","time":{value}}}"#)), None, "{value}");
    }
    // What cannot be read gives way to the next name of the list, and to the line.
    assert_eq!(time_ms(r#"{"@timestamp":"?","ts":1795420862,"message":"m"}"#), Some(1_795_420_862_000));
    assert_eq!(time_ms(r#"{"@timestamp":"?","message":"2026-11-23 08:01:02 m"}"#), Some(1_795_420_862_000));
}

#[test]
fn leading_stamps_come_off() {
    for (line, expected, expected_ms) in [
        ("2026-11-23 08:01:25,458 INFO x", "x", 1_795_420_885_458),
        ("2026-11-23T08:01:25.458123Z x", "x", 1_795_420_885_458),
        ("2026-11-23 08:01:23.702 UTC [2173] LOG:  x", "x", 1_795_420_883_702),
        ("2026-11-23 09:01:25+01 x", "x", 1_795_420_885_000),
        ("[2026-11-23 08:01:24 +0000] [2199] [INFO] x", "x", 1_795_420_884_000),
        ("2026/11/23 08:01:24 [error] 1#0: x", "x", 1_795_420_884_000),
        ("Nov 23 08:01:24 web01 sshd[1]: x", "x", 1_795_420_884_000),
        ("[Mon Nov 23 08:01:24.000123 2026] [core:error] x", "x", 1_795_420_884_000),
        ("[23/Nov/2026:08:01:24 +0000] x", "x", 1_795_420_884_000),
        ("2026-11-23 08:01:25 -12 items", "-12 items", 1_795_420_885_000),
    ] {
        with_line(line, |decoded| {
            assert_eq!((decoded.message, decoded.time), (expected, Some(StreamTime(expected_ms))), "{line}");
        });
    }
    for line in ["2026-11-23 08:01", "2026-11-23 25:01:02 x", "Nov x", "1795420862 x", "2026-11-23T08:01:25Zulu x"] {
        with_line(line, |decoded| assert_eq!((decoded.message, decoded.time), (line, None)));
    }
    assert_eq!(message("2026-11-23 08:01:25"), "2026-11-23 08:01:25");
    // Read, but not believed.
    with_line("1970-01-01T00:00:01Z boot", |line| assert_eq!((line.message, line.time), ("boot", None)));
}

#[test]
fn what_transports_write_before_a_line_comes_off() {
    for (value, expected, expected_level) in [
        ("<165>1 2026-11-23T08:01:02.003123Z web01 checkout 8710 - - x", "x", Level::Info),
        ("<34>Nov 23 08:01:02 web01 su[230]: x", "x", Level::Fatal),
        ("2026-11-23T08:01:02.003123456Z stderr F ERROR x", "x", Level::Error),
    ] {
        with_line(value, |line| {
            assert_eq!((line.message, line.level), (expected, expected_level), "{value}");
            assert_eq!(line.time.map(|time| time.0 / 1000), Some(1_795_420_862), "{value}");
        });
    }
    assert!(with_line("2026-11-23T08:01:02Z stderr F \tat x", |line| line.is_continuation));
    for line in ["<192>x", "<1", "<>x", "<a>x", "<0034>x", "<+1>x", "<34>"] {
        assert_eq!(message(line), line);
    }
}

#[test]
fn what_a_record_says_is_not_asked_of_the_header() {
    with_line(r#"{"message":"Nov 23 08:01:24 web01 a[1]: ERROR x","host":"h","level":"info"}"#, |line| {
        assert_eq!((line.message, line.host, line.level), ("x", Some("h"), Level::Info));
    });
}

#[test]
fn a_stamp_without_a_year_is_never_far_in_the_future() {
    // 2027-01-01T00:00:10Z
    let new_year_ms = 1_798_761_610_000;
    let time = |line: &str| stamp::leading(line, Some(new_year_ms)).and_then(|stamp| stamp.time).map(|time| time.0);
    assert_eq!(time("Dec 31 23:59:59 x"), Some(new_year_ms - 11_000));
    assert_eq!(time("Jan  1 00:00:09 x"), Some(new_year_ms - 1_000));
    assert_eq!(stamp::leading("Jan  1 00:00:09 x", None).map(|stamp| (stamp.time, stamp.rest)), Some((None, " x")));
    assert_eq!(time("Feb 29 00:00:00 x"), None);
}

#[test]
fn access_logs_keep_their_stamp_and_have_the_level_of_their_status() {
    let line = r#"127.0.0.1 - - [23/Nov/2026:08:01:27 +0000] "GET /ERROR/\"x HTTP/1.1" 200 12 "-" "WARN""#;
    with_line(line, |decoded| {
        assert_eq!((decoded.message, decoded.level), (line, Level::Info));
        assert_eq!(decoded.time, Some(StreamTime(1_795_420_887_000)));
    });
    assert_eq!(level(line.replace(" 200 ", " 503 ")), Level::Error);
}

#[test]
fn levels_of_fields() {
    for (field, expected) in [
        (r#""level":"WARNING""#, Level::Warn),
        (r#""level":50"#, Level::Error),
        (r#""level":3"#, Level::Error),
        (r#""level":"30""#, Level::Info),
        (r#""severityNumber":22"#, Level::Fatal),
        (r#""severity_text":"ERROR3""#, Level::Error),
        (r#""severity":"EMERGENCY""#, Level::Fatal),
        (r#""PRIORITY":"3""#, Level::Error),
        (r#""PRIORITY":"notice""#, Level::Info),
        (r#""level":"Informational""#, Level::Info),
        (r#""level":"DEFAULT""#, Level::Warn),
        (r#""level":99"#, Level::Warn),
    ] {
        assert_eq!(level(format!(r#"{{{field},"message":"WARN m"}}"#)), expected, "{field}");
    }
}

#[test]
fn levels_of_texts() {
    for (line, expected) in [
        ("postgres@shop FATAL:  sorry, too many clients already", Level::Fatal),
        ("[2199] [ERROR] Worker was sent SIGKILL", Level::Error),
        ("1#0: [warn] x", Level::Warn),
        ("level=error msg=x", Level::Error),
        ("level=\"Warn\" msg=x", Level::Warn),
        ("SEVERE: x", Level::Error),
        ("shop.errors.PaymentError: declined", Level::Error),
        ("KeyError", Level::Error),
        ("GET /LOG/ERROR.txt", Level::Info),
        ("an error in lower case", Level::Info),
        ("MY_ERROR and ERRORS and ERRÄ", Level::Info),
        ("ERROR_CODE=0 DEBUG", Level::Debug),
    ] {
        assert_eq!(level(line), expected, "{line}");
    }
    assert_eq!(level(format!("{} ERROR", "x".repeat(96))), Level::Info);
    assert_eq!(level(format!("{} ERROR", "x".repeat(94))), Level::Error);
}

#[test]
fn continuations_are_known_by_their_shape() {
    for line in [
        "\tat com.example.Author.getBookIds(Author.java:38)",
        "    at x",
        " at x",
        "  File \"/srv/app.py\", line 56, in items",
        "         ^^^^^^",
        "Caused by: java.lang.NullPointerException",
        "Traceback (most recent call last):",
        "... 12 more",
        "During handling of the above exception, another exception occurred:",
        "goroutine 12 [running]:",
        "main.(*Server).handle(0xc000012, {0x1, 0x2}, ...)",
        "created by net/http.(*Server).Serve in goroutine 1",
        "stack backtrace:",
        "    1596400211 bytes in use",
        "    12:30:11 was the last",
    ] {
        assert!(with_line(line, |decoded| decoded.is_continuation), "{line}");
    }
    for line in ["TypeError: x", " one blank", "goroutine pool is full", "... and more", "created by root", "done (12)"]
    {
        assert!(!with_line(line, |decoded| decoded.is_continuation), "{line}");
    }
    let line = "    2020-08-03T07:00:11.134Z [INFO]  agent.server.raft: restored from snapshot: id=41-1190331";
    with_line(line, |decoded| {
        assert_eq!((decoded.message, decoded.level), ("restored from snapshot: id=41-1190331", Level::Info));
        assert!(!decoded.is_continuation, "programs of HashiCorp indent all lines");
    });
    // A whole trace in one record is known by its exception.
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: bad\n";
    with_line(trace, |line| {
        assert_eq!((line.message, line.level, line.is_continuation), ("ValueError: bad", Level::Error, false));
    });
}

#[test]
fn long_names_are_cut_and_stay_apart() {
    let long = "ä".repeat(100);
    let name = |suffix: &str| {
        with_line(format!(r#"{{"message":"m","service":"{long}{suffix}"}}"#), |line| line.service.map(str::to_owned))
    };
    let (one, two) = (name("1").expect("a name"), name("2").expect("a name"));
    assert!(one.len() <= NAME_BYTES_MAX && one.starts_with("ää") && one != two, "{one} {two}");
    assert_eq!(with_line(r#"{"message":"m","service":"  "}"#, |line| line.service.map(str::to_owned)), None);
}

#[test]
fn depth_and_duplicates_are_harmless() {
    let deep = format!(r#"{{"log":{}{},"message":"m"}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let mut decoder = Decoder::new(Format::Auto);
    assert!(decoder.decode(&record(deep.as_bytes())).is_ok());
    let objects = format!(r#"{{"x":{}1{},"message":"m"}}"#, r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    assert_eq!(message(objects), "m");
    assert_eq!(message(r#"{"message":"first","message":"second"}"#), "first");
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused_and_leave_no_trace(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..5)) {
        let mut used = Decoder::new(Format::Auto);
        for value in &values {
            let mut fresh = Decoder::new(Format::Auto);
            prop_assert_eq!(used.decode(&record(value)), fresh.decode(&record(value)));
        }
    }

    #[test]
    fn any_text_is_a_clean_line_or_empty(text in "(\\PC|[\\s\\x1b\\[\\]{}\":]|Nov 23 |2026-11-23 08:01:2|\\{\"message\":\"){0,40}") {
        let mut decoder = Decoder::new(Format::Auto);
        if let Ok(line) = decoder.decode(&record(text.as_bytes())) {
            prop_assert!(!line.message.trim_ascii().is_empty());
            prop_assert!(!line.message.contains('\n'));
            prop_assert!(line.message.len() <= LINE_BYTES);
        }
    }

    #[test]
    fn any_name_stays_within_its_limit(name in "\\PC{0,200}") {
        let mut scratch = String::new();
        if let Some(name) = text::clip_name(&name, &mut scratch) {
            prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX);
        }
    }
}

/// WebSphere writes the month first, also on days that could be a month.
#[test]
fn the_month_comes_first_where_milliseconds_follow_a_colon() {
    let line = "[11/10/26 8:01:24:123 UTC] 0000004a WsServerImpl  A   WSVR0001I: open";
    assert_eq!((time_ms(line), message(line).as_str()), (Some(1_794_297_684_123), "WSVR0001I: open"));
    assert_eq!(time_ms("26/11/10 08:01:24 INFO a.b.C: open"), Some(1_794_297_684_000));
}
