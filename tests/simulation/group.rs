//! A consumer group as the broker sees it: cooperative, with static members.

use std::collections::{BTreeMap, BTreeSet};

use eddyline::record::{Offset, Partition};
use eddyline::stream::Committed;

use super::random::Random;

/// A member that is not heard of for so long is put out.
pub const SESSION_MS: i64 = 6_000;

pub struct Member {
    /// Changes with each life, so that an earlier life is known as such.
    pub id: u64,
    /// What it reads, or was told to.
    pub owned: BTreeSet<Partition>,
    /// Since when it is not heard of.
    pub away_since_ms: Option<i64>,
    /// Whether it has to give something up before the group can go on.
    pub is_revoking: bool,
}

/// One group with the partitions that it reads.
pub struct Group {
    pub partitions: Vec<Partition>,
    pub generation: u32,
    pub members: BTreeMap<usize, Member>,
    pub committed: BTreeMap<Partition, Committed>,
    pub needs_rebalance: bool,
    target: BTreeMap<Partition, usize>,
}

/// What a member is told next.
pub enum Told {
    Revoke(Vec<Partition>),
    Assign(Vec<Partition>),
    Nothing,
}

impl Group {
    pub fn new(partitions: Vec<Partition>) -> Self {
        Self {
            partitions,
            generation: 0,
            members: BTreeMap::new(),
            committed: BTreeMap::new(),
            needs_rebalance: false,
            target: BTreeMap::new(),
        }
    }

    /// A process joins. One of the same name was there before: it takes its place, without a rebalance.
    pub fn join(&mut self, name: usize, id: u64) {
        let member = Member { id, owned: BTreeSet::new(), away_since_ms: None, is_revoking: false };
        self.needs_rebalance |= self.members.insert(name, member).is_none();
    }

    pub fn leave(&mut self, name: usize, id: u64) {
        if self.member(name, id).is_some() {
            self.members.remove(&name);
            self.needs_rebalance = true;
        }
    }

    /// The member of this name, if it still is this life of it.
    pub fn member(&mut self, name: usize, id: u64) -> Option<&mut Member> {
        self.members.get_mut(&name).filter(|member| member.id == id)
    }

    /// Puts out who was away for too long. Returns their names.
    pub fn expire(&mut self, now_ms: i64) -> Vec<usize> {
        let is_gone = |member: &Member| member.away_since_ms.is_some_and(|since_ms| now_ms - since_ms > SESSION_MS);
        let gone: Vec<usize> =
            self.members.iter().filter(|(_, member)| is_gone(member)).map(|(&name, _)| name).collect();
        for name in &gone {
            self.members.remove(name);
            self.needs_rebalance = true;
        }
        gone
    }

    /// Shares the partitions out anew, unless somebody is still giving one up.
    pub fn rebalance(&mut self, random: &mut Random) -> bool {
        if !self.needs_rebalance || self.members.values().any(|member| member.is_revoking) {
            return false;
        }
        self.needs_rebalance = false;
        self.generation += 1;
        let names: Vec<usize> = self.members.keys().copied().collect();
        if names.is_empty() {
            self.target.clear();
            return true;
        }
        for partition in &self.partitions {
            let keeper = self.target.get(partition).copied().filter(|name| names.contains(name));
            let name = match keeper {
                Some(name) if random.happens(6_000) => name,
                _ => *random.one_of(&names),
            };
            self.target.insert(partition.clone(), name);
        }
        true
    }

    /// What a member has to do now: first give up, and only what nobody has is given to it.
    pub fn tell(&mut self, name: usize) -> Told {
        let taken: BTreeSet<Partition> = self.members.values().flat_map(|member| member.owned.clone()).collect();
        let Some(member) = self.members.get_mut(&name) else { return Told::Nothing };
        let meant = |partition: &Partition| self.target.get(partition) == Some(&name);
        let surplus: Vec<Partition> = member.owned.iter().filter(|partition| !meant(partition)).cloned().collect();
        if !surplus.is_empty() {
            return Told::Revoke(surplus);
        }
        let missing: Vec<Partition> = self
            .partitions
            .iter()
            .filter(|&partition| meant(partition) && !taken.contains(partition))
            .cloned()
            .collect();
        if missing.is_empty() {
            return Told::Nothing;
        }
        member.owned.extend(missing.iter().cloned());
        Told::Assign(missing)
    }

    /// Takes over offsets of a committed transaction. Says which went back.
    pub fn commit(&mut self, partition: &Partition, offset: Offset, metadata: &str) -> Option<String> {
        let committed = Committed { offset, metadata: metadata.to_owned() };
        let before = self.committed.insert(partition.clone(), committed)?;
        (before.offset > offset).then(|| format!("{partition} went back from {} to {}", before.offset.0, offset.0))
    }
}
