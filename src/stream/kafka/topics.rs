//! The topics: which there are, and the creation of ours.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use tracing::info;

use super::refusal::{Hearing, grant, is_refusal, tool, who};
use super::{client, describe};
use crate::config::{Config, Kafka};
use crate::record::Topic;

/// How long the brokers have to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the topics are not as they have to be.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// No broker answered.
    #[error("no broker of kafka.brokers = \"{brokers}\" answered within {} s: {reason}; check the address, and security.protocol in kafka.properties", CONNECT_TIMEOUT.as_secs())]
    Unreachable {
        /// The brokers.
        brokers: String,
        /// librdkafka's word.
        reason: String,
    },
    /// The brokers do not let us in.
    #[error(
        "the brokers {brokers} refuse {who}: {reason}; check sasl.mechanism, sasl.username and sasl.password in kafka.properties"
    )]
    Login {
        /// The brokers.
        brokers: String,
        /// As whom we came.
        who: String,
        /// librdkafka's word.
        reason: String,
    },
    /// The brokers are not proven to be those that are meant, or want to see a certificate of ours.
    #[error(
        "no secure connection to the brokers {brokers}: {reason}; check security.protocol, ssl.ca.location (whom to trust) and ssl.certificate.location (who we are, where the brokers ask) in kafka.properties"
    )]
    Insecure {
        /// The brokers.
        brokers: String,
        /// librdkafka's word.
        reason: String,
    },
    /// Topics to be read that we may not even see.
    #[error("{who} may not see the topics {}; let somebody who may run:\n  {command}", .topics.join(", "))]
    Forbidden {
        /// As whom we came.
        who: String,
        /// The topics.
        topics: Vec<String>,
        /// The command that grants it.
        command: String,
    },
    /// The settings were refused before anything was sent.
    #[error("kafka.properties: {0}")]
    Settings(String),
    /// Topics to be read that do not exist.
    #[error("there {} no topic {} at {brokers}; check input.topics", if .topics.len() == 1 { "is" } else { "are" }, .topics.join(", "))]
    Missing {
        /// The topics.
        topics: Vec<String>,
        /// The brokers.
        brokers: String,
    },
    /// Topics that are needed and may not be created.
    #[error("topics are not as they have to be ({reason}); let somebody who may run:{}", .commands.iter().map(|command| format!("\n  {command}")).collect::<String>())]
    NotCreated {
        /// The broker's word.
        reason: String,
        /// The commands that create them.
        commands: Vec<String>,
    },
}

/// How long it may take until all brokers know of a new topic.
const NEW_TOPIC_AFTER: Duration = Duration::from_secs(1);
/// How many words of a client are listened to before it is asked again.
const WORDS_MAX: usize = 1_000;

/// A client outside of any group, which remembers what it was told about its connections.
pub type Client = BaseConsumer<Hearing>;

/// How many partitions each topic has.
pub type Topics = BTreeMap<Topic, u32>;

/// What one of our topics has to be.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) partitions: u32,
    /// Whether it has to have as many partitions as that, for what is in it stands in the partition of its original.
    pub(super) is_mirror: bool,
    pub(super) settings: Vec<(&'static str, &'static str)>,
}

/// A client that asks the cluster what there is.
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn connect(config: &Config) -> Result<Client, TopicError> {
    client::admin(&config.kafka)
        .create_with_context(Hearing::default())
        .map_err(|error: KafkaError| TopicError::Settings(describe(&error)))
}

/// Asks what there is. A refusal is said at once; a broker that does not answer is waited for.
pub(super) fn ask(client: &Client, kafka: &Kafka, topic: Option<&str>) -> Result<Metadata, TopicError> {
    let (started, mut patience) = (Instant::now(), Duration::from_secs(1));
    loop {
        let error = match client.fetch_metadata(topic, patience) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        // What the client's threads have to say comes out when it is polled, one word at a time.
        for _ in 0..WORDS_MAX {
            drop(client.poll(Duration::ZERO));
        }
        let brokers = kafka.brokers.clone();
        let said = client.context().said();
        match said {
            Some((RDKafkaErrorCode::SSL, reason)) => return Err(TopicError::Insecure { brokers, reason }),
            Some((code, reason)) if is_refusal(code) => {
                return Err(TopicError::Login { brokers, who: who(kafka), reason });
            }
            _ => {}
        }
        let left = CONNECT_TIMEOUT.saturating_sub(started.elapsed());
        if left.is_zero() {
            let reason = said.map_or_else(|| describe(&error), |(_, reason)| reason);
            return Err(TopicError::Unreachable { brokers, reason });
        }
        patience = (patience * 2).min(left);
    }
}

