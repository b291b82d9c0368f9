//! A disk that can only be read: whoever is given it changes nothing, by construction. And a folder
//! for copies that goes with whoever made it.
//!
//! Decides nothing about what is read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, Entry, File, Lock, Room};
use super::Entropy;

/// Octets copied at once.
const SLICE: usize = 64 << 10;

/// Another disk, of which nothing can be changed.
pub struct Untouched(pub Arc<dyn Disk>);

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "the store is only looked at",
    ))
}

impl Disk for Untouched {
    fn create(&self, _: &Path, _: u64) -> io::Result<Box<dyn File>> {
        refused()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.look(path)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.0.read(path, limit)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.0.list(dir)
    }

    fn make_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove_tree(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_all(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn room(&self, dir: &Path) -> io::Result<Room> {
        self.0.room(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.0.lock_there(path)
    }

    fn other_owner(&self, path: &Path) -> io::Result<Option<String>> {
        self.0.other_owner(path)
    }
}

/// A folder of our own outside of the store; it goes, with all in it, when this is dropped.
pub struct Temporary {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Temporary {
    /// Makes one where `TMPDIR` says, else in `/var/tmp`: `/tmp` often lies in memory.
    pub fn make(disk: Arc<dyn Disk>, entropy: &dyn Entropy) -> io::Result<Self> {
        let parent = std::env::var_os("TMPDIR").map_or_else(|| "/var/tmp".into(), PathBuf::from);
        let mut octets = [0; 8];
        entropy.fill(&mut octets);
        let name = format!("postern-{:016x}", u64::from_le_bytes(octets));
        let dir = parent.join(name);
        disk.make_dir(&dir)?;
        Ok(Self { disk, dir })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(e) = self.disk.remove_tree(&self.dir) {
            log::warn!("removing {}: {e}", self.dir.display());
        }
    }
}

/// Copies the files of one folder into another, which is made.
pub fn copy_dir(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    let entries = disk.list(from)?;
    disk.make_dir(to)?;
    for entry in entries {
        let source = disk.look(&from.join(&entry.name))?;
        let copy = disk.create(&to.join(&entry.name), 0)?;
        let mut octets = vec![0; SLICE];
        let mut at = 0;
        loop {
            let read = source.read_at(&mut octets, at)?;
            if read == 0 {
                break;
            }
            copy.write_at(octets.get(..read).unwrap_or(&octets), at)?;
            at += read as u64;
        }
    }
    Ok(())
}
