//! Mutated lines, as many as there is time for: nothing panics, and what is said of a line is true of it.
//!
//! `EDDYLINE_FUZZ_SECONDS` says how long (2 by default, 30 in CI, minutes by hand), `EDDYLINE_FUZZ_SEED` where to begin; what
//! fails prints its seed. Fuzzers led by coverage need a nightly compiler; this one is led by lines that real programs wrote,
//! cut, spliced and damaged, and needs none.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

#[path = "../benches/support/lines.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the benches")]
mod lines;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use eddyline::decode::{Decoder, Format, LINE_BYTES_MAX};
use eddyline::record::{Offset, Record, TimeBasis};
use eddyline::template::{PARAMETERS_MAX, SKELETON_BYTES_MAX, Skeletoniser, number};
use lines::{Form, Lines};

/// Lines with headers, values and damage of kinds that the recording has not.
const LINES: [&str; 22] = [
    "2026-11-23 08:01:24,978 WARN [main] org.apache.hadoop.v2.App: low memory 7.5 MB of 1,024",
    "08:01:24.123 [main] DEBUG c.e.App#12 - started in 1h2m3s",
    "E, [2026-11-23T08:01:24.123456 #1234] ERROR -- : x failed",
    "2026-11-23T08:01:24.123Z\terror\tcart\tcart/server.go:71\tno stock",
    "W1123 08:01:24.123456    1234 controller.go:123] slow sync",
    "2198:M 23 Nov 2026 08:01:24.230 # out of memory",
    "<27>1 2026-11-23T08:01:24Z web01 app 8 ID1 [a@1 b=\"c\\]\"][d] x",
    "Nov 23 08:01:24 web01 kernel: [ 1234.567890] usb 1-1: new 00:1a:2b:3c:4d:5e fe80::1",
    "11-23 08:01:24.811  1702  2395 E WindowManager: no window {a=b, c=(d)}",
    "2026-11-23 08:01:24, Info                  CBS    Loaded stack",
    "20261123-8:1:24:606|Step_LSC|30002312|onStep 3",
    "- 1795420884 2026.11.23 R02-M1 2026-11-23-01.01.24.67 R02-M1 RAS KERNEL FATAL x",
    "web_1  | 2026-11-23 08:01:24 ERROR read 64 bytes (1.2 KB), lifetime <1 sec",
    "time=\"2026-11-23T08:01:24Z\" level=info msg=\"a \\\"b\\\"\" k= v=/x/y?z=1 user=ann@example.com",
    "{\"@timestamp\":1795420884.5,\"log\":\"{\\\"msg\\\":\\\"x\\\"}\",\"level\":30,\"a\":[1,{\"b\":null}]}",
    "{\"MESSAGE\":[80,97,255],\"PRIORITY\":\"3\"}",
    "10.0.0.1 - ann [23/Nov/2026:08:01:24 +0000] \"GET /a?b=c HTTP/1.1\" 503 12 \"-\" \"x\"",
    "\tat com.example.Author.get(Author.java:38)",
    "main.(*Server).handle(0xc000012, {0x1, 0x2}, ...)",
    "\u{1b}[31mred\u{1b}[0m Zeit\u{fc}berschreitung \u{65e5}\u{672c} caf\u{e9}: 12\u{b5}s",
    "<*> of <*>, <<*>> ((())) ===,,,::::////----....",
    "https://user@x.org:8443/a/b?c=d#e, /var/log/x.log. db-2.example.com:5432! 0e05830e-b74e-467d-800f-ce439cb3fc8b",
];

/// What lines are damaged with.
const BYTES: &[u8] = b" \t\n:=/-.,;|[](){}<>\"'_$#@*\\+%0159aeFZmsT\x00\x1b\x7f\xc3\xa4\xe6\xff";

