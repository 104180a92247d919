//! Where a token ends, and of which classes its bytes are.

use super::class::{END, HEX_LETTER, LETTER, class};

/// A byte in each of the eight places of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The end of the token that begins at `start` with the byte `first`, and the union of its bytes' classes.
///
/// Most tokens begin with letters, so those are passed over eight at a time; see [`letters`].
#[inline]
pub(super) fn token(bytes: &[u8], start: usize, first: u8) -> (usize, u8) {
    let (mut end, mut classes) = (start, 0);
    if first.is_ascii_alphabetic() {
        while let Some(block) = bytes.get(end..).and_then(|rest| rest.first_chunk()) {
            let (count, found) = letters(*block);
            classes |= found;
            end += count;
            if count < block.len() {
                break;
            }
        }
    }
    while let Some(&byte) = bytes.get(end) {
        let class = class(byte);
        if class & END != 0 {
            break;
        }
        classes |= class;
        end += 1;
    }
    (end, classes)
}

/// How many bytes of this block, from its first on, are letters of ASCII, and the union of those bytes' classes.
///
/// Eight bytes are compared at once: what is added to the lower seven bits of each makes its highest bit say whether it is
/// at least a bound, and never carries into the next. Source: Lamport, "Multiple byte processing with full-word
/// instructions" (CACM 18, 1975).
#[inline]
fn letters(block: [u8; 8]) -> (usize, u8) {
    const HIGHEST: u64 = everywhere(0x80);
    let bytes = u64::from_le_bytes(block);
    let lower = (bytes | everywhere(0x20)) & !HIGHEST;
    let from_a = lower + everywhere(0x80 - b'a');
    let from_g = lower + everywhere(0x80 - b'g');
    let beyond_z = lower + everywhere(0x80 - b'z' - 1);
    let others = (bytes | beyond_z | !from_a) & HIGHEST;
    // The bits below the first other byte: all of them where there is none.
    let before = (others & others.wrapping_neg()).wrapping_sub(1) & HIGHEST;
    let is_there = |places: u64, class: u8| if places & before != 0 { class } else { 0 };
    let count = usize::try_from(others.trailing_zeros() / 8).unwrap_or_default();
    (count, is_there(from_g, LETTER) | is_there(!from_g, HEX_LETTER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte.
    fn plainly(bytes: &[u8], start: usize) -> (usize, u8) {
        let token = bytes.get(start..).unwrap_or_default().iter().take_while(|byte| class(**byte) & END == 0);
        token.fold((start, 0), |(end, classes), byte| (end + 1, classes | class(*byte)))
    }

    #[test]
    fn every_byte_ends_letters_or_does_not() {
        for byte in 0..=u8::MAX {
            for place in 0..10 {
                let mut bytes = *b"abFzGhAlpZqrs tuv";
                bytes[place] = byte;
                assert_eq!(token(&bytes, 0, bytes[0]), plainly(&bytes, 0), "{byte:#x} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn eight_at_a_time_is_as_one_by_one(bytes in proptest::collection::vec(any::<u8>(), 0..64), start in 0_usize..70) {
            let first = bytes.get(start).copied().unwrap_or_default();
            prop_assert_eq!(token(&bytes, start, first), plainly(&bytes, start));
        }

        #[test]
        fn also_in_text(text in "[a-zA-Z0-9 :./_-]{0,40}", start in 0_usize..40) {
            let first = text.as_bytes().get(start).copied().unwrap_or_default();
            prop_assert_eq!(token(text.as_bytes(), start, first), plainly(text.as_bytes(), start));
        }
    }
}
