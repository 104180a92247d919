//! Sixty-four bytes at a time: which of them are of a kind, a bit for each.
//!
//! Lines are read token by token, and most tokens are short, so that byte by byte the end of a loop is guessed wrong once a token. A
//! block is compared as a whole instead, without a branch; then the end of a token is the next set bit, and what it consists
//! of is a test of some bits.
//!
//! A lane is a register of SSE2 or NEON, which all processors of their kinds have (crate `wide`, so without `unsafe` here).

use std::ops::{BitOr, Not};

use wide::{i8x16, u8x16};

/// The bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 64;
/// The bytes of a lane.
pub(crate) const LANE_BYTES: usize = 16;

/// Sixty-four bytes.
#[derive(Clone, Copy)]
pub(crate) struct Block([Lane; BLOCK_BYTES / LANE_BYTES]);

impl Block {
    /// The bytes from `start` on; where there are fewer, blanks follow.
    #[inline]
    pub(crate) fn of(bytes: &[u8], start: usize) -> Self {
        let rest = bytes.get(start..).unwrap_or_default();
        match rest.first_chunk() {
            Some(whole) => Self::from_bytes(whole),
            None => Self::from_few(rest),
        }
    }

    fn from_few(rest: &[u8]) -> Self {
        let mut padded = [b' '; BLOCK_BYTES];
        if let Some(place) = padded.get_mut(..rest.len()) {
            place.copy_from_slice(rest);
        }
        Self::from_bytes(&padded)
    }

    #[inline]
    fn from_bytes(bytes: &[u8; BLOCK_BYTES]) -> Self {
        let (lanes, _) = bytes.as_chunks::<LANE_BYTES>();
        let lane = |at: usize| Lane::from_bytes(lanes.get(at).copied().unwrap_or_default());
        Self([lane(0), lane(1), lane(2), lane(3)])
    }

    /// Of which bytes this holds: the lowest bit is that of the first.
    #[inline]
    pub(crate) fn places(self, holds: impl Fn(Lane) -> Mask) -> u64 {
        self.0.into_iter().rev().fold(0, |places, lane| places << LANE_BYTES | u64::from(holds(lane).bits()))
    }
}

/// Where the first byte stands of which this holds. For few bytes, of which a block would be too many.
#[inline]
pub(crate) fn position(bytes: &[u8], holds: impl Fn(Lane) -> Mask) -> Option<usize> {
    let (lanes, rest) = bytes.as_chunks::<LANE_BYTES>();
    for (number, lane) in lanes.iter().enumerate() {
        let found = holds(Lane::from_bytes(*lane)).bits();
        if found != 0 {
            return Some(number * LANE_BYTES + found.trailing_zeros() as usize);
        }
    }
    let mut padded = [0; LANE_BYTES];
    for (place, byte) in padded.iter_mut().zip(rest) {
        *place = *byte;
    }
    let found = holds(Lane::from_bytes(padded)).bits().trailing_zeros() as usize;
    (found < rest.len()).then(|| lanes.len() * LANE_BYTES + found)
}

/// Whether this holds of any byte; it must not hold of a blank. All bytes are looked at, so that no branch depends on them.
#[inline]
pub(crate) fn has_any(bytes: &[u8], holds: impl Fn(Lane) -> Mask) -> bool {
    let (lanes, rest) = bytes.as_chunks::<LANE_BYTES>();
    // Where there are enough bytes, the last lane overlaps the one before it.
    let last = bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut padded = [b' '; LANE_BYTES];
        padded.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        padded
    });
    let last = holds(Lane::from_bytes(last));
    lanes.iter().fold(last, |found, lane| found | holds(Lane::from_bytes(*lane))).bits() != 0
}

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(crate) struct Lane(u8x16);

impl Lane {
    /// The first sixteen of these bytes; `None` where there are fewer.
    #[inline]
    pub(crate) fn first(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self::from_bytes)
    }

    /// Of which bytes this holds, a bit for each, the lowest for the first.
    #[inline]
    pub(crate) fn places(self, holds: impl Fn(Self) -> Mask) -> u32 {
        holds(self).bits()
    }

    #[inline]
    fn from_bytes(bytes: [u8; LANE_BYTES]) -> Self {
        Self(u8x16::from(bytes))
    }

    /// Which bytes are this one.
    #[inline]
    pub(crate) fn equal(self, byte: u8) -> Mask {
        Mask(self.0.simd_eq(u8x16::splat(byte)))
    }

    /// Which bytes are from `first` on up to `last`, where 0 follows on 255; not all bytes may be.
    #[inline]
    pub(crate) fn within(self, first: u8, last: u8) -> Mask {
        // Signed bytes are compared in one instruction, so the first of the range becomes the least of them.
        let moved = self.0 + u8x16::splat(0x80_u8.wrapping_sub(first));
        let bound = last.wrapping_sub(first).wrapping_add(0x81);
        Mask(moved.cast_signed().simd_lt(i8x16::splat(bound.cast_signed())).cast_unsigned())
    }

    /// Which bytes are of characters beyond ASCII.
    #[inline]
    pub(crate) fn beyond_ascii(self) -> Mask {
        Mask(self.0)
    }

    /// The bytes with `0x20` set: letters of ASCII become lower-case ones, but others change too.
    #[inline]
    pub(crate) fn lowered(self) -> Self {
        Self(self.0 | u8x16::splat(0x20))
    }
}

/// Of which bytes of a lane something holds: the highest bit of each says it.
#[derive(Clone, Copy)]
pub(crate) struct Mask(u8x16);

impl Mask {
    /// A bit for each byte, the lowest for the first.
    #[inline]
    fn bits(self) -> u32 {
        self.0.to_bitmask()
    }
}

impl BitOr for Mask {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for Mask {
    type Output = Self;

    #[inline]
    fn not(self) -> Self {
        Self(!self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(bytes: &[u8], holds: impl Fn(u8) -> bool) -> u64 {
        let padded = bytes.iter().copied().chain(std::iter::repeat(b' ')).take(BLOCK_BYTES);
        padded.enumerate().fold(0, |places, (at, byte)| places | u64::from(holds(byte)) << at)
    }

    proptest! {
        #[test]
        fn a_block_is_as_byte_by_byte(bytes in proptest::collection::vec(any::<u8>(), 0..130), start in 0_usize..140, one: u8, other: u8) {
            let block = Block::of(&bytes, start);
            let rest = bytes.get(start..).unwrap_or_default();
            let (first, last) = (one, if other.wrapping_add(1) == one { one } else { other });
            prop_assert_eq!(block.places(|lane| lane.equal(one)), plainly(rest, |byte| byte == one));
            prop_assert_eq!(block.places(|lane| lane.within(first, last)), plainly(rest, |byte| byte.wrapping_sub(first) <= last.wrapping_sub(first)));
            prop_assert_eq!(position(rest, |lane| lane.equal(one)), rest.iter().position(|byte| *byte == one));
            if one != b' ' {
                prop_assert_eq!(has_any(rest, |lane| lane.equal(one)), rest.contains(&one));
            }
            prop_assert_eq!(block.places(Lane::beyond_ascii), plainly(rest, |byte| !byte.is_ascii()));
            prop_assert_eq!(
                block.places(|lane| lane.lowered().equal(one) | lane.equal(other)),
                plainly(rest, |byte| byte | 0x20 == one || byte == other)
            );
        }
    }
}
