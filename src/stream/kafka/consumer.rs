//! What the consumer's callbacks leave behind for the loop: rebalances, and where partitions end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use serde::Deserialize;

use super::client::Complaints;
use crate::record::{Partition, Topic};

/// A broker that has not answered for this long is away, though its connection stands: one that has nothing to hand out says so every
/// 50 ms (`fetch.wait.max.ms`). In microseconds, as the statistics say it.
const ANSWERS_WITHIN_US: i64 = 1_000_000;

/// The context of a consumer.
#[derive(Default)]
pub(super) struct Events {
    rebalances: Mutex<VecDeque<(bool, TopicPartitionList)>>,
    has_rebalances: AtomicBool,
    /// The rebalance that the loop took and has not answered yet.
    taken: Mutex<Option<(bool, TopicPartitionList)>>,
    positions: Mutex<Option<Vec<Position>>>,
    complaints: Complaints,
    /// Set when nobody handles rebalances any more: they are answered at once, else closing would wait for ever.
    is_closing: AtomicBool,
}

/// Where a partition stands, from librdkafka's statistics.
pub(super) struct Position {
    pub(super) partition: Partition,
    /// `None` where it is not known how far the partition goes: its broker is away, or was not asked yet.
    pub(super) lag: Option<i64>,
    pub(super) at_end: bool,
    /// Whether it is fetched, or cannot be because its broker is away.
    pub(super) is_fetched: bool,
}

impl Events {
    pub(super) fn has_rebalances(&self) -> bool {
        self.has_rebalances.load(Ordering::Acquire)
    }

    /// The oldest rebalance that was not handled: whether it assigns, and which partitions.
    pub(super) fn next_rebalance(&self) -> Option<(bool, Vec<Partition>)> {
        let mut rebalances = lock(&self.rebalances);
        let next = rebalances.pop_front();
        self.has_rebalances.store(!rebalances.is_empty(), Ordering::Release);
        let taken = next.as_ref().map(|(assigns, list)| (*assigns, partitions_of(list)));
        *lock(&self.taken) = next;
        taken
    }

    /// The rebalance that was taken is answered.
    pub(super) fn answered(&self) {
        lock(&self.taken).take();
    }

    /// The statistics since the last call.
    pub(super) fn take_positions(&self) -> Option<Vec<Position>> {
        lock(&self.positions).take()
    }

    /// From now on rebalances are answered at once; so are those that the loop did not come to.
    pub(super) fn close(&self, consumer: &BaseConsumer<Self>) {
        self.is_closing.store(true, Ordering::Release);
        let taken = lock(&self.taken).take();
        let waiting = std::mem::take(&mut *lock(&self.rebalances));
        for (assigns, list) in taken.into_iter().chain(waiting) {
            answer(consumer, assigns, &list);
        }
    }
}

/// A poisoned lock guards plain data here, which is as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(super) fn partitions_of(list: &TopicPartitionList) -> Vec<Partition> {
    if list.count() == 0 {
        return Vec::new();
    }
    list.elements().iter().map(|element| Partition::new(Topic::new(element.topic()), element.partition())).collect()
}

impl ConsumerContext for Events {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigns = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            answer(consumer, assigns, list);
            return;
        }
        lock(&self.rebalances).push_back((assigns, list.clone()));
        self.has_rebalances.store(true, Ordering::Release);
    }
}

fn answer(consumer: &BaseConsumer<Events>, assigns: bool, list: &TopicPartitionList) {
    let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
    let answered = match (assigns, cooperative) {
        (true, true) => consumer.incremental_assign(list),
        (true, false) => consumer.assign(list),
        (false, true) => consumer.incremental_unassign(list),
        (false, false) => consumer.unassign(),
    };
    if let Err(error) = answered {
        tracing::debug!(%error, "rebalance while closing");
    }
}

impl ClientContext for Events {
    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice::<Statistics>(statistics) {
            Ok(statistics) => *lock(&self.positions) = Some(statistics.positions()),
            Err(error) => tracing::warn!(%error, "statistics of librdkafka cannot be read"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.say("consumer", &error, reason);
    }
}

#[derive(Deserialize)]
struct Statistics {
    brokers: BTreeMap<String, BrokerStatistics>,
    topics: BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct BrokerStatistics {
    nodeid: i32,
    state: String,
    /// Time since it last sent anything, in microseconds; negative where it never did.
    rxidle: i64,
}

impl BrokerStatistics {
    fn is_up(&self) -> bool {
        self.state == "UP"
    }

