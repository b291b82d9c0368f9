//! What a start finds in the folder, and how a file becomes a segment.
//!
//! Looks before it changes anything; deletes nothing that may hold an accepted message.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::format::{Opening, SegmentHeader, HEAD, STEP};
use super::store::{verdict, Known, Name, Opened, Store};
use super::{large, Fault, Options, Position};

/// What `open` found in the folder.
#[derive(Default)]
pub(super) struct Found {
    pub(super) life: Option<(u64, [u8; 8])>,
    pub(super) last: Option<u64>,
    pub(super) highest: u64,
    pub(super) spares: Vec<u64>,
    pub(super) unfinished: Vec<Name>,
    pub(super) gone: Vec<Name>,
    pub(super) useless: Vec<Name>,
}

pub(super) fn salt(seed: &[u8; 32], number: u64) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(seed);
    hasher.update(number.to_le_bytes());
    let mut salt = [0; 16];
    for (to, from) in salt.iter_mut().zip(hasher.finalize()) {
        *to = from;
    }
    salt
}

pub(super) fn remove(store: &Store, name: Name) -> Result<(), Fault> {
    match store.disk.remove(&name.path(&store.dir)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => store.or_break("removing a segment", other),
    }
}

pub(super) fn sync_dir(store: &Store) -> Result<(), Fault> {
    store.or_break(
        "syncing the journal's folder",
        store.disk.sync_dir(&store.dir),
    )
}

/// Lists the folder and reads each segment's header; changes nothing.
pub(super) fn survey(store: &Store, options: Options) -> Result<Found, Fault> {
    let mut found = Found::default();
    let mut unreadable = false;
    let entries = match store.disk.list(&store.dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make_dir(store)?;
            return Ok(found);
        }
        Err(e) => return Err(verdict("listing the journal's folder", e)),
    };
    for entry in entries {
        let Some(name) = Name::parse(&entry.name) else {
            continue;
        };
        let path: PathBuf = name.path(&store.dir);
        let (number, large) = match name {
            Name::Spare(n) if entry.length == options.segment_octets => {
                found.highest = found.highest.max(n);
                found.spares.push(n);
                continue;
            }
            Name::Spare(n) => {
                found.highest = found.highest.max(n);
                found.useless.push(name);
                continue;
            }
            Name::Gone(n) => {
                found.highest = found.highest.max(n);
                found.gone.push(name);
                continue;
            }
            Name::Ordinary(n) => (n, false),
            Name::Large(n) => (n, true),
        };
        found.highest = found.highest.max(number);
        let (file, opening, block) = store.opening(&path)?;
        unreadable |= block.is_empty() && matches!(opening, Opening::Damaged);
        match &opening {
            Opening::Newer(version) => {
                return Err(Fault::Newer {
                    name: entry.name,
                    version: *version,
                })
            }
            Opening::Sound(header) if found.life.is_none_or(|(n, _)| n < number) => {
                found.life = Some((number, header.life));
            }
            _ => {}
        }
        if large {
            if !large::finished(&*file, &opening, &block, entry.length)? {
                found.unfinished.push(name);
                continue;
            }
        } else {
            found.last = found.last.max(Some(number));
        }
        store.segments().insert(
            number,
            Known {
                large,
                octets: entry.length,
                used: entry.length,
                records: None,
            },
        );
    }
    if found.life.is_none() && unreadable {
        let dead = io::Error::other(
            "no segment's header can be read; where the disk is well again, and `journal/` moved away, what is unread on the mail server is fetched anew (what a portal without keys has already, twice), and what only the archive has must be moved back",
        );
        return Err(verdict("opening the journal", dead));
    }
    while found.spares.len() > options.spares + 1 {
        found.useless.extend(found.spares.pop().map(Name::Spare));
    }
    Ok(found)
}

fn make_dir(store: &Store) -> Result<(), Fault> {
    let told = |e| verdict("making the journal's folder", e);
    store.disk.make_dir(&store.dir).map_err(told)?;
    match store.dir.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => store.disk.sync_dir(parent).map_err(told),
        None => Ok(()),
    }
}

/// Makes the last segment of an earlier start durable before any of it is believed: a process that
/// was killed left records in the page cache that no sync ever covered. What a failed sync left
/// there may never reach the disk, so the cache is dropped, and replay reads the disk itself.
pub(super) fn settle(store: &Store, last: u64) -> Result<(), Fault> {
    let settled = store
        .disk
        .open(&Name::Ordinary(last).path(&store.dir))
        .and_then(|file| file.sync().and_then(|()| file.uncache()));
    store.or_break("syncing what an earlier start has written", settled)
}

/// Makes a spare, and returns its number.
pub(super) fn make_spare(store: &Store, options: Options, next: &mut u64) -> Result<u64, Fault> {
    let number = *next;
    let path = Name::Spare(number).path(&store.dir);
    match store.disk.create(&path, options.segment_octets) {
        Ok(_) => {
            *next += 1;
            Ok(number)
        }
        Err(source) => Err(verdict("making room for a new segment", source)),
    }
}

/// Turns a spare into the current segment.
pub(super) fn begin(
    store: &Store,
    options: Options,
    seed: &[u8; 32],
    life: [u8; 8],
    spare: u64,
    number: u64,
    before: Position,
) -> Result<Arc<Opened>, Fault> {
    let header = SegmentHeader {
        number,
        salt: salt(seed, number),
        life,
        before,
        large: false,
    };
    let doing = "beginning a new segment";
    let from = Name::Spare(spare).path(&store.dir);
    let file = store.or_break(doing, store.disk.open(&from))?;
    let mut block = header.encode();
    block.resize((HEAD + STEP) as usize, 0);
    store.or_break(doing, file.write_at(&block, 0))?;
    // Octets, then the name, then the folder: a name never shows a segment without its header, and
    // no record is written before the name is durable.
    store.or_break(doing, file.sync())?;
    let renamed = store
        .disk
        .rename(&from, &Name::Ordinary(number).path(&store.dir));
    store.or_break(doing, renamed)?;
    sync_dir(store)?;
    let opened = Arc::new(Opened::new(file, header));
    store.keep(opened.clone());
    store.segments().insert(
        number,
        Known {
            large: false,
            octets: options.segment_octets,
            used: HEAD,
            records: None,
        },
    );
    let mut tail = store.tail();
    tail.segment = number;
    tail.written = HEAD;
    tail.end = HEAD;
    tail.octets.clear();
    tail.synced = Position {
        segment: number,
        offset: HEAD,
    };
    Ok(opened)
}
