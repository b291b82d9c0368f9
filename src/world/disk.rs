//! Files and folders, and the one sync function.
//!
//! Positions are octets from a file's start. Nothing here is durable before `sync` (for octets) or
//! `sync_dir` (for names) has returned; after either has failed, nothing may be believed about what
//! the page cache still holds (the kernel marks failed pages clean), so the caller must stop,
//! reopen and replay.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation};

use super::socket::user_name;
use super::switches::{flipped, Switch};

/// An open file.
pub trait File: Send + Sync {
    /// Reads up to `octets.len()` octets at `at`; fewer only at the end.
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of `octets` at `at`.
    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()>;
    /// Makes the file's octets durable; its length too, where that changed.
    fn sync(&self) -> io::Result<()>;
    /// Length in octets.
    fn length(&self) -> io::Result<u64>;
    /// Reserves room up to `octets` from the file's start without making it longer; a file system
    /// that can't goes on without.
    fn reserve(&self, _octets: u64) -> io::Result<()> {
        Ok(())
    }
    /// Gives back what was reserved behind the end.
    fn trim(&self) -> io::Result<()> {
        Ok(())
    }
    /// Drops what the page cache holds of this file, if it was written back: the next read is the
    /// medium's own.
    fn uncache(&self) -> io::Result<()> {
        Ok(())
    }
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name within the folder.
    pub name: String,
    /// Length in octets.
    pub length: u64,
}

/// Room on a file system, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free to this user.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// A lock held on a file until dropped.
pub struct Lock {
    _file: OwnedFd,
}

/// The file system.
pub trait Disk: Send + Sync {
    /// Creates a file of which `preallocated` octets are reserved (and read as zeros); fails if it
    /// exists. Mode 0600.
    fn create(&self, path: &Path, preallocated: u64) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Reads a whole small file; refuses one over `limit` octets.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;
    /// The files of a folder, sorted by name; folders are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Creates a folder and its parents, mode 0700; no error if it exists.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;
    /// Renames within one file system; durable after `sync_dir`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Unlinks a file; durable after `sync_dir`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Unlinks a folder and everything in it; no error if it is absent.
    fn remove_tree(&self, dir: &Path) -> io::Result<()>;
    /// Makes a folder's names durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes everything on the folder's file system durable (`syncfs`).
    fn sync_all(&self, dir: &Path) -> io::Result<()>;
    /// Free and total room where `dir` lies.
    fn room(&self, dir: &Path) -> io::Result<Room>;
    /// Locks a file (created when absent) for this process alone; `None` when another holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;
    /// Opens a file for reading only.
    fn look(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.open(path)
    }
    /// As `lock`, of a file that must be there; nothing is made.
    fn lock_there(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.lock(path)
    }
    /// The user that `path` belongs to, where that is another than the one we run as.
    fn other_owner(&self, _path: &Path) -> io::Result<Option<String>> {
        Ok(None)
    }
}

impl dyn Disk {
    /// Replaces a small file safely: write, sync, rename, sync the folder. In that order, since a
    /// name that outruns its octets would show an empty file after a power cut.
    pub fn replace(&self, path: &Path, octets: &[u8]) -> io::Result<()> {
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let mut name = path
            .file_name()
            .ok_or(io::ErrorKind::InvalidInput)?
            .to_owned();
        name.push(".new");
        let fresh: PathBuf = dir.join(name);
        match self.remove(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = self.create(&fresh, 0)?;
        file.write_at(octets, 0)?;
        file.sync()?;
        self.rename(&fresh, path)?;
        self.sync_dir(dir)
    }
}

/// The machine's file system.
pub struct RealDisk;

struct RealFile(fs::File);

impl File for RealFile {
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < octets.len() {
            match self.0.read_at(&mut octets[done..], at + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(octets, at)
    }

    fn sync(&self) -> io::Result<()> {
        if flipped(Switch::NoSync) {
            return Ok(());
        }
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn reserve(&self, octets: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::KEEP_SIZE, 0, octets) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn trim(&self) -> io::Result<()> {
        self.0.set_len(self.length()?)
    }

    fn uncache(&self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(
            &self.0,
            0,
            None,
            rustix::fs::Advice::DontNeed,
        )?)
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path, preallocated: u64) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        if preallocated > 0 {
            match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, preallocated) {
                Ok(()) => {}
                // A file system without it (tmpfs of old kernels, some network ones): go on bare.
                Err(rustix::io::Errno::OPNOTSUPP) => {}
                Err(e) => {
                    // A half-reserved name would be found by the next start.
                    let _ = fs::remove_file(path);
                    return Err(e.into());
                }
            }
        }
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn look(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(RealFile(fs::File::open(path)?)))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        use std::io::Read;
        let mut octets = Vec::new();
        fs::File::open(path)?
            .take(limit + 1)
            .read_to_end(&mut octets)?;
        if octets.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{} is over {limit} octets", path.display()),
            ));
        }
        Ok(octets)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            // Names that are not UTF-8 are none of ours.
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                entries.push(Entry {
                    name,
                    length: metadata.len(),
                });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_tree(&self, dir: &Path) -> io::Result<()> {
        match fs::remove_dir_all(dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if flipped(Switch::NoSync) {
            return Ok(());
        }
        fs::File::open(dir)?.sync_all()
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        if flipped(Switch::NoSync) {
            return Ok(());
        }
        let file = fs::File::open(dir)?;
        Ok(rustix::fs::syncfs(&file)?)
    }

    fn room(&self, dir: &Path) -> io::Result<Room> {
        let vfs = rustix::fs::statvfs(dir)?;
        Ok(Room {
            free: vfs.f_bavail.saturating_mul(vfs.f_frsize),
            total: vfs.f_blocks.saturating_mul(vfs.f_frsize),
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file: OwnedFd = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?
            .into();
        locked(file)
    }

    fn lock_there(&self, path: &Path) -> io::Result<Option<Lock>> {
        locked(fs::File::open(path)?.into())
    }

    fn other_owner(&self, path: &Path) -> io::Result<Option<String>> {
        let owner = fs::metadata(path)?.uid();
        let ours = rustix::process::geteuid().as_raw();
        Ok((owner != ours).then(|| user_name(owner)))
    }
}

fn locked(file: OwnedFd) -> io::Result<Option<Lock>> {
    match rustix::fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
