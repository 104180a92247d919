//! From the bytes of a record to a [`LogLine`].
//!
//! A value is a JSON object as the common shippers write it, or text. What is wanted of it is found in one pass; what
//! nobody asked for is skipped without being built.
//!
//! Invariants:
//! * No value makes the decoder panic, and none is dropped in silence: it becomes a line, or says why it is none.
//! * Nothing is allocated per line. Texts are borrowed from the record, or from scratch space that the [`Decoder`] owns
//!   and uses again. The exceptions: `serde_json` does for strings with escapes, and journald's lists of bytes are gathered.
//! * The result depends on the record alone, never on what was decoded before, nor on a clock.
//!
//! Limits: a value of [`VALUE_BYTES_MAX`], a line of [`LINE_BYTES`] unless told otherwise, a name of [`NAME_BYTES_MAX`]. One record is
//! one line: batches (OTLP, CloudWatch, arrays) and binary encodings (MessagePack, Protocol Buffers) are not read.

mod actor;
mod continuation;
mod cursor;
mod digits;
mod element;
mod fields;
mod forms;
mod found;
mod header;
mod json;
mod level;
mod logfmt;
mod mnemonic;
mod prefix;
mod stamp;
mod syslog;
mod text;
mod transport;
mod vmware;
mod way_to_level;
mod whole;
mod word;

#[cfg(test)]
mod tests;

use serde::Deserialize;

use crate::padded::Padded;
use crate::record::{Level, LogLine, NotALine, Record, Reject, StreamTime};

use fields::FieldNames;
use found::Texts;

/// The longest value that is decoded, in bytes. Brokers refuse more than about 1 MB unless told otherwise.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// How much of a line is looked at unless told otherwise, in bytes; what is beyond is cut off, on the boundary of a character.
pub const LINE_BYTES: usize = 16 << 10;

/// The longest name of a service, host or environment, in bytes. A longer one is cut and told apart by a hash.
pub const NAME_BYTES_MAX: usize = 128;

/// A scratch text that grew beyond this is given back to the allocator before the next record, in bytes.
const SCRATCH_BYTES_KEPT: usize = 64 << 10;

/// How values are read: `input.format` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A JSON object is read as such, everything else as text.
    #[default]
    Auto,
    /// Everything is text, even what looks like JSON.
    Text,
    /// Everything must be a JSON object; the rest is rejected.
    Json,
}

/// Turns records into lines. Owns the scratch space of one thread.
#[derive(Debug)]
pub struct Decoder {
    format: Format,
    line_bytes: usize,
    written_by_ms: Option<i64>,
    names: FieldNames,
    padded: Padded,
    /// The value with its invalid UTF-8 replaced.
    lossy: String,
    /// The path of the JSON field that is being read.
    path: String,
    /// Strings of the JSON object that could not be borrowed, and those of an object within its message.
    outer: Texts,
    inner: Texts,
    /// The line without its escape sequences.
    plain: String,
    service: String,
    host: String,
    environment: String,
    /// The length of the last value.
    bytes_last: usize,
}

/// What a record says about its line, before the line's own text is looked into.
#[derive(Clone, Copy, Debug, Default)]
struct Fields<'a> {
    message: Option<&'a str>,
    time: Option<StreamTime>,
    service: Option<&'a str>,
    host: Option<&'a str>,
    environment: Option<&'a str>,
    level: Option<Level>,
}

impl<'a> Fields<'a> {
    /// These fields, with those of the object that was found in their message: its message and level are nearer to the
    /// program that wrote the line, so they win; of the rest what is missing is taken from it.
    fn with_inner(self, inner: Self) -> Self {
        if inner.message.is_none() {
            return self;
        }
        Self {
            message: inner.message,
            time: self.time.or(inner.time),
            service: self.service.or(inner.service),
            host: self.host.or(inner.host),
            environment: self.environment.or(inner.environment),
            level: inner.level.or(self.level),
        }
    }
}

