//! A skeleton with each of its words left out in turn, and what can be said of the word by itself: what it looks like, and what
//! stands before it.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::class::{COLON, END, HEX_LETTER, LETTER, class, classes_of};
use super::masks::{Masked, Masks};
use super::quoted::{is_constant, is_state};
use super::skeleton::{SKELETON_BYTES_MAX, Skeletoniser};
use crate::record::TemplateId;

/// How many words of a skeleton are left out in turn.
pub(super) const WORDS_MAX: usize = 24;
/// Words that must remain beside the one that is left out; one is enough beside an identifier.
const WORDS_KEPT_MIN: usize = 2;
/// Beside the position of a word: it is left out wherever it stands.
const EVERYWHERE: u8 = 1 << 7;
/// In the place of a position: all identifiers are left out.
const ALL_IDENTIFIERS: u8 = u8::MAX;

/// A skeleton with a word left out, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Gap {
    pub(super) without: TemplateId,
    pub(super) position: u8,
}

/// What a word looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Look {
    /// A host, a package, a file, a setting: `a.b.example`, `max_open_files`, `web-api-prod`, `prod/web-api`.
    Identifier,
    /// A constant, a state or an exception: `POST`, `Started`, `a.intent.SCREEN_ON`, `java.io.IOException`.
    State,
    /// Anything else.
    Other,
}

impl Look {
    /// In quotes, where a participle may be a name as well (`vhost 'staging'`), only a constant is a state.
    fn of(word: &str, is_quoted: bool) -> Self {
        let inner = word.trim_matches(['.', '_', '-']);
        // One hyphen joins plain words too: `read-only`.
        let hyphens = inner.bytes().filter(|byte| *byte == b'-').count();
        let has_marks = inner.contains(['.', '_', '@', '$']) || hyphens > 1 || hyphens == 1 && inner.contains('/');
        match word {
            _ if is_quoted && !is_constant(word.as_bytes()) && !has_marks => Self::Other,
            _ if word.rsplit('.').next().is_some_and(|last| is_state(last.as_bytes()))
                || word.ends_with("Exception")
                || word.ends_with("Error") =>
            {
                Self::State
            }
            _ if has_marks => Self::Identifier,
            _ => Self::Other,
        }
    }
}

/// Whether more than half look like this.
pub(super) fn mostly(look: Look, looks: &[Look]) -> bool {
    looks.iter().filter(|other| **other == look).count() * 2 > looks.len()
}

/// A skeleton with one word left out.
pub(super) struct Variant {
    pub(super) gap: Gap,
    pub(super) text: Arc<str>,
    /// Hash of what is left out.
    pub(super) word: u64,
    pub(super) look: Look,
    pub(super) behind: Behind,
}

/// What stands before a word. Behind some words follow names, and names need not be many, nor come once each, to be values:
/// `session opened for user news`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// A noun that says whose name follows.
    Noun,
    /// `for` or `by`, or brackets around it: `(java)`.
    Preposition,
    /// Anything else.
    Other,
}

impl Behind {
    fn of(before: &str, after: &str) -> Self {
        let Some(before) = before.strip_suffix(' ') else {
            let is_alone = matches!(
                (before.bytes().last(), after.bytes().next()),
                (Some(b'('), Some(b')')) | (Some(b'['), Some(b']'))
            );
            return if is_alone { Self::Preposition } else { Self::Other };
        };
        let word = before.rsplit([' ', '(', '[', '"', '\'']).next().map(|word| word.trim_end_matches(':'));
        match word {
            Some("user" | "User" | "username" | "account" | "host" | "node" | "group" | "domain") => Self::Noun,
            Some("device" | "dev" | "interface" | "volume" | "container" | "module" | "plugin" | "package") => {
                Self::Noun
            }
            Some("database" | "db" | "table" | "queue" | "topic") => Self::Noun,
            Some(key) if key.ends_with("_id") || key.ends_with("_name") => Self::Noun,
            Some("for" | "by") => Self::Preposition,
            _ => Self::Other,
        }
    }
}

