//! The bytes of a state, in pieces.
//!
//! A state may have a hundred megabytes, and is written beside all else that the process holds. In one piece of memory it would have to
//! be asked of the system anew each time; pieces of this size lie in what was freed before. Whoever takes them frees them one by one.

use postcard::ser_flavors::Flavor;

/// Below the size from which on allocators ask the system for each piece (glibc: 128 KiB).
const PIECE_BYTES: usize = 64 << 10;

/// Bytes in pieces, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Pieces {
    /// How many bytes there are. O(pieces).
    pub fn byte_count(&self) -> usize {
        self.full.len() * PIECE_BYTES + self.last.len()
    }

    /// All of it as one. O(size).
    pub fn concat(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.byte_count());
        self.full.iter().chain([&self.last]).for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// The last piece, with room for a byte at least.
    fn with_room(&mut self) -> &mut Vec<u8> {
        if self.last.capacity() == 0 {
            self.last.reserve_exact(PIECE_BYTES);
        } else if self.last.len() == PIECE_BYTES {
            self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(PIECE_BYTES)));
        }
        &mut self.last
    }
}

impl IntoIterator for Pieces {
    type Item = Vec<u8>;
    type IntoIter = std::iter::Chain<std::vec::IntoIter<Vec<u8>>, std::iter::Once<Vec<u8>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.full.into_iter().chain(std::iter::once(self.last))
    }
}

impl Flavor for Pieces {
    type Output = Self;

    fn try_extend(&mut self, mut bytes: &[u8]) -> postcard::Result<()> {
        while !bytes.is_empty() {
            let last = self.with_room();
            let (fits, rest) = bytes.split_at(bytes.len().min(PIECE_BYTES - last.len()));
            last.extend_from_slice(fits);
            bytes = rest;
        }
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.with_room().push(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Self> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let bytes: Vec<u8> = (0..=255).cycle().take(PIECE_BYTES * 3 + 5).collect();
        let (mut pushed, mut extended) = (Pieces::default(), Pieces::default());
        assert_eq!((pushed.byte_count(), pushed.concat()), (0, vec![]));
        for chunk in bytes.chunks(PIECE_BYTES + PIECE_BYTES / 3) {
            extended.try_extend(chunk).unwrap();
            chunk.iter().for_each(|&byte| pushed.try_push(byte).unwrap());
        }
        assert_eq!(pushed, extended);
        assert_eq!((pushed.byte_count(), pushed.concat()), (bytes.len(), bytes));
        assert_eq!(pushed.into_iter().map(|piece| piece.capacity()).max(), Some(PIECE_BYTES), "none has grown");
    }
}
