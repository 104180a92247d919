//! Records to read, all in memory.

use eddyline::decode::{Decoder, Format};
use eddyline::record::{Offset, Record, TimeBasis};

use crate::lines::{Form, Lines, data, time_ms};

/// Records of one partition: their values in one piece, as a batch of Kafka's would hold them.
pub struct Input {
    pub name: String,
    bytes: Vec<u8>,
    /// Of each record its timestamp, and where it ends.
    ends: Vec<(i64, usize)>,
}

impl Input {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), bytes: Vec::new(), ends: Vec::new() }
    }

    fn end(&mut self, time_ms: i64) {
        self.ends.push((time_ms, self.bytes.len()));
    }

    /// So many lines of the recording, at this rate.
    pub fn at_rate(name: &str, shop: &Lines, form: Form, count: usize, lines_per_second: i64) -> Self {
        let mut input = Self::new(name);
        for index in 0..count {
            let time_ms = time_ms(index, lines_per_second);
            shop.write(index, time_ms, form, &mut input.bytes);
            input.end(time_ms);
        }
        input
    }

    /// The recording as it was: 35 minutes, 89 lines a second on average.
    pub fn at_own_rate(name: &str, shop: &Lines) -> Self {
        let mut input = Self::new(name);
        for index in 0..shop.len() {
            let time_ms = shop.own_time_ms(index);
            shop.write(index, time_ms, Form::Json, &mut input.bytes);
            input.end(time_ms);
        }
        input
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut start = 0;
        self.ends.iter().zip(0..).map(move |(&(time_ms, end), offset)| {
            let value = &self.bytes[start..end];
            start = end;
            Record { offset: Offset(offset), timestamp: Some((time_ms, TimeBasis::KafkaCreate)), value: Some(value) }
        })
    }

    /// The messages of those that are lines with a template.
    pub fn messages(&self) -> Vec<String> {
        let mut decoder = Decoder::new(Format::Auto);
        let mut messages = Vec::new();
        for record in self.records() {
            if let Ok(line) = decoder.decode(&record)
                && !line.is_continuation
            {
                messages.push(line.message.to_owned());
            }
        }
        messages
    }
}

/// The lines of Loghub's systems, mixed, where `EDDYLINE_DATA` holds them; they may not be part of the project.
pub fn loghub(lines_per_second: i64) -> Option<Input> {
    let Some(folder) = data().map(|data| data.join("parsing/loghub_2k")).filter(|folder| folder.is_dir()) else {
        eprintln!("loghub: skipped, there is no parsing/loghub_2k in EDDYLINE_DATA");
        return None;
    };
    let mut systems: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    systems.sort();
    let mut input = Input::new("loghub-plain");
    let mut lines: Vec<Vec<String>> = Vec::new();
    for system in systems {
        let name = system.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read(system.join(format!("{name}_2k.log"))).unwrap();
        lines.push(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect());
    }
    let longest = lines.iter().map(Vec::len).max().unwrap_or(0);
    for index in 0..longest {
        for line in lines.iter().filter_map(|lines| lines.get(index)) {
            let time_ms = time_ms(input.len(), lines_per_second);
            input.bytes.extend_from_slice(line.as_bytes());
            input.end(time_ms);
        }
    }
    Some(input)
}