/// The generator xorshift64 of Marsaglia (2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let shop = Lines::shop();
    let mut corpus: Vec<Vec<u8>> = LINES.iter().map(|line| line.as_bytes().to_vec()).collect();
    for index in (0..shop.len()).step_by(997) {
        for form in [Form::Plain, Form::Json] {
            let mut line = Vec::new();
            shop.write(index, lines::START_MS, form, &mut line);
            corpus.push(line);
        }
    }
    corpus
}

/// A line of the corpus, damaged in one to six ways.
fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut line = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(line.len() + 1);
        let byte = BYTES[random.below(BYTES.len())];
        match random.below(7) {
            0 => line.insert(at, byte),
            1 if at < line.len() => line[at] = byte,
            2 if at < line.len() => _ = line.remove(at),
            3 => line.truncate(at),
            4 => {
                let other = &corpus[random.below(corpus.len())];
                line.truncate(at);
                line.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            5 => {
                let end = (at + random.below(24)).min(line.len());
                let piece = line[at..end].repeat(1 + random.below(40));
                line.splice(at..at, piece);
            }
            _ => line.splice(at..at, std::iter::repeat_n(byte, random.below(200))).for_each(drop),
        }
    }
    line
}

/// Decodes a line, makes its skeleton, and holds both against what they promise.
fn check(line: &[u8], decoder: &mut Decoder, skeletoniser: &mut Skeletoniser) {
    let record =
        Record { offset: Offset(0), timestamp: Some((lines::START_MS, TimeBasis::KafkaCreate)), value: Some(line) };
    let mut fresh = Decoder::new(Format::Auto);
    let decoded = decoder.decode(&record);
    assert_eq!(decoded, fresh.decode(&record), "what was decoded before has an influence");
    let Ok(decoded) = decoded else { return };
    let message = decoded.message;
    assert!(!message.trim_ascii().is_empty() && message.len() <= LINE_BYTES_MAX && !message.contains('\n'));
    let (id, text, slots) = {
        let skeleton = skeletoniser.skeletonise(message);
        assert!(skeleton.text.len() <= SKELETON_BYTES_MAX && skeleton.parameters.len() <= PARAMETERS_MAX);
        let mut at = 0;
        for parameter in skeleton.parameters {
            assert!(at <= parameter.start && parameter.start <= parameter.end);
            let (start, end) = (parameter.start as usize, parameter.end as usize);
            assert_eq!(message.get(start..end), Some(parameter.text(message)));
            let _ = number(parameter.text(message));
            at = parameter.end;
        }
        (skeleton.id, skeleton.text.to_owned(), skeleton.parameters.last().map_or(0, |last| last.slot))
    };
    assert!(usize::from(slots) <= text.matches("<*>").count() || text.len() + 4 > SKELETON_BYTES_MAX);
    assert_eq!(Skeletoniser::new().skeletonise(message).id, id, "what was read before has an influence");
}

#[test]
fn damaged_lines_do_no_harm() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seconds = variable("EDDYLINE_FUZZ_SECONDS").unwrap_or(2);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let begin = variable("EDDYLINE_FUZZ_SEED").unwrap_or(now | 1);
    let corpus = corpus();
    let (mut decoder, mut skeletoniser) = (Decoder::new(Format::Auto), Skeletoniser::new());
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut lines = 0_u64;
    while Instant::now() < until || lines == 0 {
        // A seed of its own for every hundred lines, so that a failure is found again at once.
        let seed = begin.wrapping_add(lines) | 1;
        let mut random = Random(seed);
        for _ in 0..100 {
            let line = mutated(&corpus, &mut random);
            let outcome = catch_unwind(AssertUnwindSafe(|| check(&line, &mut decoder, &mut skeletoniser)));
            assert!(outcome.is_ok(), "EDDYLINE_FUZZ_SEED={seed}: {:?}", String::from_utf8_lossy(&line));
        }
        lines += 100;
    }
    eprintln!("{lines} lines in {seconds} s, from EDDYLINE_FUZZ_SEED={begin}");
}
