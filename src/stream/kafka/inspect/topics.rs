//! The topics: those to be read, and ours as they are and as they have to be.

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use super::super::describe;
use super::super::refusal::{grant, tool, who};
use super::super::topics::{Client, Topics, Wanted, may_not_be_seen};
use super::{Check, QUESTION_TIMEOUT};
use crate::config::Config;
use crate::record::Topic;

/// How many names of topics are shown to choose from.
const NAMES_MAX: usize = 20;

/// A topic of logs.
pub(super) fn input(config: &Config, client: &Client, name: &str, found: &Topics) -> Check {
    let of = format!("topic {name}");
    if let Some(partitions) = found.get(&Topic::new(name)) {
        return Check::ok(&of, format!("{partitions} partitions"));
    }
    match may_not_be_seen(client, &config.kafka, name) {
        Err(error) => Check::error(&of, error.to_string(), ""),
        Ok(true) => {
            let found = format!("{} may not see it", who(&config.kafka));
            Check::error(&of, found, grant(&config.kafka, "Read", &format!("--topic {name}")))
        }
        Ok(false) => {
            let is_foreign = |name: &&str| !name.starts_with("__") && !name.starts_with(&config.kafka.prefix);
            let there: Vec<&str> = found.keys().map(Topic::name).filter(is_foreign).take(NAMES_MAX).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            Check::error(&of, "does not exist", format!("check input.topics; those that can be seen are {there}"))
        }
    }
}

/// Whether our topics that exist are as they have to be.
pub(super) async fn settings(
    config: &Config,
    admin: &AdminClient<DefaultClientContext>,
    present: &[Wanted],
    found: &Topics,
    tell: &mut dyn FnMut(Check),
) {
    let resources: Vec<ResourceSpecifier<'_>> =
        present.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    if resources.is_empty() {
        return;
    }
    let described = admin.describe_configs(&resources, &options()).await;
    let described = match described {
        Ok(described) => described,
        Err(error) => return tell(Check::warning("settings of topics", describe(&error), "")),
    };
    for (topic, described) in present.iter().zip(described) {
        let of = format!("topic {}", topic.name);
        if let Some((_, reason, command)) = topic.lacks(found, &config.kafka) {
            tell(Check::error(&of, reason, command));
            continue;
        }
        let partitions = found.get(&Topic::new(&topic.name)).copied().unwrap_or(0);
        match described {
            Ok(resource) => tell(differences(config, topic, partitions, &resource)),
            Err(code) => {
                let command = grant(&config.kafka, "DescribeConfigs", &format!("--topic {}", topic.name));
                tell(Check::warning(&of, format!("its settings cannot be seen ({code})"), command));
            }
        }
    }
}

fn differences(config: &Config, topic: &Wanted, partitions: u32, resource: &ConfigResource) -> Check {
    let of = format!("topic {}", topic.name);
    let mut differing = Vec::new();
    let policy = ("cleanup.policy", "delete");
    let explicit = topic.settings.iter().any(|(key, _)| *key == policy.0);
    for (key, want) in topic.settings.iter().copied().chain((!explicit).then_some(policy)) {
        let Some(is) = resource.get(key).and_then(|entry| entry.value.as_deref()) else { continue };
        if !is_enough(key, is, want) {
            differing.push((key, is.to_owned(), want));
        }
    }
    if differing.is_empty() {
        return Check::ok(&of, format!("{partitions} partitions"));
    }
    let found: Vec<String> = differing.iter().map(|(key, is, want)| format!("{key} is {is}, not {want}")).collect();
    let set: Vec<String> = differing.iter().map(|(key, _, want)| format!("{key}={want}")).collect();
    let tool = tool(&config.kafka, "kafka-configs.sh");
    let command = format!("{tool} --alter --topic {} --add-config {}", topic.name, set.join(","));
    Check::warning(&of, found.join(", "), command)
}

/// Whether a setting serves as well as the one that we would make: more room or time does; how segments are cut is a matter of taste.
fn is_enough(key: &str, is: &str, want: &str) -> bool {
    match key {
        "cleanup.policy" => is == want,
        "retention.ms" | "max.message.bytes" => match (is.parse::<i64>(), want.parse::<i64>()) {
            (Ok(is), Ok(want)) => is < 0 || is >= want,
            _ => false,
        },
        _ => true,
    }
}

/// Whether the topics that are missing may be created.
pub(super) async fn creation(
    config: &Config,
    admin: &AdminClient<DefaultClientContext>,
    absent: &[Wanted],
    tell: &mut dyn FnMut(Check),
) {
    let topics: Vec<NewTopic<'_>> = absent.iter().map(Wanted::new_topic).collect();
    if topics.is_empty() {
        return;
    }
    let commands = |of: &Wanted| of.command(&config.kafka);
    match admin.create_topics(&topics, &options().validate_only(true)).await {
        Ok(results) => {
            for (topic, result) in absent.iter().zip(results) {
                let of = format!("topic {}", topic.name);
                tell(match result {
                    Ok(_) => Check::ok(&of, "does not exist yet; `eddyline run` creates it"),
                    Err((_, code)) => {
                        Check::error(&of, format!("does not exist, and may not be created ({code})"), commands(topic))
                    }
                });
            }
        }
        Err(error) => tell(Check::error("creation of topics", describe(&error), "")),
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(QUESTION_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_room_and_time_are_as_good_and_another_policy_is_not() {
        for (key, is, want, enough) in [
            ("cleanup.policy", "compact", "compact", true),
            ("cleanup.policy", "compact,delete", "compact", false),
            ("retention.ms", "-1", "2592000000", true),
            ("retention.ms", "2592000000", "2592000000", true),
            ("retention.ms", "604800000", "2592000000", false),
            ("max.message.bytes", "1048588", "33554432", false),
            ("segment.bytes", "1073741824", "67108864", true),
        ] {
            assert_eq!(is_enough(key, is, want), enough, "{key} {is} {want}");
        }
    }
}
