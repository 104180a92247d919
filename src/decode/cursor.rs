//! Reading what dates and times of day consist of, byte by byte.

use time::{Date, Month, OffsetDateTime};

use super::digits::{Leading, Pairs, layout};

const DAY_MS: i64 = 24 * 3600 * 1000;
const HOUR_MS: i64 = 3600 * 1000;

/// A moment as a stamp says it, not yet checked against the calendar.
pub(super) struct Moment {
    pub year: Option<i32>,
    pub month: u8,
    pub day: u8,
    pub clock_ms: i64,
    pub zone_ms: i64,
}

impl Moment {
    /// Milliseconds since 1970; of a stamp without a year, of the last such moment that is not more than a day after the
    /// record. `None` where the calendar has no such day, or nothing says the year.
    pub(super) fn ms_near(&self, record_ms: Option<i64>) -> Option<i64> {
        if let Some(year) = self.year {
            return self.ms_in(year);
        }
        let latest_ms = record_ms?.checked_add(DAY_MS)?;
        let year = OffsetDateTime::from_unix_timestamp(latest_ms.div_euclid(1000)).ok()?.year();
        [year, year - 1].into_iter().filter_map(|year| self.ms_in(year)).find(|ms| *ms <= latest_ms)
    }

    fn ms_in(&self, year: i32) -> Option<i64> {
        let date = Date::from_calendar_date(year, Month::try_from(self.month).ok()?, self.day).ok()?;
        let days = i64::from(date.to_julian_day() - OffsetDateTime::UNIX_EPOCH.date().to_julian_day());
        Some(days * DAY_MS + self.clock_ms - self.zone_ms)
    }

    pub(super) fn is_plausible(&self) -> bool {
        (1..=12).contains(&self.month) && (1..=31).contains(&self.day)
    }
}

/// A position in the bytes of a line. What does not match moves nothing that matters: whoever fails gives up, or
/// begins again at a place it remembered.
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl Cursor<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// The next eight bytes.
    #[inline]
    pub(super) fn eight(&self) -> Option<[u8; 8]> {
        self.bytes.get(self.at..)?.first_chunk().copied()
    }

    pub(super) fn eat_one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn digit(&mut self) -> Option<u8> {
        let byte = self.peek().filter(u8::is_ascii_digit)?;
        self.at += 1;
        Some(byte - b'0')
    }

    pub(super) fn two_digits(&mut self) -> Option<u8> {
        if let Some(&[tens, ones]) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk())
            && tens.is_ascii_digit()
            && ones.is_ascii_digit()
        {
            self.at += 2;
            return Some((tens - b'0') * 10 + (ones - b'0'));
        }
        self.digit()?;
        None
    }

    /// One digit or two, as of a day.
    pub(super) fn up_to_two_digits(&mut self) -> Option<u8> {
        let first = self.digit()?;
        Some(self.digit().map_or(first, |second| first * 10 + second))
    }

    pub(super) fn year(&mut self) -> Option<i32> {
        Some(i32::from(self.two_digits()?) * 100 + i32::from(self.two_digits()?))
    }

    /// The English abbreviation of a month, as its number.
    pub(super) fn month_name(&mut self) -> Option<u8> {
        let month = match self.bytes.get(self.at..)?.first_chunk()? {
            b"Jan" => 1,
            b"Feb" => 2,
            b"Mar" => 3,
            b"Apr" => 4,
            b"May" => 5,
            b"Jun" => 6,
            b"Jul" => 7,
            b"Aug" => 8,
            b"Sep" => 9,
            b"Oct" => 10,
            b"Nov" => 11,
            b"Dec" => 12,
            _ => return None,
        };
        self.at += 3;
        Some(month)
    }

    /// `08:01:24`, `8:01:24 PM`, `08.01.24`, with any number of fraction digits after a point, comma or colon, in
    /// milliseconds. A leap second is taken.
    pub(super) fn clock(&mut self) -> Option<i64> {
        let (hour, whole_ms) = match self.two_digit_clock() {
            Some(clock) => clock,
            None => self.any_clock()?,
        };
        Some(whole_ms + self.fraction_ms() + self.half_day_ms(hour))
    }

    /// `08:01:24`, `08.01.24`, all at once: hour, and all three in milliseconds.
    #[inline]
    fn two_digit_clock(&mut self) -> Option<(u8, i64)> {
        let bytes = self.eight()?;
        let [_, _, separator @ (b':' | b'.'), _, _, other, ..] = bytes else { return None };
        let clock = Pairs::of(bytes, layout(*b"00:00:00")).filter(|_| separator == other)?;
        let (hour, minute, second) = (clock.at(0), clock.at(3), clock.at(6));
        let is_clock = hour < 24 && minute < 60 && second <= 60;
        self.at += if is_clock { bytes.len() } else { 0 };
        is_clock.then(|| (hour, whole_ms(hour, minute, second)))
    }

    /// As [`Cursor::two_digit_clock`], with one digit or two for each.
    fn any_clock(&mut self) -> Option<(u8, i64)> {
        let hour = self.up_to_two_digits().filter(|hour| *hour < 24)?;
        let separator = self.eat_one_of(b":.")?;
        let minute = self.up_to_two_digits().filter(|minute| *minute < 60)?;
        let second = self.eat(separator).then(|| self.up_to_two_digits())?.filter(|second| *second <= 60)?;
        Some((hour, whole_ms(hour, minute, second)))
    }

    pub(super) fn fraction_ms(&mut self) -> i64 {
        let Some([b'.' | b',' | b':', digits @ ..]) = self.bytes.get(self.at..) else { return 0 };
        let leading = Leading::of(digits);
        // A point or comma without digits ends a sentence.
        if leading.count == 0 {
            return 0;
        }
        self.at += 1 + leading.count;
        while leading.count == 8 && self.digit().is_some() {}
        leading.thousandths()
    }

    /// What ` AM` or ` PM` adds.
    fn half_day_ms(&mut self, hour: u8) -> i64 {
        if self.peek() != Some(b' ') {
            return 0;
        }
        let is_word_end = self.bytes.get(self.at + 3).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let ms = match (self.bytes.get(self.at..self.at + 3), hour) {
            _ if !is_word_end => return 0,
            (Some(b" AM"), 12) => -12 * HOUR_MS,
            (Some(b" PM"), 1..12) => 12 * HOUR_MS,
            (Some(b" AM" | b" PM"), _) => 0,
            _ => return 0,
        };
        self.at += 3;
        ms
    }

    /// The zone after a clock, in milliseconds east of UTC: `Z`, `+01:00`, ` +0100`, `+01`, ` UTC`. None is UTC.
    pub(super) fn zone_ms(&mut self) -> i64 {
        let start = self.at;
        if self.eat_one_of(b"Zz").is_some() {
            return 0;
        }
        let is_apart = self.eat(b' ');
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if let [b'U', b'T', b'C', after @ ..] | [b'G', b'M', b'T', after @ ..] = rest
            && !matches!(after, [b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_', ..])
        {
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
}

pub(super) fn whole_ms(hour: u8, minute: u8, second: u8) -> i64 {
    i64::from(hour) * HOUR_MS + (i64::from(minute) * 60 + i64::from(second)) * 1000
}
