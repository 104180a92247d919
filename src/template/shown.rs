//! How a template is shown: its skeleton, with what never varied in it as it stands in the lines.
//!
//! `port 22 ssh2` is `port <*>` as a skeleton, whose identity must not depend on what was seen. A reader is better served by
//! `port <*> ssh2` as long as every line says `ssh2`. So the first line is kept, and of each of its variable words whether it
//! was the same in all lines. Numbers, addresses, paths, times and what looks like an identifier (`blk_7182`, `db1.example`) are
//! never shown, for they vary sooner or later. A date and its time of day are one `<*>`, and so are a number and a unit that varies
//! with it.

use std::ops::Range;

use super::class::{COLON, END, class};
use super::kind::{ParameterKind, is_unit};
use super::masks::Masks;
use super::skeleton::{PARAMETERS_MAX, Parameter, Skeleton};

const VARIABLE: &str = "<*>";

/// A word with so many digits is an identifier.
const DIGITS_OF_IDENTIFIER: usize = 3;

/// What the lines of one template have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    line: String,
    parameters: Vec<Parameter>,
    /// Whether the parameter with this place was the same in all lines.
    constant: [bool; PARAMETERS_MAX],
    /// Whether the stem of the parameter with this place was, see [`stem`].
    same_stem: [bool; PARAMETERS_MAX],
    /// Whether the slot of the parameter with this place has more or fewer of them in other lines: then it is one `<*>`.
    ragged: [bool; PARAMETERS_MAX],
    /// Whether all parameters of all lines are known.
    is_regular: bool,
}

impl Shown {
    /// The template of a line of which this is the skeleton.
    pub fn new(line: &str, skeleton: &Skeleton<'_>) -> Self {
        let parameters = skeleton.parameters.to_vec();
        let is_regular = parameters.len() < PARAMETERS_MAX;
        let (constant, same_stem, ragged) = ([true; PARAMETERS_MAX], [true; PARAMETERS_MAX], [false; PARAMETERS_MAX]);
        Self { line: line.to_owned(), parameters, constant, same_stem, ragged, is_regular }
    }

    /// Meets another line of it.
    pub fn meet(&mut self, line: &str, skeleton: &Skeleton<'_>) {
        self.is_regular &= skeleton.parameters.len() < PARAMETERS_MAX;
        if !self.is_regular {
            return;
        }
        let others = skeleton.parameters;
        let (mut at, mut other_at) = (0, 0);
        while let Some(first) = self.parameters.get(at) {
            let (end, other_end) = (end_of_slot(&self.parameters, at), end_of_slot(others, other_at));
            if others.get(other_at).is_none_or(|other| other.slot != first.slot) {
                self.is_regular = false;
                return;
            }
            if end - at == other_end - other_at {
                self.compare(at..end, line, others.get(other_at..other_end).unwrap_or_default());
            } else {
                self.ragged.get_mut(at..end).unwrap_or_default().fill(true);
            }
            (at, other_at) = (end, other_end);
        }
    }

