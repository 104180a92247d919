//! Time stamps: as texts, at the beginning of a line, in a line of an access log, and as numbers.
//!
//! Forms: RFC 3339; `2026-11-23 08:01:24,458 +0000` and its like (ISO 8601 as loggers write it); RFC 3164 and `asctime`
//! (`Nov 23 08:01:24`, `Sun Dec 04 04:47:44 2005`); the Common Log Format's `23/Nov/2026:08:01:24 +0000`. A stamp
//! without a zone is in UTC. Times before 1990 or after 2200 are read but not believed.

use time::macros::datetime;
use time::{Date, Month, OffsetDateTime};

use crate::record::StreamTime;

/// How far into a line the stamp of an access log may begin, in bytes: after host, identity and user.
const ACCESS_STAMP_BYTES: usize = 96;

const DAY_MS: i64 = 24 * 3600 * 1000;
const EARLIEST_MS: i64 = datetime!(1990-01-01 0:00 UTC).unix_timestamp() * 1000;
const LATEST_MS: i64 = datetime!(2201-01-01 0:00 UTC).unix_timestamp() * 1000;

/// A time stamp that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp<'a> {
    /// The time it says; `None` where that is not believed.
    pub time: Option<StreamTime>,
    /// What follows it.
    pub rest: &'a str,
}

/// The stamp at the beginning of a line, with or without brackets around it. `record_ms`, the record's timestamp, gives
/// the year where the stamp has none.
pub(super) fn leading(line: &str, record_ms: Option<i64>) -> Option<Stamp<'_>> {
    let mut cursor = Cursor { bytes: line.as_bytes(), at: 0 };
    let has_bracket = cursor.eat(b'[');
    let time = match cursor.peek()? {
        byte if byte.is_ascii_digit() => cursor.iso().or_else(|| cursor.common_log())?.time(),
        byte if byte.is_ascii_uppercase() => cursor.month_first()?.time_near(record_ms),
        _ => return None,
    };
    if has_bracket && !cursor.eat(b']') {
        return None;
    }
    let is_over = cursor.peek().is_none_or(|byte| !byte.is_ascii_alphanumeric());
    is_over.then_some(Stamp { time, rest: line.get(cursor.at..)? })
}

/// The stamp of a line of an access log: in brackets, after host, identity and user. `rest` begins after the bracket.
pub(super) fn access_log(line: &str) -> Option<Stamp<'_>> {
    let head = line.as_bytes();
    let head = head.get(..ACCESS_STAMP_BYTES).unwrap_or(head);
    memchr::memchr_iter(b'[', head).filter(|at| *at > 0).find_map(|at| {
        let mut cursor = Cursor { bytes: line.as_bytes(), at: at + 1 };
        let time = cursor.common_log()?.time();
        cursor.eat(b']').then_some(Stamp { time, rest: line.get(cursor.at..)? })
    })
}

/// The time that the text of a field says: a stamp, or a number in digits.
pub(super) fn of_field(text: &str, record_ms: Option<i64>) -> Option<StreamTime> {
    let text = text.trim_ascii();
    if let Some(stamp) = leading(text, record_ms)
        && stamp.rest.is_empty()
    {
        return stamp.time;
    }
    text.parse().map_or_else(|_| of_float(text.parse().ok()?), of_integer)
}

/// The time of a number of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by its size.
pub(super) fn of_integer(number: i64) -> Option<StreamTime> {
    let ms = match number.unsigned_abs() {
        0..100_000_000_000 => number * 1000,
        100_000_000_000..100_000_000_000_000 => number,
        100_000_000_000_000..100_000_000_000_000_000 => number / 1000,
        _ => number / 1_000_000,
    };
    believed(ms)
}

/// As [`of_integer`], rounded to the millisecond.
pub(super) fn of_float(number: f64) -> Option<StreamTime> {
    let ms = match number.abs() {
        size if size < 1e11 => number * 1e3,
        size if size < 1e14 => number,
        size if size < 1e17 => number / 1e3,
        _ => number / 1e6,
    };
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and times that far away are not believed")]
    believed(ms.round() as i64)
}

fn believed(ms: i64) -> Option<StreamTime> {
    (EARLIEST_MS..LATEST_MS).contains(&ms).then_some(StreamTime(ms))
}

/// A moment as a stamp says it, not yet checked against the calendar.
struct Moment {
    year: Option<i32>,
    month: u8,
    day: u8,
    clock_ms: i64,
    zone_ms: i64,
}

impl Moment {
    fn time(&self) -> Option<StreamTime> {
        believed(self.ms_in(self.year?)?)
    }

    /// The time; of a stamp without a year, the last such moment that is not more than a day after the record.
    fn time_near(&self, record_ms: Option<i64>) -> Option<StreamTime> {
        if self.year.is_some() {
            return self.time();
        }
        let latest_ms = record_ms?.checked_add(DAY_MS)?;
        let year = OffsetDateTime::from_unix_timestamp(latest_ms.div_euclid(1000)).ok()?.year();
        let ms = [year, year - 1].into_iter().filter_map(|year| self.ms_in(year)).find(|ms| *ms <= latest_ms)?;
        believed(ms)
    }

    /// Milliseconds since 1970 in this year; `None` where its calendar has no such day.
    fn ms_in(&self, year: i32) -> Option<i64> {
        let date = Date::from_calendar_date(year, Month::try_from(self.month).ok()?, self.day).ok()?;
        let days = i64::from(date.to_julian_day() - OffsetDateTime::UNIX_EPOCH.date().to_julian_day());
        Some(days * DAY_MS + self.clock_ms - self.zone_ms)
    }
}

