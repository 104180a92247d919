//! Users' masks: patterns of what varies in their own logs, such as the number of an order.
//!
//! All patterns are one automaton (`regex-automata`'s, without back-references). What it finds, leftmost and then the mask that was
//! given first, becomes a variable before the typed pass sees the line, and stands in the skeleton as the mask's name: `<ORDER>`.
//!
//! # Invariants
//!
//! * Without masks nothing is searched. The id of a line in which no mask finds anything is what it is without masks: who adds a mask
//!   makes new kinds only of the lines that it is about.
//! * What is found does not overlap, is not empty, lies on boundaries of characters, and comes in rising order.
//!
//! # Limits
//!
//! The automaton has [`AUTOMATON_BYTES_MAX`], and is sought in the first [`MASKED_BYTES_MAX`] of a line: a search is linear, but
//! finding all matches can be quadratic in what is searched.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::hir::Hir;
use xxhash_rust::xxh3::xxh3_64;

/// The most masks there may be.
pub const MASKS_MAX: usize = 64;
/// The longest name of a mask, in bytes.
pub const MASK_NAME_BYTES_MAX: usize = 32;
/// The longest pattern of a mask, in bytes.
pub const MASK_PATTERN_BYTES_MAX: usize = 1 << 10;
/// The largest automaton of all masks together, in bytes.
pub const AUTOMATON_BYTES_MAX: usize = 4 << 20;
/// How far into a line masks are sought, in bytes.
pub const MASKED_BYTES_MAX: usize = 16 << 10;

/// What is wrong with a mask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// Its name cannot stand in a skeleton.
    #[error(
        "mask '{0}': a name has 1 to {MASK_NAME_BYTES_MAX} capital letters, digits and underscores and begins with a letter"
    )]
    Name(String),
    /// Another one has its name.
    #[error("mask {0} is there twice")]
    Twice(String),
    /// Its pattern cannot be read.
    #[error("mask {mask}: {what}, at character {position} of its pattern")]
    Syntax {
        /// The mask's name.
        mask: String,
        /// What is wrong.
        what: String,
        /// Where, in characters from 1.
        position: usize,
    },
    /// Its pattern matches the empty text, and so everywhere.
    #[error("mask {0}: its pattern may not match the empty text, at character 1 of its pattern")]
    Empty(String),
    /// Its pattern is too long.
    #[error(
        "mask {0}: its pattern is longer than {MASK_PATTERN_BYTES_MAX} bytes, at character {MASK_PATTERN_BYTES_MAX} of its pattern"
    )]
    Long(String),
    /// With it the automaton is too large.
    #[error(
        "mask {0}: with its pattern the automaton of all masks is larger than {AUTOMATON_BYTES_MAX} bytes; repeat less"
    )]
    Large(String),
    /// There are too many.
    #[error("there are more than {MASKS_MAX} masks")]
    TooMany,
}

/// What a mask found in a line, or a placeholder of it in a skeleton.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Masked {
    /// Where it is, in bytes.
    pub(super) range: Range<usize>,
    /// The name of the mask.
    pub(super) name: Arc<str>,
}

/// The masks of a configuration; none by default. Two are equal if they have the same names and patterns in the same order.
#[derive(Clone, Debug, Default)]
pub struct Masks {
    names: Vec<Arc<str>>,
    /// `None` where there are no masks.
    automaton: Option<Regex>,
    /// A hash of all names and patterns; 0 without any.
    identity: u64,
}

impl PartialEq for Masks {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity && self.names == other.names
    }
}

impl Masks {
    /// The masks with these names and patterns; of two that match at the same place the first wins.
    ///
    /// # Errors
    /// The first mask that is wrong.
    pub fn new<'a>(masks: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, MaskError> {
        let (mut names, mut patterns, mut identity) = (Vec::<Arc<str>>::new(), Vec::new(), String::new());
        for (name, pattern) in masks {
            if names.iter().any(|other| **other == *name) {
                return Err(MaskError::Twice(name.to_owned()));
            }
            names.push(checked_name(name)?);
            patterns.push(parsed(name, pattern)?);
            identity.push_str(&format!("{name} {} {pattern}\n", pattern.len()));
        }
        if names.len() > MASKS_MAX {
            return Err(MaskError::TooMany);
        }
        if names.is_empty() {
            return Ok(Self::default());
        }
        let automaton = automaton(&patterns).ok_or_else(|| MaskError::Large(first_too_large(&names, &patterns)))?;
        Ok(Self { names, automaton: Some(automaton), identity: xxh3_64(identity.as_bytes()) })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// A hash of all names and patterns, in their order.
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// What the masks find in a line.
    #[inline]
    pub(super) fn find(&self, line: &str, found: &mut Vec<Masked>) {
        found.clear();
        let Some(automaton) = &self.automaton else { return };
        let searched = line.get(..line.floor_char_boundary(MASKED_BYTES_MAX)).unwrap_or_default();
        found.extend(automaton.find_iter(searched).filter_map(|found| {
            let name = Arc::clone(self.names.get(found.pattern().as_usize())?);
            Some(Masked { range: found.range(), name })
        }));
    }

