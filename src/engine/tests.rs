//! A store for tests of what works on it, and messages to put in.

use std::path::Path;
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::replay::Opening;
use super::writer::{Decided, Raw, Sizes, Writer};
use super::StoreFault;
use crate::passage::record::Decision;
use crate::passage::{MailboxId, Origin, Outcome, Place, Uid, UidValidity};
use crate::ticket::Key;
use crate::world::World;

pub(super) const SIZES: Sizes = Sizes {
    segment: 64 << 10,
    cache: 1 << 20,
    ballast: 0,
};

pub(super) struct Opened {
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    pub(super) opening: Opening,
}

/// Opens a store, also one that was just dropped: sled's own threads let go of it a moment later.
pub(super) fn open(dir: &Path, sizes: Sizes) -> Opened {
    open_in(&World::real(), dir, sizes, &mut |_| {})
}

/// The same in another world; tells how the replay goes on.
pub(super) fn open_in(
    world: &World,
    dir: &Path,
    sizes: Sizes,
    progress: &mut dyn FnMut(u64),
) -> Opened {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        match Writer::open(world, dir, sizes, progress) {
            Err(StoreFault::Locked { .. }) if Instant::now() < limit => {}
            opened => {
                let (writer, (opening, reader, _)) = opened.unwrap();
                return Opened {
                    writer,
                    reader,
                    opening,
                };
            }
        }
    }
}

/// Changes octets of a segment on the disk, from `at` on.
pub(super) fn spoil(dir: &Path, segment: u64, at: u64, length: usize, to: impl Fn(u8) -> u8) {
    use std::os::unix::fs::FileExt as _;
    let path = dir.join(format!("journal/{segment:016x}.segment"));
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).open(path).unwrap();
    let mut octets = vec![0; length];
    file.read_exact_at(&mut octets, at).unwrap();
    let octets: Vec<u8> = octets.into_iter().map(to).collect();
    file.write_all_at(&octets, at).unwrap();
}

/// Keys that do not sort as they are counted.
pub(super) fn key(n: u32) -> Key {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&n.wrapping_mul(2_654_435_769).to_be_bytes());
    key[4..8].copy_from_slice(&n.wrapping_mul(40_503).to_be_bytes());
    Key(key)
}

pub(super) fn place(n: u32) -> Place {
    Place::Imap {
        origin: Origin([1; 8]),
        uid_validity: UidValidity(1),
        uid: Uid(n),
    }
}

pub(super) fn octets(n: u32) -> Vec<u8> {
    format!("Subject: {n}\r\n\r\n").repeat(20).into_bytes()
}

pub(super) fn ticket() -> Outcome {
    Outcome::Ticket {
        user: None,
        company: None,
    }
}

/// Message `n`, at the place of `at`.
pub(super) fn decided(n: u32, at: u32, outcome: Outcome) -> Decided {
    let raw = match outcome {
        Outcome::Ticket { .. } => Raw::Inline(octets(n).into()),
        _ => Raw::Left,
    };
    let decision = Decision {
        sequence: 0,
        mailbox: MailboxId(1),
        place: place(at),
        received_at: 0,
        octets: octets(n).len() as u64,
        decided_at: 1,
        message: None,
        large: None,
        outcome,
        address: "help@example.org".to_owned(),
        lane: n,
        sender: "a@example.org".to_owned(),
        subject: n.to_string(),
        composed: None,
        archive_early: false,
        thread: crate::ticket::Thread::default(),
        about: None,
        token: None,
        origin: crate::ticket::Origin::default(),
        storm: None,
        omitted: Vec::new(),
        marks: None,
        held_by: 0,
    };
    Decided {
        key: key(n),
        raw,
        decision,
    }
}
