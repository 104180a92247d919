//! The keys, each a row of one table.

use toml::Value;

use super::{Config, Secret};
use crate::score::Budget;
use crate::template::Masks;

/// One key of the configuration.
pub struct Key {
    /// Its dotted name.
    pub name: &'static str,
    /// The default, as it would be written in a file.
    pub default: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// Puts a value into the configuration, or says what is expected instead.
    pub(super) set: fn(&mut Config, &Value) -> Result<(), String>,
}

/// All keys, in the order of the data.
pub const KEYS: &[Key] = &[
    Key {
        name: "kafka.brokers",
        default: "\"\"",
        meaning: "the brokers to connect to first, HOST:PORT separated by commas",
        set: |config, value| text(value).map(|text| config.kafka.brokers = text),
    },
    Key {
        name: "kafka.group",
        default: "\"eddyline\"",
        meaning: "the consumer group; processes of one group share the work",
        set: |config, value| name(value).map(|name| config.kafka.group = name),
    },
    Key {
        name: "kafka.instance",
        default: "the host's name",
        meaning: "the name of this process within the group: unique, and the same after a restart",
        set: |config, value| name(value).map(|name| config.kafka.instance = name),
    },
    Key {
        name: "kafka.prefix",
        default: "\"eddyline.\"",
        meaning: "what the names of Eddyline's own topics begin with",
        set: |config, value| name(value).map(|name| config.kafka.prefix = name),
    },
    Key {
        name: "kafka.properties",
        default: "{}",
        meaning: "properties of librdkafka, passed on (security.protocol, sasl.username, …); a value may be { file = \"PATH\" } or { env = \"VARIABLE\" }",
        set: set_properties,
    },
    Key {
        name: "input.topics",
        default: "[]",
        meaning: "the topics of logs to read",
        set: |config, value| topics(value).map(|topics| config.topics = topics),
    },
    Key {
        name: "input.format",
        default: "\"auto\"",
        meaning: "what a record is: \"auto\" (a JSON object, else text), \"text\" or \"json\"",
        set: |config, value| {
            let format = match value.as_str() {
                Some("auto") => crate::decode::Format::Auto,
                Some("text") => crate::decode::Format::Text,
                Some("json") => crate::decode::Format::Json,
                _ => return Err("is \"auto\", \"text\" or \"json\"".to_owned()),
            };
            config.format = format;
            Ok(())
        },
    },
    Key {
        name: "start.history",
        default: "\"\"",
        meaning: "how far back the very first start begins to read and to learn, as in 6h or 30d; nothing is published of that time",
        set: |config, value| {
            let history = text(value)?;
            config.history_ms = if history.is_empty() { None } else { Some(super::span_ms(&history)?) };
            Ok(())
        },
    },
    Key {
        name: "observe.flush_ms",
        default: "500",
        meaning: "how often what was counted is sent on, in milliseconds (10 to 2000); after half of it where a second of log time is over",
        set: |config, value| {
            config.flush_ms = integer(value, 10, 2_000)?.unsigned_abs();
            Ok(())
        },
    },
    Key {
        name: "observe.lateness_ms",
        default: "5000",
        meaning: "how far a line's time may be behind those before it and still count, in milliseconds (0 to 600000)",
        set: |config, value| integer(value, 0, 600_000).map(|lateness_ms| config.lateness_ms = lateness_ms),
    },
    Key {
        name: "observe.threads",
        default: "one for each core",
        meaning: "threads that read logs (1 to 256)",
        set: |config, value| {
            config.threads = usize::try_from(integer(value, 1, 256)?).ok();
            Ok(())
        },
    },
    Key {
        name: "templates.masks",
        default: "[]",
        meaning: "patterns of what varies in lines, as in [{ name = \"ORDER\", pattern = \"ord-[0-9]{6}\" }]; ids of the lines that they match depend on them",
        set: |config, value| masks(value).map(|masks| config.masks = masks),
    },
    Key {
        name: "limits.memory_mib",
        default: "512",
        meaning: "what the process may take of memory, in MiB (128 to 1048576)",
        set: |config, value| {
            config.memory_mib = u32::try_from(integer(value, 128, 1 << 20)?).unwrap_or(u32::MAX);
            Ok(())
        },
    },
    Key {
        name: "limits.line_bytes",
        default: "16384",
        meaning: "how much of a line is looked at, in bytes (1024 to 1048576); the rest is cut off, and its sample says so",
        set: |config, value| {
            config.line_bytes = usize::try_from(integer(value, 1 << 10, 1 << 20)?).unwrap_or(usize::MAX);
            Ok(())
        },
    },
    Key {
        name: "judge.false_findings_per_day",
        default: "0.14285714285714285",
        meaning: "how many false findings a day each detector may make in an environment (0.0001 to 1000); the default is one a week",
        set: |config, value| {
            number(value, 0.0001, 1_000.0).map(|number| config.budget = Budget { false_findings_per_day: number })
        },
    },
    Key {
        name: "snapshots.every_s",
        default: "30",
        meaning: "the pause between two snapshots of the models, in seconds (1 to 86400); 0 takes none",
        set: |config, value| {
            let every_s = integer(value, 0, 86_400)?.unsigned_abs();
            config.snapshot_every_s = (every_s > 0).then_some(every_s);
            Ok(())
        },
    },
    Key {
        name: "snapshots.directory",
        default: "\"\"",
        meaning: "a local directory to keep snapshots in, instead of the topic <prefix>snapshots",
        set: |config, value| {
            let directory = text(value)?;
            config.snapshot_directory = (!directory.is_empty()).then(|| directory.into());
            Ok(())
        },
    },
    Key {
        name: "publish.scored",
        default: "false",
        meaning: "also write every record, untouched but for added headers, to <input>.scored",
        set: |config, value| {
            config.scored = value.as_bool().ok_or("is true or false")?;
            Ok(())
        },
    },
    Key {
        name: "admin.listen",
        default: "\"127.0.0.1:9600\"",
        meaning: "the address of /livez, /readyz, /metrics and /status; port 0 takes a free one",
        set: |config, value| {
            let address = text(value)?;
            config.admin_listen = address.parse().map_err(|_| "is an address and a port, as in 127.0.0.1:9600")?;
            Ok(())
        },
    },
    Key {
        name: "admin.token",
        default: "\"\"",
        meaning: "what /status asks for, as Authorization: Bearer TOKEN; without one it answers on the loopback only. A text, { file = \"PATH\" } or { env = \"VARIABLE\" }",
        set: |config, value| {
            let token = Secret::read(value)?;
            config.admin_token = (!token.expose().is_empty()).then_some(token);
            Ok(())
        },
    },
];

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "is a text in quotes".to_owned())
}

