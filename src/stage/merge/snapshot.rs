//! The state of a merger as it is kept.
//!
//! Seconds that wait for a partition that lags may be most of what a judge holds, and a snapshot is taken in the middle of its work.
//! So the sums of each service are encoded for themselves, straight into the snapshot: beside it, no more than those of one service in one
//! second are held in other forms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::{Merger, Reported};
use crate::record::{Partition, Second, Service, Topic};
use crate::vectorise::wire::{Flush, WireError};
use crate::vectorise::{Cell, Sorted};

type OpenSeconds = BTreeMap<Second, Sorted<Service, Cell>>;

/// A merger as it is written: of the open seconds the sums of each service in their wire form.
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
    open: Vec<(Second, Vec<&'a [u8]>)>,
    rest: Rest,
}

/// All of a merger but its open seconds: small, whatever waits.
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
    serializer.collect_seq(open.iter().map(|(&second, cells)| (second, Services { second, cells })))
}

/// The sums of a second.
struct Services<'a> {
    second: Second,
    cells: &'a Sorted<Service, Cell>,
}

impl Serialize for Services<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.cells.iter().map(|(service, cell)| {
            let cells = [(service.clone(), cell.clone())].into_iter().collect();
            Bytes(Flush { cells: BTreeMap::from([(self.second, cells)]), ..Flush::default() }.encode())
        }))
    }
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
        let cells_of = |(second, services): (Second, Vec<&[u8]>)| {
            let decoded = services.into_iter().map(|bytes| Ok(Flush::decode(bytes)?.cells.remove(&second)));
            let decoded: Vec<_> = decoded.collect::<Result<_, WireError>>()?;
            Ok((second, decoded.into_iter().flatten().flatten().collect()))
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
