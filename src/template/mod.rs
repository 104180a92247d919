//! The template of a line: what its writer wrote, apart from what the program filled in.
//!
//! A [`Skeletoniser`] takes a line apart in one pass over its bytes, without regular expressions: each byte has a class
//! (`class`), a token is typed by the union of its bytes' classes (`kind`). Tokens with digits, paths, addresses, dates,
//! truth values, units after numbers and values after `=` are **variables**; all others are **literals**. The literals
//! with `<*>` for each run of variables are the **skeleton**:
//!
//! ```text
//! Failed password for root from 10.0.0.7 port 57060 ssh2
//! Failed password for root from <*> port <*>
//! ```
//!
//! `reader` goes over the line (`delimiter`, `marked` and `word` take what is no word at first sight), `window` finds where tokens end and of
//! what they consist, 64 bytes at a time, and `writer` writes what comes of it into `buffers`.
//!
//! # Identity
//!
//! The id of a template is the 64-bit XXH3 hash of its skeleton's text, seeded with [`RULES_VERSION`]. So it is the same in every
//! process, order and restart, and ids of different rules do not mix. The text that is hashed is the whole one,
//! also where [`Skeleton::text`] is cut.
//!
//! # Invariants
//!
//! * The skeleton is a function of the line and the masks alone, never of lines before.
//! * Parameters lie within the line, on boundaries of characters, in rising order, and do not overlap.
//! * No line makes it panic, and nothing is allocated per line once the buffers have grown.
//!
//! Words that vary without looking like it (names of users) stay literal here: the catalogue merges such templates.

mod address;
mod buffers;
mod class;
mod delimiter;
mod kind;
mod marked;
mod masks;
mod merge;
mod number;
mod quoted;
mod reader;
mod shown;
mod skeleton;
mod variant;
mod window;
mod word;
mod writer;

#[cfg(test)]
mod tests;

pub use kind::ParameterKind;
pub use masks::{
    AUTOMATON_BYTES_MAX, MASK_NAME_BYTES_MAX, MASK_PATTERN_BYTES_MAX, MASKED_BYTES_MAX, MASKS_MAX, MaskError, Masks,
};
pub use merge::{ALIASES_MAX, Merge, Merges};
pub use number::{Number, number};
pub use shown::{Shown, common_text};
pub use skeleton::{PARAMETERS_MAX, Parameter, RULES_VERSION, SKELETON_BYTES_MAX, Skeleton, Skeletoniser};
