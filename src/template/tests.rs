//! Tests of skeletons.

use proptest::prelude::*;

use super::*;

fn skeleton(line: &str) -> String {
    Skeletoniser::new().skeletonise(line).text().to_owned()
}

fn parameters(line: &str) -> Vec<(ParameterKind, String)> {
    Skeletoniser::new().skeletonise(line).parameters.iter().map(|p| (p.kind, p.text(line).to_owned())).collect()
}

#[test]
fn lines_of_a_shop() {
    for (line, expected) in [
        (
            r#"127.0.0.1 - - [23/Nov/2026:08:01:28 +0000] "POST /cart/u2292/132 HTTP/1.1" 200 8 "-" "python-httpx/0.28.1""#,
            r#"<*> - - [<*>] "POST <*>" <*> "<*>" "<*>""#,
        ),
        (
            "[2184] postgres@shop LOG:  disconnection: session time: 0:00:00.034 user=postgres database=shop host=[local]",
            "[<*>] postgres@shop LOG: disconnection: session time: <*> user=<*> database=<*> host=[local]",
        ),
        ("[2199] [INFO] Listening at: http://127.0.0.1:8098 (2199)", "[<*>] [INFO] Listening at: <*> (<*>)"),
        (
            "2198:M 23 Nov 2026 08:01:29.230 - DB 0: 8 keys (8 volatile) in 16 slots HT.",
            "<*>:M <*> - DB <*> keys (<*> volatile) in <*> slots HT.",
        ),
        ("Failed password for root from 127.0.0.1 port 57060 ssh2", "Failed password for root from <*> port <*>"),
        (
            "INFO    fulfilment - packed order 0e05830e-b74e-467d-800f-ce439cb3fc8b in box size L weight 4.6 kg",
            "INFO fulfilment - packed order <*> in box size L weight <*> kg",
        ),
    ] {
        assert_eq!(skeleton(line), expected, "{line}");
    }
}

