//! Tokens whose marks stand between digits and letters, each by itself: what they are is told by how many there are of each.
//!
//! Most tokens that are not known at first sight are such: times, dates, addresses, hosts with their ports. What is said here is what
//! `kind` and `address` say of the same token byte by byte.

use super::class::{DIGIT, HEX_LETTER, LETTER};
use super::kind::ParameterKind;
use super::reader::Reader;
use super::window::Token;

impl Reader<'_, '_> {
    /// The kind of a token that begins and ends with a letter or a digit and has single marks, if that says it.
    #[inline]
    pub(super) fn kind_by_marks(&self, start: usize, token: Token) -> Option<ParameterKind> {
        let [points, hyphens, underscores, colons, slashes, others] = token.counts.all();
        if others | slashes != 0 || token.classes & DIGIT == 0 || !self.window.has_single_marks(token.places) {
            return None;
        }
        let has_port = || colons == 1 && points > 0 && self.window.has_port(self.bytes, token.places);
        if token.classes & (HEX_LETTER | LETTER) == 0 {
            return match underscores {
                0 if colons == 0 => of_digits_without_colons(points, hyphens, token.end - start),
                0 => Some(of_digits_with_colons(points, hyphens, colons, token.end - start, has_port())),
                _ => None,
            };
        }
        let is_host = has_port() && self.range(start, token.end).is_ascii();
        is_host.then_some(ParameterKind::Word)
    }
}

/// `45.5`, `10.0.0.7`, `2026-11-23`
fn of_digits_without_colons(points: u8, hyphens: u8, length: usize) -> Option<ParameterKind> {
    match (points, hyphens) {
        (1, 0) => Some(ParameterKind::Number),
        (3, 0) => Some(ParameterKind::Ip),
        (0, 2) if length == 10 => Some(ParameterKind::Time),
        // Perhaps a UUID.
        (0, 4) => None,
        _ => Some(ParameterKind::Word),
    }
}

/// `08:01:24.5`, `10.0.0.7:443`, `00:11:22:33:44:55`
fn of_digits_with_colons(points: u8, hyphens: u8, colons: u8, length: usize, has_port: bool) -> ParameterKind {
    match (points, hyphens, colons) {
        (_, 0, _) if has_port => ParameterKind::Ip,
        _ if has_port => ParameterKind::Word,
        (0, 0, 5) if length == 17 => ParameterKind::Mac,
        (0, 0, 3..) | (3, 0, 1) => ParameterKind::Ip,
        (0..=1, 0, 1..=2) => ParameterKind::Time,
        _ => ParameterKind::Word,
    }
}