impl Decoder {
    /// A decoder of values in this format.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            line_bytes: LINE_BYTES,
            written_by_ms: None,
            names: FieldNames::new(),
            padded: Padded::default(),
            lossy: String::new(),
            path: String::new(),
            outer: Texts::default(),
            inner: Texts::default(),
            plain: String::new(),
            service: String::new(),
            host: String::new(),
            environment: String::new(),
            bytes_last: 0,
        }
    }

    /// Lines are cut off at this length, in bytes.
    pub fn cut_lines_at(&mut self, line_bytes: usize) {
        self.line_bytes = line_bytes;
    }

    /// Lines of records without a timestamp were written before this moment, in milliseconds since 1970: it gives the year where
    /// a stamp has none.
    pub fn written_by(&mut self, moment_ms: i64) {
        self.written_by_ms = Some(moment_ms);
    }

    /// The line of a record. Linear in the length of the value.
    ///
    /// # Errors
    ///
    /// [`NotALine::Empty`] for a tombstone and for a value without text; [`NotALine::Reject`] for a value that is too
    /// long, is binary, or is no JSON object although the format asks for one.
    pub fn decode<'a>(&'a mut self, record: &Record<'a>) -> Result<LogLine<'a>, NotALine> {
        self.shrink();
        let value = record.value.ok_or(NotALine::Empty)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(NotALine::Reject(Reject::TooLong { limit_bytes: VALUE_BYTES_MAX }));
        }
        self.bytes_last = value.len();
        let Self { format, line_bytes, written_by_ms, .. } = *self;
        let record_ms = record.timestamp.map(|(ms, _)| ms).or(written_by_ms);
        let Self { padded, names, lossy, path, outer, inner, plain, service, host, environment, .. } = self;
        if format != Format::Json
            && value.len() <= line_bytes
            && let Some(text) = text::printable_ascii(value, padded)
            && (format == Format::Text || !text.trim_ascii_start().starts_with('{'))
        {
            return plain_line(text, record_ms, host);
        }
        let value = text::from_utf8_lossy(value, lossy);
        let value = text::without_byte_order_mark(value);
        let trimmed = value.trim_ascii();
        if trimmed.is_empty() {
            return Err(NotALine::Empty);
        }
        let is_clean = text::is_printable_ascii(value);
        if !is_clean && text::is_binary(value) {
            return Err(NotALine::Reject(Reject::Binary));
        }

        let reader = json::Reader { names, path, record_ms };
        let object = match format {
            Format::Auto | Format::Json if trimmed.starts_with('{') => json::read(trimmed, reader, outer, inner),
            _ => None,
        };
        let (fields, is_clean) = match (object, format) {
            // Escapes in its strings may stand for anything.
            (Some(fields), _) => (fields, text::is_printable_ascii(fields.message.unwrap_or_default())),
            (None, Format::Json) => return Err(NotALine::Reject(Reject::NotJson)),
            (None, _) => (Fields { message: Some(value), ..Fields::default() }, is_clean),
        };

        let message = fields.message.unwrap_or_default();
        let line =
            if is_clean { text::clean_line(message, line_bytes) } else { text::first_line(message, line_bytes, plain) };
        let (line, is_cut) = line.ok_or(NotALine::Empty)?;
        let reading = read_line(line, record_ms);
        let level = fields.level.or(reading.level);
        Ok(LogLine {
            time: fields.time.or(reading.time),
            environment: fields.environment.and_then(|name| text::clip_name(name, environment)),
            service: fields.service.and_then(|name| text::clip_name(name, service)),
            host: fields.host.or(reading.host).and_then(|name| text::clip_name(name, host)),
            level: level.unwrap_or_default(),
            says_level: level.is_some(),
            message: reading.message,
            is_continuation: reading.is_continuation,
            is_cut,
        })
    }

    /// Gives back what one huge record made the scratch space grow to.
    fn shrink(&mut self) {
        // Replacing what is invalid makes a text three times as long at most.
        if self.bytes_last <= SCRATCH_BYTES_KEPT / 3 {
            return;
        }
        let Self { lossy, outer, inner, plain, .. } = self;
        for text in [lossy, plain].into_iter().chain(outer.all()).chain(inner.all()) {
            if text.capacity() > SCRATCH_BYTES_KEPT {
                *text = String::new();
            }
        }
    }
}

/// The line of a text of printable ASCII, which is one line: nothing of it is cut off but blanks. `host` is scratch space.
fn plain_line<'a>(text: &'a str, record_ms: Option<i64>, host: &'a mut String) -> Result<LogLine<'a>, NotALine> {
    let line = text.trim_ascii_end();
    if line.is_empty() {
        return Err(NotALine::Empty);
    }
    let Reading { message, time, host: name, level, is_continuation } = read_line(line, record_ms);
    Ok(LogLine {
        time,
        environment: None,
        service: None,
        host: name.and_then(|name| text::clip_name(name, host)),
        level: level.unwrap_or_default(),
        says_level: level.is_some(),
        message,
        is_continuation,
        is_cut: false,
    })
}

/// What the text of a line says by itself.
struct Reading<'a> {
    message: &'a str,
    time: Option<StreamTime>,
    host: Option<&'a str>,
    level: Option<Level>,
    is_continuation: bool,
}

/// Takes the header of a line off and reads it. `record_ms` is the record's timestamp: it gives the year where a stamp has
/// none.
fn read_line(line: &str, record_ms: Option<i64>) -> Reading<'_> {
    if continuation::is_continuation(line) {
        return Reading { message: line, time: None, host: None, level: None, is_continuation: true };
    }
    // Receivers of RFC 3164 leave the blank after the tag in the message.
    let (priority, line) = transport::strip_priority(line.trim_ascii_start());
    let stamp = stamp::leading(line, record_ms);
    if stamp.is_none()
        && let Some(stamp) = stamp::access_log(line)
    {
        let level = priority.level.or_else(|| level::of_access(stamp.rest)).or_else(|| level::of_text(line));
        return Reading { message: line, time: stamp.time, host: None, level, is_continuation: false };
    }
    let header = match &stamp {
        Some(stamp) => {
            if let Some(reading) = read_transport(line, stamp, priority, record_ms) {
                return reading;
            }
            header::read_behind(line, stamp)
        }
        None => header::read_without_leading(line, record_ms),
    };
    let level = priority.level.or(header.level).or_else(|| level::of_message(header.message));
    Reading { message: header.message, time: header.time, host: header.host, level, is_continuation: false }
}

/// A line that a container's runtime or a sender of RFC 5424 wrote: what the program wrote stands behind its stamp, with a
/// header of its own.
fn read_transport<'a>(
    line: &str,
    stamp: &stamp::Stamp<'a>,
    priority: transport::Priority,
    record_ms: Option<i64>,
) -> Option<Reading<'a>> {
    if !priority.is_rfc5424 && !line.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (host, written) = match transport::strip_stream(stamp.rest) {
        Some(written) => (None, written),
        None if priority.is_rfc5424 => transport::split_rfc5424(stamp.rest)?,
        None => return None,
    };
    if written.trim_ascii().is_empty() {
        return None;
    }
    if continuation::is_continuation(written) {
        let level = priority.level;
        return Some(Reading { message: written, time: stamp.time, host, level, is_continuation: true });
    }
    let header = header::read(written, record_ms);
    let level = priority.level.or(header.level).or_else(|| level::of_message(header.message));
    let (time, host) = (stamp.time.or(header.time), host.or(header.host));
    Some(Reading { message: header.message, time, host, level, is_continuation: false })
}
