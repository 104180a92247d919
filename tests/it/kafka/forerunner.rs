//! A transaction of which brokers lose the end in all of its partitions, and a producer that reads elsewhere when it comes back.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::straggler::{Over, Scene, write_until};
use crate::support::proxy::{Api, Side};
use crate::support::{eventually, ledger};

const LIMIT: Duration = Duration::from_secs(60);

/// Its next transaction would end the lost one in the tallies and in the group, and leave it open for ever where it copied the records to: whoever
/// reads these would stand still.
#[test]
fn a_lost_transaction_is_ended_whole_by_a_producer_that_reads_elsewhere_now() {
    let Scene { _broker, network, client, setup, through } =
        Scene::with(2, "transaction.partition.verification.enable=false");
    let (setup, through) = (setup.set("publish.scored", "true"), through.set("publish.scored", "true"));
    let mut a = through.start("a");
    a.wait_until_ready();
    let mut b = setup.start("b");
    let reading = |instance: &crate::support::process::Instance, count: usize| {
        eventually("partitions", LIMIT, || {
            let mut reads = instance.reading();
            reads.retain(|(topic, _)| *topic == setup.topic);
            if reads.len() == count { Ok(reads) } else { Err(format!("{reads:?}")) }
        })
    };
    reading(&b, 1);
    let before = reading(&a, 1);
    let observer = format!("{}-a-0", setup.group);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| write_until(&is_over, &client, &setup.topic, 2));
        setup.wait_until_observed(&client, LIMIT);
        network.keep_unknowing(observer.as_bytes());
        let end = network.catch(Api::EndTransaction, Side::Request, observer.as_bytes(), LIMIT).expect("an end");
        a.kill();
        drop(end);
        eprintln!("b {:?} a before {before:?}", b.reading());
        std::thread::sleep(Duration::from_secs(15));
        eprintln!("b {:?}", b.reading());
        a = setup.start("a");
        let after = reading(&a, 1);
        eprintln!("b {:?} a {after:?}", b.reading());
        assert_ne!(before, after, "a reads what it read before, so that it ends the lost one by itself");
        std::thread::sleep(Duration::from_secs(5));
    });
    setup.wait_until_judged(&client, LIMIT);
    ledger::assert_all_tallied(&client, &setup);
    assert!(a.stop().success());
    assert!(b.stop().success());
    ledger::assert_no_open_transaction(&client, &setup);
    ledger::assert_scored_once(&client, &setup);
}
