//! A disk and an entropy that a test holds in its hand.
//!
//! The disk keeps two images: what programs see (the page cache) and what a power cut leaves. What
//! was written since the last sync is lost by the 512-octet sector, names that no sync of their
//! folder covered are lost one by one, in any combination: harsher than any file system we know,
//! and all of it allowed by POSIX. After a sync that failed, the pages count as clean though the
//! medium never got them, as Linux does it.
//!
//! Folders have no images of their own: they exist once made.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, Entry, File, Lock, RealDisk, Room};
use super::Entropy;

const SECTOR: usize = 512;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// A generator of which the same seed gives the same octets (splitmix64).
pub struct SimEntropy(Mutex<u64>);

impl SimEntropy {
    /// Starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Entropy for SimEntropy {
    fn fill(&self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(8) {
            let drawn = self.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

/// What a power cut takes of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: all of it reached the medium in time.
    Nothing,
    /// All octets and names.
    Everything,
    /// All octets; names survive.
    Octets,
    /// All names; octets survive.
    Names,
    /// Each name and each sector by the toss of a seeded coin.
    Some(u64),
}

#[derive(Clone)]
enum Change {
    Octets { at: usize, octets: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Octets { at, octets } => {
                if image.len() < at + octets.len() {
                    image.resize(at + octets.len(), 0);
                }
                image[*at..at + octets.len()].copy_from_slice(octets);
            }
            Self::Length(length) => image.resize(*length, 0),
        }
    }
}

#[derive(Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    unreadable: Option<(u64, u64)>,
}

impl Inode {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }
}

/// One change of names: atomic, as rename is.
#[derive(Clone)]
struct Naming {
    gone: Option<PathBuf>,
    made: Option<(PathBuf, usize)>,
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        if let Some(path) = &self.gone {
            names.remove(path);
        }
        if let Some((path, inode)) = &self.made {
            names.insert(path.clone(), *inode);
        }
    }
}

#[derive(Clone, Default)]
struct State {
    inodes: Vec<Inode>,
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<Naming>,
    acts: u64,
    syncs: u64,
    cut_after: Option<u64>,
    off: bool,
    fail: Option<(u64, i32)>,
    capacity: Option<u64>,
}

