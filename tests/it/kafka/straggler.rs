//! A request whose connection broke is sent again, and the broker reads both copies: the first one when the next transaction is half
//! sent (KIP-890).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::process::Setup;
use crate::support::proxy::{Api, Proxy, Side};
use crate::support::{ledger, unique};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_commit_that_is_read_late_does_not_commit_the_next_transaction() {
    let proxy = Proxy::new();
    let broker = Broker::behind(proxy.address());
    let (address, network) = (proxy.address().to_owned(), proxy.serve(broker.proxied()));
    let client = Client::new(broker.bootstrap());
    let topic = unique("straggler");
    client.create_topic(&topic, 1, &[]);
    let setup = Setup::new(&client, &topic).set("observe.threads", "1");
    let through = setup.clone().through(&address);
    let mut instance = through.start("a");
    instance.wait_until_ready();

    let observer = format!("{}-a-0", setup.group);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| write_until(&is_over, &client, &topic));
        let commit = network.catch(Api::EndTransaction, Side::Straggler, observer.as_bytes(), LIMIT).expect("a commit");
        // Its second copy was answered, else there were no next transaction, whose outputs are written now.
        let next = network.catch(Api::CommitOffsets, Side::Request, observer.as_bytes(), LIMIT).expect("the next one");
        drop(commit);
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

fn write_until(is_over: &AtomicBool, client: &Client, topic: &str) {
    let now_ms = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    while !is_over.load(Ordering::Relaxed) {
        client.send(topic, 0, i64::try_from(now_ms()).unwrap(), Some(b"a line of log"));
        client.flush();
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// However the test ends, who writes does not go on for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
