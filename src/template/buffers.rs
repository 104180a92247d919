//! Where the text and the parameters of a skeleton come about.

use super::kind::ParameterKind;
use super::skeleton::{PARAMETERS_MAX, Parameter};

/// How many bytes are copied at once, where there are so many and as much space. What was too much is written over: no call, and no
/// branch on how many.
const COPY_BYTES: usize = 32;

/// Buffers that are used again for each line.
#[derive(Debug)]
pub(super) struct Buffers {
    /// The text, and behind its end what is left of others.
    bytes: Vec<u8>,
    text_end: usize,
    /// The parameters, and behind the last what is left of others.
    parameters: [Parameter; PARAMETERS_MAX],
    parameters_end: usize,
}

impl Default for Buffers {
    fn default() -> Self {
        let none = Parameter { kind: ParameterKind::Word, start: 0, end: 0, slot: 0 };
        Self { bytes: Vec::new(), text_end: 0, parameters: [none; PARAMETERS_MAX], parameters_end: 0 }
    }
}

impl Buffers {
    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.text_end = 0;
        self.parameters_end = 0;
    }

    /// The text.
    #[inline]
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.text_end).unwrap_or_default()
    }

    /// The length of the text, in bytes.
    #[inline]
    pub(super) fn text_end(&self) -> usize {
        self.text_end
    }

    /// The parameters, the first [`PARAMETERS_MAX`].
    #[inline]
    pub(super) fn parameters(&self) -> &[Parameter] {
        self.parameters.get(..self.parameters_end).unwrap_or_default()
    }

    /// Takes the end of the text off, from here on.
    #[inline]
    pub(super) fn truncate(&mut self, end: usize) {
        self.text_end = self.text_end.min(end);
    }

    /// Writes a piece of the line.
    #[inline]
    pub(super) fn copy(&mut self, line: &[u8], start: usize, end: usize) {
        let place = self.bytes.get_mut(self.text_end..).and_then(|behind| behind.first_chunk_mut::<COPY_BYTES>());
        let piece = line.get(start..).and_then(|behind| behind.first_chunk());
        match (place, piece) {
            (Some(place), Some(piece)) if end - start <= COPY_BYTES => {
                *place = *piece;
                self.text_end += end - start;
            }
            _ => self.copy_all(line.get(start..end).unwrap_or_default()),
        }
    }

    /// Writes what is as long each time.
    #[inline]
    pub(super) fn write<const LENGTH: usize>(&mut self, piece: &[u8; LENGTH]) {
        match self.bytes.get_mut(self.text_end..).and_then(|behind| behind.first_chunk_mut()) {
            Some(place) => {
                *place = *piece;
                self.text_end += LENGTH;
            }
            None => self.copy_all(piece),
        }
    }

    /// Writes a piece of any length, and makes space where there is not enough.
    #[inline(never)]
    pub(super) fn copy_all(&mut self, piece: &[u8]) {
        let end = self.text_end + piece.len();
        if self.bytes.len() < end + COPY_BYTES {
            self.bytes.resize((end + COPY_BYTES).next_power_of_two(), 0);
        }
        if let Some(place) = self.bytes.get_mut(self.text_end..end) {
            place.copy_from_slice(piece);
            self.text_end = end;
        }
    }

    /// Takes a parameter, if there is still a place for it.
    #[inline]
    pub(super) fn push(&mut self, parameter: Parameter) {
        if let Some(place) = self.parameters.get_mut(self.parameters_end) {
            *place = parameter;
            self.parameters_end += 1;
        }
    }
}
