//! The options that say where the configuration of a command comes from.

use std::path::PathBuf;

use anyhow::Context;
use toml::Value;

use super::Failure;
use crate::config::{Config, Layer, Problem, Problems, load, print};

/// The keys that have an option of a command's own, and what it was set to.
type Own<'a> = &'a [(&'static str, Option<&'a String>)];

/// The options that every command has which talks to Kafka.
#[derive(clap::Args)]
pub(super) struct Source {
    /// A file of configuration, in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The brokers to connect to first (kafka.brokers)
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
}

impl Source {
    /// Reads all layers: the file, then keys that have an option of their own, then those that are set.
    pub(super) fn load(&self, own: Own<'_>, set: &[String]) -> Result<(Config, Vec<Problem>), Failure> {
        self.with_layers(own, set, load)
    }

    fn with_layers<T>(&self, own: Own<'_>, set: &[String], of: impl FnOnce(&[Layer<'_>]) -> T) -> Result<T, Failure> {
        let file = match &self.config {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).with_context(|| format!("--config {name}"));
                Some((name, text.map_err(Failure::Usage)?))
            }
            None => None,
        };
        let mut layers = vec![Layer::Found("kafka.instance", Value::String(host_name()), "the host's name")];
        layers.extend(file.as_ref().map(|(name, text)| Layer::File(name, text)));
        let options = [("kafka.brokers", self.brokers.as_ref())].into_iter().chain(own.iter().copied());
        for (key, value) in options {
            layers.extend(value.map(|value| Layer::Option(key, Value::String(value.clone()))));
        }
        layers.extend(set.iter().map(|assignment| Layer::Set(assignment)));
        Ok(of(&layers))
    }
}

/// The options of a command that reads topics of logs as `run` does.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    source: Source,
    /// The topics of logs (input.topics)
    #[arg(long, value_name = "A,B")]
    topics: Option<String>,
    /// Set a key of the configuration; may be given again and again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Options {
    /// The configuration, if there is nothing wrong with it.
    pub(super) fn configure(&self, own: Own<'_>) -> Result<Config, Failure> {
        let (config, problems) = self.read(own)?;
        valid(config, problems)
    }

    /// The configuration, and all that is wrong with it.
    pub(super) fn read(&self, own: Own<'_>) -> Result<(Config, Vec<Problem>), Failure> {
        let (config, mut problems) = self.with_layers(own, load)?;
        problems.extend(config.problems_with_kafka());
        Ok((config, problems))
    }

    /// The effective configuration as text, secrets masked.
    pub(super) fn print(&self, own: Own<'_>) -> Result<String, Failure> {
        self.configure(own)?;
        self.with_layers(own, print)
    }

    fn with_layers<T>(&self, own: Own<'_>, of: impl FnOnce(&[Layer<'_>]) -> T) -> Result<T, Failure> {
        let own: Vec<_> = own.iter().copied().chain([("input.topics", self.topics.as_ref())]).collect();
        self.source.with_layers(&own, &self.set, of)
    }
}

/// The configuration, if nothing is wrong with it.
pub(super) fn valid(config: Config, problems: Vec<Problem>) -> Result<Config, Failure> {
    if problems.is_empty() { Ok(config) } else { Err(Failure::Usage(Problems(problems).into())) }
}

/// The host's name, as far as it may stand in the name of a group member.
fn host_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let name: String =
        name.chars().take(128).map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    if name.is_empty() { "eddyline".to_owned() } else { name }
}
