//! Where the configuration of a command comes from: a file, options, `--set`.

use std::path::PathBuf;

use anyhow::Context;
use toml::Value;

use super::Failure;
use crate::config::{Config, Layer, Problem, Problems, load};

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
    pub(super) fn load(
        &self,
        options: &[(&'static str, Option<&String>)],
        set: &[String],
    ) -> Result<(Config, Vec<Problem>), Failure> {
        let file = match &self.config {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).with_context(|| format!("--config {name}"));
                Some((name, text.map_err(Failure::Usage)?))
            }
            None => None,
        };
        let mut layers: Vec<Layer<'_>> = file.iter().map(|(name, text)| Layer::File(name, text)).collect();
        let options = [("kafka.brokers", self.brokers.as_ref())].into_iter().chain(options.iter().copied());
        for (key, value) in options {
            layers.extend(value.map(|value| Layer::Option(key, Value::String(value.clone()))));
        }
        layers.extend(set.iter().map(|assignment| Layer::Set(assignment)));
        let (mut config, problems) = load(&layers);
        if config.kafka.instance.is_empty() {
            config.kafka.instance = host_name();
        }
        Ok((config, problems))
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
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    if name.is_empty() { "eddyline".to_owned() } else { name }
}
