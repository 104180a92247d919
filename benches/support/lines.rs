//! Lines to measure with: those of the recording `shop`, again and again, at any rate of log time.

use std::io::Write;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// When the first line happens: 2026-11-23T08:00:00Z. A whole hour, since skeletons are announced once an hour.
pub const START_MS: i64 = 1_795_420_800_000;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `2026-11-23T08:00:00.000Z message`: about 135 bytes, all of one service.
    Plain,
    /// `{"ts": 1795420800.000, "service": "…", "message": "…"}`: about 170 bytes, of seven services.
    Json,
}

/// The recording.
pub struct Lines {
    /// Of each line its time since the first one, its message, and its JSON object behind the time.
    lines: Vec<(i64, String, String)>,
}

impl Lines {
    /// The recording `shop`: 186,598 lines of 35 minutes; see `src/cli/demo/README.md`.
    pub fn shop() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo/shop.jsonl.zst");
        let text = String::from_utf8(zstd::decode_all(std::fs::File::open(file).unwrap()).unwrap()).unwrap();
        let mut begun = None;
        let lines = text.lines().map(|json| {
            let object: serde_json::Value = serde_json::from_str(json).unwrap();
            let ts_ms = (object["ts"].as_f64().unwrap() * 1_000.0).round() as i64;
            let message = object["message"].as_str().unwrap().to_owned();
            let behind_time = json[json.find(", \"service\"").unwrap()..].to_owned();
            (ts_ms - *begun.get_or_insert(ts_ms), message, behind_time)
        });
        Self { lines: lines.collect() }
    }

    /// How many lines the recording has.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// When line number `index` of the recording happened.
    pub fn own_time_ms(&self, index: usize) -> i64 {
        START_MS + self.lines[index].0
    }

    /// Writes line number `index`, counted on over repetitions of the recording, as if it had happened then.
    pub fn write(&self, index: usize, time_ms: i64, form: Form, to: &mut Vec<u8>) {
        let (_, message, behind_time) = &self.lines[index % self.lines.len()];
        match form {
            Form::Plain => {
                let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000).unwrap();
                write!(to, "{} {message}", time.format(&Rfc3339).unwrap()).unwrap();
            }
            Form::Json => write!(to, "{{\"ts\": {}.{:03}{behind_time}", time_ms / 1_000, time_ms % 1_000).unwrap(),
        }
    }
}

/// When line number `index` happens at this rate.
pub fn time_ms(index: usize, lines_per_second: i64) -> i64 {
    START_MS + i64::try_from(index).unwrap() * 1_000 / lines_per_second
}

/// The folder of further data, where it is there. It may not be part of the project.
pub fn data() -> Option<PathBuf> {
    let data = std::env::var_os("EDDYLINE_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    data.is_dir().then_some(data)
}
