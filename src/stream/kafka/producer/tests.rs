//! Tests of transactions on a simulated cluster of librdkafka.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::topic_partition_list::Offset;

use super::*;
use crate::publish::Destination;

/// Two brokers, the first of which keeps the transactions of this role and the second its group.
fn cluster() -> (MockCluster<'static, rdkafka::producer::DefaultProducerContext>, Kafka, Role) {
    let cluster = MockCluster::new(2).unwrap();
    let kafka = Kafka {
        brokers: cluster.bootstrap_servers(),
        group: "logs".to_owned(),
        instance: "a".to_owned(),
        prefix: "eddyline.".to_owned(),
        properties: std::collections::BTreeMap::new(),
    };
    let role = Role::observer(&kafka, 0);
    cluster.create_topic("in", 1, 1).unwrap();
    cluster.coordinator(MockCoordinator::Transaction(role.transactional_id()), 1).unwrap();
    cluster.coordinator(MockCoordinator::Group(role.group.clone()), 2).unwrap();
    (cluster, kafka, role)
}

/// Without a thread of its own the call would wait for as long as the coordinator is away.
#[test]
fn a_coordinator_that_goes_away_in_a_transaction_leaves_it_in_doubt() {
    let (cluster, kafka, role) = cluster();
    let consumer: BaseConsumer = client::reader(&kafka, &role).create().unwrap();
    let transactions = Transactions::begin_life(&kafka, &role, &Stop::default()).unwrap();
    cluster.broker_down(2).unwrap();

    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("in", 0, Offset::Offset(7)).unwrap();
    let ended = transactions.send(&[], &offsets, || consumer.group_metadata());
    assert!(matches!(ended, Err(Failure::Doubt(_) | Failure::Abort(_))), "{ended:?}");
}

/// A new one after each transaction would take longer than the transaction.
#[test]
fn a_producer_whose_brokers_stay_is_kept() {
    let (_cluster, kafka, role) = cluster();
    let transactions = Transactions::begin_life(&kafka, &role, &Stop::default()).unwrap();
    let output = OutputRecord {
        destination: Destination::Tallies,
        partition: Some(0),
        key: None,
        value: Some(b"value".to_vec()),
        headers: Vec::new(),
        timestamp_ms: None,
    };
    for _ in 0..3 {
        transactions.send_alone(std::slice::from_ref(&output), "in").unwrap();
        assert!(!transactions.may_have_stragglers());
    }
}
