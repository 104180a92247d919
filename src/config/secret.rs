//! Values that must not be seen, and where they are kept.
//!
//! A password in a file of configuration ends in a repository, one on the command line in the list of processes. So a value may
//! name the file or the variable that holds it: `{ file = "/run/secrets/kafka" }`, `{ env = "KAFKA_PASSWORD" }`. It is read once,
//! at the start.

use std::fmt;
use std::io::Read;

use sha2::{Digest, Sha256};
use toml::Value;

/// The largest file that is read as a secret, in bytes: a key with its chain of certificates fits many times.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A text that shows itself to nobody who does not ask for it by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// This text, as a secret.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself, for whoever needs it to log in.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is this text, in a time that tells nothing of where they differ: what is compared are their hashes.
    pub fn is(&self, other: &[u8]) -> bool {
        Sha256::digest(&self.0) == Sha256::digest(other)
    }

    /// The secret that a value holds or names.
    ///
    /// # Errors
    /// What is expected instead, without the value.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let text = match (value, kept_in(value)) {
            (_, Some(Place::File(path))) => read_file(path)?,
            (_, Some(Place::Variable(name))) => std::env::var(name)
                .map_err(|_| format!("names the variable {name}, which is not set (or is not UTF-8)"))?,
            (Value::String(text), None) => text.clone(),
            (Value::Integer(_) | Value::Boolean(_) | Value::Float(_), None) => value.to_string(),
            _ => return Err("is a text, { file = \"PATH\" } or { env = \"VARIABLE\" }".to_owned()),
        };
        Ok(Self(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret is kept that does not stand in the configuration itself.
enum Place<'a> {
    File(&'a str),
    Variable(&'a str),
}

/// `{ file = … }` or `{ env = … }`, and nothing beside it.
fn kept_in(value: &Value) -> Option<Place<'_>> {
    let table = value.as_table().filter(|table| table.len() == 1)?;
    let place = |key| table.get(key).and_then(Value::as_str);
    place("file").map(Place::File).or_else(|| place("env").map(Place::Variable))
}

/// Whether a value names where the secret is kept, so that the value itself may be shown.
pub(super) fn is_kept_elsewhere(value: &Value) -> bool {
    kept_in(value).is_some()
}

/// The text of a file without the line break that an editor, `echo` or `kubectl` put behind it.
fn read_file(path: &str) -> Result<String, String> {
    let cannot = |reason: String| format!("names the file {path}, which cannot be read: {reason}");
    let file = std::fs::File::open(path).map_err(|error| cannot(error.to_string()))?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| cannot(error.to_string()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(cannot(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let without = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(without.unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(toml: &str) -> Value {
        format!("value = {toml}").parse::<toml::Table>().unwrap()["value"].clone()
    }

    #[test]
    fn a_secret_comes_from_a_file_a_variable_or_the_value_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (written, read) in
            [("hunter2\n", "hunter2"), ("hunter2\r\n", "hunter2"), (" a b \n\n", " a b \n"), ("", "")]
        {
            std::fs::write(&path, written).unwrap();
            let secret = Secret::read(&value(&format!("{{ file = {path:?} }}"))).unwrap();
            assert_eq!(secret.expose(), read);
        }
        assert_eq!(Secret::read(&value("{ env = 'CARGO_PKG_NAME' }")).unwrap().expose(), "eddyline");
        assert_eq!(Secret::read(&value("'hunter2'")).unwrap().expose(), "hunter2");
        assert_eq!(Secret::read(&value("true")).unwrap().expose(), "true");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::write(&large, vec![b'x'; 65_537]).unwrap();
        let large = format!("{{ file = {large:?} }}");
        for (toml, said) in [
            ("{ file = '/nowhere/kafka' }", "/nowhere/kafka"),
            ("{ env = 'EDDYLINE_NOT_SET' }", "EDDYLINE_NOT_SET"),
            ("{ file = 'a', env = 'B' }", "is a text"),
            ("{ fil = 'hunter2' }", "is a text"),
            ("['hunter2']", "is a text"),
            (large.as_str(), "more than 65536 bytes"),
        ] {
            let problem = Secret::read(&value(toml)).unwrap_err();
            assert!(problem.contains(said) && !problem.contains("hunter2"), "{problem}");
        }
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }

    #[test]
    fn only_the_same_text_is_it() {
        assert!(Secret::new("hunter2").is(b"hunter2"));
        assert!(!Secret::new("hunter2").is(b"hunter"));
        assert!(!Secret::new("").is(b"hunter2"));
    }
}