    /// The names of masks that stand in a skeleton.
    pub(super) fn find_placeholders(&self, skeleton: &str, found: &mut Vec<Masked>) {
        found.clear();
        if self.is_empty() {
            return;
        }
        let mut at = 0;
        while let Some(start) = skeleton.get(at..).and_then(|rest| rest.find('<')).map(|place| at + place) {
            let rest = skeleton.get(start + 1..).unwrap_or_default();
            let is_here = |name: &&Arc<str>| rest.strip_prefix(&***name).is_some_and(|rest| rest.starts_with('>'));
            at = start + 1;
            if let Some(name) = self.names.iter().find(is_here) {
                at += name.len() + 1;
                found.push(Masked { range: start..at, name: Arc::clone(name) });
            }
        }
    }
}

fn checked_name(name: &str) -> Result<Arc<str>, MaskError> {
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = name.bytes().all(is_allowed)
        && name.bytes().next().is_some_and(|first| first.is_ascii_uppercase())
        && name.len() <= MASK_NAME_BYTES_MAX;
    if is_name { Ok(Arc::from(name)) } else { Err(MaskError::Name(name.to_owned())) }
}

fn parsed(mask: &str, pattern: &str) -> Result<Hir, MaskError> {
    if pattern.len() > MASK_PATTERN_BYTES_MAX {
        return Err(MaskError::Long(mask.to_owned()));
    }
    let syntax = |what: String, byte: usize| {
        let before = pattern.get(..byte).unwrap_or(pattern);
        MaskError::Syntax { mask: mask.to_owned(), what, position: before.chars().count() + 1 }
    };
    let hir = regex_syntax::Parser::new().parse(pattern).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => syntax(error.kind().to_string(), error.span().start.offset),
        regex_syntax::Error::Translate(error) => syntax(error.kind().to_string(), error.span().start.offset),
        error => syntax(error.to_string(), 0),
    })?;
    if hir.properties().minimum_len() == Some(0) { Err(MaskError::Empty(mask.to_owned())) } else { Ok(hir) }
}

/// `None` where it would be too large.
fn automaton(patterns: &[Hir]) -> Option<Regex> {
    let config = Regex::config().nfa_size_limit(Some(AUTOMATON_BYTES_MAX)).which_captures(WhichCaptures::Implicit);
    Regex::builder().configure(config).build_many_from_hir(patterns).ok()
}