/// A position in the bytes of a line. What does not match moves nothing that matters: whoever fails gives up, or
/// begins again at a place it remembered.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn eat_one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    fn digit(&mut self) -> Option<u8> {
        let byte = self.peek().filter(u8::is_ascii_digit)?;
        self.at += 1;
        Some(byte - b'0')
    }

    fn two_digits(&mut self) -> Option<u8> {
        Some(self.digit()? * 10 + self.digit()?)
    }

    fn year(&mut self) -> Option<i32> {
        Some(i32::from(self.two_digits()?) * 100 + i32::from(self.two_digits()?))
    }

    /// The English abbreviation of a month, as its number.
    fn month_name(&mut self) -> Option<u8> {
        const NAMES: [&[u8]; 12] =
            [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
        let name = self.bytes.get(self.at..self.at + 3)?;
        let month = (1..).zip(NAMES).find_map(|(month, known)| (known == name).then_some(month))?;
        self.at += 3;
        Some(month)
    }

    /// `08:01:24` with any number of fraction digits after a point or comma, in milliseconds. A leap second is taken.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.two_digits().filter(|hour| *hour < 24)?;
        let minute = self.eat(b':').then(|| self.two_digits())?.filter(|minute| *minute < 60)?;
        let second = self.eat(b':').then(|| self.two_digits())?.filter(|second| *second <= 60)?;
        let whole_ms = (i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1000;
        Some(whole_ms + self.fraction_ms())
    }

    fn fraction_ms(&mut self) -> i64 {
        let start = self.at;
        let mut ms = 0;
        let mut unit_ms = 100;
        if self.eat_one_of(b".,").is_some() {
            while let Some(digit) = self.digit() {
                ms += i64::from(digit) * unit_ms;
                unit_ms /= 10;
            }
        }
        // A point or comma without digits ends a sentence.
        if self.at == start + 1 {
            self.at = start;
        }
        ms
    }

    /// The zone after a clock, in milliseconds east of UTC: `Z`, `+01:00`, ` +0100`, `+01`, ` UTC`. None is UTC.
    fn zone_ms(&mut self) -> i64 {
        let start = self.at;
        if self.eat_one_of(b"Zz").is_some() {
            return 0;
        }
        let is_apart = self.eat(b' ');
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(b"UTC") || rest.starts_with(b"GMT") {
            self.at += 3;
            return 0;
        }
        match self.zone_offset_ms(is_apart) {
            Some(ms) if self.peek().is_none_or(|byte| !byte.is_ascii_alphanumeric()) => ms,
            _ => {
                self.at = start;
                0
            }
        }
    }

    /// A signed offset. Minutes may be missing, as PostgreSQL leaves them out, but not after a blank: ` -12` is a number.
    fn zone_offset_ms(&mut self, needs_minutes: bool) -> Option<i64> {
        let sign = if self.eat_one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.two_digits().filter(|hours| *hours <= 14)?;
        let has_colon = self.eat(b':');
        let minutes = match self.two_digits() {
            Some(minutes) if minutes < 60 => minutes,
            None if !has_colon && !needs_minutes => 0,
            _ => return None,
        };
        Some(sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60_000)
    }

    /// `2026-11-23T08:01:24.458Z`, with a blank for the `T` and slashes for the hyphens too.
    fn iso(&mut self) -> Option<Moment> {
        let start = self.at;
        let moment = self.iso_or_part();
        if moment.is_none() {
            self.at = start;
        }
        moment
    }

    fn iso_or_part(&mut self) -> Option<Moment> {
        let year = self.year()?;
        let separator = self.eat_one_of(b"-/")?;
        let month = self.two_digits()?;
        let day = self.eat(separator).then(|| self.two_digits())??;
        self.eat_one_of(b"Tt ")?;
        let clock_ms = self.clock()?;
        Some(Moment { year: Some(year), month, day, clock_ms, zone_ms: self.zone_ms() })
    }

    /// `23/Nov/2026:08:01:24 +0000`
    fn common_log(&mut self) -> Option<Moment> {
        let day = self.two_digits()?;
        let month = self.eat(b'/').then(|| self.month_name())??;
        let year = self.eat(b'/').then(|| self.year())??;
        let clock_ms = self.eat(b':').then(|| self.clock())??;
        Some(Moment { year: Some(year), month, day, clock_ms, zone_ms: self.zone_ms() })
    }

    /// `Nov 23 08:01:24`; after the name of a weekday also with a year: `Sun Dec 04 04:47:44.123 2005`.
    fn month_first(&mut self) -> Option<Moment> {
        const WEEKDAYS: [&[u8]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];
        let has_weekday = self.bytes.get(self.at..self.at + 4).is_some_and(|name| WEEKDAYS.contains(&name));
        self.at += if has_weekday { 4 } else { 0 };
        let month = self.month_name()?;
        self.eat(b' ').then_some(())?;
        self.eat(b' ');
        let first = self.digit()?;
        let day = self.digit().map_or(first, |second| first * 10 + second);
        let clock_ms = self.eat(b' ').then(|| self.clock())??;
        let before_year = self.at;
        let year = if has_weekday && self.eat(b' ') { self.year() } else { None };
        if year.is_none() {
            self.at = before_year;
        }
        Some(Moment { year, month, day, clock_ms, zone_ms: 0 })
    }
}
