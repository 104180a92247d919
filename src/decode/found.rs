//! What was found in a JSON object so far: for each field the value that ranks first.

use crate::record::{Level, StreamTime};

use super::Fields;
use super::fields::Field;
use super::{level, stamp};

/// Strings that had escapes, so that they could not be borrowed from the record.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub message: String,
    service: String,
    host: String,
    environment: String,
}

impl Texts {
    /// All of them, for whoever has an eye on their size.
    pub(super) fn all(&mut self) -> [&mut String; 4] {
        [&mut self.message, &mut self.service, &mut self.host, &mut self.environment]
    }
}

/// Where the text of a field is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text<'de> {
    Borrowed(&'de str),
    /// In the field's own [`Texts`].
    Copied,
}

/// The best value of a field so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<T> {
    rank: u8,
    value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { rank: u8::MAX, value: None }
    }
}

impl<T> Slot<T> {
    /// Takes a value, if there is one and it ranks before what is there.
    fn offer(&mut self, rank: u8, value: Option<T>) {
        if rank < self.rank && value.is_some() {
            *self = Self { rank, value };
        }
    }
}

/// What was found in an object so far.
#[derive(Default)]
pub(super) struct Found<'de> {
    message: Slot<Text<'de>>,
    service: Slot<Text<'de>>,
    host: Slot<Text<'de>>,
    environment: Slot<Text<'de>>,
    time: Slot<StreamTime>,
    level: Slot<Level>,
    /// Whether there is a field for the message, be it empty.
    pub has_message: bool,
}

impl<'de> Found<'de> {
    /// Takes the message that was put into `texts` as the best there is.
    pub(super) fn take_copied_message(&mut self) {
        self.message = Slot { rank: 0, value: Some(Text::Copied) };
    }

    /// The best of each field. What was copied is in `texts`.
    pub(super) fn fields<'a>(&self, texts: &'a Texts) -> Fields<'a>
    where
        'de: 'a,
    {
        let text = |slot: &Slot<Text<'de>>, copied: &'a String| {
            slot.value.map(|text| match text {
                Text::Borrowed(text) => text,
                Text::Copied => copied,
            })
        };
        Fields {
            message: text(&self.message, &texts.message),
            time: self.time.value,
            service: text(&self.service, &texts.service),
            host: text(&self.host, &texts.host),
            environment: text(&self.environment, &texts.environment),
            level: self.level.value,
        }
    }

    /// A string at a known path, with its rank. `borrowed` is the same string where it lives as long as the record; else
    /// it is copied into `texts`.
    pub(super) fn string(
        &mut self,
        (field, rank): (Field, u8),
        string: &str,
        borrowed: Option<&'de str>,
        texts: &mut Texts,
        record_ms: Option<i64>,
    ) {
        let Self { message, service, host, environment, time, level, has_message } = self;
        let (slot, copy) = match field {
            Field::Time => return time.offer(rank, stamp::of_field(string, record_ms)),
            Field::Level(scale) => return level.offer(rank, level::of_field(string, scale)),
            Field::Message => (message, &mut texts.message),
            Field::Service => (service, &mut texts.service),
            Field::Host => (host, &mut texts.host),
            Field::Environment => (environment, &mut texts.environment),
        };
        *has_message |= field == Field::Message;
        if rank >= slot.rank || string.trim_ascii().is_empty() {
            return;
        }
        let text = borrowed.map_or_else(
            || {
                copy.clear();
                copy.push_str(string);
                Text::Copied
            },
            Text::Borrowed,
        );
        slot.offer(rank, Some(text));
    }

    /// A whole number at a known path.
    pub(super) fn integer(&mut self, (field, rank): (Field, u8), number: i64) {
        match field {
            Field::Time => self.time.offer(rank, stamp::of_integer(number)),
            Field::Level(scale) => self.level.offer(rank, level::of_number(number, scale)),
            _ => {}
        }
    }

    /// Any other number at a known path.
    pub(super) fn float(&mut self, (field, rank): (Field, u8), number: f64) {
        if field == Field::Time {
            self.time.offer(rank, stamp::of_float(number));
        }
    }
}