/// The skeleton with each of its words left out in turn, with one that comes several times left out everywhere
/// (`query (a.example): a.example IN A`), and with all identifiers left out at once (`dag sales_etl, task load_orders`); none of one
/// that was cut, and none beside which too few words remain.
pub(super) fn variants(text: &str, masks: &Masks) -> Vec<Variant> {
    let words = words(text, masks);
    if text.len() >= SKELETON_BYTES_MAX {
        return Vec::new();
    }
    let mut skeletoniser = Skeletoniser::with_masks(masks.clone());
    let mut variants = Vec::new();
    for (position, place) in (0..).zip(words.iter().take(WORDS_MAX)) {
        let mut leave_out = |places: &[Range<usize>], position: u8| {
            let remain = words.len() - places.len();
            variants.extend(without(text, places, position, remain, &mut skeletoniser));
        };
        leave_out(std::slice::from_ref(place), position);
        let is_same = |other: &&Range<usize>| text.get((*other).clone()) == text.get(place.clone());
        let same: Vec<Range<usize>> = words.iter().filter(is_same).cloned().collect();
        if same.len() > 1 && same.first() == Some(place) {
            leave_out(&same, position | EVERYWHERE);
        }
    }
    let is_identifier = |place: &&Range<usize>| look_of(text, place) == Some(Look::Identifier);
    let identifiers: Vec<Range<usize>> = words.iter().take(WORDS_MAX).filter(is_identifier).cloned().collect();
    if identifiers.len() > 1 {
        let remain = words.len() - identifiers.len();
        variants.extend(without(text, &identifiers, ALL_IDENTIFIERS, remain, &mut skeletoniser));
    }
    variants
}

fn look_of(text: &str, place: &Range<usize>) -> Option<Look> {
    let quote = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).filter(|byte| b"'\"".contains(byte));
    let before = quote(place.start.checked_sub(1));
    Some(Look::of(text.get(place.clone())?, before.is_some() && before == quote(Some(place.end))))
}

/// The skeleton without what is in these places; `None` where too few other words remain.
fn without(
    text: &str,
    places: &[Range<usize>],
    position: u8,
    remain: usize,
    skeletoniser: &mut Skeletoniser,
) -> Option<Variant> {
    let first = places.first()?.clone();
    let look = look_of(text, &first)?;
    if remain < if look == Look::Identifier { 1 } else { WORDS_KEPT_MIN } {
        return None;
    }
    let behind = Behind::of(text.get(..first.start)?, text.get(first.end..)?);
    let (mut with_variable, mut left_out) = (String::with_capacity(text.len()), String::new());
    let mut at = 0;
    for place in places {
        left_out.extend([text.get(place.clone())?, " "]);
        with_variable.push_str(text.get(at..place.start)?);
        with_variable.push_str("<*>");
        at = place.end;
    }
    with_variable.push_str(text.get(at..)?);
    let skeleton = skeletoniser.skeletonise_again(&with_variable);
    let gap = Gap { without: skeleton.id, position };
    Some(Variant { gap, text: Arc::from(skeleton.text()), word: xxh3_64(left_out.as_bytes()), look, behind })
}

/// Where the words of a skeleton are: runs without blanks and delimiters that have a letter, but no names of masks.
fn words(text: &str, masks: &Masks) -> Vec<Range<usize>> {
    let mut masked = Vec::new();
    masks.find_placeholders(text, &mut masked);
    let is_mask = |start: usize| masked.iter().any(|mask: &Masked| mask.range.contains(&start));
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| class(*byte) & (END | COLON) != 0).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or_default();
        let trailing = run.iter().rev().take_while(|byte| matches!(byte, b'.' | b'!' | b'?')).count();
        let core = length - trailing.min(length.saturating_sub(1));
        if classes_of(run) & (LETTER | HEX_LETTER) != 0 && !is_mask(at) {
            words.push(at..at + core);
        }
        at += length + 1;
    }
    words
}
