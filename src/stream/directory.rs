//! Snapshots in a local directory: one file each, written whole by renaming it into place.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::snapshot::{Manifest, Snapshot, SnapshotError, SnapshotStore};
use crate::record::Offset;

/// How many snapshots of a partition are kept.
const KEPT: usize = 2;
/// What a file begins with.
const MAGIC: &[u8] = b"eddyline snapshot\n";

/// A directory of snapshots.
pub struct DirectoryStore {
    directory: PathBuf,
    name: String,
}

impl DirectoryStore {
    /// Snapshots in this directory, whose names begin with `name`: two installations can share it.
    ///
    /// # Errors
    /// Where the directory cannot be made.
    pub fn open(directory: &Path, name: &str) -> Result<Self, SnapshotError> {
        fs::create_dir_all(directory).map_err(|error| store_error(directory, &error))?;
        Ok(Self { directory: directory.to_owned(), name: name.to_owned() })
    }

    fn path(&self, partition: i32, offset: i64) -> PathBuf {
        self.directory.join(format!("{}{partition}-{offset:020}.snapshot", self.prefix()))
    }

    fn prefix(&self) -> String {
        format!("{}judge-", self.name)
    }

    /// The snapshots of a partition with their offsets, oldest first.
    fn list(&self, partition: i32) -> Result<Vec<(i64, PathBuf)>, SnapshotError> {
        let prefix = format!("{}{partition}-", self.prefix());
        let entries = fs::read_dir(&self.directory).map_err(|error| store_error(&self.directory, &error))?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| store_error(&self.directory, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let offset = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".snapshot"));
            if let Some(offset) = offset.and_then(|offset| offset.parse().ok()) {
                found.push((offset, path));
            }
        }
        found.sort();
        Ok(found)
    }
}

impl SnapshotStore for DirectoryStore {
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let Manifest { partition, offset, .. } = snapshot.manifest;
        let path = self.path(partition, offset);
        write_whole(&path, snapshot).map_err(|error| store_error(&path, &error))?;
        let found = self.list(partition)?;
        for (_, old) in found.iter().take(found.len().saturating_sub(KEPT)) {
            fs::remove_file(old).map_err(|error| store_error(old, &error))?;
        }
        Ok(())
    }

    fn newest(&mut self, partition: i32, not_beyond: Offset) -> Result<Option<Snapshot>, SnapshotError> {
        let found = self.list(partition)?;
        let Some((_, path)) = found.into_iter().rev().find(|&(offset, _)| offset <= not_beyond.0) else {
            return Ok(None);
        };
        let bytes = fs::read(&path).map_err(|error| store_error(&path, &error))?;
        let parsed = parse(bytes).ok_or_else(|| SnapshotError::Store(format!("{} is no snapshot", path.display())))?;
        Ok(Some(parsed))
    }
}

/// Magic, length of the manifest, manifest, compressed state; synchronised before it gets its name.
fn write_whole(path: &Path, snapshot: &Snapshot) -> std::io::Result<()> {
    let manifest = serde_json::to_vec(&snapshot.manifest)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(MAGIC)?;
    file.write_all(&(manifest.len() as u64).to_le_bytes())?;
    file.write_all(&manifest)?;
    file.write_all(&snapshot.compressed)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn parse(mut bytes: Vec<u8>) -> Option<Snapshot> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (manifest, compressed) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let manifest = serde_json::from_slice(manifest).ok()?;
    bytes.drain(..bytes.len() - compressed.len());
    Some(Snapshot { manifest, compressed: bytes })
}

fn store_error(path: &Path, error: &std::io::Error) -> SnapshotError {
    SnapshotError::Store(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(offset: i64) -> Snapshot {
        Snapshot::new([offset.to_le_bytes()], 0, Offset(offset), None, "", None).unwrap()
    }

    #[test]
    fn the_newest_one_that_is_not_beyond_the_commit_is_found_and_two_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = DirectoryStore::open(&directory.path().join("made"), "eddyline.").unwrap();
        assert_eq!(store.newest(0, Offset(9)).unwrap(), None);
        for offset in [5, 10, 15] {
            store.save(&snapshot(offset)).unwrap();
        }
        assert_eq!(store.newest(0, Offset(14)).unwrap(), Some(snapshot(10)));
        assert_eq!(store.newest(0, Offset(99)).unwrap(), Some(snapshot(15)));
        assert_eq!(store.newest(0, Offset(9)).unwrap(), None, "the oldest is gone");
        assert_eq!(store.newest(1, Offset(99)).unwrap(), None);
    }

    #[test]
    fn half_a_file_is_no_snapshot() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = DirectoryStore::open(directory.path(), "").unwrap();
        fs::write(store.path(0, 3), b"eddyline snapshot\n\x05").unwrap();
        assert!(store.newest(0, Offset(9)).unwrap_err().to_string().contains("no snapshot"));
    }
}
