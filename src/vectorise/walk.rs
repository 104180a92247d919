//! Two sorted sequences side by side.

use std::iter::Peekable;

/// Finds rising keys in a sorted sequence. All together cost O(length): less than a search for each where most are there.
pub(crate) struct Walk<I: Iterator> {
    rest: Peekable<I>,
}

impl<'k, K: Ord + 'k, V, I: Iterator<Item = (&'k K, V)>> Walk<I> {
    /// Walks along these, whose keys rise.
    pub(crate) fn along(sorted: I) -> Self {
        Self { rest: sorted.peekable() }
    }

    /// What belongs to `key`, which is above those asked for before.
    pub(crate) fn find(&mut self, key: &K) -> Option<V> {
        while self.rest.next_if(|(next, _)| *next < key).is_some() {}
        self.rest.next_if(|(next, _)| *next == key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_walk_finds_what_a_search_finds(map: BTreeMap<u8, u8>, keys: std::collections::BTreeSet<u8>) {
            let mut walk = Walk::along(map.iter());
            for key in keys {
                prop_assert_eq!(walk.find(&key), map.get(&key));
            }
        }
    }
}