impl State {
    /// Counts an act that changes something; refuses it when its number was chosen to fail.
    fn act(&mut self) -> io::Result<()> {
        self.off |= self.cut_after == Some(self.acts);
        self.powered()?;
        self.acts += 1;
        match self.fail {
            Some((at, errno)) if at == self.acts => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }

    fn powered(&self) -> io::Result<()> {
        if self.off {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        let inodes: BTreeSet<usize> = self.names.values().copied().collect();
        inodes
            .iter()
            .map(|i| self.inodes[*i].seen.len() as u64)
            .sum()
    }

    fn room_for(&self, more: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if self.used() + more > capacity => {
                Err(io::Error::from_raw_os_error(ENOSPC))
            }
            _ => Ok(()),
        }
    }

    fn named(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.unsynced_names.push(naming);
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The disk; clones share it.
#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// An empty disk without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A second disk with the same contents, independent from now on.
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Acts so far that changed octets or names, or synced them.
    pub fn acts(&self) -> u64 {
        self.state().acts
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// From the act after number `acts` on everything fails without effect: the power is gone.
    pub fn cut_after(&self, acts: u64) {
        self.state().cut_after = Some(acts);
    }

    /// The act with this number fails with `errno`; a sync that fails loses what it was to sync.
    pub fn fail(&self, act: u64, errno: i32) {
        self.state().fail = Some((act, errno));
    }

    /// How many octets the files may take; `None`: any number.
    pub fn limit(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    /// The disk as the next start finds it after a power cut.
    pub fn power_cut(&self, loss: Loss) -> Self {
        let mut state = self.state().clone();
        let coin = SimEntropy::new(match loss {
            Loss::Some(seed) => seed,
            _ => 0,
        });
        let keep = |names: bool| match loss {
            Loss::Nothing => true,
            Loss::Everything => false,
            Loss::Octets => names,
            Loss::Names => !names,
            Loss::Some(_) => coin.next().is_multiple_of(2),
        };
        for inode in &mut state.inodes {
            for change in std::mem::take(&mut inode.unsynced) {
                match change {
                    Change::Length(_) => {
                        if keep(false) {
                            change.apply(&mut inode.durable);
                        }
                    }
                    Change::Octets { at, octets } => {
                        let mut from = 0;
                        while from < octets.len() {
                            let sector = SECTOR - (at + from) % SECTOR;
                            let to = octets.len().min(from + sector);
                            if keep(false) {
                                Change::Octets {
                                    at: at + from,
                                    octets: octets[from..to].to_vec(),
                                }
                                .apply(&mut inode.durable);
                            }
                            from = to;
                        }
                    }
                }
            }
            inode.seen = inode.durable.clone();
        }
        for naming in std::mem::take(&mut state.unsynced_names) {
            if keep(true) {
                naming.apply(&mut state.durable_names);
            }
        }
        state.names = state.durable_names.clone();
        state.cut_after = None;
        state.off = false;
        state.fail = None;
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk as the next start finds it after the process was killed: nothing is lost yet.
    pub fn killed(&self) -> Self {
        let disk = self.fork();
        {
            let mut state = disk.state();
            state.cut_after = None;
            state.off = false;
            state.fail = None;
        }
        disk
    }

    /// Turns one bit over, on the medium.
    pub fn flip(&self, path: &Path, bit: usize) {
        let mut state = self.state();
        let inode = state.inode(path).expect("the test names a file");
        let inode = &mut state.inodes[inode];
        for image in [&mut inode.seen, &mut inode.durable] {
            image[bit / 8] ^= 1 << (bit % 8);
        }
    }

    /// Puts octets on the medium behind everybody's back.
    pub fn overwrite(&self, path: &Path, at: usize, octets: &[u8]) {
        let mut state = self.state();
        let inode = state.inode(path).expect("the test names a file");
        let inode = &mut state.inodes[inode];
        for image in [&mut inode.seen, &mut inode.durable] {
            image[at..at + octets.len()].copy_from_slice(octets);
        }
    }

    /// Reading any of these octets fails from now on: a bad spot on the medium.
    pub fn spoil(&self, path: &Path, from: u64, to: u64) {
        let mut state = self.state();
        let inode = state.inode(path).expect("the test names a file");
        state.inodes[inode].unreadable = Some((from, to));
    }

    /// All octets of a file, as programs see them.
    pub fn octets(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        let inode = state.inode(path).expect("the test names a file");
        state.inodes[inode].seen.clone()
    }

    fn file(&self, inode: usize) -> Box<dyn File> {
        Box::new(SimFile {
            disk: self.clone(),
            inode,
        })
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl File for SimFile {
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.disk.state();
        state.powered()?;
        if let Some((from, to)) = state.inodes[self.inode].unreadable {
            if at < to && at + octets.len() as u64 > from {
                return Err(io::Error::from_raw_os_error(EIO));
            }
        }
        let there = state.inodes[self.inode]
            .seen
            .get(at as usize..)
            .unwrap_or_default();
        let count = there.len().min(octets.len());
        octets[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.act()?;
        let length = state.inodes[self.inode].seen.len() as u64;
        state.room_for((at + octets.len() as u64).saturating_sub(length))?;
        state.inodes[self.inode].change(Change::Octets {
            at: at as usize,
            octets: octets.to_vec(),
        });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let done = state.act();
        state.powered()?;
        state.syncs += 1;
        let inode = &mut state.inodes[self.inode];
        let unsynced = std::mem::take(&mut inode.unsynced);
        if done.is_ok() {
            for change in unsynced {
                change.apply(&mut inode.durable);
            }
        }
        done
    }

    fn length(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.powered()?;
        Ok(state.inodes[self.inode].seen.len() as u64)
    }

    fn uncache(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.powered()?;
        let inode = &mut state.inodes[self.inode];
        let mut seen = inode.durable.clone();
        for change in &inode.unsynced {
            change.apply(&mut seen);
        }
        inode.seen = seen;
        Ok(())
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path, preallocated: u64) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.act()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.room_for(preallocated)?;
        let mut inode = Inode::default();
        if preallocated > 0 {
            inode.change(Change::Length(preallocated as usize));
        }
        state.inodes.push(inode);
        let number = state.inodes.len() - 1;
        state.named(Naming {
            gone: None,
            made: Some((path.to_owned(), number)),
        });
        drop(state);
        Ok(self.file(number))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let state = self.state();
        state.powered()?;
        let inode = state.inode(path)?;
        drop(state);
        Ok(self.file(inode))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let octets = {
            let state = self.state();
            state.powered()?;
            state.inodes[state.inode(path)?].seen.clone()
        };
        if octets.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(octets)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        state.powered()?;
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(state
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(dir))
            .filter_map(|(path, inode)| {
                Some(Entry {
                    name: path.file_name()?.to_str()?.to_owned(),
                    length: state.inodes[*inode].seen.len() as u64,
                })
            })
            .collect())
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.powered()?;
        state.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.act()?;
        let inode = state.inode(from)?;
        state.named(Naming {
            gone: Some(from.to_owned()),
            made: Some((to.to_owned(), inode)),
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.act()?;
        state.inode(path)?;
        state.named(Naming {
            gone: Some(path.to_owned()),
            made: None,
        });
        Ok(())
    }

    fn remove_tree(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.act()?;
        let within: Vec<PathBuf> = state
            .names
            .keys()
            .filter(|path| path.starts_with(dir))
            .cloned()
            .collect();
        for path in within {
            state.named(Naming {
                gone: Some(path),
                made: None,
            });
        }
        state.dirs.retain(|known| !known.starts_with(dir));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.act()?;
        let of_dir = |path: &PathBuf| path.parent() == Some(dir);
        let (synced, left): (Vec<_>, Vec<_>) = std::mem::take(&mut state.unsynced_names)
            .into_iter()
            .partition(|n| {
                n.gone.as_ref().is_some_and(of_dir)
                    || n.made.as_ref().is_some_and(|(path, _)| of_dir(path))
            });
        state.unsynced_names = left;
        for naming in synced {
            naming.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn sync_all(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.act()?;
        for inode in &mut state.inodes {
            for change in std::mem::take(&mut inode.unsynced) {
                change.apply(&mut inode.durable);
            }
        }
        state.unsynced_names.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn room(&self, _dir: &Path) -> io::Result<Room> {
        let state = self.state();
        let total = state.capacity.unwrap_or(u64::MAX);
        Ok(Room {
            free: total.saturating_sub(state.used()),
            total,
        })
    }

    /// Of the machine's disk, where sled's files of a store are too.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        RealDisk.lock(path)
    }
}
