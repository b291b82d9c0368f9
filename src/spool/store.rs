//! What the journal and its readers share: which segments there are, their open files, the octets
//! that are appended but not yet written out.
//!
//! Decides nothing; a lock here is held for a copy or one write, never over a sync.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use super::format::{Opening, Seals, SegmentHeader, HEAD};
use super::{Fault, Position};
use crate::world::{Disk, File};

/// Open files kept at hand; a journal may have hundreds of segments.
const HANDLES: usize = 16;

/// What a name in the folder says about its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A segment of records.
    Ordinary(u64),
    /// A large message's segment.
    Large(u64),
    /// A segment to be: its octets mean nothing.
    Spare(u64),
    /// A large segment's number that must not be used again.
    Gone(u64),
}

impl Name {
    /// Reads a file name; `None` for what is none of ours.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (number, ending) = name.split_once('.')?;
        if number.len() != 16
            || !number
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return None;
        }
        let number = u64::from_str_radix(number, 16).ok()?;
        match ending {
            "segment" => Some(Self::Ordinary(number)),
            "large" => Some(Self::Large(number)),
            "spare" => Some(Self::Spare(number)),
            "gone" => Some(Self::Gone(number)),
            _ => None,
        }
    }

    /// Where the file lies in `dir`.
    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.to_string())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinary(n) => write!(f, "{n:016x}.segment"),
            Self::Large(n) => write!(f, "{n:016x}.large"),
            Self::Spare(n) => write!(f, "{n:016x}.spare"),
            Self::Gone(n) => write!(f, "{n:016x}.gone"),
        }
    }
}

/// What is known of a segment without opening it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) large: bool,
    /// Octets on the disk.
    pub(super) octets: u64,
    /// Octets up to the end of its last record; the whole file until a replay has passed.
    pub(super) used: u64,
    /// Records in it, once a replay has counted them.
    pub(super) records: Option<u64>,
}

/// A segment's open file.
pub(super) struct Opened {
    pub(super) number: u64,
    pub(super) file: Box<dyn File>,
    pub(super) header: SegmentHeader,
    pub(super) seals: Seals,
}

impl Opened {
    pub(super) fn new(file: Box<dyn File>, header: SegmentHeader) -> Self {
        Self {
            number: header.number,
            file,
            seals: Seals::new(header.number, &header.salt),
            header,
        }
    }
}

/// The end of the current segment, as far as it is not in the file yet.
#[derive(Default)]
pub(super) struct Tail {
    pub(super) segment: u64,
    /// Everything before this offset is in the file.
    pub(super) written: u64,
    /// The octets from there on.
    pub(super) octets: Vec<u8>,
    /// Where the next record will be.
    pub(super) end: u64,
    /// Up to where everything is durable.
    pub(super) synced: Position,
}

/// A segment's file, what its opening block says, and the block itself.
pub(super) type Found = (Box<dyn File>, Opening, Vec<u8>);

/// The shared part.
pub(super) struct Store {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    segments: Mutex<BTreeMap<u64, Known>>,
    handles: Mutex<Vec<Arc<Opened>>>,
    tail: Mutex<Tail>,
    /// Finished large segments whose octets and names are not durable yet.
    pub(super) unsynced: Mutex<Vec<Arc<Opened>>>,
    broken: AtomicBool,
}

/// A value behind a lock; a panic of another holder left it whole, since every holder changes it in
/// one step.
pub(super) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an error means that there is no room.
fn full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The verdict on an error of the disk.
pub(super) fn verdict(doing: &'static str, source: io::Error) -> Fault {
    if full(&source) {
        Fault::Full { doing, source }
    } else {
        Fault::Disk { doing, source }
    }
}

/// Reads once more where the first time fails: some failures have passed by then.
pub(super) fn twice(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    read().or_else(|_| read())
}

