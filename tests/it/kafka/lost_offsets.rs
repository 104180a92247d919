//! A commit that reached the tallies and not the group, as a broker of which partitions have no leader for a moment leaves it behind.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use eddyline::vectorise::wire::{Flush, Progress};

use super::straggler::{Over, write_until};
use crate::support::client::{Client, Isolation};
use crate::support::process::Setup;
use crate::support::{eventually, ledger, unique};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn what_was_counted_is_not_counted_again_where_the_offsets_are_lost() {
    let client = Client::shared();
    let topic = unique("lost-offsets");
    client.create_topic(&topic, 1, &[]);
    let setup = Setup::new(&client, &topic).set("observe.threads", "1");
    let mut instance = setup.start("a");
    instance.wait_until_ready();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| write_until(&is_over, &client, &topic, 1));
        // In the midst of it, so that the last tallies are of lines, and not of their absence.
        let observed = eventually("tallies", LIMIT, || last(&client, &setup).ok_or_else(|| "none".to_owned()));
        eventually("more of them", LIMIT, || {
            last(&client, &setup).filter(|last| last.from > observed.from).ok_or_else(|| "none".to_owned())
        });
        instance.kill();
    });

    let lost = eventually("the end of what was open", LIMIT, || {
        let ends = |isolation| client.ends(&setup.ours("tallies"), isolation);
        let is_decided = ends(Isolation::Committed) == ends(Isolation::Uncommitted);
        last(&client, &setup).filter(|_| is_decided).ok_or_else(|| "open".to_owned())
    });
    assert!(lost.from < lost.to, "{lost:?}");
    client.set_back(&setup.group, &topic, 0, lost.from.0);

    let mut instance = setup.start("a");
    setup.wait_until_judged(&client, LIMIT * 2);
    ledger::assert_all_tallied(&client, &setup);
    assert!(instance.stop().success());
    assert!(instance.log().contains("reading on behind what was counted"), "{}", instance.log());
}

/// What the last committed tallies say of the partition.
fn last(client: &Client, setup: &Setup) -> Option<Progress> {
    let records = client.read(&setup.ours("tallies"), Isolation::Committed);
    let flushes = records.into_iter().map(|record| Flush::decode(&record.value.unwrap()).unwrap());
    flushes.flat_map(|flush| flush.progress).last()
}
