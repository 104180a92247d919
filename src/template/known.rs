//! Skeletons that were made before, for lines that differ from those in digits only.
//!
//! No digit is part of a skeleton, and which digit stands where changes nothing: neither the kinds of parameters nor their places.
//! So a line whose digits are all read as `0` (its *shape*) says all of its skeleton, with one exception: a digit before an `x`, for
//! `0x` begins a hexadecimal number. Most lines of a program have one of few shapes: one look replaces the reading.
//!
//! # Invariants
//!
//! * What is found is what would be made: whole shapes are compared, not hashes. So nothing depends on what is known.
//! * A shape that comes once takes nothing from others: it gets a place that is free, or when it comes again before another one of that place.
//!
//! # Limits
//!
//! [`PLACES`] entries of at most [`SHAPE_BYTES_MAX`] of shape each, with what was made of it: 7 MiB at most, 2 MiB usually.

use xxhash_rust::xxh3::xxh3_64;

use super::skeleton::Made;

/// How many shapes can be known.
const PLACES: usize = 1 << 12;

/// The longest shape that is kept, in bytes: up to there XXH3 needs no more than a few multiplications.
const SHAPE_BYTES_MAX: usize = 240;

/// The skeletons of shapes that came more than once.
#[derive(Debug)]
pub(super) struct Known {
    /// The hash of the shape that last looked for an entry at each place.
    last: Vec<u64>,
    entries: Vec<Option<Box<Entry>>>,
    shape: [u8; SHAPE_BYTES_MAX],
}

/// One piece of memory, so that one look does not wait for it twice.
#[derive(Debug)]
struct Entry {
    made: Made,
    bytes: usize,
    shape: [u8; SHAPE_BYTES_MAX],
}

impl Default for Entry {
    fn default() -> Self {
        Self { made: Made::default(), bytes: 0, shape: [0; SHAPE_BYTES_MAX] }
    }
}

impl Entry {
    fn is_of(&self, shape: &[u8]) -> bool {
        self.bytes == shape.len() && self.shape.get(..self.bytes) == Some(shape)
    }

    fn set_shape(&mut self, shape: &[u8]) {
        self.bytes = shape.len();
        if let Some(to) = self.shape.get_mut(..shape.len()) {
            to.copy_from_slice(shape);
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self { last: Vec::new(), entries: Vec::new(), shape: [0; SHAPE_BYTES_MAX] }
    }
}

impl Known {
    /// The place for what is made of this line, and whether it is there already; else whoever asks has to put it there.
    /// `None` where nothing is kept of it.
    pub(super) fn find(&mut self, line: &str) -> Option<(&mut Made, bool)> {
        let shape = self.shape.get_mut(..line.len())?;
        write_shape(line.as_bytes(), shape);
        if self.last.is_empty() {
            self.last.resize(PLACES, 0);
            self.entries.resize_with(PLACES, || None);
        }
        let hash = xxh3_64(shape);
        let place = usize::try_from(hash % PLACES as u64).ok()?;
        let (last, entry) = (self.last.get_mut(place)?, self.entries.get_mut(place)?);
        let is_known = entry.as_ref().is_some_and(|entry| entry.is_of(shape));
        if !is_known && entry.is_some() && *last != hash {
            *last = hash;
            return None;
        }
        let entry = entry.get_or_insert_default();
        if !is_known {
            entry.set_shape(shape);
        }
        Some((&mut entry.made, is_known))
    }
}

/// Copies a line with all digits as `0`, but for those before an `x`. Without branches, so that it becomes vector instructions.
fn write_shape(line: &[u8], shape: &mut [u8]) {
    for (to, &byte) in shape.iter_mut().zip(line) {
        *to = if byte.is_ascii_digit() { b'0' } else { byte };
    }
    let behind = line.get(1..).unwrap_or_default();
    let is_prefix = |first: u8, second: u8| first.is_ascii_digit() & (second | 0x20 == b'x');
    if line.iter().zip(behind).fold(false, |any, (&first, &second)| any | is_prefix(first, second)) {
        for ((to, &first), &second) in shape.iter_mut().zip(line).zip(behind) {
            if is_prefix(first, second) {
                *to = first;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::{PARAMETERS_MAX, Skeletoniser};

    /// The same skeleton, whether the skeletoniser met the shape before or not.
    fn assert_same(met: &mut Skeletoniser, line: &str) {
        let mut fresh = Skeletoniser::new();
        let (known, fresh) = (met.skeletonise(line), fresh.skeletonise(line));
        assert_eq!((known.id, known.text, known.parameters), (fresh.id, fresh.text, fresh.parameters), "{line:?}");
    }

    fn is_known(known: &mut Known, line: &str) -> bool {
        known.find(line).is_some_and(|(_, is_known)| is_known)
    }

    #[test]
    fn a_shape_is_known_from_the_second_time_on_whatever_its_digits() {
        let mut known = Known::default();
        let lines = ["took 45 ms", "took 46 ms", "took 99 ms", "took 100 ms", "took 45 MB"];
        assert_eq!(lines.map(|line| is_known(&mut known, line)), [false, true, true, false, false]);
    }

    #[test]
    fn what_came_once_takes_nothing_away_and_long_lines_are_not_kept() {
        let mut known = Known::default();
        assert_eq!([0; 3].map(|_| is_known(&mut known, "took 45 ms")), [false, true, true]);
        for index in 0..20_000_u32 {
            let word: String = index.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            assert!(!is_known(&mut known, &word));
        }
        assert!(is_known(&mut known, "took 45 ms"));
        let (long, longer) = ("a".repeat(SHAPE_BYTES_MAX), "a".repeat(SHAPE_BYTES_MAX + 1));
        assert_eq!([&long; 3].map(|line| is_known(&mut known, line)), [false, false, true]);
        assert_eq!([&longer; 3].map(|line| is_known(&mut known, line)), [false; 3]);
    }

    #[test]
    fn a_prefix_of_hexadecimal_is_no_other_number() {
        let mut met = Skeletoniser::new();
        for line in ["at 0x1f", "at 0x2f", "at 0x3f", "at 1x1f", "at 2x1f", "at 3x1f", "at 0X1f", "at 7X1f", "at 00x1f"]
        {
            (0..3).for_each(|_| assert_same(&mut met, line));
        }
    }

    proptest! {
        #[test]
        fn other_digits_change_neither_kinds_nor_places(
            line in "([a-fxXzT]{0,3}[0-9]{0,5}[ .:/,=<>()@#+%_-]{0,2}(0x|bytes \\(|msg=|true|KB|é)?){0,12}",
            digits in proptest::collection::vec(b'0'..=b'9', 160),
        ) {
            let mut met = Skeletoniser::new();
            (0..3).for_each(|_| assert_same(&mut met, &line));
            let mut digits = digits.iter().cycle();
            let other: String = line
                .chars()
                .map(|character| if character.is_ascii_digit() { char::from(*digits.next().unwrap()) } else { character })
                .collect();
            (0..3).for_each(|_| assert_same(&mut met, &other));
            prop_assert!(met.skeletonise(&other).parameters.len() <= PARAMETERS_MAX);
        }
    }
}
