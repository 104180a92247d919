//! What a producer left open in a partition of ours, and what of the input that covers.
//!
//! Tallies, copies and dead letters say in a header who wrote them, so that nobody takes another's transaction for its own.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

use super::Role;
use super::client::PRODUCER;
use super::past::{Flow, Past, PastError, Stretch};
use super::tallied::{LOOK_BACK_OFFSETS, told};
use crate::config::Kafka;
use crate::publish::{
    DEAD_LETTER_OFFSET, DEAD_LETTER_PARTITION, DEAD_LETTER_TOPIC, Destination, OUTCOME, SCORED_OFFSET,
};
use crate::record::{Offset, Partition, Topic};
use crate::stream::log::{Committed, Tallied};
use crate::vectorise::wire::Flush;

/// Behind so many bytes no more is read of a partition.
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

/// The last transaction of a producer in a partition where one is open: this one, or one that has ended behind another's.
pub(super) struct Left {
    pub(super) open: Open,
    /// What its last record covers of the input. Of one that was not written to its end that may be nothing.
    pub(super) covers: Vec<(Partition, Tallied)>,
    /// Where that record is.
    pub(super) last: Offset,
}

/// What this producer left there; `None` where nothing of what may be open is its.
pub(super) fn left(all: &Past, open: Open, producer: &str) -> Result<Option<Left>, PastError> {
    let (mut found, mut bytes) = (None, 0);
    all.read(&open.stretch, |record| {
        bytes += record.payload_len();
        if header(record, PRODUCER) == Some(producer) && header(record, OUTCOME) != Some("none") {
            found = Some((covered(record, &open.destination), Offset(record.offset())));
        }
        if bytes > LOOK_THROUGH_BYTES { Flow::Break(()) } else { Flow::Continue(()) }
    })?;
    Ok(found.map(|(covers, last)| Left { open, covers, last }))
}

/// The last transaction of this producer in a partition of the tallies, whether it is open or not; `None` where it is not found with little effort.
pub(super) fn last_of(all: &Past, tallies: &Partition, producer: &str) -> Result<Option<Left>, PastError> {
    let there = all.retained(tallies)?;
    let (mut to, mut length) = (there.to, FIRST_OFFSETS);
    while to > there.from && there.to.0 - to.0 < LOOK_BACK_OFFSETS {
        let from = Offset(there.from.0.max(to.0 - length));
        let stretch = Stretch { partition: tallies.clone(), from, to };
        let found = left(all, Open { destination: Destination::Tallies, stretch }, producer)?;
        if found.is_some() {
            return Ok(found);
        }
        (to, length) = (from, length * 2);
    }
    Ok(None)
}

/// Whether what it covers was read again by another: that is done only with what was aborted.
pub(super) fn is_read_again(all: &Past, left: &Left) -> Result<bool, PastError> {
    let partition = &left.open.stretch.partition;
    let behind = Stretch { from: Offset(left.last.0 + 1), ..all.retained(partition)? };
    let (mut is_read_again, mut bytes) = (false, 0);
    all.read(&behind, |record| {
        bytes += record.payload_len();
        is_read_again = covered(record, &left.open.destination).iter().any(|(partition, told)| {
            left.covers.iter().any(|(before, lost)| before == partition && told.from < lost.until.offset)
        });
        if is_read_again || bytes > LOOK_THROUGH_BYTES { Flow::Break(()) } else { Flow::Continue(()) }
    })?;
    Ok(is_read_again)
}

/// Up to which offset of an input partition readers of `<input>.scored` have copies that this producer wrote, as far as that is found with little effort.
pub(super) fn copied_until(
    committed: &Past,
    partition: &Partition,
    producer: &str,
) -> Result<Option<Offset>, PastError> {
    let destination = Destination::Scored(partition.topic.clone());
    let copies = match committed.partitions(&format!("{}.scored", partition.topic.name())) {
        Ok(copies) => copies.into_iter().find(|copies| copies.number == partition.number),
        Err(PastError::NoTopic(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(copies) = copies else { return Ok(None) };
    let there = committed.retained(&copies)?;
    let (mut to, mut length, mut last, mut bytes) = (there.to, FIRST_OFFSETS, None, 0);
    while last.is_none() && to > there.from && bytes < LOOK_THROUGH_BYTES {
        let from = Offset(there.from.0.max(to.0 - length));
        committed.read(&Stretch { partition: copies.clone(), from, to }, |record| {
            bytes += record.payload_len();
            if header(record, PRODUCER) == Some(producer) {
                last = covered(record, &destination).pop().map(|(_, told)| told.until.offset).or(last);
            }
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
                let topic = Topic::new(header(record, DEAD_LETTER_TOPIC)?);
                let partition = Partition::new(topic, header(record, DEAD_LETTER_PARTITION)?.parse().ok()?);
                Some((partition, single(header(record, DEAD_LETTER_OFFSET)?.parse().ok()?)))
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
