//! The broker checks who is a member of the group, not whose partition it is: that only what is owned is committed is for
//! us to see to.

use std::sync::Arc;
use std::time::Duration;

use eddyline::config::{Kafka, Shares};
use eddyline::ops::{Stop, View};
use eddyline::record::{Offset, Partition, Topic};
use eddyline::stream::kafka::{KafkaLog, Role};
use eddyline::stream::{CommitError, Log, Rebalance, Transaction};

use crate::support::client::Client;
use crate::support::{eventually, unique};

#[test]
fn offsets_of_a_partition_that_is_not_owned_are_never_committed() {
    let client = Client::shared();
    let (topic, foreign) = (unique("owned"), unique("foreign"));
    client.create_topic(&topic, 1, &[]);
    client.create_topic(&foreign, 1, &[]);
    let prefix = format!("{topic}.");
    client.create_topic(&format!("{prefix}tallies"), 1, &[]);
    client.send(&topic, 0, 1_795_420_900_000, Some(b"hello"));
    client.flush();
    let kafka = Kafka {
        brokers: client.bootstrap().to_owned(),
        group: unique("owners"),
        instance: "a".to_owned(),
        prefix,
        properties: std::collections::BTreeMap::new(),
    };
    let mut log = KafkaLog::join(
        &kafka,
        Role::observer(&kafka, 0),
        &[&topic],
        Shares::of(512, 1),
        Arc::new(View::default()),
        Stop::default(),
    )
    .unwrap();
    let of = |topic: &str| {
        let mut transaction = Transaction::default();
        transaction.offsets.insert(Partition::new(Topic::new(topic), 0), (Offset(1), String::new()));
        transaction
    };

    // Nobody yet: the broker would take offsets from a consumer without a membership.
    assert!(matches!(log.commit(&of(&topic), false), Err(CommitError::Broken(_))));
    let rebalance = eventually("the assignment", Duration::from_secs(20), || {
        log.poll(Duration::from_millis(20), &mut |_, _| std::ops::ControlFlow::Continue(())).unwrap();
        log.rebalance().ok_or_else(|| "none".to_owned())
    });
    let Rebalance::Assign(partitions) = rebalance else { panic!("{rebalance:?}") };
    // Assigned by the group, but not taken over yet.
    assert!(matches!(log.commit(&of(&topic), false), Err(CommitError::Broken(_))));
    let positions: Vec<_> =
        log.committed(&partitions).unwrap().into_iter().map(|(partition, _, there)| (partition, there.first)).collect();
    log.assign(&positions).unwrap();
    // A member of this generation, but the partition is somebody else's.
    assert!(matches!(log.commit(&of(&foreign), false), Err(CommitError::Broken(_))));
    log.commit(&of(&topic), false).unwrap();

    assert_eq!(client.committed(&kafka.group, &topic)[&0], 1);
    assert_eq!(client.committed(&kafka.group, &foreign)[&0], 0);
    log.leave();
}
