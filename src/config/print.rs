//! The effective configuration as text: what `run --print-config` writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::Value;

use super::load::{Assignment, assignments};
use super::secret::is_kept_elsewhere;
use super::{KEYS, Layer};

/// What stands in the place of a secret.
const MASK: &str = "[secret]";

/// Properties of librdkafka that name no secret though one of [`SECRET_WORDS`] is in their names.
const NOT_SECRET: [&str; 4] =
    ["sasl.kerberos.keytab", "sasl.oauthbearer.token.endpoint.url", "ssl.key.location", "ssl.keystore.location"];
/// What is in the names of the properties that librdkafka keeps out of its own logs (`_RK_SENSITIVE`), and of whatever like
/// them later versions bring.
const SECRET_WORDS: [&str; 8] =
    ["password", "passphrase", "secret", "token", "key", "pem", "oauthbearer.config", "assertion"];

/// The effective configuration as TOML, each value with the layer that it comes from. Secrets are masked; where a value names
/// the file or the variable that holds one, that is shown, so the text can be loaded again.
///
/// The layers have to be without problems.
pub fn print(layers: &[Layer<'_>]) -> String {
    let (assignments, _) = assignments(layers);
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let (table, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if table != section {
            let _ = writeln!(text, "{}[{table}]", if section.is_empty() { "" } else { "\n" });
            section = table;
        }
        let mut given = assignments.iter().filter(|assignment| assignment.name == key.name);
        if key.name == "kafka.properties" {
            print_properties(&mut text, name, given);
            continue;
        }
        let _ = match given.next_back() {
            Some(Assignment { value, source, .. }) if key.name == "admin.token" => {
                writeln!(text, "{name} = {} # {source}", masked(value))
            }
            Some(Assignment { value, source, .. }) => writeln!(text, "{name} = {value} # {source}"),
            // Some defaults are no values but found at the start.
            None if format!("{name} = {}", key.default).parse::<toml::Table>().is_err() => {
                writeln!(text, "# {name}: {} # default", key.default)
            }
            None => writeln!(text, "{name} = {} # default", key.default),
        };
    }
    text
}

/// Properties of several layers add up. They stand in one table within the section, so that other keys can follow.
fn print_properties<'a>(text: &mut String, name: &str, given: impl Iterator<Item = &'a Assignment<'a>>) {
    let mut properties = BTreeMap::new();
    for Assignment { value, source, .. } in given {
        for (property, value) in value.as_table().into_iter().flatten() {
            properties.insert(property, (value, source));
        }
    }
    for (property, (value, source)) in properties {
        let shown = if is_secret(property) { masked(value) } else { value.clone() };
        let _ = writeln!(text, "{name}.{} = {shown} # {source}", Value::String(property.clone()));
    }
}

fn masked(value: &Value) -> Value {
    if is_kept_elsewhere(value) { value.clone() } else { Value::String(MASK.to_owned()) }
}

/// Whether the value of a property is a secret: rather one too many is masked than one too few.
fn is_secret(property: &str) -> bool {
    !NOT_SECRET.contains(&property) && SECRET_WORDS.iter().any(|word| property.contains(word))
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::*;

    const FILE: &str = "
        [kafka]
        brokers = 'a:1'
        [kafka.properties]
        'sasl.username' = 'eddyline'
        'sasl.password' = 'hunter2'
        'ssl.key.password' = { env = 'CARGO_PKG_NAME' }
        'ssl.ca.location' = '/etc/ca.pem'
        [admin]
        token = 'hunter2'
    ";

    #[test]
    fn it_says_where_values_come_from_and_masks_secrets() {
        let layers = [
            Layer::File("f.toml", FILE),
            Layer::Option("input.topics", Value::String("a,b".to_owned())),
            Layer::Set("observe.flush_ms=50"),
            Layer::Set("kafka.properties.sasl.username=other"),
        ];
        let text = print(&layers);
        for line in [
            "brokers = \"a:1\" # f.toml",
            "group = \"eddyline\" # default",
            "properties.\"sasl.password\" = \"[secret]\" # f.toml",
            "properties.\"sasl.username\" = \"other\" # --set",
            "properties.\"ssl.key.password\" = { env = \"CARGO_PKG_NAME\" } # f.toml",
            "properties.\"ssl.ca.location\" = \"/etc/ca.pem\" # f.toml",
            "topics = \"a,b\" # the command line",
            "flush_ms = 50 # --set",
            "# threads: one for each core # default",
            "token = \"[secret]\" # f.toml",
        ] {
            assert!(text.lines().any(|printed| printed == line), "no line {line:?} in\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        let (again, problems) = load(&[Layer::File("printed", &text)]);
        assert!(problems.is_empty(), "{problems:?}\n{text}");
        let (mut config, _) = load(&layers);
        config.admin_token = again.admin_token.clone();
        let password = again.kafka.properties["sasl.password"].clone();
        config.kafka.properties.insert("sasl.password".to_owned(), password);
        assert_eq!(again, config, "what is printed is what is in force");
    }

    #[test]
    fn whatever_librdkafka_keeps_secret_is_masked() {
        // Those with _RK_SENSITIVE in librdkafka 2.12's rdkafka_conf.c, but the two that are a path and a name.
        for property in [
            "ssl.key.password",
            "ssl.key.pem",
            "ssl_key",
            "ssl.ca.pem",
            "ssl.keystore.password",
            "sasl.password",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
        ] {
            assert!(is_secret(property), "{property}");
        }
        for property in ["security.protocol", "sasl.username", "ssl.ca.location", "ssl.key.location", "group.protocol"]
        {
            assert!(!is_secret(property), "{property}");
        }
    }
}
