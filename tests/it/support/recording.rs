//! The recording `shop`, and how the tests put it into Kafka.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::client::Client;

/// A line of a log: when it arrived, and the JSON object that a shipper made of it.
#[derive(Clone, Debug)]
pub struct Line {
    pub time_ms: i64,
    pub json: String,
}

/// A stretch of log: lines, and lines behind its end that carry the watermarks of all partitions past it.
pub struct Recording {
    pub lines: Vec<Line>,
    /// Time of the last line before those of the end: what is compared ends here.
    pub end_ms: i64,
}

/// How long after the last line those of the end are: longer than any lateness, shorter than what partitions may be apart; and in
/// steps, for a leap would not be believed.
const ENDS_MS: [i64; 3] = [10_000, 20_000, 30_000];
/// A watermark is the median of nine times, and there are up to eight partitions.
const END_LINES: usize = 72;

impl Recording {
    /// These lines and an end.
    pub fn new(mut lines: Vec<Line>) -> Self {
        let end_ms = lines.iter().map(|line| line.time_ms).max().unwrap();
        for time_ms in ENDS_MS.map(|after_ms| end_ms + after_ms) {
            let json = format!(r#"{{"ts": {}, "service": "end", "message": "nothing follows"}}"#, seconds(time_ms));
            lines.extend(std::iter::repeat_n(Line { time_ms, json }, END_LINES));
        }
        Self { lines, end_ms }
    }

    /// The first `seconds` of the recording `shop`.
    pub fn shop(seconds: i64) -> Self {
        let start_ms = shop().first().unwrap().time_ms;
        Self::new(shop().iter().filter(|line| line.time_ms < start_ms + seconds * 1000).cloned().collect())
    }

    /// The same lines at another time.
    pub fn moved(&self, by_ms: i64) -> Self {
        let moved = |line: &Line| {
            let mut object: serde_json::Value = serde_json::from_str(&line.json).unwrap();
            let time_ms = line.time_ms + by_ms;
            object["ts"] = serde_json::from_str(&seconds(time_ms)).unwrap();
            Line { time_ms, json: object.to_string() }
        };
        Self { lines: self.lines.iter().map(moved).collect(), end_ms: self.end_ms + by_ms }
    }

    /// Where line number `index` goes.
    pub fn partition(index: usize, partitions: i32) -> i32 {
        i32::try_from(index).unwrap() % partitions
    }

    /// Writes all lines to the partitions in turn, without keys, the records' timestamps being those of the lines.
    pub fn send(&self, client: &Client, topic: &str, partitions: i32) {
        for (index, line) in self.lines.iter().enumerate() {
            client.send(topic, Self::partition(index, partitions), line.time_ms, Some(line.json.as_bytes()));
        }
        client.flush();
    }

    /// As [`Recording::send`], over a time, evenly; what is left goes at once as soon as somebody says `hurry`.
    pub fn send_over(&self, client: &Client, topic: &str, partitions: i32, over: Duration, hurry: &AtomicBool) {
        let began = Instant::now();
        for (index, line) in self.lines.iter().enumerate() {
            let due = over.mul_f64(index as f64 / self.lines.len() as f64);
            if !hurry.load(Ordering::Relaxed) {
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
            client.send(topic, Self::partition(index, partitions), line.time_ms, Some(line.json.as_bytes()));
        }
        client.flush();
    }

    /// As a file of JSON lines.
    pub fn to_json_lines(&self) -> String {
        self.lines.iter().map(|line| format!("{}\n", line.json)).collect()
    }
}

/// Milliseconds as the seconds of the recording's `ts`.
pub fn seconds(time_ms: i64) -> String {
    format!("{}.{:03}", time_ms.div_euclid(1000), time_ms.rem_euclid(1000))
}

/// The whole recording: 35 minutes of a web shop with 12 faults, see `src/cli/demo/README.md`.
pub fn shop() -> &'static [Line] {
    static LINES: OnceLock<Vec<Line>> = OnceLock::new();
    LINES.get_or_init(|| {
        let file = super::repository("src/cli/demo/shop.jsonl.zst");
        let text = String::from_utf8(zstd::decode_all(std::fs::File::open(file).unwrap()).unwrap()).unwrap();
        text.lines().map(|json| Line { time_ms: time_ms(json), json: json.to_owned() }).collect()
    })
}

fn time_ms(json: &str) -> i64 {
    let object: serde_json::Value = serde_json::from_str(json).unwrap();
    #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    let time_ms = (object["ts"].as_f64().unwrap() * 1000.0).round() as i64;
    time_ms
}
