//! Why a client of Kafka failed, in types and in words that say what to do.
//!
//! * **A login that is refused, a certificate that is not trusted**: librdkafka says so beside the way, in a callback, and goes on
//!   trying. At the start that is an error that ends the program; later the client goes on by itself, for the password may be
//!   put right again.
//! * **A right that is missing** ends the program: trying again cannot help, and a supervisor that starts it again shows the error.
//! * **Somebody else of the same name** ([`CommitError::Fenced`]): the connection is made anew, after a pause.

use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{Role, describe};
use crate::config::Kafka;
use crate::stream::log::CommitError;

/// What librdkafka last said about its connections: the reason why a question gets no answer.
#[derive(Default)]
pub struct Hearing {
    said: Mutex<Option<(RDKafkaErrorCode, String)>>,
}

impl Hearing {
    /// The gravest that was said: a refusal, else what came first.
    pub(super) fn said(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Hearing {
    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        // "All brokers are down" comes with every other reason, and explains none.
        let explains_nothing = said.as_ref().is_none_or(|(code, _)| *code == RDKafkaErrorCode::AllBrokersDown);
        if explains_nothing || is_refusal(code) {
            *said = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Hearing {}

/// Whether a connection was refused in a way that trying again does not change.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)
}

/// What an error means for the connection of a member.
pub(super) fn failed(error: &KafkaError, kafka: &Kafka, role: &Role, topics: &[&str]) -> CommitError {
    if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) {
        return CommitError::Permanent(format!("kafka.properties: {}", describe(error)));
    }
    let Some(code) = error.rdkafka_error_code() else { return CommitError::Broken(describe(error)) };
    match code {
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::FencedInstanceId => {
            CommitError::Fenced(code.to_string())
        }
        _ => match missing_right(code, kafka, role, ("Read", topics)) {
            Some(missing) => CommitError::Permanent(missing),
            None => CommitError::Broken(code.to_string()),
        },
    }
}

/// The right that is missing where a broker answers so, with the command that grants it. `topics` are those that it may be about,
/// and what was to be done with them.
pub(super) fn missing_right(
    code: RDKafkaErrorCode,
    kafka: &Kafka,
    role: &Role,
    (operation, topics): (&str, &[&str]),
) -> Option<String> {
    let (what, operation, resource) = match code {
        RDKafkaErrorCode::TransactionalIdAuthorizationFailed => (
            format!("use the transactional id {}", role.transactional_id()),
            "Write",
            format!("--transactional-id {} --resource-pattern-type prefixed", kafka.group),
        ),
        RDKafkaErrorCode::GroupAuthorizationFailed => (
            format!("join the consumer group {}", role.group),
            "Read",
            format!("--group {} --resource-pattern-type prefixed", kafka.group),
        ),
        // A command without a topic would be of no use.
        RDKafkaErrorCode::TopicAuthorizationFailed if !topics.is_empty() => (
            format!("{} {}", operation.to_lowercase(), topics.join(", ")),
            operation,
            topics.iter().map(|topic| format!("--topic {topic}")).collect::<Vec<_>>().join(" "),
        ),
        RDKafkaErrorCode::ClusterAuthorizationFailed => {
            ("write to this cluster".to_owned(), "IdempotentWrite", "--cluster".to_owned())
        }
        _ => return None,
    };
    let command = grant(kafka, operation, &resource);
    Some(format!("{} may not {what} ({code}); let somebody who may run:\n  {command}", who(kafka)))
}

/// The command that grants a right.
pub(super) fn grant(kafka: &Kafka, operation: &str, resource: &str) -> String {
    let principal =
        kafka.property("sasl.username").map_or_else(|| "User:NAME".to_owned(), |name| format!("User:{name}"));
    format!("{} --add --allow-principal {principal} --operation {operation} {resource}", tool(kafka, "kafka-acls.sh"))
}

/// One of Kafka's own tools as it has to be called for this cluster.
pub(super) fn tool(kafka: &Kafka, name: &str) -> String {
    let login = if kafka.property("security.protocol").is_some() { " --command-config client.properties" } else { "" };
    format!("{name} --bootstrap-server {}{login}", kafka.brokers)
}

/// As whom the brokers know us.
pub(super) fn who(kafka: &Kafka) -> String {
    kafka.property("sasl.username").map_or_else(|| "this client".to_owned(), |name| format!("the user {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Secret};

    fn kafka() -> Kafka {
        let mut kafka = Config::default().kafka;
        kafka.brokers = "k:9093".to_owned();
        kafka.instance = "host".to_owned();
        for (property, value) in
            [("sasl.username", "ed"), ("security.protocol", "sasl_ssl"), ("sasl.password", "hunter2")]
        {
            kafka.properties.insert(property.to_owned(), Secret::new(value));
        }
        kafka
    }

    #[test]
    fn a_missing_right_says_who_what_and_how_to_grant_it() {
        let (kafka, role) = (kafka(), Role::judge(&kafka()));
        let error = |code| failed(&KafkaError::Global(code), &kafka, &role, &["a", "b"]);
        for (code, said) in [
            (
                RDKafkaErrorCode::TransactionalIdAuthorizationFailed,
                ["transactional id eddyline-judge-host", "--operation Write"],
            ),
            (RDKafkaErrorCode::GroupAuthorizationFailed, ["consumer group eddyline-judge", "--group eddyline"]),
            (RDKafkaErrorCode::TopicAuthorizationFailed, ["read a, b", "--topic a --topic b"]),
        ] {
            let CommitError::Permanent(reason) = error(code) else { panic!("{code:?} cannot pass by itself") };
            assert!(said.iter().all(|said| reason.contains(said)), "{reason}");
            assert!(reason.contains("the user ed may not") && reason.contains("k:9093 --command-config"), "{reason}");
        }
        for code in [RDKafkaErrorCode::Fenced, RDKafkaErrorCode::FencedInstanceId, RDKafkaErrorCode::ProducerFenced] {
            assert!(matches!(error(code), CommitError::Fenced(_)), "{code:?}");
        }
        assert!(matches!(error(RDKafkaErrorCode::BrokerTransportFailure), CommitError::Broken(_)));
    }

    #[test]
    fn a_property_that_is_refused_is_named_without_its_value() {
        let mut kafka = kafka();
        kafka.properties.insert("sasl.pasword".to_owned(), Secret::new("hunter2"));
        let Err(error) = super::super::client::admin(&kafka).create::<rdkafka::consumer::BaseConsumer>() else {
            panic!("there is no such property")
        };
        let role = Role::judge(&kafka);
        let CommitError::Permanent(reason) = failed(&error, &kafka, &role, &[]) else { panic!("{error}") };
        assert!(reason.contains("sasl.pasword") && !reason.contains("hunter2"), "{reason}");
    }

    #[test]
    fn what_was_refused_is_remembered_before_what_followed_from_it() {
        let hearing = Hearing::default();
        hearing.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "0/1 brokers are down");
        hearing.error(KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "connecting to an SSL listener?");
        assert_eq!(hearing.said().unwrap().1, "connecting to an SSL listener?");
        for (code, reason) in [
            (RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down"),
            (RDKafkaErrorCode::BrokerTransportFailure, "disconnected"),
            (RDKafkaErrorCode::Authentication, "invalid credentials"),
            (RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down"),
        ] {
            hearing.error(KafkaError::Global(code), reason);
        }
        assert_eq!(hearing.said(), Some((RDKafkaErrorCode::Authentication, "invalid credentials".to_owned())));
    }
}
