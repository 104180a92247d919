//! The records of `eddyline.templates`: what the id of a template means, for who enriches events and scored records.

use serde::Serialize;

use super::text::public_text;
use super::{Destination, OutputRecord};
use crate::decide::{identity, rfc3339};
use crate::score::Lookup;
use crate::vectorise::SAMPLE_BYTES_MAX;

#[derive(Serialize)]
struct Value<'a> {
    schema_version: &'static str,
    id: String,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    text: String,
    level: &'static str,
    first_seen: String,
    aliases: Vec<String>,
}

/// The record of a template: its key is `<environment>/<service>:<id>`, where `-` stands for no environment; its value is redacted, and
/// a tombstone where the template became part of another one.
///
/// # Errors
/// If it cannot be written as JSON, which no content of its fields causes.
pub fn template(lookup: &Lookup) -> Result<OutputRecord, serde_json::Error> {
    let service = identity(&lookup.service.name);
    let environment = lookup.service.environment.as_deref().map(identity);
    let key = format!("{}/{service}:{}", environment.as_deref().unwrap_or("-"), lookup.id);
    let value = |entry: &crate::score::Entry| {
        serde_json::to_vec(&Value {
            schema_version: "1.0",
            id: lookup.id.to_string(),
            service: &service,
            environment: environment.as_deref(),
            text: public_text(&entry.text, SAMPLE_BYTES_MAX),
            level: entry.level.word(),
            first_seen: rfc3339(entry.first_seen),
            aliases: entry.aliases.iter().map(ToString::to_string).collect(),
        })
    };
    Ok(OutputRecord {
        destination: Destination::Templates,
        partition: None,
        key: Some(key.into_bytes()),
        value: lookup.entry.as_ref().map(value).transpose()?,
        headers: Vec::new(),
        timestamp_ms: None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::record::{Level, Service, StreamTime, TemplateId};
    use crate::score::Entry;

    #[test]
    fn a_template_is_looked_up_by_its_id_and_tells_no_secret() {
        let entry = Entry {
            text: Arc::from("login of bob@example.org with password=hunter2 from <*>"),
            level: Level::Warn,
            first_seen: StreamTime(0),
            aliases: vec![TemplateId(7)],
        };
        let mut lookup =
            Lookup { service: Service::new(Some("prod"), "web"), id: TemplateId(0xAB), entry: Some(entry) };
        let record = template(&lookup).unwrap();
        assert_eq!(record.key.as_deref(), Some(b"prod/web:t00000000000000ab".as_slice()));
        let value = String::from_utf8(record.value.unwrap()).unwrap();
        assert!(value.contains(r#""aliases":["t0000000000000007"]"#), "{value}");
        assert!(!value.contains("hunter2") && !value.contains("bob@"), "{value}");
        lookup.entry = None;
        assert_eq!(template(&lookup).unwrap().value, None);
    }
}