/// The topics of the cluster with their numbers of partitions.
fn list(client: &Client, kafka: &Kafka) -> Result<Topics, TopicError> {
    let metadata = ask(client, kafka, None)?;
    let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
    Ok(topics.map(|topic| (Topic::new(topic.name()), u32::try_from(topic.partitions().len()).unwrap_or(0))).collect())
}

/// Sees to it that the input topics exist and creates those of ours that are missing. Returns all topics that matter.
///
/// # Errors
/// Where the brokers cannot be reached, an input topic is missing, or ours may not be created.
pub async fn prepare_topics(config: &Config, client: &Client) -> Result<Topics, TopicError> {
    let brokers = &config.kafka.brokers;
    let mut found = list(client, &config.kafka)?;
    let is_missing = |found: &Topics, topic: &String| !found.contains_key(&Topic::new(topic));
    if config.topics.iter().any(|topic| is_missing(&found, topic)) {
        // One that was made just now is not known to every broker yet.
        tokio::time::sleep(NEW_TOPIC_AFTER).await;
        found = list(client, &config.kafka)?;
    }
    let missing: Vec<String> = config.topics.iter().filter(|topic| is_missing(&found, topic)).cloned().collect();
    if !missing.is_empty() {
        forbidden(config, client, &missing)?;
        return Err(TopicError::Missing { topics: missing, brokers: brokers.clone() });
    }
    let wanted = wanted(config, &found);
    let absent: Vec<&Wanted> = wanted.iter().filter(|topic| !found.contains_key(&Topic::new(&topic.name))).collect();
    if !absent.is_empty() {
        create(config, &absent).await?;
    }
    if let Some((topic, reason, command)) = wanted.iter().find_map(|topic| topic.lacks(&found, &config.kafka)) {
        return Err(TopicError::NotCreated { reason: format!("{topic} {reason}"), commands: vec![command] });
    }
    let ours = wanted.iter().map(|topic| {
        let topic_name = Topic::new(&topic.name);
        let partitions = found.get(&topic_name).copied().unwrap_or(topic.partitions);
        (topic_name, partitions)
    });
    let inputs = found.iter().filter(|(topic, _)| config.topics.iter().any(|name| name == topic.name()));
    Ok(inputs.map(|(topic, &partitions)| (topic.clone(), partitions)).chain(ours).collect())
}

/// Whether a topic that is in no list is there and may not be seen: a list holds what may be seen only; asked for one topic, a broker
/// says which of the two it is.
pub(super) fn may_not_be_seen(client: &Client, kafka: &Kafka, topic: &str) -> Result<bool, TopicError> {
    let metadata = ask(client, kafka, Some(topic))?;
    let error = metadata.topics().iter().find_map(|topic| topic.error()).map(RDKafkaErrorCode::from);
    Ok(error == Some(RDKafkaErrorCode::TopicAuthorizationFailed))
}

fn forbidden(config: &Config, client: &Client, missing: &[String]) -> Result<(), TopicError> {
    let mut topics = Vec::new();
    for topic in missing {
        if may_not_be_seen(client, &config.kafka, topic)? {
            topics.push(topic.clone());
        }
    }
    if topics.is_empty() {
        return Ok(());
    }
    let resource: Vec<String> = topics.iter().map(|topic| format!("--topic {topic}")).collect();
    let command = grant(&config.kafka, "Read", &resource.join(" "));
    Err(TopicError::Forbidden { who: who(&config.kafka), topics, command })
}

