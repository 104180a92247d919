//! A map that is one piece of memory: pairs in the order of their keys.
//!
//! The sums of a second are made in order, gone through in order, added to others that are in order, and freed: for that a tree
//! or a table is a detour, and costs a piece of memory each.

/// Values by key, in rising order of the keys.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Pairs in any order; `add` says what becomes of the values of one key. O(n log n), and O(n) where they rise.
    pub(super) fn adding_up(mut pairs: Vec<(K, V)>, mut add: impl FnMut(&mut V, V)) -> Self
    where
        V: Default,
    {
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            pairs.dedup_by(|next, first| {
                let is_same = next.0 == first.0;
                if is_same {
                    add(&mut first.1, std::mem::take(&mut next.1));
                }
                is_same
            });
        }
        Self(pairs)
    }

    /// What belongs to a key. O(log n).
    pub fn get(&self, key: &K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// The same, to change it. O(log n).
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Puts a value in the place of what belonged to the key. O(1) where keys come in rising order, else O(n).
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => {
                if let Some((_, kept)) = self.0.get_mut(place) {
                    *kept = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Adds a value to what belongs to the key: `add` says how. O(log n), O(n) for a new one.
    pub fn add(&mut self, key: K, value: V, add: impl FnOnce(&mut V, V)) {
        match self.get_mut(&key) {
            Some(mine) => add(mine, value),
            None => self.insert(key, value),
        }
    }

    /// What belongs to the key, made now where nothing does. O(log n), O(n) for a new one unless keys come in rising order. Never `None`.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&mut V> {
        let place = self.place(&key).unwrap_or_else(|place| {
            self.0.insert(place, (key, make()));
            place
        });
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Takes out what belongs to a key. O(n).
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Keeps the first ones and returns the others. O(others).
    pub fn split_off(&mut self, count: usize) -> Self {
        Self(self.0.split_off(count.min(self.0.len())))
    }

    /// Keeps those of which this is true. O(n).
    pub fn retain(&mut self, mut is_kept: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| is_kept(key, value));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The same, to change the values.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The keys, in their order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same, to change them.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Takes in another one; `add` says what becomes of a value whose key both have. O(length of both).
    pub fn merge(&mut self, other: Self, mut add: impl FnMut(&mut V, V)) {
        if self.0.is_empty() {
            *self = other;
            return;
        }
        let (mut place, mut news) = (0, Vec::new());
        for (key, value) in other.0 {
            while self.0.get(place).is_some_and(|(mine, _)| *mine < key) {
                place += 1;
            }
            match self.0.get_mut(place).filter(|(mine, _)| *mine == key) {
                Some((_, mine)) => add(mine, value),
                None => news.push((key, value)),
            }
        }
        if !news.is_empty() {
            self.0.append(&mut news);
            // Two runs that rise: this sort finds them.
            self.0.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if last < key => Err(self.0.len()),
            _ => self.0.binary_search_by(|(kept, _)| kept.cmp(key)),
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    /// In any order, of one key the first. O(n log n), and O(n) where they rise.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(K, V)> = pairs.into_iter().collect();
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            pairs.dedup_by(|next, first| next.0 == first.0);
        }
        Self(pairs)
    }
}

impl<K, V> IntoIterator for Sorted<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn sorted(map: &BTreeMap<u8, u32>) -> Sorted<u8, u32> {
        map.iter().map(|(&key, &value)| (key, value)).collect()
    }

    proptest! {
        #[test]
        fn it_holds_what_a_tree_would_hold(pairs: Vec<(u8, u32)>, others: BTreeMap<u8, u32>, gone: Vec<u8>) {
            let (mut tree, mut flat) = (BTreeMap::new(), Sorted::default());
            for (key, value) in pairs {
                tree.insert(key, value);
                flat.insert(key, value);
            }
            for (key, value) in [(7, 1), (7, 2)] {
                tree.entry(key).and_modify(|mine| *mine ^= value).or_insert(value);
                flat.add(key, value, |mine, theirs| *mine ^= theirs);
            }
            flat.merge(sorted(&others), |mine, theirs| *mine ^= theirs);
            for (key, theirs) in others {
                tree.entry(key).and_modify(|mine| *mine ^= theirs).or_insert(theirs);
            }
            for key in gone {
                let mine = flat.get_or_insert_with(key.wrapping_mul(3), || 5);
                prop_assert_eq!(mine, Some(tree.entry(key.wrapping_mul(3)).or_insert(5)));
                prop_assert_eq!(flat.get(&key), tree.get(&key));
                prop_assert_eq!(flat.remove(&key), tree.remove(&key));
            }
            prop_assert!(flat.keys().is_sorted());
            prop_assert_eq!(flat, sorted(&tree));
        }
    }
}
