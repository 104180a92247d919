//! Requests that arrive too late: a commit, when the next transaction is half sent; a wish to join the group, when the session is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::process::Setup;
use crate::support::proxy::{Api, Network, Proxy, Side};
use crate::support::{ledger, unique};

const LIMIT: Duration = Duration::from_secs(30);
/// After this time the group puts out who does not speak.
const SESSION: Duration = Duration::from_secs(6);

/// Its connection broke, so that it was sent again, and the broker reads both copies (KIP-890).
#[test]
fn a_commit_that_is_read_late_does_not_commit_the_next_transaction() {
    Scene::new(1).read_late(Api::EndTransaction, Api::CommitOffsets);
}

/// A broker that does not verify transactions (before 3.6, or told not to) takes the late copy for the beginning of another one, whose end never
/// comes: no member is told any more what is committed, until the next end of a transaction of this producer with offsets in it.
#[test]
fn offsets_that_are_read_late_do_not_block_the_group() {
    Scene::with(1, "transaction.partition.verification.enable=false").read_late(Api::CommitOffsets, Api::Produce);
}

/// The group lets it in as another member, and librdkafka keeps what it was assigned as the first one, which others read by then.
#[test]
fn who_joins_too_late_commits_nothing_that_others_may_have_read() {
    let Scene { _broker, network, client, setup, through } = Scene::new(2);
    let mut late = through.start("b");
    late.wait_until_ready();

    let is_over = AtomicBool::new(false);
    let mut other = std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| write_until(&is_over, &client, &setup.topic, 2));
        setup.wait_until_observed(&client, LIMIT);
        // It reads all there is, so it does not join again before somebody comes.
        let caught = scope.spawn(|| network.catch(Api::JoinGroup, Side::Late, b"b-0", LIMIT));
        let other = setup.start("a");
        let join = caught.join().unwrap().expect("b joins again");
        std::thread::sleep(SESSION + Duration::from_secs(2));
        drop(join);
        std::thread::sleep(Duration::from_secs(5));
        other
    });
    setup.wait_until_judged(&client, LIMIT * 2);
    ledger::assert_all_tallied(&client, &setup);
    assert!(late.stop().success());
    assert!(other.stop().success());
}

/// A broker, and a group that reaches it directly, or through a network in which messages are caught.
pub(super) struct Scene {
    pub(super) _broker: Broker,
    pub(super) network: Network,
    pub(super) client: Client,
    pub(super) setup: Setup,
    pub(super) through: Setup,
}

impl Scene {
    pub(super) fn new(partitions: i32) -> Self {
        Self::with(partitions, "")
    }

    /// With these settings of the broker.
    pub(super) fn with(partitions: i32, properties: &str) -> Self {
        let proxy = Proxy::new();
        let address = proxy.address().to_owned();
        let broker = Broker::with(&[("KAFKA_PROXY", &address), ("KAFKA_PROPERTIES", properties)]);
        let network = proxy.serve(broker.proxied());
        let client = Client::new(broker.bootstrap());
        let topic = unique("straggler");
        client.create_topic(&topic, partitions, &[]);
        let setup = Setup::new(&client, &topic).set("observe.threads", "1");
        let through = setup.clone().through(&address);
        Self { _broker: broker, network, client, setup, through }
    }

    /// The observer's next message of this kind is read only when the next transaction is as far as `until`; there the process is killed. All
    /// is counted once all the same.
    fn read_late(self, late: Api, until: Api) {
        let Self { _broker, network, client, setup, through } = self;
        let mut instance = through.start("a");
        instance.wait_until_ready();
        let observer = format!("{}-a-0", setup.group);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _over = Over(&is_over);
            scope.spawn(|| write_until(&is_over, &client, &setup.topic, 1));
            let late = network.catch(late, Side::Straggler, observer.as_bytes(), LIMIT).expect("a message");
            // Its second copy was answered, else there were no next transaction, which is held here.
            let next = network.catch(until, Side::Request, observer.as_bytes(), LIMIT).expect("the next one");
            drop(late);
            std::thread::sleep(Duration::from_secs(1));
            instance.kill();
            drop(next);
        });
        let mut instance = setup.start("a");
        setup.wait_until_judged(&client, LIMIT * 2);
        ledger::assert_all_tallied(&client, &setup);
        assert!(instance.stop().success());
        ledger::assert_no_open_transaction(&client, &setup);
    }
}

pub(super) fn write_until(is_over: &AtomicBool, client: &Client, topic: &str, partitions: i32) {
    let now_ms = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    while !is_over.load(Ordering::Relaxed) {
        for partition in 0..partitions {
            client.send(topic, partition, i64::try_from(now_ms()).unwrap(), Some(b"a line of log"));
        }
        client.flush();
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// However the test ends, who writes does not go on for ever.
pub(super) struct Over<'a>(pub(super) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