/// Looks up how many partitions the input topics have now: they may have grown.
pub fn refresh_topics(config: &Config, client: &Client, roster: &Mutex<Topics>) {
    match list(client, &config.kafka) {
        Ok(found) => {
            let mut roster = roster.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (topic, partitions) in roster.iter_mut() {
                *partitions = found.get(topic).copied().unwrap_or(0).max(*partitions);
            }
        }
        Err(error) => tracing::warn!(%error, "looking up the partitions"),
    }
}

/// Our topics, as `deploy/schemas/asyncapi.yaml` describes those that others read.
pub(super) fn wanted(config: &Config, found: &Topics) -> Vec<Wanted> {
    const MONTH_MS: &str = "2592000000";
    const LARGE: (&str, &str) = ("max.message.bytes", "33554432");
    let ours = |name: &str, partitions, settings| Wanted {
        name: config.kafka.topic(name),
        partitions,
        is_mirror: false,
        settings,
    };
    let mut wanted = vec![
        ours("tallies", 1, vec![("retention.ms", MONTH_MS)]),
        ours("anomalies", 6, vec![("retention.ms", MONTH_MS)]),
        ours("episodes", 1, vec![("cleanup.policy", "compact"), ("delete.retention.ms", "86400000")]),
        // What is still seen is told again once a week.
        ours("templates", 1, vec![("cleanup.policy", "compact,delete"), ("retention.ms", MONTH_MS)]),
        // Small segments, so that what is superseded is soon gone.
        ours("snapshots", 1, vec![("cleanup.policy", "compact"), ("segment.bytes", "67108864")]),
        ours("deadletters", 1, vec![("retention.ms", MONTH_MS), LARGE]),
    ];
    if config.scored {
        for topic in &config.topics {
            let partitions = found.get(&Topic::new(topic)).copied().unwrap_or(1);
            let name = format!("{topic}.scored");
            wanted.push(Wanted { name, partitions, is_mirror: true, settings: vec![LARGE] });
        }
    }
    wanted
}

async fn create(config: &Config, absent: &[&Wanted]) -> Result<(), TopicError> {
    let refused = |reason: String| TopicError::NotCreated {
        reason,
        commands: absent.iter().map(|topic| topic.command(&config.kafka)).collect(),
    };
    let admin: AdminClient<DefaultClientContext> =
        client::admin(&config.kafka).create().map_err(|error| TopicError::Settings(describe(&error)))?;
    let topics: Vec<NewTopic<'_>> = absent.iter().map(|topic| topic.new_topic()).collect();
    let results = admin
        .create_topics(&topics, &AdminOptions::new().request_timeout(Some(CONNECT_TIMEOUT)))
        .await
        .map_err(|error| refused(describe(&error)))?;
    for result in results {
        match result {
            Ok(topic) => info!(topic, "created"),
            // Another instance was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(refused(format!("{topic}: {code}"))),
        }
    }
    Ok(())
}

impl Wanted {
    pub(super) fn new_topic(&self) -> NewTopic<'_> {
        let partitions = i32::try_from(self.partitions).unwrap_or(1);
        // -1 is the broker's own default for the replication.
        let topic = NewTopic::new(&self.name, partitions, TopicReplication::Fixed(-1));
        self.settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
    }

    /// Where it exists and has too few partitions: its name, what is wrong, and the command that adds them.
    pub(super) fn lacks(&self, found: &Topics, kafka: &Kafka) -> Option<(&str, String, String)> {
        let partitions = *found.get(&Topic::new(&self.name))?;
        let Self { name, partitions: needed, .. } = self;
        (self.is_mirror && partitions < *needed).then(|| {
            let reason = format!("has {partitions} partitions, its input {needed}");
            let tool = tool(kafka, "kafka-topics.sh");
            (name.as_str(), reason, format!("{tool} --alter --topic {name} --partitions {needed}"))
        })
    }

    pub(super) fn command(&self, kafka: &Kafka) -> String {
        let settings: String = self.settings.iter().map(|(key, value)| format!(" --config {key}={value}")).collect();
        format!(
            "{} --create --topic {} --partitions {}{settings}",
            tool(kafka, "kafka-topics.sh"),
            self.name,
            self.partitions
        )
    }
}
