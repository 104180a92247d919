//! A look at the cluster as `eddyline run` needs it. It only asks: nothing is created, joined or committed.
//!
//! What is asked, each bounded in time: who answers (metadata, and a connection to every broker by the name that it gives out),
//! which topics there are and how they are set (`stream::kafka::topics` says how they have to be), and the rights. The right to create
//! topics is asked with `validate_only`. The right to use transactional ids is asked with a time-out that is longer than brokers
//! take: they look at the right first, then refuse the time-out, and keep nothing.

mod rights;
mod topics;

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::metadata::Metadata;
use serde::Serialize;

use super::topics::{Client, Topics, Wanted, ask, wanted};
use super::{client, describe};
use crate::config::Config;
use crate::record::Topic;

/// How long one question may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a broker may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it has to be.
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// `eddyline run` would not work.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it ended.
    pub verdict: Verdict,
    /// What was looked at.
    pub of: String,
    /// What was found, in a line.
    pub found: String,
    /// What to do about it; empty where nothing has to be done.
    pub advice: String,
}

impl Check {
    /// All is well.
    pub fn ok(of: &str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, of: of.to_owned(), found: found.into(), advice: String::new() }
    }

    /// It works, but.
    pub fn warning(of: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, of: of.to_owned(), found: found.into(), advice: advice.into() }
    }

    /// It does not work.
    pub fn error(of: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Error, of: of.to_owned(), found: found.into(), advice: advice.into() }
    }
}

/// Looks at the cluster, and tells each check to `tell` as soon as it is known. Returns the topics that there are; `None` where no
/// broker answered.
pub async fn inspect(config: &Config, client: &Client, tell: &mut dyn FnMut(Check)) -> Option<Topics> {
    let metadata = match ask(client, &config.kafka, None) {
        Ok(metadata) => metadata,
        Err(error) => {
            tell(Check::error("brokers", error.to_string(), ""));
            return None;
        }
    };
    tell(brokers(&metadata));
    let mut found = Topics::new();
    for topic in metadata.topics().iter().filter(|topic| topic.error().is_none()) {
        found.insert(Topic::new(topic.name()), u32::try_from(topic.partitions().len()).unwrap_or(0));
    }
    for topic in &config.topics {
        tell(topics::input(config, client, topic, &found));
    }
    let wanted = wanted(config, &found);
    let (present, absent): (Vec<Wanted>, Vec<Wanted>) =
        wanted.into_iter().partition(|topic| found.contains_key(&Topic::new(&topic.name)));
    let admin: Result<AdminClient<DefaultClientContext>, _> = client::admin(&config.kafka).create();
    match admin {
        Ok(admin) => {
            topics::settings(config, &admin, &present, &found, tell).await;
            topics::creation(config, &admin, &absent, tell).await;
        }
        Err(error) => tell(Check::error("settings", describe(&error), "")),
    }
    rights::rights(config, client, &present, &found, tell);
    Some(found)
}

/// Every broker is reached by the name that it gives out: that is where clients go after the first question.
fn brokers(metadata: &Metadata) -> Check {
    let (mut reached, mut lost) = (Vec::new(), Vec::new());
    for broker in metadata.brokers() {
        let name = format!("{}:{}", broker.host(), broker.port());
        match connect(&name) {
            Ok(()) => reached.push(name),
            Err(reason) => lost.push(format!("{name} ({reason})")),
        }
    }
    if lost.is_empty() {
        return Check::ok("brokers", format!("{} answer: {}", reached.len(), reached.join(", ")));
    }
    let found = format!("{} of {} cannot be reached: {}", lost.len(), metadata.brokers().len(), lost.join(", "));
    Check::error(
        "brokers",
        found,
        "these are the names that the brokers give out: check advertised.listeners and the network",
    )
}

fn connect(name: &str) -> Result<(), String> {
    let addresses = name.to_socket_addrs().map_err(|error| error.to_string())?;
    let mut reason = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_nobody_reaches_is_said_within_the_time() {
        assert!(connect("127.0.0.1:1").is_err());
        assert!(connect("no-such-host.invalid:9092").is_err());
    }
}
