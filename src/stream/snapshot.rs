//! Snapshots of a judge: what they hold, how they are written, and where to.
//!
//! A snapshot is the whole state of a judge right after a commit, at the offset of the tallies that the commit reached. It is
//! content-addressed and carries its lineage. It is a shortcut and nothing else: without one, or with one that cannot be
//! read, the judge learns the same state again from the retained tallies. So a snapshot of another version is refused, never migrated.

use std::io::{Read as _, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::{Offset, Second};

/// Bytes of a chunk at most: below the limit that brokers have for a record unless told otherwise.
pub const CHUNK_BYTES_MAX: usize = 900_000;
/// zstd's level: state is written every half a minute and read once in a while, so speed counts.
const COMPRESSION_LEVEL: i32 = 1;
/// A state larger than this when decompressed is not read.
const STATE_BYTES_MAX: u64 = 4 << 30;

/// What a snapshot is of: its lineage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Hash of the state: `sha256:` and 32 hex digits.
    pub id: String,
    /// The snapshot that this one was made from, by way of the tallies between; `None` for the first.
    pub parent: Option<String>,
    /// Partition of the tallies topic that the judge judges.
    pub partition: i32,
    /// Next offset of the tallies: what comes from here on is not in the state.
    pub offset: i64,
    /// Log time up to which it has judged.
    pub judged_until: Option<i64>,
    /// Version of the code that can read it.
    pub version: String,
    /// Hash of the configuration that it was made with.
    pub config_hash: String,
    /// Chunks that the compressed state is divided into.
    pub chunks: u32,
    /// Bytes of the state, as it is and compressed.
    pub bytes: (u64, u64),
}

/// The version of the state's layout. It changes with the code, and with every change of what the judge remembers.
pub fn state_version() -> String {
    /// Raised whenever the layout of the state changes between two releases.
    const LAYOUT: u32 = 12;
    format!("{}+{LAYOUT}.{}", env!("CARGO_PKG_VERSION"), crate::template::RULES_VERSION)
}

/// A snapshot, ready to be written or just read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its lineage.
    pub manifest: Manifest,
    /// The compressed state.
    pub compressed: Vec<u8>,
}

/// Why a snapshot is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store cannot be reached or written.
    #[error("snapshot store: {0}")]
    Store(String),
    /// Compression or decompression failed.
    #[error("snapshot: {0}")]
    Compression(#[from] std::io::Error),
    /// It was made by another version.
    #[error(
        "snapshot {id} is of version {found}, this is {expected}: it is not read, the state is learnt again from the tallies"
    )]
    OtherVersion {
        /// Its id.
        id: String,
        /// Its version.
        found: String,
        /// The version that can be read.
        expected: String,
    },
    /// Its bytes are not those that its id was made of.
    #[error("snapshot {id} is damaged: its state does not hash to its id")]
    Damaged {
        /// Its id.
        id: String,
    },
}

impl Snapshot {
    /// Compresses a state; pieces that come by value are freed on the way. O(size).
    ///
    /// # Errors
    /// Where the compression fails.
    pub fn new(
        state: impl IntoIterator<Item = impl AsRef<[u8]>>,
        partition: i32,
        offset: Offset,
        judged_until: Option<Second>,
        config_hash: &str,
        parent: Option<String>,
    ) -> Result<Self, SnapshotError> {
        let (mut hasher, mut state_bytes) = (Sha256::new(), 0);
        let mut encoder = zstd::Encoder::new(Vec::new(), COMPRESSION_LEVEL)?;
        for piece in state {
            hasher.update(piece.as_ref());
            encoder.write_all(piece.as_ref())?;
            state_bytes += piece.as_ref().len() as u64;
        }
        let mut compressed = encoder.finish()?;
        compressed.shrink_to_fit();
        let manifest = Manifest {
            id: id_of(&hasher.finalize()),
            parent,
            partition,
            offset: offset.0,
            judged_until: judged_until.map(|second| second.0),
            version: state_version(),
            config_hash: config_hash.to_owned(),
            chunks: u32::try_from(compressed.chunks(CHUNK_BYTES_MAX).count()).unwrap_or(u32::MAX),
            bytes: (state_bytes, compressed.len() as u64),
        };
        Ok(Self { manifest, compressed })
    }

    /// The state, if it is of this version and whole. O(size).
    ///
    /// # Errors
    /// Where it is of another version or damaged.
    pub fn state(&self) -> Result<Vec<u8>, SnapshotError> {
        let Manifest { id, version, bytes, .. } = &self.manifest;
        let expected = state_version();
        if *version != expected {
            return Err(SnapshotError::OtherVersion { id: id.clone(), found: version.clone(), expected });
        }
        let mut state = Vec::new();
        // How long it is says somebody who may be wrong, so nothing of that size is asked for before it is there.
        zstd::Decoder::new(self.compressed.as_slice())?.take(bytes.0.min(STATE_BYTES_MAX)).read_to_end(&mut state)?;
        if content_id([&state]) == *id { Ok(state) } else { Err(SnapshotError::Damaged { id: id.clone() }) }
    }
}

/// The identity of a state: `sha256:` and 32 hex digits.
pub fn content_id(state: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let hasher = state.into_iter().fold(Sha256::new(), |hasher, piece| hasher.chain_update(piece));
    id_of(&hasher.finalize())
}

fn id_of(digest: &[u8]) -> String {
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// Where snapshots are kept. Of each partition the last two: the newest may be of a commit that never was.
pub trait SnapshotStore: Send {
    /// Keeps a snapshot, whole or not at all.
    ///
    /// # Errors
    /// Where the store cannot be written; the judge goes on without.
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError>;

    /// The newest snapshot of a partition that is not beyond an offset.
    ///
    /// # Errors
    /// Where the store cannot be read; the judge then learns again from the tallies.
    fn newest(&mut self, partition: i32, not_beyond: Offset) -> Result<Option<Snapshot>, SnapshotError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(state: &[u8]) -> Snapshot {
        Snapshot::new([state], 0, Offset(7), Some(Second(9)), "sha256:0", None).unwrap()
    }

    #[test]
    fn a_state_comes_back_as_it_was() {
        let state: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let taken = snapshot(&state);
        assert!(taken.manifest.chunks > 1);
        assert_eq!(taken.state().unwrap(), state);
        assert_eq!(snapshot(&state).manifest.id, taken.manifest.id, "content-addressed");
        assert_eq!(snapshot(&[]).state().unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn another_version_is_refused_with_a_clear_word() {
        let mut taken = snapshot(b"state");
        taken.manifest.version = "0.0.1+1".to_owned();
        let refused = taken.state().unwrap_err().to_string();
        assert!(refused.contains("0.0.1+1") && refused.contains("learnt again"), "{refused}");
    }

    #[test]
    fn a_damaged_state_is_not_believed() {
        let mut taken = snapshot(&[7; 10_000]);
        let other = snapshot(&[8; 10_000]);
        taken.compressed = other.compressed;
        assert!(matches!(taken.state(), Err(SnapshotError::Damaged { .. })));
        taken.compressed.truncate(5);
        assert!(taken.state().is_err());
        let mut taken = snapshot(&[7; 10_000]);
        taken.manifest.bytes.0 = u64::MAX;
        assert_eq!(taken.state().unwrap().len(), 10_000, "what it says of its length is not believed");
        taken.manifest.bytes.0 = 9_999;
        assert!(matches!(taken.state(), Err(SnapshotError::Damaged { .. })));
    }
}