/// The mask with which the automaton becomes too large.
fn first_too_large(names: &[Arc<str>], patterns: &[Hir]) -> String {
    let fits = |count: usize| patterns.get(..count).is_some_and(|first| automaton(first).is_some());
    let large = names.iter().enumerate().find(|(index, _)| !fits(index + 1));
    large.map_or("?", |(_, name)| name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Second;
    use crate::template::{Merges, ParameterKind, Shown, Skeletoniser};

    const ORDER: (&str, &str) = ("ORDER", "ord-[0-9]{6}");

    fn skeletoniser(masks: &[(&str, &str)]) -> Skeletoniser {
        Skeletoniser::with_masks(Masks::new(masks.iter().copied()).unwrap())
    }

    fn error(masks: &[(&str, &str)]) -> String {
        Masks::new(masks.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn what_matches_is_a_variable_with_the_masks_name() {
        let line = "order ord-123456, id=ord-654321: paid 3 EUR by ord-1";
        let mut with = skeletoniser(&[ORDER]);
        let skeleton = with.skeletonise(line);
        assert_eq!(skeleton.text(), "order <ORDER>, id=<ORDER>: paid <*> EUR by <*>");
        let masked = skeleton.parameters.iter().filter(|parameter| parameter.kind == ParameterKind::Masked);
        assert_eq!(masked.map(|masked| masked.text(line)).collect::<Vec<_>>(), ["ord-123456", "ord-654321"]);
        let slots: Vec<u16> = skeleton.parameters.iter().map(|parameter| parameter.slot).collect();
        assert_eq!(slots, [0, 1, 2, 3]);
        let shown = Shown::new(line, &skeleton);
        assert_eq!(shown.text(with.masks()).as_deref(), Some("order <ORDER>, id=<ORDER>: paid <*> EUR by ord-1"));
    }

    #[test]
    fn a_mask_may_lie_across_tokens_and_within_one() {
        let mut masks = skeletoniser(&[("WHO", "for [a-z]+ at"), ("IN", "nn+")]);
        assert_eq!(masks.skeletonise("bought for ann at noon, cannnot").text(), "bought <WHO> noon, ca<IN>ot");
        // The first that begins, and of these the first that was given.
        assert_eq!(skeletoniser(&[("A", "bc"), ("B", "ab|b")]).skeletonise("abc bc").text(), "<B>c <A>");
        assert_eq!(skeletoniser(&[("A", "[é€]+")]).skeletonise("x é€ y").text(), "x <A> y");
    }

    #[test]
    fn the_id_of_a_line_depends_on_what_is_found_in_it() {
        let id = |masks: &[(&str, &str)], line: &str| skeletoniser(masks).skeletonise(line).id;
        let others = "nothing that a mask would match";
        assert_eq!(id(&[], others), id(&[ORDER], others));
        let [plain, named, otherwise] =
            [&[][..], &[ORDER], &[("ORDERS", ORDER.1)]].map(|masks| id(masks, "order ord-123456 x"));
        assert!(plain != named && named != otherwise && otherwise != plain);
    }

    #[test]
    fn merging_takes_the_name_of_a_mask_for_a_variable() {
        let mut skeletoniser = skeletoniser(&[
            ORDER,
            ("BASKET", "bas-[0-9]"),
            ("CARD", "car-[0-9]"),
            ("PARCEL", "par-[0-9]"),
            ("STOCK", "sto-[0-9]"),
        ]);
        let masks = skeletoniser.masks().clone();
        let (mut merges, mut merged) = (Merges::default(), Vec::new());
        let mut meet = |line: &str, merged: &mut Vec<String>| {
            let skeleton = skeletoniser.skeletonise(line);
            merges.count(skeleton.id, 1, Second(1));
            let found = merges.meet(skeleton.id, skeleton.text(), 1, Second(1), &masks);
            merged.extend(found.into_iter().map(|merge| merge.text.as_ref().to_owned()));
            skeleton.id
        };
        // Five names of masks in one place: were they words, these would be one template.
        for line in ["took ord-123456 away", "took bas-1 away", "took car-1 away", "took par-1 away", "took sto-1 away"]
        {
            meet(line, &mut merged);
        }
        assert_eq!(merged, [""; 0]);
        for name in ["ann", "bob", "cid", "dan", "eve"] {
            meet(&format!("{name} took ord-123456 away"), &mut merged);
        }
        assert_eq!(merged.last().map(String::as_str), Some("<*> took <ORDER> away"));
        // What the merged template is: the skeleton of a line with a variable in that place.
        let id = meet("77 took ord-123456 away", &mut merged);
        assert_eq!(merges.resolve(id), id);
        assert_eq!(merges.aliases().map(|(_, into)| into).collect::<Vec<_>>(), [id; 5]);
    }

    #[test]
    fn what_is_wrong_names_the_mask_and_the_place() {
        assert_eq!(
            error(&[ORDER, ("HOST", "a(b|é*[")]),
            "mask HOST: unclosed character class, at character 7 of its pattern"
        );
        assert!(error(&[("A", r"x\1")]).contains("mask A: backreferences are not supported, at character 2"));
        assert!(error(&[("A", "x*")]).starts_with("mask A: its pattern may not match the empty text"));
        assert!(error(&[("order", "x")]).contains("mask 'order'"));
        assert!(error(&[ORDER, ORDER]).contains("ORDER is there twice"));
        assert!(error(&[("A", &"x".repeat(2_000))]).contains("longer than"));
        let bomb = error(&[ORDER, ("BOMB", "((a{100}){100}){100}"), ("B", "b")]);
        assert!(bomb.starts_with("mask BOMB: with its pattern the automaton"), "{bomb}");
        assert!(Masks::new((0..70).map(|_| ORDER)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn parameters_lie_within_any_line(line in "\\PC{0,60}(ord-[0-9]{6}){0,2}\\PC{0,60}", tail in "[a-z=:/<>,.() -]{0,40}") {
            let line = format!("{line}ord-123456{tail}");
            let mut masks = skeletoniser(&[ORDER, ("X", "[a-c:/=]{1,3}"), ("NINE", "9")]);
            let skeleton = masks.skeletonise(&line);
            let mut end = 0;
            for parameter in skeleton.parameters {
                proptest::prop_assert!(parameter.start >= end && parameter.end >= parameter.start);
                end = parameter.end;
                proptest::prop_assert!(line.get(parameter.start as usize..parameter.end as usize).is_some());
            }
            proptest::prop_assert!(skeleton.text().contains("<ORDER>"));
        }
    }
}
