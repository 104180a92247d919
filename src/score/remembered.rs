//! Who came lately, as hashes: so much, and no more, is kept of a service that came once while a flood goes on.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::record::{Second, Service};

/// A generation is over when it holds so many hashes …
const GENERATION_MAX: usize = 100_000;
/// … or is so old, in seconds of log time.
const GENERATION_SECONDS: i64 = 600;

type Hashes = HashMap<u64, u8, FixedState>;

/// Hashes of services and how often these came, in two generations: what did not come again while the younger one filled up goes
/// with the elder one. Two services with one hash are taken for one: the second is only let in sooner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Remembered {
    #[serde(serialize_with = "in_order", deserialize_with = "from_rows")]
    young: Hashes,
    #[serde(serialize_with = "in_order", deserialize_with = "from_rows")]
    old: Hashes,
    /// When the younger generation began.
    since: Second,
}

/// What is remembered of a service's name.
pub(super) fn hash(service: &Service) -> u64 {
    let seed = service.environment.as_ref().map_or(0, |environment| xxh3_64(environment.as_bytes()));
    xxh3_64_with_seed(service.name.as_bytes(), seed)
}

impl Remembered {
    /// How often a service with this hash came; 0 where it is not remembered. O(1).
    pub(super) fn times(&self, hash: u64) -> u8 {
        self.young.get(&hash).or_else(|| self.old.get(&hash)).copied().unwrap_or(0)
    }

    /// Remembers that it came so often. O(1).
    pub(super) fn set(&mut self, hash: u64, times: u8, now: Second) {
        if self.young.len() >= GENERATION_MAX || now.since(self.since) >= GENERATION_SECONDS {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
        self.young.insert(hash, times);
    }

    /// Forgets all, and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The same content has the same bytes.
fn in_order<S: Serializer>(hashes: &Hashes, serializer: S) -> Result<S::Ok, S::Error> {
    let mut rows: Vec<(u64, u8)> = hashes.iter().map(|(&hash, &times)| (hash, times)).collect();
    rows.sort_unstable();
    rows.serialize(serializer)
}

fn from_rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hashes, D::Error> {
    Ok(Vec::<(u64, u8)>::deserialize(deserializer)?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_again_stays_and_the_others_go() {
        let (mut remembered, now) = (Remembered::default(), Second(1_000_000));
        let most = u64::try_from(GENERATION_MAX).expect("small");
        for hash in 0..10 * most {
            remembered.set(hash, 1, now);
            assert!(remembered.young.len() + remembered.old.len() <= 2 * GENERATION_MAX);
            if hash % (most / 2) == 0 {
                remembered.set(u64::MAX, remembered.times(u64::MAX).saturating_add(1), now);
            }
        }
        assert_eq!(remembered.times(u64::MAX), 20);
        assert_eq!((remembered.times(8 * most), remembered.times(10 * most - 1), remembered.times(9)), (0, 1, 0));
        remembered.clear();
        assert_eq!(remembered, Remembered::default());
    }

    #[test]
    fn they_go_with_time() {
        let mut remembered = Remembered::default();
        for (second, times) in [(1_000, 1), (1_599, 1), (1_600, 1), (2_199, 1), (2_200, 0)] {
            remembered.set(7, 1, Second(second));
            if second == 1_000 {
                remembered.set(8, 1, Second(second));
            }
            assert_eq!((remembered.times(7), remembered.times(8)), (1, times), "{second}");
        }
    }

    #[test]
    fn restored_it_is_the_same_to_the_byte() {
        let mut remembered = Remembered::default();
        for number in 0..150_000 {
            remembered.set(hash(&Service::new(Some("shop"), &format!("s{number}"))), 1, Second(1_000));
        }
        let bytes = postcard::to_stdvec(&remembered).expect("a snapshot");
        let mut restored: Remembered = postcard::from_bytes(&bytes).expect("a restore");
        assert_eq!(restored, remembered);
        for remembered in [&mut restored, &mut remembered] {
            (0..70_000).for_each(|hash| remembered.set(hash, 2, Second(1_001)));
        }
        assert_eq!(postcard::to_stdvec(&restored), postcard::to_stdvec(&remembered));
        assert!(bytes.len() < 2 << 20, "{}", bytes.len());
    }

    #[test]
    fn services_of_two_environments_are_two() {
        let hashes = [None, Some("a"), Some("b")].map(|environment| hash(&Service::new(environment, "web")));
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    }
}
