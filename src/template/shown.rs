//! How a template is shown: its skeleton, with what never varied in it as it stands in the lines.
//!
//! `port 22 ssh2` is `port <*>` as a skeleton, whose identity must not depend on what was seen. A reader is better served by
//! `port <*> ssh2` as long as every line says `ssh2`. So the first line is kept, and of each of its variable words whether it
//! was the same in all lines. Numbers, addresses, paths and times are never shown, for they vary sooner or later.

use super::class::{COLON, END, class};
use super::kind::ParameterKind;
use super::masks::Masks;
use super::skeleton::{PARAMETERS_MAX, Parameter, Skeleton};

const VARIABLE: &str = "<*>";

/// What the lines of one template have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    line: String,
    parameters: Vec<Parameter>,
    /// Whether the parameter with this place was the same in all lines.
    constant: [bool; PARAMETERS_MAX],
    /// Whether all lines have as many parameters, and of the same kinds.
    is_regular: bool,
}

impl Shown {
    /// The template of a line of which this is the skeleton.
    pub fn new(line: &str, skeleton: &Skeleton<'_>) -> Self {
        let parameters = skeleton.parameters.to_vec();
        let is_regular = parameters.len() < PARAMETERS_MAX;
        Self { line: line.to_owned(), parameters, constant: [true; PARAMETERS_MAX], is_regular }
    }

    /// Meets another line of it.
    pub fn meet(&mut self, line: &str, skeleton: &Skeleton<'_>) {
        self.is_regular &= self.parameters.len() == skeleton.parameters.len();
        if !self.is_regular {
            return;
        }
        let pairs = self.parameters.iter().zip(skeleton.parameters);
        for ((first, other), constant) in pairs.zip(&mut self.constant) {
            *constant = *constant && first.text(&self.line) == other.text(line);
        }
    }

    /// The first line.
    pub fn example(&self) -> &str {
        &self.line
    }

    /// The kinds of its parameters, in the order of the line.
    pub fn kinds(&self) -> impl Iterator<Item = ParameterKind> {
        self.parameters.iter().map(|parameter| parameter.kind)
    }

    /// The text to show, given the masks that the skeletons were made with; `None` where the lines differ in more than the text of their parameters.
    pub fn text(&self, masks: &Masks) -> Option<String> {
        if !self.is_regular {
            return None;
        }
        let mut masked = Vec::new();
        masks.find(&self.line, &mut masked);
        let mut text = String::with_capacity(self.line.len());
        let mut at = 0;
        for (parameter, &constant) in self.parameters.iter().zip(&self.constant) {
            let (start, end) = (usize::try_from(parameter.start).ok()?, usize::try_from(parameter.end).ok()?);
            text.push_str(self.line.get(at..start)?);
            let value = self.line.get(start..end)?;
            if let Some(mask) = masked.iter().find(|mask| mask.range == (start..end)) {
                text.extend(["<", &mask.name, ">"]);
            } else if constant && is_word(parameter.kind, value) {
                text.push_str(value);
            } else if !text.ends_with(VARIABLE) {
                text.push_str(VARIABLE);
            }
            at = end;
        }
        text.push_str(self.line.get(at..)?);
        Some(text)
    }
}

/// Whether a value may well be the writer's own word: no truth value, and no host with a port.
fn is_word(kind: ParameterKind, value: &str) -> bool {
    let is_truth = ["true", "false", "null", "nil", "none"].iter().any(|word| value.eq_ignore_ascii_case(word));
    kind == ParameterKind::Word && !is_truth && !value.contains(':') && value != VARIABLE
}

/// The text that two templates of one merged template have in common: word by word where they have as many, with a variable
/// where they differ. `None` where they do not match so.
pub fn common_text(one: &str, other: &str) -> Option<String> {
    let (ones, others) = (words(one), words(other));
    if ones.len() != others.len() {
        return None;
    }
    let mut text = String::with_capacity(one.len());
    for (one, other) in ones.iter().zip(others) {
        match *one == other {
            true => text.push_str(one),
            false if text.ends_with(VARIABLE) => {}
            false => text.push_str(VARIABLE),
        }
    }
    Some(text)
}

/// Words, delimiters and runs of blanks, in order; a placeholder is a word.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let length = if rest.starts_with(VARIABLE) {
            VARIABLE.len()
        } else if class(first) & (END | COLON) != 0 {
            1
        } else {
            rest.bytes().position(|byte| class(byte) & (END | COLON) != 0).unwrap_or(rest.len())
        };
        let Some((word, behind)) = rest.split_at_checked(length) else { break };
        words.push(word);
        rest = behind;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Skeletoniser;

    fn shown(lines: &[&str]) -> Option<String> {
        let mut skeletoniser = Skeletoniser::new();
        let mut shown: Option<Shown> = None;
        for line in lines {
            let skeleton = skeletoniser.skeletonise(line);
            match &mut shown {
                Some(shown) => shown.meet(line, &skeleton),
                None => shown = Some(Shown::new(line, &skeleton)),
            }
        }
        shown?.text(&Masks::default())
    }

    #[test]
    fn what_never_varied_is_shown() {
        assert_eq!(shown(&["port 22 ssh2", "port 23 ssh2"]).as_deref(), Some("port <*> ssh2"));
        assert_eq!(shown(&["port 22 ssh2", "port 22 ssh1"]).as_deref(), Some("port <*> <*>"));
        assert_eq!(shown(&["user=root uid=0 ok=true"]).as_deref(), Some("user=root uid=<*> ok=<*>"));
        assert_eq!(shown(&["ids 1,2 of 3", "ids 1 of 3"]), None, "lists of different lengths");
    }

    #[test]
    fn merged_templates_share_what_is_equal() {
        let one = "Invalid user admin from <*> port <*> ssh2";
        assert_eq!(
            common_text(one, "Invalid user oracle from <*> port <*> ssh2").as_deref(),
            Some("Invalid user <*> from <*> port <*> ssh2")
        );
        assert_eq!(common_text(one, "Invalid user from <*>"), None);
    }
}