impl Store {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self {
            disk,
            dir,
            segments: Mutex::default(),
            handles: Mutex::default(),
            tail: Mutex::default(),
            unsynced: Mutex::default(),
            broken: AtomicBool::new(false),
        }
    }

    pub(super) fn segments(&self) -> MutexGuard<'_, BTreeMap<u64, Known>> {
        held(&self.segments)
    }

    pub(super) fn tail(&self) -> MutexGuard<'_, Tail> {
        held(&self.tail)
    }

    /// Refuses if an earlier write or sync failed.
    pub(super) fn whole(&self) -> Result<(), Fault> {
        if self.broken.load(Ordering::Acquire) {
            return Err(Fault::Disk {
                doing: "using a journal after one of its writes or syncs failed",
                source: io::Error::other("it must be opened again"),
            });
        }
        Ok(())
    }

    /// Passes a result on; a failure makes the journal refuse everything from now on, since nothing
    /// can be believed about what the page cache holds of the failed pages.
    pub(super) fn or_break<T>(
        &self,
        doing: &'static str,
        result: io::Result<T>,
    ) -> Result<T, Fault> {
        result.map_err(|source| {
            self.broken.store(true, Ordering::Release);
            verdict(doing, source)
        })
    }

    /// Reads a segment's opening block.
    pub(super) fn opening(&self, path: &Path) -> Result<Found, Fault> {
        let told = |source| verdict("reading a segment's header", source);
        let file = self.disk.open(path).map_err(told)?;
        let mut block = vec![0; HEAD as usize];
        let length = match twice(|| file.read_at(&mut block, 0)) {
            Ok(length) => length,
            // A sector that can't be read any more costs this segment, and not the journal.
            Err(e) => {
                // A start says what is damaged.
                log::debug!("reading the header of {}: {e}", path.display());
                return Ok((file, Opening::Damaged, Vec::new()));
            }
        };
        block.truncate(length);
        let opening = SegmentHeader::decode(&block);
        Ok((file, opening, block))
    }

    /// The open file of a segment.
    pub(super) fn opened(&self, number: u64) -> Result<Arc<Opened>, Fault> {
        {
            let mut handles = held(&self.handles);
            if let Some(at) = handles.iter().position(|h| h.number == number) {
                let found = handles.remove(at);
                handles.push(found.clone());
                return Ok(found);
            }
        }
        let Some(known) = self.segments().get(&number).copied() else {
            return Err(Fault::Gone { segment: number });
        };
        let name = if known.large {
            Name::Large(number)
        } else {
            Name::Ordinary(number)
        };
        match self.opening(&name.path(&self.dir))? {
            (file, Opening::Sound(header), _)
                if header.number == number && header.large == known.large =>
            {
                let opened = Arc::new(Opened::new(file, header));
                self.keep(opened.clone());
                Ok(opened)
            }
            (_, Opening::Newer(version), _) => Err(Fault::Newer {
                name: name.to_string(),
                version,
            }),
            _ => Err(Fault::Torn {
                segment: number,
                offset: 0,
            }),
        }
    }

    /// Keeps an open file at hand.
    pub(super) fn keep(&self, opened: Arc<Opened>) {
        let mut handles = held(&self.handles);
        handles.retain(|h| h.number != opened.number);
        if handles.len() >= HANDLES {
            handles.remove(0);
        }
        handles.push(opened);
    }

    /// Forgets a segment: from now on it is gone for every reader.
    pub(super) fn forget(&self, number: u64) {
        self.segments().remove(&number);
        held(&self.handles).retain(|h| h.number != number);
    }

    /// The same where one failure may have passed by the next time: after a second one `None`, and the
    /// system's words in the log.
    pub(super) fn read_twice(&self, opened: &Opened, octets: &mut [u8], at: u64) -> Option<usize> {
        let said = |e: &io::Error| {
            log::error!("reading segment {} at octet {at}: {e}", opened.number);
        };
        twice(|| self.read(opened, octets, at))
            .inspect_err(said)
            .ok()
    }

    /// Reads octets of a segment, those not yet written out included; returns how many there were.
    pub(super) fn read(&self, opened: &Opened, octets: &mut [u8], at: u64) -> io::Result<usize> {
        // What stands before `written` is in the file, and stays; so the file may be read after
        // the lock was given back.
        let mut from_file = octets.len();
        let mut from_tail = 0;
        {
            let tail = self.tail();
            if tail.segment == opened.number && at + octets.len() as u64 > tail.written {
                from_file = tail.written.saturating_sub(at) as usize;
                let skip = at.saturating_sub(tail.written) as usize;
                let there = tail.octets.get(skip..).unwrap_or_default();
                if let Some(wanted) = octets.get_mut(from_file..) {
                    from_tail = wanted.len().min(there.len());
                    for (to, from) in wanted.iter_mut().zip(there) {
                        *to = *from;
                    }
                }
            }
        }
        let Some(head) = octets.get_mut(..from_file) else {
            return Ok(0);
        };
        let read = if head.is_empty() {
            0
        } else {
            opened.file.read_at(head, at)?
        };
        if read < from_file {
            return Ok(read);
        }
        Ok(read + from_tail)
    }
}