#[test]
fn what_is_variable() {
    for (line, expected) in [
        ("took 45ms after 1,2,3 of 4-5 left", "took <*> after <*> of <*> left"),
        ("read 64 bytes (1.2 KB)", "read <*> bytes"),
        ("read 64 bytes (of 80), lifetime <1 sec or > 2 min", "read <*> bytes (of <*>), lifetime <*> or > <*>"),
        ("switch<0> <1> port", "switch<<*>> <<*>> port"),
        ("from fe80::1 to db-2.example.com:5432!", "from <*> to <*>!"),
        ("std::io::Error in a:b: c", "std::io::Error in a:b: c"),
        ("on Sun Dec of true", "on <*> of <*>"),
        ("open /var/log/x.log: denied", "open <*>: denied"),
        ("see https://x.org/a?b=c&d=e.", "see <*>."),
        ("user=root uid=0 tty= ruser=, x", "user=<*> uid=<*> tty=<*> ruser=<*>, x"),
        ("call ()", "call (<*>)"),
        ("a == b => c, x = y", "a == b => c, x = y"),
        ("msg=started k=v message=stopped. msg= xmsg=y", "msg=started k=<*> message=stopped. msg=<*> xmsg=<*>"),
        ("mail to ann.b@example.com, root@local and a@b.", "mail to <*>, root@local and a@b."),
        ("end=", "end=<*>"),
        ("user=<ann> from=<a+b@c.d> x=<3>, a <b>", "user=<<*>> from=<<*>> x=<<*>>, a <b>"),
        ("user=- from=<> to=[], x=-y", "user=<*> from=<<*>> to=[<*>], x=<*>"),
        ("a -> b - c and 7->9@x1", "a -> b - c and <*>-><*>"),
        ("1,234,567 of 2,000.", "<*> of <*>."),
        ("job #17 took ~27% or $5", "job #<*> took ~<*> or $<*>"),
        (
            "repair #9a3b2c10-8d4e-11ee-b9d1-0242ac120002 and #fa3b2c10-8d4e-11ee-b9d1-0242ac120002, of C# or #none",
            "repair #<*> and #<*>, of C# or #none",
        ),
        ("enable......0 then illegal op...........1", "enable......<*> then illegal op...........<*>"),
        ("a...1b...~7...c", "a...<*>...~<*>...c"),
        ("x...1...22...3.3...end", "x...<*>...<*>...<*>...end"),
        ("user 'ann' at \"web-3\", pool=\"main\" is \"DOWN\"", "user '<*>' at \"<*>\", pool=\"<*>\" is \"DOWN\""),
        ("don't, won't: msg='stopped' k='stopped'", "don't, won't: msg='stopped' k='<*>'"),
        (r#"{"id":17,"state":"ok"}"#, r#"{"id":<*>,"state":"<*>"}"#),
        ("deadbeefcafe at facade", "<*> at facade"),
        ("a / b / // c", "a / b / // c"),
        (r#""GET / HTTP/1.1" and "GET /?q=1 HTTP/1.1" or /"#, r#""GET <*>" and "GET <*>" or /"#),
        ("tabs\tand\u{0}controls  here ", "tabs and controls here"),
        ("", ""),
    ] {
        assert_eq!(skeleton(line), expected, "{line}");
    }
}

#[test]
fn parameters_have_kinds() {
    use ParameterKind::{Duration, Email, Hexadecimal, Ip, Mac, Number, Path, Quoted, Time, Url, Uuid, Word};
    for (text, kind) in [
        ("45", Number),
        ("-0.5", Number),
        ("45ms", Number),
        ("0x7ffe", Hexadecimal),
        ("2c12a3826fa6573b", Hexadecimal),
        ("0e05830e-b74e-467d-800f-ce439cb3fc8b", Uuid),
        ("10.0.0.7", Ip),
        ("10.0.0.7:443", Ip),
        ("2001:db8::17", Ip),
        ("/var/log", Path),
        ("a/b/c1", Path),
        ("ftp://x/y", Url),
        ("08:01:24", Time),
        ("2026-11-23", Time),
        ("Nov", Time),
        ("00:1a:2b:3c:4d:5e", Mac),
        ("ann.b@example.com", Email),
        ("ann7@example.com", Email),
        ("1h2m3.5s", Duration),
        ("ssh2", Word),
        ("true", Word),
        ("1,234,567", Number),
    ] {
        assert_eq!(parameters(&format!("is {text} now")), [(kind, text.to_owned())], "{text}");
    }
    assert_eq!(parameters("user 'ann' of '10.0.0.7'"), [(Quoted, "ann".to_owned()), (Ip, "10.0.0.7".to_owned())]);
    assert_eq!(parameters("job #17"), [(Number, "17".to_owned())]);
    assert_eq!(parameters("a= b=x"), [(Word, String::new()), (Word, "x".to_owned())]);
}

#[test]
fn variables_of_one_run_share_a_slot() {
    let mut skeletoniser = Skeletoniser::new();
    let skeleton = skeletoniser.skeletonise("ports 1, 2 and 3");
    assert_eq!(skeleton.text(), "ports <*> and <*>");
    assert_eq!(skeleton.parameters.iter().map(|parameter| parameter.slot).collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn ids_do_not_change_between_builds() {
    // Whoever breaks this raises RULES_VERSION and changes it.
    let id = Skeletoniser::new().skeletonise("Failed password for root from 127.0.0.1 port 57060 ssh2").id;
    assert_eq!(id.to_string(), "tf171c19d5dfc5077");
}

#[test]
fn a_skeleton_is_its_own_skeleton() {
    for line in ["ports 1, 2 and 3", "user=root uid=0", "<*> <*>", "a <*>b", "job #17 at 'x'", "on......0 of 1,234"] {
        assert_eq!(skeleton(&skeleton(line)), skeleton(line), "{line}");
    }
}

#[test]
fn a_word_is_one_thing_however_long_it_is() {
    for (letter, length) in ["q", "b", "é"].into_iter().flat_map(|letter| (20..150).map(move |length| (letter, length)))
    {
        for tail in ["", "7", "7x"] {
            let word = format!("{}{tail}", letter.repeat(length));
            let found: Vec<String> = parameters(&format!("x {word} y")).into_iter().map(|(_, text)| text).collect();
            let is_text = tail.is_empty() && letter != "b";
            assert_eq!(found, if is_text { vec![] } else { vec![word] });
        }
    }
}

#[test]
fn long_skeletons_are_cut_but_not_confused() {
    let long = "word ".repeat(1000);
    let mut skeletoniser = Skeletoniser::new();
    let (one, text) = {
        let skeleton = skeletoniser.skeletonise(&format!("{long} one"));
        (skeleton.id, skeleton.text().to_owned())
    };
    let two = skeletoniser.skeletonise(&format!("{long} two"));
    assert_eq!((text.len(), two.text()), (SKELETON_BYTES_MAX, text.as_str()));
    assert_ne!(one, two.id);
    assert_eq!(skeletoniser.skeletonise(&"x 1 ".repeat(1000)).parameters.len(), PARAMETERS_MAX);
}

/// Lines made of what lines are made of.
fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            "[a-z]{1,8}",
            "[0-9]{1,5}",
            "[ =:,;/.<>*()\\[\\]\"'|#-]{1,3}",
            "['\"][a-z]{0,3}['\"]",
            "[0-9]{1,3},[0-9]{3}",
            "\\PC{1,4}",
            "<\\*>",
            "https?://\\S{0,9}",
            " "
        ],
        0..30,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn parameters_lie_in_the_line(line in line()) {
        let mut skeletoniser = Skeletoniser::new();
        let skeleton = skeletoniser.skeletonise(&line);
        prop_assert!(skeleton.text().len() <= SKELETON_BYTES_MAX && skeleton.parameters.len() <= PARAMETERS_MAX);
        let mut at = 0;
        for parameter in skeleton.parameters {
            prop_assert!(at <= parameter.start && parameter.start <= parameter.end);
            prop_assert!(line.get(parameter.start as usize..parameter.end as usize).is_some());
            at = parameter.end;
        }
        let slots = skeleton.text().matches("<*>").count();
        prop_assert!(skeleton.parameters.iter().all(|parameter| usize::from(parameter.slot) < slots));
    }

    #[test]
    fn what_came_before_has_no_influence(lines in prop::collection::vec(line(), 1..6), arbitrary in ".{0,80}") {
        let mut used = Skeletoniser::new();
        used.skeletonise(&arbitrary);
        for line in &lines {
            let mut fresh = Skeletoniser::new();
            let (used, fresh) = (used.skeletonise(line), fresh.skeletonise(line));
            prop_assert_eq!((used.id, used.text(), used.parameters), (fresh.id, fresh.text(), fresh.parameters));
        }
    }

    #[test]
    fn another_number_is_the_same_template(before in "[a-z ]{0,20}", one in any::<u32>(), two in any::<u32>(), after in "[a-z ]{0,20}") {
        let mut skeletoniser = Skeletoniser::new();
        let first = skeletoniser.skeletonise(&format!("{before} {one} {after}")).id;
        prop_assert_eq!(first, skeletoniser.skeletonise(&format!("{before} {two} {after}")).id);
    }

    #[test]
    fn number_reads_what_was_written(value in -999_999_i64..=999_999, unit in prop_oneof![Just(""), Just("ms"), Just("%")]) {
        prop_assert_eq!(number(&format!("{value}{unit}")), Some(Number::Integer(value)));
    }

    #[test]
    fn number_never_panics(text in "[-+0-9.a-zµ%]{0,24}|\\PC{0,12}") {
        let _ = number(&text);
    }
}