    /// Compares the parameters of one slot with those of another line.
    fn compare(&mut self, places: Range<usize>, line: &str, others: &[Parameter]) {
        for (place, other) in places.zip(others) {
            let (Some(first), Some(constant), Some(same_stem)) =
                (self.parameters.get(place), self.constant.get_mut(place), self.same_stem.get_mut(place))
            else {
                return;
            };
            let (first, other) = (first.text(&self.line), other.text(line));
            *constant = *constant && first == other;
            *same_stem = *same_stem && (*constant || stem(first) == stem(other));
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

    /// Whether the parameter with this place and the one before it are one value: parts of a list whose length varies or of a date,
    /// or a number and a unit that varies with it.
    fn is_one(&self, before: &Parameter, parameter: &Parameter, place: usize) -> bool {
        use ParameterKind::{Number, Path, Time, Url, Word};
        if before.slot != parameter.slot {
            return false;
        }
        let is_of_date = |text: &str| text.len() <= 2 || text.len() == 4;
        let between = Parameter { start: before.end, end: parameter.start, ..*before };
        let is_apart = between.text(&self.line).trim_ascii().is_empty();
        self.ragged.get(place) == Some(&true)
            || is_apart
                && match (before.kind, parameter.kind) {
                    (Time, Time) => true,
                    (Time, Number) => is_of_date(parameter.text(&self.line)),
                    (Number, Time) => is_of_date(before.text(&self.line)),
                    // The target of a request and its protocol.
                    (Path | Url, Word) => !is_word(Word, parameter.text(&self.line)),
                    (Number, Word) => {
                        self.constant.get(place) == Some(&false) && is_unit(parameter.text(&self.line).as_bytes())
                    }
                    _ => false,
                }
    }

    /// What stands before a parameter, without the sign that makes it a bound: `lifetime <1 sec` is `lifetime <*>` elsewhere.
    fn without_bound<'a>(&self, between: &'a str, parameter: &Parameter) -> &'a str {
        let behind = Parameter { start: parameter.end, end: parameter.end.saturating_add(1), ..*parameter };
        let is_enclosed = matches!(behind.text(&self.line), ">" | "<");
        let bound = between.strip_suffix(['<', '>']).filter(|before| before.is_empty() || before.ends_with(' '));
        match parameter.kind {
            ParameterKind::Number if !is_enclosed => bound.unwrap_or(between),
            _ => between,
        }
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
        for (place, parameter) in self.parameters.iter().enumerate() {
            let (start, end) = (usize::try_from(parameter.start).ok()?, usize::try_from(parameter.end).ok()?);
            let between = self.line.get(at..start)?;
            let value = self.line.get(start..end)?;
            let before = place.checked_sub(1).and_then(|before| self.parameters.get(before));
            at = end;
            let between = self.without_bound(between, parameter);
            if before.is_none_or(|before| !self.is_one(before, parameter, place)) || !text.ends_with(VARIABLE) {
                text.push_str(between);
            }
            let is_ragged = *self.ragged.get(place)?;
            if let Some(mask) = masked.iter().find(|mask| mask.range == (start..end)) {
                text.extend(["<", &mask.name, ">"]);
            } else if !is_ragged && *self.constant.get(place)? && is_word(parameter.kind, value) {
                text.push_str(value);
            } else if !is_ragged && *self.same_stem.get(place)? && !stem(value).is_empty() {
                text.extend([stem(value), VARIABLE]);
            } else if !text.ends_with(VARIABLE) {
                text.push_str(VARIABLE);
            }
        }
        text.push_str(self.line.get(at..)?);
        Some(text)
    }
}

/// Where the slot of the parameter at this place ends.
fn end_of_slot(parameters: &[Parameter], at: usize) -> usize {
    let slot = parameters.get(at).map(|first| first.slot);
    at + parameters.iter().skip(at).take_while(|parameter| Some(parameter.slot) == slot).count()
}

/// Whether a value may well be the writer's own word: no truth value, and no identifier or host.
fn is_word(kind: ParameterKind, value: &str) -> bool {
    let is_truth = ["true", "false", "null", "nil", "none"].iter().any(|word| value.eq_ignore_ascii_case(word));
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let is_identifier = digits >= DIGITS_OF_IDENTIFIER || value.trim_matches('.').contains(['.', '@', ':']);
    // `0/1`, `0%/0%`
    let is_count = digits > 0 && !value.bytes().any(|byte| byte.is_ascii_alphabetic());
    kind == ParameterKind::Word && !is_truth && !is_identifier && !is_count && value != VARIABLE
}

/// What a word has before its number: `core.` of `core.2275`; nothing of other words.
fn stem(word: &str) -> &str {
    let Some((name, number)) = word.split_once('.') else { return "" };
    let is_numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_numbered && is_name { word.get(..=name.len()).unwrap_or_default() } else { "" }
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
    }

    #[test]
    fn lists_of_different_lengths_are_one_variable() {
        let lines = ["ids 1,2 of 3 ssh2", "ids 1 of 4 ssh2", "ids 7, 8, 9 of 4 ssh2"];
        assert_eq!(shown(&lines).as_deref(), Some("ids <*> of <*> ssh2"));
        assert_eq!(shown(&["lifetime <1 sec", "lifetime 00:17"]).as_deref(), Some("lifetime <*>"));
        let lines = ["of eth0 1 2 ssh2 x", "of eth0 1 ssh2 x"];
        assert_eq!(shown(&lines).as_deref(), Some("of <*> x"));
    }

    #[test]
    fn identifiers_are_never_shown_and_stems_are() {
        assert_eq!(shown(&["block blk_7182 of db1.example"]).as_deref(), Some("block <*> of <*>"));
        assert_eq!(shown(&["commands=3/4 heap=0%/0%"]).as_deref(), Some("commands=<*> heap=<*>"));
        assert_eq!(shown(&["core.12 by x.1", "core.7 by y.1"]).as_deref(), Some("core.<*> by <*>"));
    }

    #[test]
    fn dates_and_amounts_are_one_variable() {
        let lines = ["at 2026-11-23 08:01:24 read 9 KB", "at 2026-11-23 08:01:25 read 1 MB"];
        assert_eq!(shown(&lines).as_deref(), Some("at <*> read <*>"));
        assert_eq!(shown(&["at Sep  7 07:14:19 read 9 KB"]).as_deref(), Some("at <*> read <*> KB"));
        assert_eq!(shown(&["\"GET /cart/17 HTTP/1.1\" 200"]).as_deref(), Some("\"GET <*>\" <*>"));
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
