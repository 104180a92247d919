//! Files as partitions: lines, compressed or not, with a limit on each.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use anyhow::Context;

use crate::decode::{Decoder, Format, VALUE_BYTES_MAX};
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
        let mut written_by_ms = wall_clock_ms();
        let (name, stem, raw): (String, String, Box<dyn Read>) = if path == "-" {
            ("standard input".to_owned(), "stdin".to_owned(), Box::new(io::stdin()))
        } else {
            let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
            let metadata = file.metadata().with_context(|| format!("cannot open {path}"))?;
            anyhow::ensure!(!metadata.is_dir(), "{path} is a directory, not a file");
            let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            written_by_ms = modified.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(written_by_ms);
            (path.to_owned(), stem_of(path), Box::new(file))
        };
        let counted = BufReader::with_capacity(1 << 16, Counted { inner: raw, bytes: Arc::clone(bytes_read) });
        let reader = decompressed(counted).with_context(|| format!("cannot read {name}"))?;
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

/// Reads one line, without its end; what is beyond the limit of a value is counted by the decoder as too long.
fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let limit = VALUE_BYTES_MAX as u64 + 2;
    if (&mut *reader).take(limit).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 == limit {
        skip_line(reader)?;
    }
    Ok(true)
}

fn skip_line(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = memchr::memchr(b'\n', buffer);
        let length = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(length);
        if end.is_some() {
            return Ok(());
        }
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

/// By its first bytes: gzip (RFC 1952), zstd (RFC 8878) or as it is.
fn decompressed(mut reader: impl BufRead + 'static) -> io::Result<Box<dyn BufRead>> {
    let first = reader.fill_buf()?;
    Ok(if first.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(reader)))
    } else if first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(BufReader::with_capacity(1 << 16, zstd::stream::read::Decoder::with_buffer(reader)?))
    } else {
        Box::new(reader)
    })
}

struct Counted {
    inner: Box<dyn Read>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
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

    #[test]
    fn a_line_beyond_the_limit_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; VALUE_BYTES_MAX + 100];
        text.extend_from_slice(b"\nnext\n");
        let mut reader: Box<dyn BufRead> = Box::new(io::Cursor::new(text));
        let mut line = Vec::new();
        assert!(read_line(&mut reader, &mut line).unwrap());
        assert!(line.len() > VALUE_BYTES_MAX);
        line.clear();
        assert!(read_line(&mut reader, &mut line).unwrap());
        assert_eq!(line, b"next");
        line.clear();
        assert!(!read_line(&mut reader, &mut line).unwrap());
    }
}
