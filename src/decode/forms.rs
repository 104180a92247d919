//! The forms in which programs write dates with a time of day.

use super::cursor::{Cursor, Moment, whole_ms};
use super::digits::{Pairs, layout};

impl Cursor<'_> {
    /// One form after the other at the same place; the first that fits.
    pub(super) fn first_of(&mut self, forms: &[fn(&mut Self) -> Option<Moment>]) -> Option<Moment> {
        let start = self.at;
        forms.iter().find_map(|form| {
            self.at = start;
            form(self).filter(Moment::is_plausible)
        })
    }

    /// `2026-11-23T08:01:24.458Z`, with a blank, `-` or `_` for the `T`, and `/` or `.` for the hyphens too.
    pub(super) fn iso(&mut self) -> Option<Moment> {
        let bytes = self.eight()?;
        let [_, _, _, _, separator @ (b'-' | b'/' | b'.'), _, _, other] = bytes else { return None };
        let date = Pairs::of(bytes, layout(*b"0000-00-")).filter(|_| separator == other)?;
        let (year, month) = (i32::from(date.at(0)) * 100 + i32::from(date.at(2)), date.at(5));
        self.at += bytes.len();
        let day = self.two_digits()?;
        // MariaDB: `2026-11-23  8:01:24`
        if self.eat_one_of(b"Tt -_")? == b' ' {
            self.eat(b' ');
        }
        let clock_ms = self.clock()?;
        Some(Moment { year: Some(year), month, day, clock_ms, zone_ms: self.zone_ms() })
    }

    /// `20261123-8:1:24:606`, `20261123T080124Z`, `20261123 08:01:24`, `20261123:080124.123`.
    pub(super) fn compact(&mut self) -> Option<Moment> {
        let (year, month, day) = (self.year()?, self.two_digits()?, self.two_digits()?);
        self.eat_one_of(b"-T :")?;
        let clock_ms = self.clock_with_or_without_colons()?;
        Some(Moment { year: Some(year), month, day, clock_ms, zone_ms: self.zone_ms() })
    }

    /// `081109 203615`, `26/11/23 08:01:24`: the year in two digits, first.
    pub(super) fn short_year(&mut self) -> Option<Moment> {
        let year = 2000 + i32::from(self.two_digits()?);
        let has_slashes = self.eat(b'/');
        let month = self.two_digits()?;
        let day = (!has_slashes || self.eat(b'/')).then(|| self.two_digits())??;
        self.eat(b' ').then_some(())?;
        // MySQL: `261123  8:01:24`
        self.eat(b' ');
        let start = self.at;
        let clock_ms = self.clock_with_or_without_colons()?;
        // WebSphere, which writes the month first: `11/10/26 8:01:24:123`
        let colons = self.bytes.get(start..self.at)?.iter().filter(|byte| **byte == b':').count();
        if has_slashes && colons > 2 {
            return None;
        }
        let is_over = self.peek().is_none_or(|byte| !byte.is_ascii_digit());
        is_over.then_some(Moment { year: Some(year), month, day, clock_ms, zone_ms: 0 })
    }

    fn clock_with_or_without_colons(&mut self) -> Option<i64> {
        if self.bytes.get(self.at + 1) == Some(&b':') || self.bytes.get(self.at + 2) == Some(&b':') {
            return self.clock();
        }
        let hour = self.two_digits().filter(|hour| *hour < 24)?;
        let minute = self.two_digits().filter(|minute| *minute < 60)?;
        let second = self.two_digits().filter(|second| *second <= 60)?;
        Some(whole_ms(hour, minute, second) + self.fraction_ms())
    }

    /// `23/Nov/2026:08:01:24 +0000`, `23-Nov-2026 08:01:24.123`, `23 Nov 2026 08:01:24.230`, `23 Nov 08:01:24.230`.
    pub(super) fn day_first(&mut self) -> Option<Moment> {
        let day = self.up_to_two_digits()?;
        let separator = self.eat_one_of(b"/- ")?;
        let month = self.month_name()?;
        self.eat(separator).then_some(())?;
        let has_year = separator != b' ' || !matches!(self.bytes.get(self.at..), Some([_, _, b':', ..]));
        let year = if has_year { Some(self.year()?) } else { None };
        if has_year {
            self.eat_one_of(b": ")?;
        }
        let clock_ms = self.clock()?;
        Some(Moment { year, month, day, clock_ms, zone_ms: self.zone_ms() })
    }

    /// `11/23/2026 08:01:24 AM`, `23.11.2026 08:01:24`: with slashes the month is first, if it can be one. Suricata:
    /// `23/11/2026 -- 08:01:24` (never the month), `11/23/2026-08:01:24.123456`.
    pub(super) fn year_last(&mut self) -> Option<Moment> {
        let first = self.up_to_two_digits()?;
        let separator = self.eat_one_of(b"/.-")?;
        let second = self.up_to_two_digits()?;
        let year = self.eat(separator).then(|| self.year())??;
        let _ = self.eat(b',');
        self.eat_one_of(b" -")?;
        let has_dashes = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"-- "));
        self.at += if has_dashes { b"-- ".len() } else { 0 };
        let clock_ms = self.clock()?;
        let is_month_first = separator == b'/' && first <= 12 && !has_dashes;
        let (month, day) = if is_month_first { (first, second) } else { (second, first) };
        Some(Moment { year: Some(year), month, day, clock_ms, zone_ms: self.zone_ms() })
    }

    /// `11/23/26 8:01:24:123 UTC`, `11/23/26, 8:01:24:123 UTC`, as WebSphere and its Liberty write it.
    pub(super) fn month_first_short_year(&mut self) -> Option<Moment> {
        let month = self.up_to_two_digits()?;
        let day = self.eat(b'/').then(|| self.up_to_two_digits())??;
        let year = self.eat(b'/').then(|| self.two_digits())??;
        self.eat(b',');
        let clock_ms = self.eat(b' ').then(|| self.clock())??;
        let moment = Moment { year: Some(2000 + i32::from(year)), month, day, clock_ms, zone_ms: self.zone_ms() };
        Some(moment).filter(Moment::is_plausible)
    }

    /// `11-23 08:01:24.811`, `11.23 08:01:24`, `11/23 08:01:24`: no year.
    pub(super) fn without_year(&mut self) -> Option<Moment> {
        let month = self.two_digits()?;
        self.eat_one_of(b"-./")?;
        let day = self.two_digits()?;
        let clock_ms = self.eat(b' ').then(|| self.clock())??;
        Some(Moment { year: None, month, day, clock_ms, zone_ms: 0 })
    }

    /// `Nov 23 08:01:24 UTC`, `Nov 23, 2026 8:01:24 AM`, `Nov 23, 2026, 8:01:24 AM`, `Nov 23 2026 08:01:24`; after the name of a
    /// weekday also with the year at the end: `Sun Dec 04 04:47:44.123 2005`.
    pub(super) fn month_first(&mut self) -> Option<Moment> {
        let name = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        let has_weekday = matches!(name, Some(b"Mon " | b"Tue " | b"Wed " | b"Thu " | b"Fri " | b"Sat " | b"Sun "));
        self.at += if has_weekday { 4 } else { 0 };
        let month = self.month_name()?;
        self.eat(b' ').then_some(())?;
        self.eat(b' ');
        let day = self.up_to_two_digits()?;
        let has_early_year = self.eat(b',')
            || matches!(
                self.bytes.get(self.at..),
                Some([b' ', b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ', ..])
            );
        let early_year = if has_early_year { Some(self.eat(b' ').then(|| self.year())??) } else { None };
        // Java from version 9 on.
        let _ = early_year.is_some() && self.eat(b',');
        let clock_ms = self.eat(b' ').then(|| self.clock())??;
        let zone_ms = self.zone_ms();
        let before_year = self.at;
        let late_year = if has_weekday && self.eat(b' ') { self.year() } else { None };
        if late_year.is_none() {
            self.at = before_year;
        }
        Some(Moment { year: early_year.or(late_year), month, day, clock_ms, zone_ms })
    }

    /// `1123 08:01:24.123456`, behind the letter of the level, and `261123 08:01:24.123456`. Source: glog and klog; CockroachDB.
    pub(super) fn glog(&mut self) -> Option<Moment> {
        let (first, second) = (self.two_digits()?, self.two_digits()?);
        let has_year = self.peek().is_some_and(|byte| byte.is_ascii_digit());
        let (year, month, day) = match has_year {
            true => (Some(2000 + i32::from(first)), second, self.two_digits()?),
            false => (None, first, second),
        };
        let clock_ms = self.eat(b' ').then(|| self.clock())??;
        Some(Moment { year, month, day, clock_ms, zone_ms: 0 })
    }
}
