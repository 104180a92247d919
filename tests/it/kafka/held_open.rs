//! A transaction that brokers hold open: who reads events would hear nothing more, and nobody would know.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::support::broker::Broker;
use crate::support::client::{Client, Isolation};
use crate::support::process::Setup;
use crate::support::{eventually, unique};

/// Three looks, and what they take.
const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn what_is_held_open_is_told_with_the_command_that_ends_it() {
    let broker = Broker::start();
    let (client, topic) = (Client::new(broker.bootstrap()), unique("held-open"));
    client.create_topic(&topic, 1, &[]);
    let setup = Setup::new(&client, &topic);
    let mut instance = setup.start("a");
    instance.wait_until_ready();
    let held_open = |count: f64| match instance.metric("eddyline_partitions_held_open") {
        now if (now - count).abs() < 0.5 => Ok(()),
        now => Err(format!("{now} partitions")),
    };

    let events = setup.ours("anomalies");
    let open = begin(broker.bootstrap(), &events);
    eventually("it to be told", LIMIT, || held_open(1.0));
    let log = instance.log();
    let (_, command) = log.split_once("command=kafka-transactions.sh ").expect("a command");
    let arguments: Vec<&str> = command.lines().next().unwrap().split_whitespace().collect();
    assert!(
        arguments.starts_with(&["--bootstrap-server", broker.bootstrap(), "abort", "--topic", &events]),
        "{arguments:?}"
    );
    let ended = broker.tool("org.apache.kafka.tools.TransactionsCommand", &arguments[2..]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(client.ends(&events, Isolation::Committed), client.ends(&events, Isolation::Uncommitted));
    eventually("it to be over", LIMIT, || held_open(0.0));
    drop(open);
    assert!(instance.stop().success());
}

/// A producer that writes a record and never ends its transaction, for longer than anyone of ours may take.
fn begin(bootstrap: &str, topic: &str) -> BaseProducer {
    const TIMEOUT: Duration = Duration::from_secs(20);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("transactional.id", unique("somebody"));
    let producer: BaseProducer = config.set("transaction.timeout.ms", "600000").create().unwrap();
    producer.init_transactions(TIMEOUT).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload("lost")).unwrap();
    producer.flush(TIMEOUT).unwrap();
    producer
}
