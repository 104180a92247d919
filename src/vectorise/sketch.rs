//! A sketch of the numbers in one place of a template: how often which value was seen.
//!
//! Small integers are kept as they are, since a status code or a state is a name and not a quantity; everything else falls
//! into buckets that grow by a factor, after the sketch of Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable
//! quantile sketch with relative-error guarantees" (VLDB 2019), here with a relative error of about 5 %. The number of
//! keys is bounded by construction: [`SketchKey::Integer`] has 1,000 and [`SketchKey::Bucket`] at most 2 × 430.

use crate::template::Number;

/// The natural logarithm of 1.1, the factor between two buckets.
const LOG_OF_GROWTH: f64 = 0.095_310_179_804_324_93;
/// Integers below this one are counted by value.
const EXACT_BELOW: i64 = 1_000;
/// Magnitudes outside `1e-9..1e9` fall into the outermost bucket.
const BUCKET_MAX: i32 = 217;

/// What one number counts as. Ordered by key, not by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SketchKey {
    /// A small integer, itself.
    Integer(u16),
    /// Any other number: its sign and the logarithm of its magnitude.
    Bucket {
        /// Whether it is below zero.
        negative: bool,
        /// `floor(log(magnitude) / log(1.1))`, within ±217.
        exponent: i32,
    },
}

impl SketchKey {
    /// The key of a number.
    pub fn of(number: Number) -> Self {
        match number {
            Number::Integer(value @ 0..EXACT_BELOW) => u16::try_from(value).map_or(Self::ZERO, Self::Integer),
            Number::Integer(value) => Self::bucket(value as f64),
            Number::Decimal(value) => Self::bucket(value),
        }
    }

    const ZERO: Self = Self::Integer(0);

    #[expect(clippy::cast_possible_truncation, reason = "clamped to ±BUCKET_MAX first")]
    fn bucket(value: f64) -> Self {
        if value == 0.0 || !value.is_finite() {
            return Self::ZERO;
        }
        let exponent = libm::floor(libm::log(value.abs()) / LOG_OF_GROWTH);
        let exponent = exponent.clamp(-f64::from(BUCKET_MAX), f64::from(BUCKET_MAX)) as i32;
        Self::Bucket { negative: value < 0.0, exponent }
    }

    /// The key as one integer, for the wire: small integers as they are, buckets beyond them.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Integer(value) => u32::from(value),
            Self::Bucket { negative, exponent } => {
                let position = u32::try_from(exponent.saturating_add(BUCKET_MAX)).unwrap_or(0);
                1_000 + position * 2 + u32::from(negative)
            }
        }
    }

    /// The key of a code; `None` where it is none.
    pub(super) fn from_code(code: u32) -> Option<Self> {
        match code.checked_sub(1_000) {
            None => u16::try_from(code).ok().map(Self::Integer),
            Some(rest) => {
                let exponent = i32::try_from(rest / 2).ok()? - BUCKET_MAX;
                (exponent <= BUCKET_MAX).then_some(Self::Bucket { negative: rest % 2 == 1, exponent })
            }
        }
    }
}

/// How often each key was seen.
#[derive(Clone, Debug, Default)]
pub struct Sketch(Counts);

/// In rising order of the keys. Most sketches of a second hold a few keys, for which a tree is a detour, and many hold one, for which a
/// piece of memory is.
#[derive(Clone, Debug)]
enum Counts {
    One([(SketchKey, u64); 1]),
    Any(Vec<(SketchKey, u64)>),
}

impl Default for Counts {
    fn default() -> Self {
        Self::Any(Vec::new())
    }
}

impl Sketch {
    /// Nothing counted yet, with room for so many keys.
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self(Counts::Any(if keys > 1 { Vec::with_capacity(keys) } else { Vec::new() }))
    }

    fn counts(&self) -> &[(SketchKey, u64)] {
        match &self.0 {
            Counts::One(count) => count,
            Counts::Any(counts) => counts,
        }
    }

    /// Counts `count` numbers of this key. O(log keys); O(keys) for a new one, of which there are not many.
    pub fn add(&mut self, key: SketchKey, count: u64) {
        let counts = match &mut self.0 {
            Counts::One([(known, counted)]) if *known == key => {
                *counted += count;
                return;
            }
            // Where room was made, more keys than one are to come.
            Counts::Any(counts) if counts.capacity() == 0 => {
                self.0 = Counts::One([(key, count)]);
                return;
            }
            Counts::Any(counts) => counts,
            Counts::One(one) => {
                self.0 = Counts::Any(one.to_vec());
                return self.add(key, count);
            }
        };
        // On the wire they rise.
        if counts.last().is_none_or(|&(last, _)| last < key) {
            counts.push((key, count));
            return;
        }
        match counts.binary_search_by_key(&key, |&(known, _)| known) {
            Ok(position) => {
                if let Some((_, counted)) = counts.get_mut(position) {
                    *counted += count;
                }
            }
            Err(position) => counts.insert(position, (key, count)),
        }
    }

    /// Adds what another sketch counted.
    pub fn merge(&mut self, other: &Self) {
        for (key, count) in other.iter() {
            self.add(key, count);
        }
    }

    /// The keys in rising order, with how often each was seen.
    pub fn iter(&self) -> impl Iterator<Item = (SketchKey, u64)> {
        self.counts().iter().copied()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts().is_empty()
    }
}

impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        self.counts() == other.counts()
    }
}

impl Eq for Sketch {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_integers_keep_their_value_and_the_rest_their_magnitude() {
        assert_eq!(SketchKey::of(Number::Integer(404)), SketchKey::Integer(404));
        assert_eq!(SketchKey::of(Number::Integer(1_000)), SketchKey::of(Number::Decimal(1_001.5)));
        assert_ne!(SketchKey::of(Number::Decimal(45.0)), SketchKey::of(Number::Decimal(600.0)));
        assert_eq!(SketchKey::of(Number::Decimal(f64::NAN)), SketchKey::Integer(0));
    }

    #[test]
    fn the_logarithm_of_the_growth_is_that_of_every_platform() {
        assert_eq!(LOG_OF_GROWTH.to_bits(), libm::log(1.1).to_bits());
    }

    #[test]
    fn every_key_survives_the_wire() {
        let numbers = [0.0, 1e-30, 0.5, 7.25, 999.5, 1e6, 1e300, -3.5, -1e12];
        for key in
            numbers.map(|value| SketchKey::of(Number::Decimal(value))).into_iter().chain([SketchKey::Integer(999)])
        {
            assert_eq!(SketchKey::from_code(key.code()), Some(key));
        }
        assert_eq!(SketchKey::from_code(u32::MAX), None);
    }
}
