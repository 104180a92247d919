//! A transaction of which brokers lose the end, in all of its partitions or in some.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use eddyline::publish::OUTCOME;
use eddyline::vectorise::wire::Flush;
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::straggler::{Over, Scene, write_until};
use crate::support::client::{Client, Isolation};
use crate::support::process::{Instance, Setup};
use crate::support::proxy::{Api, Side};
use crate::support::{eventually, ledger};

const LIMIT: Duration = Duration::from_secs(60);
const LOST: &str = "the end of our last transaction may be lost";
/// Who verifies transactions takes no records of one whose partitions it does not know.
const UNVERIFIED: &str = "transaction.partition.verification.enable=false";

/// Its next transaction would end the lost one in the tallies and in the group, and leave it open for ever where it copied the records to: whoever
/// reads these would stand still.
#[test]
fn a_lost_transaction_is_ended_whole_by_who_reads_elsewhere_now() {
    let mut scene = Scene::with(2, UNVERIFIED);
    (scene.setup, scene.through) = (scored(&scene.setup), scored(&scene.through));
    let Scene { client, setup, through, .. } = &scene;
    let mut a = through.start("a");
    reading(&setup.topic, &a, 2);
    let mut b = setup.start("b");
    reading(&setup.topic, &b, 1);
    let before = reading(&setup.topic, &a, 1);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| write_until(&is_over, client, &setup.topic, 2));
        lose_an_end(&scene, &mut a, &observer(setup));
        // The session is over, and what it read is another's.
        std::thread::sleep(Duration::from_secs(10));
        a = setup.start("a");
        assert_ne!(reading(&setup.topic, &a, 1), before, "nothing is tested where it reads the same again");
    });
    setup.wait_until_judged(client, LIMIT);
    ledger::assert_all_tallied(client, setup);
    assert!(a.stop().success());
    assert!(b.stop().success());
    assert!(a.log().contains(LOST), "{}", a.log());
    ledger::assert_no_open_transaction(client, setup);
    ledger::assert_scored_once(client, setup);
}

/// Who judges nothing when it comes back has no next transaction, and who judges in its place waits to be told where to begin.
#[test]
fn offsets_of_a_lost_transaction_are_freed_by_who_reads_nothing_now() {
    let scene = Scene::with(1, UNVERIFIED);
    let Scene { client, setup, through, .. } = &scene;
    let mut b = through.start("b");
    reading(&setup.ours("tallies"), &b, 1);
    let mut a = setup.start("a");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| write_until(&is_over, client, &setup.topic, 1));
        setup.wait_until_judged(client, LIMIT);
        lose_an_end(&scene, &mut b, &format!("{}-b", setup.judges()));
        // The session is over, and what it read is another's.
        std::thread::sleep(Duration::from_secs(10));
        // Of two that know of nothing the first name is given it.
        b = setup.start("b");
    });
    setup.wait_until_judged(client, LIMIT * 2);
    ledger::assert_all_tallied(client, setup);
    assert!(a.stop().success());
    assert!(b.stop().success());
    ledger::assert_no_open_transaction(client, setup);
}

/// A part of it was committed, so all of it is.
#[test]
fn what_lost_its_end_in_some_partitions_is_committed_in_the_others() {
    let mut scene = Scene::with(1, UNVERIFIED);
    (scene.setup, scene.through) = (scored(&scene.setup), scored(&scene.through));
    let Scene { client, setup, through, .. } = &scene;
    for (ended, value, copies_of_nothing) in [("tallies", Some(Flush::default().encode()), 1), ("scored", None, 2)] {
        let mut a = through.start("a");
        a.wait_until_ready();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _over = Over(&is_over);
            scope.spawn(|| write_until(&is_over, client, &setup.topic, 1));
            lose_an_end(&scene, &mut a, &observer(setup));
        });
        let ended = if ended == "scored" { format!("{}.scored", setup.topic) } else { setup.ours(ended) };
        commit_there(setup, client, &ended, value);
        a = setup.start("a");
        setup.wait_until_judged(client, LIMIT);
        ledger::assert_all_tallied(client, setup);
        assert!(a.stop().success());
        assert!(a.log().contains(LOST), "{ended}: {}", a.log());
        ledger::assert_no_open_transaction(client, setup);
        ledger::assert_scored_once(client, setup);
        let scored = client.read(&format!("{}.scored", setup.topic), Isolation::Committed);
        assert_eq!(scored.iter().filter(|record| ledger::is_none(record)).count(), copies_of_nothing, "{ended}");
    }
}

fn scored(setup: &Setup) -> Setup {
    setup.clone().set("publish.scored", "true")
}

fn observer(setup: &Setup) -> String {
    format!("{}-a-0", setup.group)
}

/// The partitions of this topic that it reads, once they are so many.
fn reading(topic: &str, instance: &Instance, count: usize) -> Vec<(String, i32)> {
    eventually("partitions", LIMIT, || {
        let mut reads = instance.reading();
        reads.retain(|(of, _)| of == topic);
        if reads.len() == count { Ok(reads) } else { Err(format!("{reads:?}")) }
    })
}

/// Kills the instance when it has written the next transaction of this name, of which the coordinator does not know the partitions.
fn lose_an_end(Scene { network, client, setup, .. }: &Scene, instance: &mut Instance, name: &str) {
    setup.wait_until_observed(client, LIMIT);
    // Of the one that this ends they are known already.
    let before = network.catch(Api::EndTransaction, Side::Late, name.as_bytes(), LIMIT).expect("an end");
    let _unknowing = network.keep_unknowing(name.as_bytes());
    drop(before);
    let end = network.catch(Api::EndTransaction, Side::Request, name.as_bytes(), LIMIT).expect("an end");
    instance.kill();
    drop(end);
}

/// Commits what the observer left open in one topic, by its name and with a record that counts for nothing.
fn commit_there(setup: &Setup, client: &Client, topic: &str, value: Option<Vec<u8>>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", client.bootstrap()).set("transactional.id", observer(setup));
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(LIMIT).unwrap();
    producer.begin_transaction().unwrap();
    for partition in client.ends(topic, Isolation::Uncommitted).into_keys() {
        let none = OwnedHeaders::new().insert(Header { key: OUTCOME, value: Some("none") });
        let mut record = BaseRecord::<(), [u8]>::to(topic).partition(partition).headers(none);
        record.payload = value.as_deref();
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LIMIT).unwrap();
    producer.commit_transaction(LIMIT).unwrap();
}
