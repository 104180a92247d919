//! Places: small numbers for what is known of a service's templates, so that each model finds what it holds of one without a
//! search. A place is found once a second, by the id, in the catalogue.
//!
//! # Invariants
//!
//! * A template keeps its place while it is known. Then another one may be given it, and who holds anything by places is told of that
//!   in the same second ([`super::catalogue::Gone`], [`super::catalogue::Merged`]), before it sees the new one.
//! * The same comings and goings give the same places.

use serde::{Deserialize, Serialize};

use crate::record::TemplateId;

/// The place of a template among those of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place(u32);

/// Which template has which place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Places {
    /// In the order of the ids.
    by_id: Vec<(TemplateId, Place)>,
    free: Vec<Place>,
}

impl Places {
    /// How many templates have one.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All templates and their places, in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TemplateId, Place)> {
        self.by_id.iter().copied()
    }

    /// The place of a template. O(log n).
    pub(super) fn find(&self, id: TemplateId) -> Option<Place> {
        self.seek(&mut 0, id)
    }

    /// The same for ids that rise: all together cost O(n), and less where they are few. `from` begins at 0.
    pub(super) fn seek(&self, from: &mut usize, id: TemplateId) -> Option<Place> {
        let rest = self.by_id.get(*from..).unwrap_or_default();
        // Most are near: steps that double, then a search between the last two.
        let mut step = 1;
        while rest.get(step - 1).is_some_and(|&(known, _)| known < id) {
            step *= 2;
        }
        let (start, end) = (step / 2, step.min(rest.len()));
        let between = rest.get(start..end).unwrap_or_default();
        let place = start + between.partition_point(|&(known, _)| known < id);
        *from += place;
        rest.get(place).filter(|(known, _)| *known == id).map(|&(_, place)| place)
    }

    /// Gives a template a place, unless it has one. O(n) for a new one.
    pub(super) fn give(&mut self, id: TemplateId) -> Place {
        let mut position = 0;
        if let Some(place) = self.seek(&mut position, id) {
            return place;
        }
        let next = Place(u32::try_from(self.by_id.len()).unwrap_or(u32::MAX));
        let place = self.free.pop().unwrap_or(next);
        self.by_id.insert(position, (id, place));
        place
    }

    /// Takes the place of a template for others. O(n).
    pub(super) fn take(&mut self, id: TemplateId) -> Option<Place> {
        let position = self.by_id.binary_search_by_key(&id, |&(known, _)| known).ok()?;
        let (_, place) = self.by_id.remove(position);
        self.free.push(place);
        Some(place)
    }
}

/// What is held of each template, by its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ByPlace<T>(Vec<Option<T>>);

impl<T> Default for ByPlace<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByPlace<T> {
    pub(super) fn get(&self, place: Place) -> Option<&T> {
        self.0.get(place.0 as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.0.get_mut(place.0 as usize)?.as_mut()
    }

    /// What is held at a place, or what `new` makes.
    pub(super) fn get_or_insert_with(&mut self, place: Place, new: impl FnOnce() -> T) -> Option<&mut T> {
        let index = place.0 as usize;
        if self.0.len() <= index {
            if self.0.is_empty() {
                // Many a service has one template, and what is held is large.
                self.0.reserve_exact(index + 1);
            }
            self.0.resize_with(index + 1, || None);
        }
        self.0.get_mut(index).map(|held| held.get_or_insert_with(new))
    }

    pub(super) fn take(&mut self, place: Place) -> Option<T> {
        self.0.get_mut(place.0 as usize)?.take()
    }

    /// All that is held, in the order of the places.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// The same, to change it.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_template_has_a_place_of_its_own_and_keeps_it(
            changes in proptest::collection::vec((0_u64..64, proptest::bool::weighted(0.7)), 0..200),
            sought: BTreeSet<u8>,
        ) {
            let (mut places, mut expected) = (Places::default(), BTreeMap::new());
            for (id, comes) in changes {
                let id = TemplateId(id);
                if comes {
                    let place = places.give(id);
                    prop_assert_eq!(*expected.entry(id).or_insert(place), place);
                } else {
                    prop_assert_eq!(places.take(id), expected.remove(&id));
                }
                let held: BTreeSet<Place> = expected.values().copied().collect();
                prop_assert_eq!(held.len(), expected.len());
                prop_assert!(held.last().is_none_or(|last| (last.0 as usize) < expected.len() + places.free.len()));
            }
            prop_assert!(places.iter().eq(expected.iter().map(|(&id, &place)| (id, place))));
            let mut from = 0;
            for id in sought.into_iter().map(|id| TemplateId(u64::from(id))) {
                prop_assert_eq!(places.seek(&mut from, id), expected.get(&id).copied());
                prop_assert_eq!(places.find(id), expected.get(&id).copied());
            }
        }
    }
}
