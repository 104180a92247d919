//! Files as partitions.

use std::collections::VecDeque;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::UNIX_EPOCH;

use anyhow::Context;

use super::super::lines::{self, read_line};
use crate::decode::{Decoder, Format};
use crate::ops::wall_clock_ms;
use crate::record::{Offset, Partition, Record, StreamTime, TimeBasis, Topic};

/// How many lines are looked at for the first time stamp.
const LOOK_AHEAD_LINES_MAX: usize = 10_000;
/// How many bytes of them.
const LOOK_AHEAD_BYTES_MAX: usize = 16 << 20;

/// One file, or standard input.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) partition: Partition,
    reader: Box<dyn BufRead>,
    ahead: VecDeque<Vec<u8>>,
    line: Vec<u8>,
    offset: i64,
    clock: Clock,
    /// When the file was last written, in milliseconds since 1970; now, for standard input.
    pub(super) written_by_ms: i64,
    /// Time of the latest line.
    pub(super) latest: Option<StreamTime>,
}

/// Where the time of a line comes from that has none of its own.
enum Clock {
    /// The first time stamp of the file, until it has come.
    First(StreamTime),
    /// A millisecond a line.
    Count,
}

impl Source {
    /// Opens a file; `-` is standard input. `bytes_read` counts what is read of it, compressed as it is.
    pub(super) fn open(path: &str, number: i32, bytes_read: &Arc<AtomicU64>) -> anyhow::Result<Self> {
        let reader = lines::open(path, bytes_read)?;
        let modified = || std::fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok();
        let modified_ms = || i64::try_from(modified()?.as_millis()).ok();
        let (name, stem, written_by_ms) = match path {
            "-" => ("standard input".to_owned(), "stdin".to_owned(), wall_clock_ms()),
            _ => (path.to_owned(), stem_of(path), modified_ms().unwrap_or_else(wall_clock_ms)),
        };
        Ok(Self {
            name,
            partition: Partition::new(Topic::new(&stem), number),
            reader,
            ahead: VecDeque::new(),
            line: Vec::new(),
            offset: 0,
            clock: Clock::Count,
            written_by_ms,
            latest: None,
        })
    }

    /// Looks ahead for the first time stamp. Returns whether there is one.
    pub(super) fn find_first_time(&mut self, format: Format) -> anyhow::Result<bool> {
        let mut decoder = Decoder::new(format);
        decoder.written_by(self.written_by_ms);
        let mut bytes = 0;
        while self.ahead.len() < LOOK_AHEAD_LINES_MAX && bytes < LOOK_AHEAD_BYTES_MAX {
            let mut line = Vec::new();
            if !read_line(&mut self.reader, &mut line).with_context(|| format!("cannot read {}", self.name))? {
                break;
            }
            bytes += line.len();
            let record = Record { offset: Offset(0), timestamp: None, value: Some(&line) };
            let time = decoder.decode(&record).ok().and_then(|line| line.time);
            self.ahead.push_back(line);
            if let Some(time) = time {
                self.clock = Clock::First(time);
                self.latest = Some(time);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next line as a record; `None` at the end.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Record<'_>>> {
        let looked_at = self.ahead.pop_front();
        let is_before_first_time = looked_at.is_some();
        match looked_at {
            Some(line) => self.line = line,
            None => {
                self.line.clear();
                if !read_line(&mut self.reader, &mut self.line).with_context(|| format!("cannot read {}", self.name))? {
                    return Ok(None);
                }
            }
        }
        let offset = Offset(self.offset);
        self.offset += 1;
        let timestamp = match self.clock {
            Clock::First(time) => is_before_first_time.then_some((time.0, TimeBasis::Log)),
            Clock::Count => Some((self.offset, TimeBasis::Log)),
        };
        Ok(Some(Record { offset, timestamp, value: Some(&self.line) }))
    }
}

/// The name without its folder and its endings `.log`, `.txt`, `.json`, `.jsonl`, `.gz`, `.zst`: the service of plain lines.
fn stem_of(path: &str) -> String {
    let name = Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned());
    let mut stem = name.as_str();
    for ending in [".gz", ".zst", ".log", ".txt", ".jsonl", ".json"] {
        stem = stem.strip_suffix(ending).filter(|rest| !rest.is_empty()).unwrap_or(stem);
    }
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_the_stem_of_its_file() {
        assert_eq!(stem_of("/var/log/checkout.log.gz"), "checkout");
        assert_eq!(stem_of("shop.jsonl.zst"), "shop");
        assert_eq!(stem_of(".log"), ".log");
    }
}