/// Names become parts of topic, group and transaction names, where Kafka allows few characters.
fn name(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 128 || !name.chars().all(allowed) {
        return Err("has 1 to 128 letters, digits, dots, underscores and hyphens".to_owned());
    }
    Ok(name)
}

fn integer(value: &Value, min: i64, max: i64) -> Result<i64, String> {
    match value.as_integer() {
        Some(integer) if (min..=max).contains(&integer) => Ok(integer),
        _ => Err(format!("is a whole number from {min} to {max}")),
    }
}

fn number(value: &Value, min: f64, max: f64) -> Result<f64, String> {
    let number = value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64));
    number.filter(|number| (min..=max).contains(number)).ok_or_else(|| format!("is a number from {min} to {max}"))
}

fn topics(value: &Value) -> Result<Vec<String>, String> {
    let expected = || "is a list of names, as in [\"logs.app\", \"logs.web\"]".to_owned();
    let listed = match value {
        Value::String(names) => names.split(',').map(|name| Value::String(name.trim().to_owned())).collect(),
        Value::Array(names) => names.clone(),
        _ => return Err(expected()),
    };
    let mut topics = listed.iter().map(name).collect::<Result<Vec<_>, _>>().map_err(|_| expected())?;
    topics.sort();
    topics.dedup();
    Ok(topics)
}

fn masks(value: &Value) -> Result<Masks, String> {
    let expected = || "is a list of masks, as in [{ name = \"ORDER\", pattern = \"ord-[0-9]{6}\" }]".to_owned();
    let listed = value.as_array().ok_or_else(expected)?;
    let mask = |value: &'_ Value| {
        let table = value.as_table().filter(|table| table.len() == 2)?;
        Some((table.get("name")?.as_str()?.to_owned(), table.get("pattern")?.as_str()?.to_owned()))
    };
    let listed: Vec<(String, String)> = listed.iter().map(mask).collect::<Option<_>>().ok_or_else(expected)?;
    let pairs = listed.iter().map(|(name, pattern)| (name.as_str(), pattern.as_str()));
    Masks::new(pairs).map_err(|error| format!("has a mask that is wrong: {error}"))
}

fn set_properties(config: &mut Config, value: &Value) -> Result<(), String> {
    /// What the exactly-once loop depends on, and so sets itself.
    const OURS: [&str; 12] = [
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "group.id",
        "group.instance.id",
        "isolation.level",
        "statistics.interval.ms",
        "transaction.timeout.ms",
        "transactional.id",
        "enable.partition.eof",
    ];
    let table = value.as_table().ok_or("is a table of librdkafka's properties")?;
    for (property, value) in table {
        if OURS.contains(&property.as_str()) {
            return Err(format!("may not hold {property}, which Eddyline sets itself"));
        }
        let secret = Secret::read(value).map_err(|expected| format!("{property} {expected}"))?;
        config.kafka.properties.insert(property.clone(), secret);
    }
    Ok(())
}
