//! Skeletons: what they are, and who makes them.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::padded::Padded;
use crate::record::TemplateId;

use super::buffers::Buffers;
use super::kind::ParameterKind;
use super::masks::{Masked, Masks};
use super::reader::Reader;

/// The version of the rules that make skeletons. Whoever changes what any skeleton looks like raises it: ids of
/// different versions then differ, and snapshots of the version before are not read: what is new is learnt anew.
pub const RULES_VERSION: u64 = 9;

/// The longest text of a skeleton, in bytes. What is beyond is not shown, but is part of the identity.
pub const SKELETON_BYTES_MAX: usize = 1 << 10;

/// The most parameters of a line; further variables are part of the skeleton, but not handed out.
pub const PARAMETERS_MAX: usize = 64;

/// A variable part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// What it looks like.
    pub kind: ParameterKind,
    /// Where it begins in the line, in bytes.
    pub start: u32,
    /// Where it ends in the line, in bytes. At `start` where a key has no value.
    pub end: u32,
    /// Which `<*>` of the skeleton it is part of, counted from 0. Lists of variable length share one.
    pub slot: u16,
}

impl Parameter {
    /// Its text within the line that it was found in; empty for another line that has no such place.
    pub fn text<'a>(&self, line: &'a str) -> &'a str {
        let range = usize::try_from(self.start).ok().zip(usize::try_from(self.end).ok());
        range.and_then(|(start, end)| line.get(start..end)).unwrap_or_default()
    }
}

/// What a line consists of.
#[derive(Clone, Copy, Debug)]
pub struct Skeleton<'a> {
    /// The identity of the template.
    pub id: TemplateId,
    /// Its text, all of it.
    text: &'a [u8],
    /// The variables, in the order of the line; the first [`PARAMETERS_MAX`].
    pub parameters: &'a [Parameter],
}

impl<'a> Skeleton<'a> {
    /// The literals as they stand in the line, with single blanks and `<*>` for each run of variables, or the name of a mask;
    /// cut off at [`SKELETON_BYTES_MAX`]. Few ask for it, since a template is known by its id: whether it is UTF-8 is looked at here.
    pub fn text(&self) -> &'a str {
        let shown = self.text.get(..SKELETON_BYTES_MAX).unwrap_or(self.text);
        // Only the last character may be cut.
        shown.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }
}

/// Makes skeletons. Owns the buffers that they are made in; what was made before has no influence.
#[derive(Debug, Default)]
pub struct Skeletoniser {
    padded: Padded,
    buffers: Buffers,
    masks: Masks,
    masked: Vec<Masked>,
}

impl Skeletoniser {
    /// One with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that applies these masks before anything else.
    pub fn with_masks(masks: Masks) -> Self {
        Self { masks, ..Self::default() }
    }

    /// The masks that it applies.
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// The skeleton of a line. Linear in the length of the line.
    pub fn skeletonise(&mut self, message: &str) -> Skeleton<'_> {
        self.masks.find(message, &mut self.masked);
        self.make(message)
    }

    /// The skeleton of a skeleton in which words became variables: names of masks stay, and patterns are not sought again.
    pub(super) fn skeletonise_again(&mut self, skeleton: &str) -> Skeleton<'_> {
        self.masks.find_placeholders(skeleton, &mut self.masked);
        self.make(skeleton)
    }

    fn make(&mut self, line: &str) -> Skeleton<'_> {
        let padded = self.padded.copy(line.as_bytes());
        Reader::new(line, padded, &mut self.buffers).read_line(&self.masked);
        let text = self.buffers.text();
        let id = TemplateId(xxh3_64_with_seed(text, RULES_VERSION));
        Skeleton { id, text, parameters: self.buffers.parameters() }
    }
}
