//! Reads the layers of a configuration: a file first, then what the command line sets.

use std::fmt;

use toml::{Table, Value};

use super::secret::is_kept_elsewhere;
use super::{Config, KEYS};

/// Where values come from. Later layers win.
pub enum Layer<'a> {
    /// A file's name and its text.
    File(&'a str, &'a str),
    /// `KEY=VALUE` of the command line.
    Set(&'a str),
    /// A key that has an option of its own.
    Option(&'static str, Value),
    /// A key whose default is found out at the start, and what it was taken from.
    Found(&'static str, Value, &'static str),
}

/// One thing that is wrong: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: String,
    what: String,
    advice: String,
}

impl Problem {
    /// A problem at this place.
    pub fn new(place: &str, what: &str, advice: &str) -> Self {
        Self { place: place.to_owned(), what: what.to_owned(), advice: advice.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.what)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

/// All that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is not valid:{}", .0.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
pub struct Problems(pub Vec<Problem>);

/// A value as a layer gives it.
pub(super) struct Assignment<'a> {
    /// The dotted name of a key, or of none.
    pub(super) name: String,
    pub(super) value: Value,
    /// The layer, as people know it.
    pub(super) source: &'a str,
}

/// Reads all layers into one configuration, and finds all problems of all layers.
pub fn load(layers: &[Layer<'_>]) -> (Config, Vec<Problem>) {
    let (assignments, mut problems) = assignments(layers);
    let mut config = Config::default();
    for assignment in assignments {
        set(&mut config, &assignment, &mut problems);
    }
    (config, problems)
}

/// What the layers assign, in their order, and what of them cannot be read.
pub(super) fn assignments<'a>(layers: &[Layer<'a>]) -> (Vec<Assignment<'a>>, Vec<Problem>) {
    let (mut assignments, mut problems) = (Vec::new(), Vec::new());
    for layer in layers {
        match layer {
            Layer::File(name, text) => match text.parse::<Table>() {
                Ok(table) => flatten("", table, name, &mut assignments),
                Err(error) => problems.push(not_toml(name, text, &error)),
            },
            Layer::Set(assignment) => match assignment.split_once('=') {
                Some((key, value)) => {
                    let (name, value) = parse_assignment(key.trim(), value.trim());
                    assignments.push(Assignment { name, value, source: "--set" });
                }
                None => {
                    problems.push(Problem::new(&format!("--set {assignment}"), "has no value", "write it as KEY=VALUE"))
                }
            },
            Layer::Option(key, value) => {
                let (name, value) = ((*key).to_owned(), value.clone());
                assignments.push(Assignment { name, value, source: "the command line" });
            }
            Layer::Found(key, value, source) => {
                assignments.push(Assignment { name: (*key).to_owned(), value: value.clone(), source });
            }
        }
    }
    (assignments, problems)
}

/// The keys whose values may be secrets: they are never shown.
const SECRETS: [&str; 2] = ["kafka.properties", "admin.token"];

/// Where and why a file is no TOML; without the line itself, which may hold a password.
fn not_toml(name: &str, text: &str, error: &toml::de::Error) -> Problem {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Problem::new(&format!("{name}, line {line},"), &format!("is not TOML: {}", error.message()), "")
}

/// `kafka.properties.a.b=c` sets the property `a.b`; any other value is TOML where it reads as such, else a text. So is that of a
/// property where it names a file or a variable.
fn parse_assignment(key: &str, value: &str) -> (String, Value) {
    let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let text = || Value::String(value.to_owned());
    if let Some(property) = key.strip_prefix("kafka.properties.") {
        let value = parsed.filter(is_kept_elsewhere).unwrap_or_else(text);
        let table = Table::from_iter([(property.to_owned(), value)]);
        return ("kafka.properties".to_owned(), Value::Table(table));
    }
    (key.to_owned(), parsed.unwrap_or_else(text))
}

fn flatten<'a>(prefix: &str, table: Table, source: &'a str, assignments: &mut Vec<Assignment<'a>>) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) if !KEYS.iter().any(|key| key.name == name) => {
                flatten(&name, inner, source, assignments);
            }
            value => assignments.push(Assignment { name, value, source }),
        }
    }
}

