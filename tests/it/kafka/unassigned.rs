//! A partition that the group gives to nobody is found and given away again.

use std::time::{Duration, Instant};

use super::straggler::Scene;
use crate::support::process::Instance;
use crate::support::proxy::{Api, Side};
use crate::support::{eventually, ledger};

const PARTITIONS: i32 = 4;
const LIMIT: Duration = Duration::from_secs(60);

/// A member is killed when it has joined and was not given its new share yet, of which another one was to get a part: started again
/// under its name, it does not know that it had to give anything up, and the group waits for it to do so.
#[test]
fn a_partition_that_a_killed_member_was_to_give_up_is_read_again() {
    let Scene { _broker, network, client, setup, through } = Scene::new(PARTITIONS);
    let mut first = setup.start("a");
    first.wait_until_ready();
    let mut killed = through.start("b");
    eventually("two to share", LIMIT, || share(&[&first, &killed], &setup.topic, &[2, 2]));

    let mut third = std::thread::scope(|scope| {
        let caught = scope.spawn(|| network.catch(Api::SyncGroup, Side::Request, b"b-0", LIMIT));
        let third = setup.start("c");
        let sync = caught.join().unwrap().expect("b joins again");
        killed.kill();
        drop(sync);
        third
    });
    let mut again = setup.start("b");
    let began = Instant::now();
    eventually("three to share", LIMIT, || share(&[&first, &again, &third], &setup.topic, &[1, 1, 2]));
    eprintln!("shared {:?} after the restart", began.elapsed());
    for partition in 0..PARTITIONS {
        client.send(&setup.topic, partition, 1_790_000_000_000, Some(b"a line of log"));
    }
    client.flush();
    setup.wait_until_observed(&client, LIMIT);
    ledger::assert_all_tallied(&client, &setup);
    for instance in [&mut first, &mut again, &mut third] {
        assert!(instance.stop().success());
    }
}

/// How many partitions of the topic each of them reads, the fewest first.
fn share(instances: &[&Instance], topic: &str, expected: &[usize]) -> Result<(), String> {
    let count = |instance: &&Instance| instance.reading().iter().filter(|(read, _)| read == topic).count();
    let mut counts: Vec<usize> = instances.iter().map(count).collect();
    counts.sort_unstable();
    if counts == expected { Ok(()) } else { Err(format!("{counts:?}")) }
}
