//! An event as it was published.

use anyhow::Context;
use rdkafka::message::{Headers, Message};
use serde::Deserialize;
use serde_json::Value;

use crate::config::moment_ms;
use crate::record::{Partition, Second, Service, StreamTime};
use crate::score::Window;
use crate::stream::kafka::{Flow, Past};

/// The record, and what is needed of its content.
pub(super) struct Published {
    pub(super) partition: Partition,
    pub(super) offset: i64,
    pub(super) published_at_ms: Option<i64>,
    pub(super) key: Vec<u8>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) bytes: Vec<u8>,
    pub(super) value: Value,
    /// Its time, as it writes it.
    pub(super) time: String,
    /// The second at whose end it was decided.
    pub(super) second: Second,
    /// The window it was decided in.
    pub(super) window: Window,
    pub(super) environment: Option<String>,
    /// Names of its services, as it writes them.
    pub(super) services: Vec<String>,
    pub(super) template: Option<String>,
    pub(super) config_hash: String,
    pub(super) version: String,
}

#[derive(Deserialize)]
struct Content {
    time: String,
    services: Vec<String>,
    window: Span,
    entity: Entity,
    template: Option<Template>,
    model: crate::evaluate::Model,
}

#[derive(Deserialize)]
struct Span {
    start: String,
    end: String,
}

#[derive(Deserialize)]
struct Entity {
    environment: Option<String>,
}

#[derive(Deserialize)]
struct Template {
    id: String,
}

impl Published {
    /// Looks through a topic of events for this one.
    pub(super) fn find(past: &Past, topic: &str, event_id: &str) -> anyhow::Result<Option<Self>> {
        for partition in past.partitions(topic)? {
            let mut found = None;
            past.read(&past.retained(&partition)?, |message| {
                let headers: Vec<(String, Vec<u8>)> = message
                    .headers()
                    .into_iter()
                    .flat_map(Headers::iter)
                    .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                    .collect();
                if !headers.iter().any(|(name, value)| name == "ce_id" && value == event_id.as_bytes()) {
                    return Flow::Continue(());
                }
                let key = message.key().unwrap_or_default().to_vec();
                let bytes = message.payload().unwrap_or_default().to_vec();
                found = Some((message.offset(), message.timestamp().to_millis(), key, headers, bytes));
                Flow::Break(())
            })?;
            if let Some((offset, published_at_ms, key, headers, bytes)) = found {
                let content: Content = serde_json::from_slice(&bytes).context("the event cannot be read")?;
                let moment =
                    |text: &str| moment_ms(text, 0).map(StreamTime).map_err(|reason| anyhow::anyhow!("time {reason}"));
                let window = Window {
                    start: moment(&content.window.start)?.second(),
                    end: moment(&content.window.end)?.second(),
                };
                return Ok(Some(Self {
                    second: moment(&content.time)?.second().plus(-1),
                    window,
                    partition,
                    offset,
                    published_at_ms,
                    key,
                    headers,
                    value: serde_json::from_slice(&bytes).context("the event cannot be read")?,
                    bytes,
                    time: content.time,
                    environment: content.entity.environment,
                    services: content.services,
                    template: content.template.map(|template| template.id),
                    config_hash: content.model.config_hash,
                    version: content.model.version,
                }));
            }
        }
        Ok(None)
    }

    /// Whether it is about this service.
    pub(super) fn concerns(&self, service: &Service) -> bool {
        let environment = service.environment.as_deref().filter(|environment| !environment.is_empty());
        let is_domain = environment.map(crate::decide::identity).as_deref() == self.environment.as_deref();
        is_domain && self.services.iter().any(|name| *name == crate::decide::identity(&service.name))
    }
}