fn set(config: &mut Config, assignment: &Assignment<'_>, problems: &mut Vec<Problem>) {
    let Assignment { name, value, source } = assignment;
    match KEYS.iter().find(|key| key.name == name) {
        Some(key) => {
            if let Err(expected) = (key.set)(config, value) {
                let found = if SECRETS.contains(&key.name) { String::new() } else { format!("not {value}") };
                problems.push(Problem::new(&format!("{name} (in {source})"), &expected, &found));
            }
        }
        None => {
            let meant = KEYS.iter().map(|key| (distance(key.name, name), key.name)).min();
            let advice = match meant {
                Some((distance, meant)) if distance <= TYPING_ERRORS_MAX => format!("did you mean {meant}?"),
                _ => format!("the keys are {}", KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")),
            };
            problems.push(Problem::new(&format!("{name} (in {source})"), "is no key of Eddyline", &advice));
        }
    }
}

/// A key that differs from a known one by more letters than this was not a typing error.
const TYPING_ERRORS_MAX: usize = 4;

/// Levenshtein's distance, so that a typing error is answered with what was meant. O(length²).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut before = i + 1;
        let mut next = vec![before];
        for (b, pair) in right.chars().zip(row.windows(2)) {
            if let [diagonal, above] = *pair {
                before = (diagonal + usize::from(a != b)).min(above + 1).min(before + 1);
                next.push(before);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_layers_win_and_the_defaults_are_those_of_the_table() {
        let file =
            "[kafka]\nbrokers = 'a:1'\nproperties = { 'socket.keepalive.enable' = true }\n[input]\ntopics = ['x']\n";
        let (config, problems) = load(&[
            Layer::File("f.toml", file),
            Layer::Set("observe.flush_ms=50"),
            Layer::Set("kafka.properties.security.protocol=ssl"),
            Layer::Option("input.topics", Value::String("b, a".to_owned())),
        ]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(config.kafka.brokers, "a:1");
        assert_eq!(config.topics, ["a", "b"]);
        assert_eq!(config.flush_ms, 50);
        assert_eq!(config.kafka.property("security.protocol"), Some("ssl"));
        assert_eq!(config.kafka.property("socket.keepalive.enable"), Some("true"));
        for key in KEYS.iter().filter(|key| key.default != "\"\"" && key.default != "[]") {
            if let Ok(table) = format!("value = {}", key.default).parse::<Table>() {
                let mut config = Config::default();
                (key.set)(&mut config, &table["value"]).unwrap();
                assert_eq!(config, Config::default(), "{}", key.name);
            }
        }
    }

    #[test]
    fn all_problems_are_reported_at_once_with_what_was_meant() {
        let file = "observ.flush_ms = 5\n[observe]\nflush_ms = 'x'\n[kafka]\nproperties = { 'group.id' = 'x' }\n";
        let (_, problems) = load(&[Layer::File("f.toml", file), Layer::Set("admin.listen=here"), Layer::Set("x")]);
        let problems = Problems(problems);
        assert_eq!(problems.0.len(), 5, "{problems}");
        assert!(problems.to_string().contains("did you mean observe.flush_ms?"), "{problems}");
        assert!(problems.to_string().contains("group.id"), "{problems}");
    }

    #[test]
    fn a_file_that_is_no_toml_says_where() {
        let problems = Problems(load(&[Layer::File("f.toml", "a = = 1")]).1);
        assert!(problems.to_string().contains("line 1"), "{problems}");
    }

    #[test]
    fn a_property_of_the_command_line_may_name_a_variable() {
        let (config, problems) = load(&[
            Layer::Set("kafka.properties.sasl.password={ env = 'CARGO_PKG_NAME' }"),
            Layer::Set("kafka.properties.sasl.username=1234"),
        ]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(config.kafka.property("sasl.password"), Some("eddyline"));
        assert_eq!(config.kafka.property("sasl.username"), Some("1234"));
        assert!(!format!("{config:?}").contains("1234"));
    }

    #[test]
    fn no_property_is_ever_shown() {
        let both = "[kafka.properties]\n'sasl.password' = 'hunter2'\n'group.id' = 'x'\n";
        let unquoted = "[kafka.properties]\n'sasl.password' = hunter2\n";
        let misspelt = "admin.token = { fiel = 'hunter2' }\n";
        for file in [both, unquoted, misspelt] {
            let problems = Problems(load(&[Layer::File("f.toml", file)]).1).to_string();
            assert!(!problems.contains("hunter2") && problems.contains("f.toml"), "{problems}");
        }
    }
}
