//! Lines of files, compressed or not, with a limit on each.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;

use crate::decode::VALUE_BYTES_MAX;

/// Opens a file; `-` is standard input. `bytes_read` counts what is read of it, compressed as it is.
pub(super) fn open(path: &str, bytes_read: &Arc<AtomicU64>) -> anyhow::Result<Box<dyn BufRead>> {
    let raw: Box<dyn Read> = if path == "-" {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
        let is_folder = file.metadata().is_ok_and(|metadata| metadata.is_dir());
        anyhow::ensure!(!is_folder, "{path} is a directory, not a file");
        Box::new(file)
    };
    let counted = BufReader::with_capacity(1 << 16, Counted { inner: raw, bytes: Arc::clone(bytes_read) });
    decompressed(counted).with_context(|| format!("cannot read {path}"))
}

/// Reads one line, without its end; what is beyond the limit of a value is counted by the decoder as too long.
pub(super) fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
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
