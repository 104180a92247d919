//! Short texts with blanks behind them.
//!
//! What goes over many bytes at a time needs care at a beginning that is not aligned and at an end where fewer are left, and that costs more than
//! to copy a line to where there is neither.

use crate::lanes::BLOCK_BYTES;

/// The longest text that is copied, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 10;

/// Space for one text.
#[derive(Debug)]
pub(crate) struct Padded(Vec<u8>);

impl Default for Padded {
    fn default() -> Self {
        Self(vec![b' '; TEXT_BYTES_MAX + BLOCK_BYTES])
    }
}

impl Padded {
    /// A copy of this text with a block of blanks behind it; `None` where it is longer than is copied.
    #[inline]
    pub(crate) fn copy(&mut self, text: &[u8]) -> Option<&[u8]> {
        let end = text.len();
        if end > TEXT_BYTES_MAX {
            return None;
        }
        self.0.get_mut(..end)?.copy_from_slice(text);
        *self.0.get_mut(end..)?.first_chunk_mut()? = [b' '; BLOCK_BYTES];
        self.0.get(..end + BLOCK_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blanks_follow_whatever_stood_there_before(texts in proptest::collection::vec("[a-z]{0,40}", 1..4)) {
            let mut padded = Padded::default();
            for text in texts {
                let copy = padded.copy(text.as_bytes()).unwrap();
                let (before, behind) = copy.split_at(text.len());
                prop_assert_eq!((before, behind), (text.as_bytes(), &[b' '; BLOCK_BYTES][..]));
            }
        }
    }

    #[test]
    fn a_long_text_is_not_copied() {
        let text = [b'a'; TEXT_BYTES_MAX + 1];
        assert!(Padded::default().copy(&text).is_none());
        assert!(Padded::default().copy(&text[1..]).is_some());
    }
}
