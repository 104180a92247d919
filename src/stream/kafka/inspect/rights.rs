//! The rights: on topics that exist, on groups, and on transactional ids.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer};

use super::super::operations::{self, Allowed, Operations};
use super::super::refusal::{grant, missing_right, who};
use super::super::topics::{Client, Topics, Wanted};
use super::super::{Role, client, describe};
use super::{Check, QUESTION_TIMEOUT};
use crate::config::Config;
use crate::record::Topic;

/// A right that was asked for: what for, the operation, and the resource as `kafka-acls.sh` takes it.
struct Right {
    what: String,
    operation: &'static str,
    resource: String,
}

/// Rights on what exists, on groups, and on transactional ids.
pub(super) fn rights(
    config: &Config,
    client: &Client,
    present: &[Wanted],
    found: &Topics,
    tell: &mut dyn FnMut(Check),
) {
    let kafka = &config.kafka;
    let mut missing = Vec::new();
    missing.extend(missing_on_topics(config, client, present, found, tell));
    missing.extend(missing_on_groups(config, client, tell));
    let may_write = transactional(config, tell);
    if missing.is_empty() && may_write {
        let text = format!("{} may read, write and join all that is there", who(kafka));
        return tell(Check::ok("rights", text));
    }
    for Right { what, operation, resource } in missing {
        tell(Check::error("rights", format!("{} may not {what}", who(kafka)), grant(kafka, operation, &resource)));
    }
}

fn missing_on_topics(
    config: &Config,
    client: &Client,
    present: &[Wanted],
    found: &Topics,
    tell: &mut dyn FnMut(Check),
) -> Vec<Right> {
    let inputs = config.topics.iter().filter(|topic| found.contains_key(&Topic::new(topic))).map(String::as_str);
    let topics: Vec<&str> = inputs.chain(present.iter().map(|topic| topic.name.as_str())).collect();
    let allowed = operations::on_topics(client.client(), &topics, QUESTION_TIMEOUT);
    let mut missing = Vec::new();
    for (topic, operations) in topics.iter().zip(known("rights on topics", allowed, tell)) {
        let Some(operations) = operations else { continue };
        let is_ours = present.iter().any(|ours| ours.name == *topic);
        // What a forerunner left open in what it passed on is read by its successor.
        let is_published = ["anomalies", "episodes", "templates"].map(|name| config.kafka.topic(name));
        let is_read = !is_ours || is_published.iter().all(|name| name != topic);
        let needed = [(is_read, operations.can_read(), "Read"), (is_ours, operations.can_write(), "Write")];
        for (_, _, operation) in needed.into_iter().filter(|(is_needed, is_there, _)| *is_needed && !is_there) {
            let what = format!("{} {topic}", operation.to_lowercase());
            missing.push(Right { what, operation, resource: format!("--topic {topic}") });
        }
    }
    missing
}

fn missing_on_groups(config: &Config, client: &Client, tell: &mut dyn FnMut(Check)) -> Vec<Right> {
    let groups = [config.kafka.group.clone(), Role::judge(&config.kafka).group];
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    let started = Instant::now();
    let allowed = loop {
        let allowed = operations::on_groups(client.client(), &names, QUESTION_TIMEOUT);
        // A cluster that never had a group makes the place for it now, and moves it when brokers come and go.
        let is_settled = allowed
            .as_ref()
            .is_ok_and(|groups| groups.iter().all(|group| !matches!(group, Err(code) if !is_denial(*code))));
        if is_settled || started.elapsed() >= QUESTION_TIMEOUT {
            break allowed;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let known = known("rights on groups", allowed, tell);
    let denied =
        names.iter().zip(known).filter(|(_, operations)| operations.as_ref().is_some_and(|known| !known.can_read()));
    let right = |(group, _): (&&str, _)| Right {
        what: format!("join the group {group}"),
        operation: "Read",
        resource: format!("--group {group}"),
    };
    denied.map(right).collect()
}

/// The operations that are known; who may not even ask may do nothing. What is not known is told.
fn known(
    of: &str,
    allowed: Result<Vec<Allowed>, RDKafkaErrorCode>,
    tell: &mut dyn FnMut(Check),
) -> Vec<Option<Operations>> {
    let mut unknown = allowed.as_ref().err().copied();
    let mut known = Vec::new();
    for operations in allowed.unwrap_or_default() {
        known.push(match operations {
            Ok(operations) => Some(operations),
            Err(code) if is_denial(code) => Some(Operations::default()),
            Err(code) => {
                unknown = Some(code);
                None
            }
        });
    }
    if let Some(code) = unknown {
        tell(Check::warning(of, format!("the brokers do not say ({code})"), "ask again"));
    }
    known
}

fn is_denial(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed)
}

/// Whether transactional ids that begin with the group's name may be used. Returns whether nothing was found to be missing.
fn transactional(config: &Config, tell: &mut dyn FnMut(Check)) -> bool {
    // A name of its own: were the time-out accepted after all, no running member would be fenced.
    let role = Role { group: config.kafka.group.clone(), member: "check".to_owned(), reads_anew: false };
    let producer: Result<BaseProducer, _> =
        client::producer(&config.kafka, &role).set("transaction.timeout.ms", i32::MAX.to_string()).create();
    let answer = producer.and_then(|producer| producer.init_transactions(QUESTION_TIMEOUT));
    let Err(error) = answer else { return true };
    let code = error.rdkafka_error_code();
    if code == Some(RDKafkaErrorCode::InvalidTransactionTimeout) {
        return true;
    }
    match code.and_then(|code| missing_right(code, &config.kafka, &role, ("Write", &[]))) {
        Some(_) => {
            let resource = format!("--transactional-id {} --resource-pattern-type prefixed", config.kafka.group);
            let found =
                format!("{} may not use transactional ids that begin with {}", who(&config.kafka), config.kafka.group);
            tell(Check::error("rights", found, grant(&config.kafka, "Write", &resource)));
        }
        None => tell(Check::warning("transactions", format!("the brokers do not say: {}", describe(&error)), "")),
    }
    false
}
