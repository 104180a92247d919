//! What is open in a partition of ours, and what of the input it covers.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

use super::Role;
use super::past::{Flow, Past, PastError, Stretch};
use super::tallied::told;
use crate::config::Kafka;
use crate::publish::{DLQ_OFFSET, DLQ_PARTITION, DLQ_TOPIC, Destination, SCORED_OFFSET};
use crate::record::{Offset, Partition, Topic};
use crate::stream::log::{Committed, Tallied};
use crate::vectorise::wire::Flush;

/// Behind so many bytes no more is read of what is open.
const LOOK_THROUGH_BYTES: usize = 64 << 20;
/// How many offsets are read at first to find the last record of a partition.
const FIRST_OFFSETS: i64 = 64;

/// Who is handed committed records, and who is handed all.
pub(super) struct Readers {
    pub(super) committed: Past,
    pub(super) all: Past,
}

impl Readers {
    pub(super) fn open(kafka: &Kafka, role: &Role) -> Result<Self, PastError> {
        Ok(Self { committed: Past::open(kafka, role)?, all: Past::open_to_all(kafka, role)? })
    }
}

/// A partition in which a transaction is open: from the first offset that readers of committed records are not handed.
pub(super) struct Open {
    pub(super) destination: Destination,
    pub(super) stretch: Stretch,
}

/// What the first of the open records covers that covers anything; nothing where it was read again behind that, which is done only with what was
/// aborted.
pub(super) fn first_covered(all: &Past, open: &Open) -> Result<Vec<(Partition, Tallied)>, PastError> {
    let mut first: Vec<(Partition, Tallied)> = Vec::new();
    let (mut is_read_again, mut bytes) = (false, 0);
    all.read(&open.stretch, |record| {
        bytes += record.payload_len();
        let covers = covered(record, &open.destination);
        if first.is_empty() {
            first = covers;
        } else {
            is_read_again = covers.iter().any(|(partition, told)| {
                first.iter().any(|(before, lost)| before == partition && told.from < lost.until.offset)
            });
        }
        if is_read_again || bytes > LOOK_THROUGH_BYTES { Flow::Break(()) } else { Flow::Continue(()) }
    })?;
    Ok(if is_read_again { Vec::new() } else { first })
}

/// Up to which offset of an input partition readers of `<input>.scored` have copies; `None` where there are none.
pub(super) fn copied_until(readers: &Readers, partition: &Partition) -> Result<Option<Offset>, PastError> {
    let destination = Destination::Scored(partition.topic.clone());
    let copies = match readers.committed.partitions(&format!("{}.scored", partition.topic.name())) {
        Ok(copies) => copies.into_iter().find(|copies| copies.number == partition.number),
        Err(PastError::NoTopic(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(copies) = copies else { return Ok(None) };
    let there = readers.committed.retained(&copies)?;
    let (mut to, mut length, mut last) = (there.to, FIRST_OFFSETS, None);
    while last.is_none() && to > there.from {
        let from = Offset(there.from.0.max(to.0 - length));
        readers.committed.read(&Stretch { partition: copies.clone(), from, to }, |record| {
            last = covered(record, &destination).pop().map(|(_, told)| told.until.offset).or(last);
            Flow::Continue(())
        })?;
        (to, length) = (from, length * 2);
    }
    Ok(last)
}

/// Which offsets of the input a record tells of.
fn covered(record: &BorrowedMessage<'_>, destination: &Destination) -> Vec<(Partition, Tallied)> {
    match destination {
        Destination::Tallies => {
            let flush = record.payload().and_then(|value| Flush::decode(value).ok());
            let progress = flush.into_iter().flat_map(|flush| flush.progress);
            progress.filter(|progress| progress.from < progress.to).map(told).collect()
        }
        Destination::Scored(topic) => {
            let offset = header(record, SCORED_OFFSET).and_then(|offset| offset.parse().ok());
            let partition = Partition::new(topic.clone(), record.partition());
            offset.map(|offset| (partition, single(offset))).into_iter().collect()
        }
        Destination::DeadLetters => {
            let read = || {
                let topic = Topic::new(header(record, DLQ_TOPIC)?);
                let partition = Partition::new(topic, header(record, DLQ_PARTITION)?.parse().ok()?);
                Some((partition, single(header(record, DLQ_OFFSET)?.parse().ok()?)))
            };
            read().into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn single(offset: i64) -> Tallied {
    Tallied { from: Offset(offset), until: Committed { offset: Offset(offset + 1), metadata: String::new() } }
}

/// The last header of this name: those before it are the original record's own.
fn header<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a str> {
    let last = record.headers()?.iter().filter(|header| header.key == name).last()?;
    std::str::from_utf8(last.value?).ok()
}
