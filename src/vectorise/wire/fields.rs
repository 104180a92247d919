//! The fields of a Protocol Buffers message, one after the other, without a copy.
//!
//! What reads a message takes the fields that it knows, with the type that it knows, and passes over the others.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// What is counted at most: a million lines a second for twelve days.
pub(super) const COUNT_MAX: u64 = 1 << 40;

/// Bytes that are no Protocol Buffers message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end within a field.
    #[error("it ends within a field")]
    Truncated,
    /// A number has more than 64 bits.
    #[error("a number has more than 64 bits")]
    NumberTooLarge,
    /// A field is of a type that does not exist, or not any more.
    #[error("wire type {0} is not known")]
    UnknownWireType(u64),
    /// A count that no program can have reached; sums of it would overflow.
    #[error("a count is larger than {COUNT_MAX}")]
    CountTooLarge,
    /// A text is no UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
}

/// A value, as far as its type is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    /// Eight bytes, or four.
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// As a text.
    pub(super) fn text(self) -> Result<&'a str, Malformed> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8),
            Self::Number(_) | Self::Fixed(_) => Ok(""),
        }
    }

    /// As the numbers of a repeated field, packed or one of them.
    #[inline]
    pub(super) fn numbers(self) -> Numbers<'a> {
        match self {
            Self::Bytes(rest) => Numbers { one: None, rest },
            Self::Number(one) => Numbers { one: Some(one), rest: &[] },
            Self::Fixed(_) => Numbers { one: None, rest: &[] },
        }
    }
}

/// The fields of a message: their tags and values.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[inline]
    fn field(&mut self) -> Result<(u64, Value<'a>), Malformed> {
        let key = varint(&mut self.rest)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.rest)?),
            1 => Value::Fixed(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).map_err(|_| Malformed::Truncated)?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => Value::Fixed(u64::from(u32::from_le_bytes(self.array()?))),
            other => return Err(Malformed::UnknownWireType(other)),
        };
        Ok((key >> 3, value))
    }

    #[inline]
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    /// The next field; nothing follows a malformed one.
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// The numbers of a repeated field.
#[derive(Clone)]
pub(super) struct Numbers<'a> {
    one: Option<u64>,
    rest: &'a [u8],
}

impl Numbers<'_> {
    /// How many there are. O(bytes).
    pub(super) fn length(&self) -> usize {
        usize::from(self.one.is_some()) + self.rest.iter().filter(|byte| **byte < 0x80).count()
    }
}

impl Iterator for Numbers<'_> {
    type Item = Result<u64, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(one) = self.one.take() {
            return Some(Ok(one));
        }
        (!self.rest.is_empty()).then(|| varint(&mut self.rest).inspect_err(|_| self.rest = &[]))
    }
}

#[inline]
fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let (&byte, behind) = rest.split_first().ok_or(Malformed::Truncated)?;
    *rest = behind;
    if byte < 0x80 { Ok(u64::from(byte)) } else { long_varint(u64::from(byte & 0x7f), rest) }
}

/// What follows the first seven bits.
fn long_varint(mut number: u64, rest: &mut &[u8]) -> Result<u64, Malformed> {
    for shift in (7..64).step_by(7) {
        let (&byte, behind) = rest.split_first().ok_or(Malformed::Truncated)?;
        *rest = behind;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && byte > 1 {
            return Err(Malformed::NumberTooLarge);
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed::NumberTooLarge)
}

/// A signed number as `sint64` writes it.
pub(super) fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_that_are_no_message_are_refused_with_the_reason() {
        let error = |bytes: &[u8]| Fields::of(bytes).find_map(Result::err);
        assert_eq!(error(&[]), None);
        assert_eq!(error(&[0x08]), Some(Malformed::Truncated));
        assert_eq!(error(&[0x0a, 5, 1]), Some(Malformed::Truncated));
        assert_eq!(error(&[0x09, 1, 2, 3]), Some(Malformed::Truncated));
        assert_eq!(error(&[0x0b]), Some(Malformed::UnknownWireType(3)));
        assert_eq!(error(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]), Some(Malformed::NumberTooLarge));
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(unsigned: u64, signed: i64, fixed: u64) {
            let mut bytes = Vec::new();
            prost::encoding::uint64::encode(1, &unsigned, &mut bytes);
            prost::encoding::sint64::encode(2, &signed, &mut bytes);
            prost::encoding::fixed64::encode(3, &fixed, &mut bytes);
            prost::encoding::uint64::encode_packed(4, &[unsigned, 0, unsigned], &mut bytes);
            let fields: Vec<_> = Fields::of(&bytes).map(Result::unwrap).collect();
            prop_assert_eq!(fields[0], (1, Value::Number(unsigned)));
            prop_assert!(matches!(fields[1], (2, Value::Number(number)) if zigzag(number) == signed));
            prop_assert_eq!(fields[2], (3, Value::Fixed(fixed)));
            let numbers = fields[3].1.numbers();
            prop_assert_eq!(numbers.length(), 3);
            prop_assert_eq!(numbers.map(Result::unwrap).collect::<Vec<_>>(), [unsigned, 0, unsigned]);
        }
    }
}