    fn answers(&self) -> bool {
        self.is_up() && (0..=ANSWERS_WITHIN_US).contains(&self.rxidle)
    }
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    leader: i32,
    fetch_state: String,
    next_offset: i64,
    app_offset: i64,
    eof_offset: i64,
    ls_offset: i64,
    fetchq_cnt: i64,
}

impl Statistics {
    fn positions(self) -> Vec<Position> {
        let mut positions = Vec::new();
        let leader = |partition: &PartitionStatistics| {
            let (brokers, leader) = (&self.brokers, partition.leader);
            brokers.values().find(|broker| broker.nodeid == leader && broker.is_up())
        };
        for (topic, statistics) in self.topics {
            let topic = Topic::new(&topic);
            for partition in statistics.partitions.into_values().filter(|partition| partition.partition >= 0) {
                // librdkafka's own lag counts from the stored offset, which we never store; and the last records of a
                // transactional topic are markers, which nobody reads.
                // A broker that is away has no end: what is written in the meantime comes later.
                let leader = leader(&partition);
                let is_up = leader.is_some();
                let at_end = leader.is_some_and(BrokerStatistics::answers)
                    && partition.eof_offset >= 0
                    && partition.eof_offset == partition.next_offset
                    && partition.fetchq_cnt == 0;
                let is_known = is_up && partition.fetch_state == "active" && partition.ls_offset >= 0;
                // Before the first record the application stands where fetching began.
                let next_offset = (partition.next_offset - partition.fetchq_cnt).max(0);
                let reached = if partition.app_offset >= 0 { partition.app_offset } else { next_offset };
                let waiting = (partition.ls_offset - reached).max(0);
                let is_fetched = !is_up || !matches!(partition.fetch_state.as_str(), "none" | "stopped" | "stopping");
                let lag = if at_end { Some(0) } else { is_known.then_some(waiting) };
                let partition = Partition::new(topic.clone(), partition.partition);
                positions.push(Position { partition, lag, at_end, is_fetched });
            }
        }
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One partition as librdkafka tells of it: state of its broker, of its fetcher, and the offsets next, app, eof, ls.
    fn position(broker: &str, fetcher: &str, offsets: [i64; 4]) -> (Option<i64>, bool, bool) {
        position_when_idle_for(50_000, broker, fetcher, offsets)
    }

    /// The same, where the broker last sent something so long ago.
    fn position_when_idle_for(
        rxidle: i64,
        broker: &str,
        fetcher: &str,
        [next, app, eof, ls]: [i64; 4],
    ) -> (Option<i64>, bool, bool) {
        let statistics = format!(
            r#"{{"brokers": {{"b": {{"nodeid": 1, "state": "{broker}", "rxidle": {rxidle}}}}}, "topics": {{"logs": {{"partitions": {{"0": {{
                "partition": 0, "leader": 1, "fetch_state": "{fetcher}", "next_offset": {next}, "app_offset": {app},
                "eof_offset": {eof}, "ls_offset": {ls}, "fetchq_cnt": 0}}}}}}}}}}"#
        );
        let statistics: Statistics = serde_json::from_str(&statistics).unwrap();
        let [Position { lag, at_end, is_fetched, .. }] = &statistics.positions()[..] else { panic!("one partition") };
        (*lag, *at_end, *is_fetched)
    }

    #[test]
    fn a_broker_that_says_nothing_does_not_say_that_there_is_nothing() {
        let (_, at_end, _) = position_when_idle_for(2_000_000, "UP", "active", [10, 10, 10, 10]);
        assert!(!at_end, "its connection stands, but it is frozen");
        let (_, at_end, _) = position_when_idle_for(-1, "UP", "active", [10, 10, 10, 10]);
        assert!(!at_end);
    }

    #[test]
    fn no_lag_is_said_only_where_it_is_known() {
        const INVALID: i64 = -1001;
        assert_eq!(position("UP", "active", [10, 10, 10, 10]), (Some(0), true, true));
        assert_eq!(position("UP", "active", [7, 7, INVALID, 10]), (Some(3), false, true));
        assert_eq!(position("UP", "active", [7, INVALID, INVALID, 10]), (Some(3), false, true), "nothing was read yet");
        assert_eq!(
            position("UP", "active", [7, INVALID, INVALID, INVALID]),
            (None, false, true),
            "nothing was asked yet"
        );
        assert_eq!(position("DOWN", "none", [10, 10, 10, 10]), (None, false, true), "the broker is away");
        assert_eq!(
            position("UP", "offset-query", [INVALID, 10, 10, 10]),
            (None, false, true),
            "where to read is not known"
        );
        assert_eq!(position("UP", "none", [10, 10, INVALID, 12]), (None, false, false), "nobody fetches it");
    }
}
