//! The consumer protocol of KIP-848, which is an option: `group.protocol = "consumer"`.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::membership::{assert_one_of_two_namesakes_gives_up, assert_undisturbed};
use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::process::{Instance, Setup};
use crate::support::recording::Recording;
use crate::support::{eventually, ledger, unique};

const PARTITIONS: i32 = 4;
/// With this protocol the broker says how long a member that was killed is waited for; its default is 45 s.
const SESSION: &str = "group.consumer.min.session.timeout.ms=6000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=1000
group.consumer.heartbeat.interval.ms=1000";

#[test]
fn members_join_leave_and_die_with_the_protocol_of_kip_848() {
    let broker = Broker::with(&[("KAFKA_PROPERTIES", SESSION)]);
    let client = Client::new(broker.bootstrap());
    let topic = unique("next");
    client.create_topic(&topic, PARTITIONS, &[]);
    let recording = Recording::shop(900);
    let setup = Setup::new(&client, &topic)
        .set("kafka.properties.group.protocol", "consumer")
        .set("observe.threads", "1")
        .set("snapshots.every_s", "1");
    let mut first = setup.start("a");
    first.wait_until_ready();
    std::thread::scope(|scope| {
        let (over, hurry) = (Duration::from_secs(60), AtomicBool::new(false));
        let (client, topic, recording) = (&client, &topic, &recording);
        scope.spawn(move || recording.send_over(client, topic, PARTITIONS, over, &hurry));
        let mut second = setup.start("b");
        wait_until_read(topic, &[&first, &second], 2);
        assert!(second.stop().success());
        wait_until_read(topic, &[&first], 4);
        let second = setup.start("b");
        wait_until_read(topic, &[&first, &second], 2);
        // The judge is with the first: everything has to move.
        first.kill();
        let killed = Instant::now();
        wait_until_read(topic, &[&second], 4);
        eprintln!("KIP-848: taken over {:?} after a kill, with a session of 6 s", killed.elapsed());
        first = setup.start("a");
        wait_until_read(topic, &[&first, &second], 2);
        let mut second = second;
        assert!(second.stop().success());
    });
    assert_undisturbed(&client, &setup, &recording);
    assert!(first.stop().success());
    ledger::assert_no_open_transaction(&client, &setup);
}

/// Members have no fixed names, so it is the producers of one name that put each other out.
#[test]
fn two_processes_of_one_name_do_not_go_on_for_ever_with_the_protocol_of_kip_848_either() {
    let client = Client::shared();
    let topic = unique("next-namesakes");
    client.create_topic(&topic, 2, &[]);
    let setup =
        Setup::new(&client, &topic).set("kafka.properties.group.protocol", "consumer").set("observe.threads", "1");
    assert_one_of_two_namesakes_gives_up(&setup);
}

fn wait_until_read(topic: &str, instances: &[&Instance], each: usize) {
    eventually("the partitions to be shared", Duration::from_secs(30), || {
        let read = |instance: &&Instance| instance.reading().iter().filter(|(read, _)| read == topic).count();
        let read: Vec<usize> = instances.iter().map(read).collect();
        if read.iter().all(|&read| read == each) { Ok(()) } else { Err(format!("{read:?}: {}", instances[0].log())) }
    });
}
