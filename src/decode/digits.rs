//! Digits, eight bytes at a time, without a branch for each.

/// The character `0` eight times.
const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
/// The highest bit of each byte.
const HIGHEST: u64 = 0x8080_8080_8080_8080;

/// The digits that eight bytes begin with.
#[derive(Clone, Copy)]
pub(super) struct Leading {
    /// How many there are.
    pub count: usize,
    /// What they are worth, the first in the lowest byte; zeros behind the last.
    values: u64,
}

impl Leading {
    /// The digits that a text begins with, of its first eight bytes.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        let bytes = text.first_chunk().copied().unwrap_or_else(|| {
            let mut padded = [0; 8];
            padded.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
            padded
        });
        let values = u64::from_le_bytes(bytes) ^ ZEROS;
        let count = (strange(values).trailing_zeros() / 8) as usize;
        let behind = u64::MAX.checked_shl(8 * u32::try_from(count).unwrap_or_default()).unwrap_or_default();
        Self { count, values: values & !behind }
    }

    /// The first three as thousandths: `4` is 400.
    #[inline]
    pub(super) fn thousandths(self) -> i64 {
        let [first, second, third, ..] = self.values.to_le_bytes();
        i64::from(first) * 100 + i64::from(second) * 10 + i64::from(third)
    }
}

/// Eight bytes in which digits stand at known places.
pub(super) struct Pairs([u8; 8]);

/// A set bit for each that a digit at such a place has: `0` stands for a digit, everything else for any byte.
pub(super) const fn layout(pattern: [u8; 8]) -> u64 {
    let (mut layout, mut rest) = (0, u64::from_be_bytes(pattern));
    let mut place = 0;
    while place < 8 {
        layout = layout << 8 | if rest & 0xff == b'0' as u64 { 0xff } else { 0 };
        rest >>= 8;
        place += 1;
    }
    layout
}

impl Pairs {
    /// `None` where no digit stands at a place of the layout.
    #[inline]
    pub(super) fn of(bytes: [u8; 8], layout: u64) -> Option<Self> {
        let values = (u64::from_le_bytes(bytes) ^ ZEROS) & layout;
        // To each byte, ten times its value, the value of the byte behind it is added: at most 99.
        (strange(values) == 0).then(|| Self((values * 10 + (values >> 8)).to_le_bytes()))
    }

    /// The number of the two digits that begin at this place.
    #[inline]
    pub(super) fn at(&self, place: usize) -> u8 {
        self.0.get(place).copied().unwrap_or_default()
    }
}

/// The highest bit of each byte that is ten or more.
#[inline]
fn strange(values: u64) -> u64 {
    (((values & !HIGHEST) + 0x7676_7676_7676_7676) | values) & HIGHEST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn leading_digits_are_as_byte_by_byte(text in "[0-9]{0,9}[0-9a:/ \u{80}]{0,9}") {
            let leading = Leading::of(text.as_bytes());
            let count = text.bytes().take(8).take_while(u8::is_ascii_digit).count();
            prop_assert_eq!(leading.count, count);
            let digits = text.bytes().take(count).chain(std::iter::repeat(b'0')).take(3);
            prop_assert_eq!(leading.thousandths(), digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')));
        }

        #[test]
        fn pairs_are_digits_at_all_places(bytes in any::<[u8; 8]>(), digits in "[0-9]{6}", place in 0_usize..8) {
            const LAYOUT: u64 = layout(*b"00:00:00");
            let digits = digits.as_bytes();
            let mut clock = [digits[0], digits[1], bytes[2], digits[2], digits[3], bytes[5], digits[4], digits[5]];
            let pairs = Pairs::of(clock, LAYOUT).unwrap();
            for (number, at) in [0, 3, 6].into_iter().enumerate() {
                prop_assert_eq!(pairs.at(at), (digits[2 * number] - b'0') * 10 + digits[2 * number + 1] - b'0');
            }
            clock[place] = bytes[place];
            let is_clock = [0, 1, 3, 4, 6, 7].iter().all(|at| clock[*at].is_ascii_digit());
            prop_assert_eq!(Pairs::of(clock, LAYOUT).is_some(), is_clock);
        }
    }
}
