//! The state of a merger as it is kept.
//!
//! Seconds that wait for a partition that lags may be most of what a judge holds, and a snapshot is taken in the middle of its work.
//! So they are encoded one after the other, straight into the snapshot: beside it, no more than one second is held twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::{Merger, Reported};
use crate::record::{Partition, Second, Service, Topic};
use crate::vectorise::wire::{Flush, WireError};
use crate::vectorise::{Cell, Sorted};

type OpenSeconds = BTreeMap<Second, Sorted<Service, Cell>>;

/// A merger as it is written: the open seconds in their wire form, each for itself.
#[derive(Serialize)]
pub(in crate::stage) struct MergerRef<'a> {
    #[serde(serialize_with = "one_by_one")]
    open: &'a OpenSeconds,
    rest: Rest,
}

/// The same as it is read: the open seconds lie in the snapshot until they are decoded.
#[derive(Deserialize)]
pub(in crate::stage) struct MergerSnapshot<'a> {
    #[serde(borrow)]
    open: Vec<(Second, &'a [u8])>,
    rest: Rest,
}

/// What is small.
#[derive(Serialize, Deserialize)]
struct Rest {
    roster: Vec<(String, u32)>,
    reported: Vec<(Named, Reported)>,
    closed: Option<Second>,
    last_filled: Option<Second>,
    folded_services: u64,
    partial: Vec<(Named, (Second, Second))>,
    cut: Vec<Named>,
}

/// A partition by the name of its topic.
type Named = (String, i32);

fn named(partition: &Partition) -> Named {
    (partition.topic.name().to_owned(), partition.number)
}

fn partition((topic, number): &Named) -> Partition {
    Partition::new(Topic::new(topic), *number)
}

/// Bytes that are written as such, not each as a number.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

fn one_by_one<S: Serializer>(open: &OpenSeconds, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(open.iter().map(|(&second, cells)| {
        let flush = Flush { cells: BTreeMap::from([(second, cells.clone())]), ..Flush::default() };
        (second, Bytes(flush.encode()))
    }))
}

impl Merger {
    pub(in crate::stage) fn snapshot(&self) -> MergerRef<'_> {
        let rest = Rest {
            roster: self.roster.iter().map(|(topic, &partitions)| (topic.name().to_owned(), partitions)).collect(),
            reported: self.reported.iter().map(|(partition, reported)| (named(partition), reported.clone())).collect(),
            closed: self.closed,
            last_filled: self.last_filled,
            folded_services: self.folded_services,
            partial: self.partial.iter().map(|(partition, &span)| (named(partition), span)).collect(),
            cut: self.cut.iter().map(named).collect(),
        };
        MergerRef { open: &self.open, rest }
    }

    pub(in crate::stage) fn restore(snapshot: MergerSnapshot<'_>) -> Result<Self, WireError> {
        let MergerSnapshot { open, rest } = snapshot;
        let cells_of = |(second, bytes)| {
            let mut flush = Flush::decode(bytes)?;
            Ok((second, flush.cells.remove(&second).unwrap_or_default()))
        };
        Ok(Self {
            roster: rest.roster.iter().map(|(topic, partitions)| (Topic::new(topic), *partitions)).collect(),
            reported: rest.reported.into_iter().map(|(named, reported)| (partition(&named), reported)).collect(),
            open: open.into_iter().map(cells_of).collect::<Result<_, WireError>>()?,
            closed: rest.closed,
            last_filled: rest.last_filled,
            folded_services: rest.folded_services,
            partial: rest.partial.iter().map(|(named, span)| (partition(named), *span)).collect(),
            cut: rest.cut.iter().map(partition).collect(),
        })
    }
}
