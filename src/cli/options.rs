//! The options that say where the configuration comes from: the same for every command that uses Kafka.

use std::path::PathBuf;

use anyhow::Context;
use toml::Value;

use super::Failure;
use crate::config::{Config, Layer, Problem, Problems, load, print};

#[derive(clap::Args)]
pub(super) struct Options {
    /// A file of configuration, in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The brokers to connect to first (kafka.brokers)
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// The topics of logs (input.topics)
    #[arg(long, value_name = "A,B")]
    topics: Option<String>,
    /// Set a key of the configuration; may be given again and again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Options {
    /// The configuration, if there is nothing wrong with it.
    pub(super) fn configure(&self) -> Result<Config, Failure> {
        let (config, problems) = self.read()?;
        if problems.is_empty() { Ok(config) } else { Err(Failure::Usage(Problems(problems).into())) }
    }

    /// The configuration, and all that is wrong with it.
    pub(super) fn read(&self) -> Result<(Config, Vec<Problem>), Failure> {
        let (config, mut problems) = self.with_layers(load)?;
        problems.extend(config.problems_with_kafka());
        Ok((config, problems))
    }

    /// The effective configuration as text, secrets masked.
    pub(super) fn print(&self) -> Result<String, Failure> {
        self.configure()?;
        self.with_layers(print)
    }

    fn with_layers<T>(&self, of: impl FnOnce(&[Layer<'_>]) -> T) -> Result<T, Failure> {
        let file = match &self.config {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("--config {name}"))
                    .map_err(Failure::Usage)?;
                Some((name, text))
            }
            None => None,
        };
        let mut layers = vec![Layer::Found("kafka.instance", Value::String(host_name()), "the host's name")];
        layers.extend(file.as_ref().map(|(name, text)| Layer::File(name, text)));
        for (key, option) in [("kafka.brokers", &self.brokers), ("input.topics", &self.topics)] {
            layers.extend(option.iter().map(|value| Layer::Option(key, Value::String(value.clone()))));
        }
        layers.extend(self.set.iter().map(|assignment| Layer::Set(assignment)));
        Ok(of(&layers))
    }
}

/// The host's name, as far as it may stand in the name of a group member.
fn host_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let name: String =
        name.chars().take(128).map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    if name.is_empty() { "eddyline".to_owned() } else { name }
}
