//! Who is in a group, and which partitions each was given.
//!
//! By `ListGroups` and `DescribeGroups`, as `rd_kafka_list_groups` asks them. Not by librdkafka's `DescribeConsumerGroups`: where the
//! connections break while it looks for the group's coordinator, it ends the process (2.12.1: `Assertion 'eonce->refcnt > 0' failed`,
//! twice in a minute of a broker that was killed).
//!
//! What a member was given is told in the protocol of consumers: a version, then topics with their partitions, then what is of no interest here
//! (`ConsumerProtocolAssignment`, versions 0 to 3). Numbers are big-endian.

use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::groups::GroupMemberInfo;

use super::Client;
use crate::record::{Partition, Topic};

/// What brokers add to the name of a member to make its id unique: a hyphen and a UUID.
const SUFFIX_LENGTH: usize = 37;
/// Limits of what is believed of lengths: no group has so many topics, no topic so many partitions.
const COUNT_MAX: i32 = 1_000_000;

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The name that it keeps over restarts (KIP-345), or that of its client where it has none.
    pub(super) name: String,
    /// What it was given.
    pub(super) partitions: Vec<Partition>,
}

/// The members of a group. None where it is not at rest, so that nothing can be said of who has what, or is not told of in this way (KIP-848).
///
/// # Errors
/// Where not all brokers answer within the time.
pub(super) fn members_at_rest(client: &Client, group: &str, timeout: Duration) -> Result<Vec<Member>, KafkaError> {
    let groups = client.fetch_group_list(Some(group), timeout)?;
    let at_rest = groups.groups().iter().find(|found| found.name() == group && found.state() == "Stable");
    let members = at_rest.map(|group| group.members()).unwrap_or_default();
    // Of one that cannot be read nothing is known, so nothing is known of the group.
    Ok(members.iter().map(member).collect::<Option<_>>().unwrap_or_default())
}

fn member(info: &GroupMemberInfo) -> Option<Member> {
    let id = info.id();
    let name = id.get(..id.len().saturating_sub(SUFFIX_LENGTH)).unwrap_or(id).to_owned();
    Some(Member { name, partitions: assignment(info.assignment().unwrap_or_default())? })
}

/// The partitions of an assignment; `None` where these bytes are none. A member that was given nothing has none at all.
fn assignment(bytes: &[u8]) -> Option<Vec<Partition>> {
    let mut partitions = Vec::new();
    if bytes.is_empty() {
        return Some(partitions);
    }
    let mut rest = Rest(bytes);
    let _version = rest.i16()?;
    for _ in 0..rest.count()? {
        let length = usize::try_from(rest.i16()?).ok()?;
        let topic = Topic::new(std::str::from_utf8(rest.take(length)?).ok()?);
        for _ in 0..rest.count()? {
            partitions.push(Partition::new(topic.clone(), rest.i32()?));
        }
    }
    Some(partitions)
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn count(&mut self) -> Option<i32> {
        self.i32().filter(|count| (0..=COUNT_MAX).contains(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_nothing_else() {
        let bytes = b"\0\x01\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x07\0\x02bc\0\0\0\0\xff\xff\xff\xff";
        let a = |number| Partition::new(Topic::new("a"), number);
        assert_eq!(assignment(bytes), Some(vec![a(0), a(7)]));
        assert_eq!(assignment(b""), Some(vec![]));
        for length in 1..bytes.len() - 4 {
            assert_eq!(assignment(&bytes[..length]), None, "cut at {length}");
        }
        assert_eq!(assignment(b"\0\0\x7f\xff\xff\xff\0\x01a\0\0\0\0"), None, "more topics than there can be");
        assert_eq!(assignment(b"\0\0\0\0\0\x01\xff\xff"), None);
    }
}
