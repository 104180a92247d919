//! JSON objects: the wanted fields in one pass, all others skipped without being built.
//!
//! Depth is bounded by the paths of [`FieldNames`] where fields are looked for; what is skipped is skipped without
//! recursion. Of equal keys the first counts.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::Fields;
use super::fields::{Field, FieldNames, PATH_BYTES_MAX, Target};
use super::found::{Found, Texts};

/// What reading an object takes beside the object.
pub(super) struct Reader<'a> {
    pub names: &'a FieldNames,
    /// Scratch space for the path of the field that is being read.
    pub path: &'a mut String,
    /// The record's timestamp, in milliseconds since 1970.
    pub record_ms: Option<i64>,
}

/// The fields of an object; `None` where `text` is no JSON object. An object without a message is its own message. If
/// the message is an object with a message in turn, that is taken instead.
pub(super) fn read<'a>(
    text: &'a str,
    mut reader: Reader<'_>,
    outer: &'a mut Texts,
    inner: &'a mut Texts,
) -> Option<Fields<'a>> {
    let mut found = reader.walk(text, outer)?;
    if !found.has_message {
        compact(text, &mut outer.message);
        found.take_copied_message();
    }
    let outer = &*outer;
    let fields = found.fields(outer);
    let Some(message) = fields.message.map(str::trim_ascii).filter(|_| found.has_message) else {
        return Some(fields);
    };
    match reader.walk(message, inner) {
        Some(found) => Some(fields.with_inner(found.fields(inner))),
        None => Some(fields),
    }
}

impl Reader<'_> {
    /// What is found in an object; `None` where `text` is none.
    fn walk<'de>(&mut self, text: &'de str, texts: &mut Texts) -> Option<Found<'de>> {
        if !text.starts_with('{') {
            return None;
        }
        self.path.clear();
        let mut found = Found::default();
        let Reader { names, path, record_ms } = self;
        let mut walk = Walk { names, path, record_ms: *record_ms, texts, found: &mut found };
        let mut deserializer = Deserializer::from_str(text);
        deserializer.deserialize_map(Object(&mut walk)).ok()?;
        deserializer.end().ok()?;
        Some(found)
    }
}

/// The state of one pass.
struct Walk<'w, 'de> {
    names: &'w FieldNames,
    path: &'w mut String,
    record_ms: Option<i64>,
    texts: &'w mut Texts,
    found: &'w mut Found<'de>,
}

impl<'de> Walk<'_, 'de> {
    fn string(&mut self, field: (Field, u8), string: &str, borrowed: Option<&'de str>) {
        self.found.string(field, string, borrowed, self.texts, self.record_ms);
    }
}

/// An object on the way: the path leads to it.
struct Object<'v, 'w, 'de>(&'v mut Walk<'w, 'de>);

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(walk) = self;
        let here = walk.path.len();
        while let Some(target) = map.next_key_seed(Key { names: walk.names, path: &mut *walk.path })? {
            match target {
                Some(target) => map.next_value_seed(Value { target, walk: &mut *walk })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            walk.path.truncate(here);
        }
        Ok(())
    }
}

/// A key: joined to the path, which is then looked up.
struct Key<'v> {
    names: &'v FieldNames,
    path: &'v mut String,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Target>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Option<Target>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        if self.path.len() + 1 + key.len() > PATH_BYTES_MAX {
            return Ok(None);
        }
        if !self.path.is_empty() {
            self.path.push('.');
        }
        let start = self.path.len();
        self.path.push_str(key);
        if let Some(key) = self.path.get_mut(start..) {
            key.make_ascii_lowercase();
        }
        Ok(self.names.target(self.path))
    }
}

/// The value at a path that is known.
struct Value<'v, 'w, 'de> {
    target: Target,
    walk: &'v mut Walk<'w, 'de>,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, string: &'de str) -> Result<(), E> {
        if let Some(field) = self.target.field {
            self.walk.string(field, string, Some(string));
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, string: &str) -> Result<(), E> {
        if let Some(field) = self.target.field {
            self.walk.string(field, string, None);
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        if let Some(field) = self.target.field {
            self.walk.found.integer(field, number);
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Ok(()),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        if let Some(field) = self.target.field {
            self.walk.found.float(field, number);
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    /// A list is skipped, but for a message: journald writes one that is no UTF-8 as a list of its bytes. Rare enough to
    /// be gathered in a buffer of its own.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some(field @ (Field::Message, _)) = self.target.field else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let mut bytes = Vec::new();
        let mut is_bytes = true;
        while let Some(element) = list.next_element::<&RawValue>()? {
            match element.get().parse() {
                Ok(byte) => bytes.push(byte),
                Err(_) => is_bytes = false,
            }
        }
        if is_bytes {
            self.walk.string(field, &String::from_utf8_lossy(&bytes), None);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.target.has_children {
            return Object(self.walk).visit_map(map);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Copies a JSON text without the blanks between its tokens.
fn compact(text: &str, to: &mut String) {
    to.clear();
    let mut is_string = false;
    let mut is_escaped = false;
    to.extend(text.chars().filter(|&character| {
        let is_blank = character.is_ascii_whitespace() && !is_string;
        if character == '"' && !is_escaped {
            is_string = !is_string;
        }
        is_escaped = character == '\\' && !is_escaped;
        !is_blank
    }));
}
